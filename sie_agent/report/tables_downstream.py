"""The tables of what the scores do to the target model."""

from __future__ import annotations

from sie_agent.report import pick, words
from sie_agent.report.read import RunFolder
from sie_agent.report.shapes import Agreement, Downstream
from sie_agent.report.tables import NUMBER, TEXT, Table, metric_name, table


def gap_table(agreement: Agreement) -> Table | None:
    """Gap recovered at half of the rows, and by weighting."""
    held = [row for row in pick.of_main_ranker(agreement) if _is_gap_row(row)]
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
            _kept(row),
            metric_name(row.metric),
            words.number(row.value, 3),
            words.interval(row.ci_low, row.ci_high, 3),
            _or_dash(row.judge),
            _mode(agreement, row),
        )
        for row in held
    ]
    return table("What filtering to half of the rows, or weighting, wins back", columns, rows)


def rankers_table(run: RunFolder) -> Table | None:
    """Gap recovered on AUC by each ranker, of the headline's judge; None for a single ranker."""
    agreement, rankers = run.agreement, pick.rankers_of(run.agreement)
    if len(rankers) < 2:
        return None
    held: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in pick.downstream_of(agreement.downstream, pick.primary_judge(run), "auc"):
        if _is_gap_row(row):
            told = words.gap_words(row.gap_recovered, row.gap_ci_low, row.gap_ci_high)
            held.setdefault((row.strategy, _kept(row), _mode(agreement, row)), {})[row.ranker] = told
    columns = [("Strategy", TEXT), ("Rows kept", NUMBER), ("Mode", TEXT), *((ranker, NUMBER) for ranker in rankers)]
    rows = ((*way, *(by_ranker.get(ranker, words.ABSENT) for ranker in rankers)) for way, by_ranker in held.items())
    return table("Gap in AUC that each model recovers, against its own noisy log and clean labels", columns, rows)


def downstream_table(agreement: Agreement) -> Table | None:
    """Every downstream figure of the run."""
    columns = [
        ("Strategy", TEXT),
        ("Judge", TEXT),
        ("Mode", TEXT),
        ("Rows kept", NUMBER),
        ("Model", TEXT),
        ("Metric", TEXT),
        ("Value", NUMBER),
        ("Interval", NUMBER),
    ]
    rows = [
        (
            row.strategy,
            _or_dash(row.judge),
            _mode(agreement, row),
            _kept(row),
            row.ranker,
            metric_name(row.metric),
            words.number(row.value, 3),
            words.interval(row.ci_low, row.ci_high, 3),
        )
        for row in agreement.downstream
    ]
    return table("Every downstream figure", columns, rows)


def _mode(agreement: Agreement, row: Downstream) -> str:
    return pick.mode_of(agreement, row.judge) if row.judge not in (None, "", "none") else "no judge"


def _kept(row: Downstream) -> str:
    return "all, weighted" if row.weighting else words.percent(row.keep)


def _or_dash(judge: str | None) -> str:
    return words.ABSENT if judge in (None, "", "none") else str(judge)


def _is_gap_row(row: Downstream) -> bool:
    at_half = row.keep is not None and abs(row.keep - pick.HALF) < 0.01
    return row.strategy not in ("all-noisy", "clean-labels") and (at_half or bool(row.weighting))
