"""The small distilled model that scores the whole log, and what its scores are used for."""

from sie_agent.scorer.blocks.base import Block, row_inputs
from sie_agent.scorer.blocks.behaviour import LARGEST, MOST_COLUMNS
from sie_agent.scorer.blocks.encoder import ENCODER_FILES
from sie_agent.scorer.blocks.registry import BLOCKS, TEXT_INPUTS, fit_blocks, inputs_named
from sie_agent.scorer.explanation.explain import Explanation, check_asked, explain_rows, explained_by, shortened
from sie_agent.scorer.explanation.marked import marked_text, strength
from sie_agent.scorer.explanation.weighed import WeightExplanation, WeightPart, explain_weights
from sie_agent.scorer.files import describe_scorer, file_of_run, load_scorer, save_scorer, scorer_folder
from sie_agent.scorer.label_errors import (
    COLUMNS_FILE,
    FROM,
    HELD_OUT,
    LABEL_ERROR,
    LOG,
    LOG_COLUMNS,
    TEXT,
    LabelErrors,
    design,
)
from sie_agent.scorer.log_columns import columns_beside, columns_path, settle_columns, with_log_columns
from sie_agent.scorer.model import (
    Scorer,
    cross_fitted,
    distill_scorer,
    made_ready,
    quantiles_of,
    student_inputs,
    with_recipe,
    with_score_quantiles,
)
from sie_agent.scorer.parts import Parts, folder_hash, source_identity
from sie_agent.scorer.session import ScorerSession
from sie_agent.scorer.student import Student, fit_student
from sie_agent.scorer.workers import PASSED_THROUGH, scored_by_workers, scored_here

__all__ = [
    "BLOCKS",
    "COLUMNS_FILE",
    "ENCODER_FILES",
    "FROM",
    "HELD_OUT",
    "LABEL_ERROR",
    "LARGEST",
    "LOG",
    "LOG_COLUMNS",
    "MOST_COLUMNS",
    "PASSED_THROUGH",
    "TEXT",
    "TEXT_INPUTS",
    "Block",
    "Explanation",
    "LabelErrors",
    "Parts",
    "Scorer",
    "ScorerSession",
    "Student",
    "WeightExplanation",
    "WeightPart",
    "check_asked",
    "columns_beside",
    "columns_path",
    "cross_fitted",
    "describe_scorer",
    "design",
    "distill_scorer",
    "explain_rows",
    "explain_weights",
    "explained_by",
    "file_of_run",
    "fit_blocks",
    "fit_student",
    "folder_hash",
    "inputs_named",
    "load_scorer",
    "made_ready",
    "marked_text",
    "quantiles_of",
    "row_inputs",
    "save_scorer",
    "scored_by_workers",
    "scored_here",
    "scorer_folder",
    "settle_columns",
    "shortened",
    "source_identity",
    "strength",
    "student_inputs",
    "with_log_columns",
    "with_recipe",
    "with_score_quantiles",
]
