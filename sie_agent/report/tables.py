"""The tables under the charts. Cells are plain text; the template escapes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sie_agent.report import bench_words, pick, words
from sie_agent.report.agreement_words import share_of_bound
from sie_agent.report.read import RunFolder
from sie_agent.results import Agreement, AgreementRow

METRIC_NAMES = {
    "spearman": "Spearman",
    "partial_spearman": "Contribution (partial Spearman)",
    "kendall": "Kendall τ-b",
    "top10_overlap": "Overlap of top 10 %",
    "bottom10_overlap": "Overlap of bottom 10 %",
    "auc_flipped": "AUC of flipped labels",
}
NUMBER, TEXT, LONG = "number", "text", "long"


@dataclass(frozen=True)
class Table:
    """A table of words.

    Parameters
    ----------
    caption : what it holds.
    columns : heading and kind ("number", "text", or "long": may break anywhere) of each column; the
        first column heads its row.
    rows : cells, as many as columns.
    """

    caption: str
    columns: tuple[tuple[str, str], ...]
    rows: list[tuple[str, ...]]


def table(caption: str, columns: Sequence[tuple[str, str]], rows: Iterable[tuple[str, ...]]) -> Table | None:
    """A table of *rows*; None where there are none."""
    held = list(rows)
    return Table(caption, tuple(columns), held) if held else None


def metric_name(metric: str) -> str:
    """A metric as a person reads it."""
    return METRIC_NAMES.get(metric, metric)


def agreement_table(run: RunFolder) -> Table | None:
    """The figures of the agreement chart, with share of the bound and what they rest on."""
    headline = pick.headline_row(run.agreement)
    if headline is None:
        return None
    agreement = run.agreement
    columns = [
        ("Label", TEXT),
        ("From", TEXT),
        ("Mode", TEXT),
        ("Spearman", NUMBER),
        ("Interval", NUMBER),
        ("Share of bound", NUMBER),
        ("Draws", NUMBER),
        ("Rows", NUMBER),
        ("Queries", NUMBER),
    ]
    rows = [_agreement_cells(row, agreement) for row in pick.beside(agreement, headline)]
    rows += [
        (
            f"{item.label}, grade as judge",
            "ceiling",
            "human grade",
            words.number(item.value),
            words.interval(item.ci_low, item.ci_high),
            share_of_bound(agreement, item.reference, item.value, headline.judge),
            words.ABSENT,
            words.ABSENT,
            words.ABSENT,
        )
        for item in run.agreement.ceiling
        if item.reference == headline.reference and item.metric == "spearman"
    ]
    return table(f"Spearman agreement with {headline.reference}", columns, rows)


def _agreement_cells(row: AgreementRow, agreement: Agreement) -> tuple[str, ...]:
    baseline = row.is_baseline
    return (
        row.label,
        "baseline" if baseline else row.source,
        "no judge" if baseline else row.mode or words.ABSENT,
        words.number(row.value),
        words.interval(row.ci_low, row.ci_high),
        share_of_bound(agreement, row.reference, row.value, row.judge),
        words.count(len(row.draws) or None),
        words.count(row.n_samples),
        words.count(row.n_queries),
    )


def all_agreement_table(run: RunFolder) -> Table | None:
    """Every agreement figure of the run."""
    columns = [
        ("Label", TEXT),
        ("From", TEXT),
        ("Judge", TEXT),
        ("Mode", TEXT),
        ("Reference", TEXT),
        ("Metric", TEXT),
        ("Value", NUMBER),
        ("Interval", NUMBER),
        ("Rows", NUMBER),
        ("Queries", NUMBER),
    ]
    rows = [
        (
            row.label,
            "baseline" if row.is_baseline else row.source,
            row.judge,
            row.mode or words.ABSENT,
            row.reference or words.ABSENT,
            metric_name(row.metric),
            words.number(row.value),
            words.interval(row.ci_low, row.ci_high),
            words.count(row.n_samples),
            words.count(row.n_queries),
        )
        for row in run.agreement.rows
    ]
    return table("Every agreement figure", columns, rows)


def contribution_table(run: RunFolder) -> Table | None:
    """The figures of the contribution chart."""
    headline = pick.headline_row(run.agreement)
    if headline is None:
        return None
    columns = [
        ("Label", TEXT),
        ("Judge", TEXT),
        ("From", TEXT),
        ("Mode", TEXT),
        ("Contribution", NUMBER),
        ("Interval", NUMBER),
        ("Queries", NUMBER),
    ]
    rows = [
        (
            row.label,
            row.judge,
            row.source,
            row.mode or words.ABSENT,
            words.number(row.value),
            words.interval(row.ci_low, row.ci_high),
            words.count(row.n_queries),
        )
        for row in run.agreement.rows
        if row.metric == "partial_spearman"
        and row.reference == headline.reference
        and row.value is not None
        and row.source == headline.source
    ]
    return table(f"Partial Spearman with {headline.reference}, given the control and the plain loss", columns, rows)


def reliability_table(agreement: Agreement) -> Table | None:
    """How far each reference agrees with itself."""
    columns = [
        ("Reference", TEXT),
        ("Metric", TEXT),
        ("Reliability", NUMBER),
        ("Interval", NUMBER),
        ("Bound", NUMBER),
    ]
    rows = [
        (
            entry.reference,
            metric_name(entry.metric),
            words.number(entry.value),
            words.interval(entry.ci_low, entry.ci_high),
            words.number(entry.bound),
        )
        for entry in agreement.reliability
    ]
    return table("How far each reference agrees with itself, and the most that any label can reach", columns, rows)


def judges_table(agreement: Agreement) -> Table | None:
    """Quality of the judges, within queries first."""
    columns = [
        ("Judge", TEXT),
        ("Kind", TEXT),
        ("Mode", TEXT),
        ("Right pairs within queries", NUMBER),
        ("Pooled AUC", NUMBER),
        ("Spearman with grade", NUMBER),
        ("Judged pairs, all draws", NUMBER),
        ("Draws", NUMBER),
    ]
    rows = [
        (
            entry.judge,
            entry.kind or words.ABSENT,
            entry.mode or words.ABSENT,
            bench_words.share(entry.within, entry.within_low, entry.within_high),
            words.figure(entry.auc, entry.auc_low, entry.auc_high, 3),
            words.number(entry.spearman),
            words.count(entry.n_pairs),
            words.count(entry.n_draws),
        )
        for entry in agreement.judges
        if any(one is not None for one in (entry.within, entry.auc, entry.spearman))
    ]
    return table(
        "How well each judge orders the items of a query (right pairs), and all items (pooled AUC)", columns, rows
    )
