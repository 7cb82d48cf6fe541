"""The report: one self-contained HTML page about a run folder."""

from __future__ import annotations

from sie_agent.report.html import write_report
from sie_agent.report.rows import ranking_label, shown_ids
from sie_agent.report.why import Line, Piece, Why, shown_explanation, write_explanations

__all__ = [
    "Line",
    "Piece",
    "Why",
    "ranking_label",
    "shown_explanation",
    "shown_ids",
    "write_explanations",
    "write_report",
]
