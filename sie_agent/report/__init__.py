"""The report: one self-contained HTML page about a run folder."""

from __future__ import annotations

from sie_agent.report.html import write_report

__all__ = ["write_report"]
