"""The small distilled model that scores the whole log, and what is made of its scores."""

from sie_agent.labels import StudentSettings
from sie_agent.scorer.bulk import database, inserter, stream
from sie_agent.scorer.bulk_select import select_file
from sie_agent.scorer.bulk_weights import recipe_in, weigh_file
from sie_agent.scorer.explain import (
    Explanation,
    FeatureEffect,
    WordEffect,
    check_asked,
    explain_rows,
    explained_by,
    marked_text,
    shortened,
    strength,
)
from sie_agent.scorer.files import describe_scorer, load_scorer, save_scorer, scorer_folder
from sie_agent.scorer.given import MILD, NONE, recipe_for
from sie_agent.scorer.label_errors import FROM, LABEL_ERROR, LOG, LOG_COLUMNS, TEXT, LabelErrors, design
from sie_agent.scorer.log_columns import (
    COLUMNS_FILE,
    LogColumns,
    columns_beside,
    columns_path,
    label_error_columns,
    made_columns,
    read_columns,
    row_keys,
    with_log_columns,
    write_columns,
)
from sie_agent.scorer.model import (
    Scorer,
    cross_fitted,
    distil_scorer,
    made_ready,
    quantiles_of,
    student_inputs,
    with_recipe,
    with_score_quantiles,
)
from sie_agent.scorer.parts import Parts, folder_hash, only_one, source_identity
from sie_agent.scorer.ranks import rank_in_quantiles, rank_in_sample, ranks_in_quantiles, ranks_in_sample
from sie_agent.scorer.recipe import (
    RELEVANCE,
    Recipe,
    blended_label,
    check_recipe,
    read_recipe,
    recipe_metadata,
    weights_of,
)
from sie_agent.scorer.select import (
    POSITIVE_AT,
    covering_mask,
    keep_mask,
    select_rows,
    selected_by,
    weights_from,
)
from sie_agent.scorer.session import ScorerSession
from sie_agent.scorer.student import Student, fit_student
from sie_agent.scorer.usual import AUTO, USUAL, usual_label
from sie_agent.scorer.weigh import BLENDED, WEIGHT, weigh_rows
from sie_agent.scorer.workers import scored_by_workers, scored_here

__all__ = [
    "AUTO",
    "BLENDED",
    "COLUMNS_FILE",
    "FROM",
    "LABEL_ERROR",
    "LOG",
    "LOG_COLUMNS",
    "MILD",
    "NONE",
    "POSITIVE_AT",
    "RELEVANCE",
    "TEXT",
    "USUAL",
    "WEIGHT",
    "Explanation",
    "FeatureEffect",
    "LabelErrors",
    "LogColumns",
    "Parts",
    "Recipe",
    "Scorer",
    "ScorerSession",
    "Student",
    "StudentSettings",
    "WordEffect",
    "blended_label",
    "check_asked",
    "check_recipe",
    "columns_beside",
    "columns_path",
    "covering_mask",
    "cross_fitted",
    "database",
    "describe_scorer",
    "design",
    "distil_scorer",
    "explain_rows",
    "explained_by",
    "fit_student",
    "folder_hash",
    "inserter",
    "keep_mask",
    "label_error_columns",
    "load_scorer",
    "made_columns",
    "made_ready",
    "marked_text",
    "only_one",
    "quantiles_of",
    "rank_in_quantiles",
    "rank_in_sample",
    "ranks_in_quantiles",
    "ranks_in_sample",
    "read_columns",
    "read_recipe",
    "recipe_for",
    "recipe_in",
    "recipe_metadata",
    "row_keys",
    "save_scorer",
    "scored_by_workers",
    "scored_here",
    "scorer_folder",
    "select_file",
    "select_rows",
    "selected_by",
    "shortened",
    "source_identity",
    "stream",
    "strength",
    "student_inputs",
    "usual_label",
    "weigh_file",
    "weigh_rows",
    "weights_from",
    "weights_of",
    "with_log_columns",
    "with_recipe",
    "with_score_quantiles",
    "write_columns",
]
