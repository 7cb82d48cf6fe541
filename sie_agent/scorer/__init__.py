"""The small distilled model that scores the whole log, and what is made of its scores."""

from sie_agent.scorer.bulk_select import select_file
from sie_agent.scorer.bulk_weights import weigh_file
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
from sie_agent.scorer.files import describe_scorer, load_scorer, save_scorer
from sie_agent.scorer.model import LABELS, Scorer, cross_fitted, distil_scorer, student_inputs, with_score_quantiles
from sie_agent.scorer.parts import Parts, folder_hash, only_one, source_identity
from sie_agent.scorer.select import (
    HIGHER_IS_KEPT,
    POSITIVE_AT,
    covering_mask,
    keep_mask,
    select_rows,
    weigh_rows,
    weights_from,
)
from sie_agent.scorer.session import ScorerSession
from sie_agent.scorer.student import Student, StudentSettings, fit_student, settings_of
from sie_agent.scorer.workers import scored_by_workers, scored_here

__all__ = [
    "HIGHER_IS_KEPT",
    "LABELS",
    "POSITIVE_AT",
    "Explanation",
    "FeatureEffect",
    "Parts",
    "Scorer",
    "ScorerSession",
    "Student",
    "StudentSettings",
    "WordEffect",
    "check_asked",
    "covering_mask",
    "cross_fitted",
    "describe_scorer",
    "distil_scorer",
    "explain_rows",
    "explained_by",
    "fit_student",
    "folder_hash",
    "keep_mask",
    "load_scorer",
    "marked_text",
    "only_one",
    "save_scorer",
    "scored_by_workers",
    "scored_here",
    "select_file",
    "select_rows",
    "settings_of",
    "shortened",
    "source_identity",
    "strength",
    "student_inputs",
    "weigh_file",
    "weigh_rows",
    "weights_from",
    "with_score_quantiles",
]
