"""The tables of what the scores do to the target model."""

from __future__ import annotations

from sie_agent.report import pick, words
from sie_agent.report.shapes import Agreement, Downstream
from sie_agent.report.tables import NUMBER, TEXT, Table, metric_name, table


def gap_table(agreement: Agreement) -> Table | None:
    """Gap recovered at half of the rows, and by weighting."""
    held = [row for row in agreement.downstream if _is_gap_row(row)]
    columns = [
        ("Strategy", TEXT),
        ("Gap recovered", NUMBER),
        ("Rows kept", NUMBER),
        ("Metric", TEXT),
        ("Value", NUMBER),
        ("Interval", NUMBER),
        ("Judge", TEXT),
        ("Mode", TEXT),
    ]
    rows = [
        (
            row.strategy,
            words.gap_words(row.gap_recovered, row.gap_ci_low, row.gap_ci_high),
            "all, weighted" if row.weighting else words.percent(row.keep),
            metric_name(row.metric),
            words.number(row.value, 3),
            words.interval(row.ci_low, row.ci_high, 3),
            _or_dash(row.judge),
            _mode(agreement, row),
        )
        for row in held
    ]
    return table("What filtering to half of the rows, or weighting, wins back", columns, rows)


def downstream_table(agreement: Agreement) -> Table | None:
    """Every downstream figure of the run."""
    columns = [
        ("Strategy", TEXT),
        ("Judge", TEXT),
        ("Mode", TEXT),
        ("Rows kept", NUMBER),
        ("Metric", TEXT),
        ("Value", NUMBER),
        ("Interval", NUMBER),
    ]
    rows = [
        (
            row.strategy,
            _or_dash(row.judge),
            _mode(agreement, row),
            "all, weighted" if row.weighting else words.percent(row.keep),
            metric_name(row.metric),
            words.number(row.value, 3),
            words.interval(row.ci_low, row.ci_high, 3),
        )
        for row in agreement.downstream
    ]
    return table("Every downstream figure", columns, rows)


def _mode(agreement: Agreement, row: Downstream) -> str:
    return pick.mode_of(agreement, row.judge) if row.judge not in (None, "", "none") else "no judge"


def _or_dash(judge: str | None) -> str:
    return words.ABSENT if judge in (None, "", "none") else str(judge)


def _is_gap_row(row: Downstream) -> bool:
    at_half = row.keep is not None and abs(row.keep - pick.HALF) < 0.01
    return row.strategy not in ("all-noisy", "clean-labels") and (at_half or bool(row.weighting))
