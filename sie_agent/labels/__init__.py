"""Judgments and the log, made into weak importance labels."""

from sie_agent.labels.scale import joint_with_proxies, match_log
from sie_agent.labels.weak import WEAK_LABELS, Evidence, LabelSettings, hardness, support, value

__all__ = [
    "WEAK_LABELS",
    "Evidence",
    "LabelSettings",
    "hardness",
    "joint_with_proxies",
    "match_log",
    "support",
    "value",
]
