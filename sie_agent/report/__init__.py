"""The report: one self-contained HTML page about a run folder."""

from __future__ import annotations

from sie_agent.report.campaign import write_campaign_page
from sie_agent.report.comparison import write_comparison_page
from sie_agent.report.doubt import PER_QUERY, doubted, with_support
from sie_agent.report.html import write_report
from sie_agent.report.listed_rows import ranking_label, scored_rows, shown_ids
from sie_agent.report.page import cleaned
from sie_agent.report.read import STEPS, rows_of_log
from sie_agent.report.steps import MADE_UP, variant_of
from sie_agent.report.suspects import side_names
from sie_agent.report.traces import write_traces_page
from sie_agent.report.why import Line, Piece, shown_explanation, write_explanations

__all__ = [
    "MADE_UP",
    "PER_QUERY",
    "STEPS",
    "Line",
    "Piece",
    "cleaned",
    "doubted",
    "ranking_label",
    "rows_of_log",
    "scored_rows",
    "shown_explanation",
    "shown_ids",
    "side_names",
    "variant_of",
    "with_support",
    "write_campaign_page",
    "write_comparison_page",
    "write_explanations",
    "write_report",
    "write_traces_page",
]
