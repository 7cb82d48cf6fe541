"""Judgments and the log, made into weak importance labels."""

from sie_agent.labels.evidence import Evidence, LabelSettings
from sie_agent.labels.hardness import hardness
from sie_agent.labels.label import StudentSettings, WeakLabel
from sie_agent.labels.preference import preference
from sie_agent.labels.registry import WEAK_LABELS, label_named, label_names, student_settings
from sie_agent.labels.relevance import relevance
from sie_agent.labels.scale import mean_of_others
from sie_agent.labels.support import support
from sie_agent.labels.value import value

__all__ = [
    "WEAK_LABELS",
    "Evidence",
    "LabelSettings",
    "StudentSettings",
    "WeakLabel",
    "hardness",
    "label_named",
    "label_names",
    "mean_of_others",
    "preference",
    "relevance",
    "student_settings",
    "support",
    "value",
]
