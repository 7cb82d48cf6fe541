"""The small distilled model that scores the whole log, and what is made of its scores."""

from sie_agent.scorer.explain import (
    Explanation,
    FeatureEffect,
    WordEffect,
    check_asked,
    explain_rows,
    marked_text,
    shortened,
    strength,
)
from sie_agent.scorer.files import load_scorer, save_scorer
from sie_agent.scorer.model import LABELS, Scorer, distil_scorer, student_inputs, with_score_quantiles
from sie_agent.scorer.select import HIGHER_IS_KEPT, keep_mask, select_rows, weigh_rows, weights_from
from sie_agent.scorer.session import ScorerSession
from sie_agent.scorer.student import Student, StudentSettings, fit_student

__all__ = [
    "HIGHER_IS_KEPT",
    "LABELS",
    "Explanation",
    "FeatureEffect",
    "Scorer",
    "ScorerSession",
    "Student",
    "StudentSettings",
    "WordEffect",
    "check_asked",
    "distil_scorer",
    "explain_rows",
    "fit_student",
    "keep_mask",
    "load_scorer",
    "marked_text",
    "save_scorer",
    "select_rows",
    "shortened",
    "strength",
    "student_inputs",
    "weigh_rows",
    "weights_from",
    "with_score_quantiles",
]
