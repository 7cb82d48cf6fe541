"""The tables about agreement with gradients."""

from __future__ import annotations

from sie_agent.report import pick
from sie_agent.report.agreement_words import share_of_bound
from sie_agent.report.columns import (
    INTERVAL,
    JUDGE,
    LABEL,
    MODE,
    QUERIES,
    ROWS,
    ShownTable,
    TableColumn,
    numeric,
    table,
)
from sie_agent.report.number_words import count, number
from sie_agent.report.read import RunFolder
from sie_agent.results import Agreement

METRIC_NAMES = {
    "spearman": "Spearman",
    "partial_spearman": "Contribution (partial Spearman)",
    "kendall": "Kendall τ-b",
    "top10_overlap": "Overlap of top 10 %",
    "bottom10_overlap": "Overlap of bottom 10 %",
    "auc_flipped": "AUC of flipped labels",
}
METRIC = TableColumn("Metric", lambda row: METRIC_NAMES.get(row.metric, row.metric))
FROM = TableColumn("From", lambda row: "baseline" if row.is_baseline else row.source)


def agreement_table(run: RunFolder) -> ShownTable | None:
    """The figures of the agreement chart, with share of the bound and what they rest on."""
    agreement, headline = run.agreement, pick.headline_row(run.agreement)
    if headline is None:
        return None
    columns = [
        TableColumn("Label", lambda row: f"{row.label}, grade as judge" if row.source == pick.CEILING else row.label),
        FROM,
        TableColumn("Mode", lambda row: "no judge" if row.is_baseline else row.mode),
        numeric("Spearman", "value", number),
        INTERVAL,
        numeric("Share of bound", lambda row: share_of_bound(agreement, row.reference, row.value, row.judge)),
        numeric("Draws", lambda row: len(row.draws) or None, count),
        ROWS,
        QUERIES,
    ]
    rows = [*pick.beside(agreement, headline), *pick.ceilings(agreement, headline)]
    return table(f"Spearman agreement with {headline.reference}", columns, rows)


def all_agreement_table(run: RunFolder) -> ShownTable | None:
    """Every agreement figure of the run."""
    reference, value = TableColumn("Reference", "reference"), numeric("Value", "value", number)
    columns = [LABEL, FROM, JUDGE, MODE, reference, METRIC, value, INTERVAL, ROWS, QUERIES]
    return table("Every agreement figure", columns, run.agreement.rows)


def contribution_table(run: RunFolder) -> ShownTable | None:
    """The figures of the contribution chart."""
    headline = pick.headline_row(run.agreement)
    if headline is None:
        return None
    columns = [LABEL, JUDGE, FROM, MODE, numeric("Contribution", "value", number), INTERVAL, QUERIES]
    caption = f"Partial Spearman with {headline.reference}, given the control and the plain loss"
    return table(caption, columns, pick.contributions(run.agreement, headline))


def reliability_table(agreement: Agreement) -> ShownTable | None:
    """How far each reference agrees with itself."""
    columns = [
        TableColumn("Reference", "reference"),
        METRIC,
        numeric("Reliability", "value", number),
        INTERVAL,
        numeric("Bound", "bound", number),
    ]
    caption = "How far each reference agrees with itself, and the most that any label can reach"
    return table(caption, columns, agreement.reliability)
