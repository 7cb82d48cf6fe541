"""The tables about the quality of judges, and what that buys."""

from __future__ import annotations

from sie_agent.report import pick
from sie_agent.report.agreement_words import share_of_bound
from sie_agent.report.columns import DRAWS, JUDGE, MODE, ShownTable, TableColumn, numeric, table
from sie_agent.report.number_words import ABSENT, count, ends_of, figure, interval, number, points, scaled, share
from sie_agent.results import Agreement, Quality

POOLED_AUC = numeric("Pooled AUC", lambda judge: figure(*ends_of(judge, "auc"), 3))


def judges_table(agreement: Agreement) -> ShownTable | None:
    """Quality of the judges, within queries first."""
    columns = [
        JUDGE,
        TableColumn("Kind", "kind"),
        MODE,
        numeric("Right pairs within queries", lambda judge: share(*ends_of(judge, "within"))),
        POOLED_AUC,
        numeric("Spearman with grade", "spearman", number),
        numeric("Judged pairs, all draws", "n_pairs", count),
        DRAWS,
    ]
    caption = "How well each judge orders the items of a query (right pairs), and all items (pooled AUC)"
    graded = [one for one in agreement.judges if (one.within, one.auc, one.spearman) != (None, None, None)]
    return table(caption, columns, graded)


def gain_table(agreement: Agreement) -> ShownTable | None:
    """Every judge by rising accuracy within queries, with what it gains."""
    quality = pick.quality_of(agreement)
    held = sorted((one for one in quality.points if one.gain is not None), key=lambda one: one.within or 0.0)
    within = numeric("Right pairs within queries", "within", share)
    columns = [JUDGE, MODE, DRAWS, within, numeric("Points over the log", "gain", points)]
    if any(one.measure == "gain" for one in quality.placed):
        columns.append(_beside(quality, "gain", 100.0))
    return table("Judge's quality, and what training with it gains", columns, held)


def agreement_quality_table(agreement: Agreement) -> ShownTable | None:
    """Every judge by rising pooled AUC, with its agreement."""
    quality = pick.quality_of(agreement)
    columns = [
        JUDGE,
        MODE,
        DRAWS,
        POOLED_AUC,
        numeric("Spearman", lambda point: figure(*ends_of(point.agreement))),
        numeric("Of the bound", lambda point: share_of_bound(agreement, quality.reference, point.agreement.value)),
        _beside(quality, "agreement", 1.0),
    ]
    caption = f"Judge's quality and agreement ({quality.label} with {quality.reference})"
    return table(caption, columns, [one for one in quality.points if one.agreement is not None])


def _beside(quality: Quality, measure: str, scale: float) -> TableColumn:
    """Where a real judge lies beside the curve of simulated ones: ``above it, 0.12 (0.05 to 0.19)``."""
    placed = {one.judge: one for one in reversed(quality.placed) if one.measure == measure}

    def place(judge: str) -> str:
        found = placed.get(judge)
        if found is None or found.place not in ("above", "on", "below"):
            return ABSENT
        difference, low, high = scaled((found.difference, found.ci_low, found.ci_high), scale)
        told = f"{number(difference)} ({interval(low, high)})"
        return f"on it, {told}" if found.place == "on" else f"{found.place} it, {told}"

    return numeric("Beside the simulated judges of its AUC", "judge", place)
