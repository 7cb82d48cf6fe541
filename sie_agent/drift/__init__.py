"""Live scores against the log that a scorer was distilled from: what moved, and when to distill again."""

from __future__ import annotations

from sie_agent.drift.adjustment import Adjustment
from sie_agent.drift.resume import resume_adjustment, save_adjustment
from sie_agent.drift.settings import AdjustmentSettings
from sie_agent.drift.statistics import critical_index, stability_index

__all__ = [
    "Adjustment",
    "AdjustmentSettings",
    "critical_index",
    "resume_adjustment",
    "save_adjustment",
    "stability_index",
]
