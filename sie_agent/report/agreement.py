"""Agreement with gradients as the page shows it: sentences, charts, tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sie_agent.report import pick, plots
from sie_agent.report.columns import INTERVAL, JUDGE, LABEL, MODE, QUERIES, ROWS, TableColumn, numeric, table
from sie_agent.report.number_words import ABSENT, count, ends_of, figure, interval, number, percent
from sie_agent.report.plots import GREY, OCHRE, ROSE, SKY, VERMILLION, Dot, Plot, dot_chart, label_style, safe
from sie_agent.report.read import RunFolder
from sie_agent.results import Agreement, AgreementRow

# a bound whose square has an interval wider than this says nothing about a share
WIDEST = 0.3
AT_BOUND, UNCERTAIN = "at the bound", "bound too uncertain"
METRIC_NAMES = {
    "spearman": "Spearman",
    "partial_spearman": "Contribution (partial Spearman)",
    "kendall": "Kendall τ-b",
    "top10_overlap": "Overlap of top 10 %",
    "bottom10_overlap": "Overlap of bottom 10 %",
    "auc_flipped": "AUC of flipped labels",
}
STYLES = {
    "plain-loss": (OCHRE, "diamond"),
    "proxy-loss": (OCHRE, "x"),
    "lexical": (SKY, "cross"),
    pick.CONTROL: (VERMILLION, "star-diamond"),
}
METRIC = TableColumn("Metric", lambda row: METRIC_NAMES.get(row.metric, row.metric))
REFERENCE = TableColumn("Reference", "reference")
FROM = TableColumn("From", lambda row: "baseline" if row.is_baseline else row.source)


def agreement_of(run: RunFolder) -> dict[str, Any] | None:
    """What the page shows of agreement with gradients, by the names in the template; None without figures."""
    agreement, row = run.agreement, pick.headline_row(run.agreement)
    if row is None:
        return None
    rows, ceilings = pick.beside(agreement, row), pick.ceilings(agreement, row)
    added = pick.contributions(agreement, row)
    own = next((one for one in added if (one.label, one.judge) == (row.label, row.judge)), None)
    every = [LABEL, FROM, JUDGE, MODE, REFERENCE, METRIC, numeric("Value", "value", number), INTERVAL, ROWS, QUERIES]
    contributed = [LABEL, JUDGE, FROM, MODE, numeric("Contribution", "value", number), INTERVAL, QUERIES]
    reliability = [REFERENCE, METRIC, numeric("Reliability", "value", number), INTERVAL]
    compared = [
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
    return {
        "sentences": [_headline_words(agreement, row), *_comparison(rows), contribution_words(*ends_of(own))],
        "plot": _plot(agreement, row, rows, ceilings),
        "table": table(f"Spearman agreement with {row.reference}", compared, [*rows, *ceilings]),
        "contribution_plot": _contribution_plot(agreement, row, added),
        "contribution_table": table(
            f"Partial Spearman with {row.reference}, given the control and the plain loss", contributed, added
        ),
        "reliability": table(
            "How far each reference agrees with itself, and the most that any label can reach",
            [*reliability, numeric("Bound", "bound", number)],
            agreement.reliability,
        ),
        "every_figure": table("Every agreement figure", every, agreement.rows),
    }


def share_of_bound(agreement: Agreement, reference: str, value: float | None, judge: str | None = None) -> str:
    """An agreement as a share of the most that a label can reach; never more than all of it.

    A dash without a bound; words where the 95 % interval of the bound's own reliability is wider than 0.3, or where the
    agreement is at the bound or above it.
    """
    reliability = pick.bound_of(agreement, reference, judge)
    if value is None or reliability is None or not reliability.bound:
        return ABSENT
    if value >= reliability.bound:
        return AT_BOUND
    low, high = reliability.ci_low, reliability.ci_high
    if low is not None and high is not None and high - low > WIDEST:
        return UNCERTAIN
    return percent(value / reliability.bound)


def _headline_words(agreement: Agreement, row: AgreementRow) -> str:
    what = f"the distilled {row.label}" if row.source == "scorer" else row.label
    agrees = f"On queries that the scorer never saw, {what} agrees with {row.reference} at Spearman {number(row.value)}"
    if row.ci_low is not None and row.ci_high is not None:
        agrees += f" (95 % interval {interval(row.ci_low, row.ci_high)})"
    reliability = pick.bound_of(agreement, row.reference, row.judge)
    if reliability is not None and reliability.bound:
        share = share_of_bound(agreement, row.reference, row.value, row.judge)
        told = {UNCERTAIN: "itself too uncertain to take a share of it", AT_BOUND: "this is at the bound"}
        reached = told.get(share, f"this is {share} of it")
        agrees += f"; the most that labels can reach is {number(reliability.bound)} ({reached})"
    return f"{agrees}."


def _comparison(rows: Sequence[AgreementRow]) -> list[str]:
    """What is reached without the judge, in at most one sentence."""
    baselines = [row for row in rows if row.is_baseline]
    control = pick.labelled(baselines, pick.CONTROL)
    others = ", ".join(f"{row.label} {number(row.value)}" for row in baselines if row.label != pick.CONTROL)
    parts = [f"without any judge: {others}"] if others else []
    if control is not None:
        parts.append(f"the same pipeline with shuffled answers reaches {number(control.value)}")
    text = "; ".join(parts)
    return [f"{text[0].upper()}{text[1:]}."] if text else []


def contribution_words(value: float | None, low: float | None, high: float | None) -> str:
    """Whether the judge adds anything beyond the pipeline around it."""
    if value is None:
        return "What the judge adds to this agreement was not measured."
    told = f"What the judge adds to this agreement is {figure(value, low, high)}"
    if low is None or high is None:
        return f"{told}, without an interval."
    if low <= 0 <= high:
        return f"{told}; the interval includes zero, so it may be none."
    if low > 0:
        return f"{told}: above zero. The gains further up show whether training benefits."
    return f"{told}: below zero, so the judge misleads."


def _plot(
    agreement: Agreement, row: AgreementRow, rows: Sequence[AgreementRow], ceilings: Sequence[AgreementRow]
) -> Plot:
    """The headline's agreement beside everything it must be compared with."""
    reliability, control = pick.bound_of(agreement, row.reference, row.judge), pick.labelled(rows, pick.CONTROL)
    bound = None if reliability is None else reliability.bound
    dots = [_dot(_group(one), one) for one in (*rows, *ceilings) if one.value is not None]
    made = dot_chart(dots, axis="Spearman", span=_span(dots, bound))
    if bound is not None:
        above = {"annotation_yanchor": "bottom", "annotation_yshift": 2, "annotation_position": "top left"}
        made.add_vline(bound, line_dash="dash", line_color=GREY, annotation_text=f"bound {number(bound)}", **above)
    if control is not None:
        made.add_vline(control.value, line_dash="dot", line_color=VERMILLION)
    told = "; ".join(f"{one.label} ({_group(one).lower()}) {figure(*ends_of(one))}" for one in rows)
    return plots.plot_of(
        made,
        key="plot-agreement",
        title=f"Agreement with {row.reference}",
        summary=f"Spearman agreement with {row.reference}: {told}. Bound {number(bound)}.",
        caption=plots.sentences(
            "Dots are Spearman rank agreements, lines their intervals, faint dots single draws.",
            any(dot.quiet for dot in dots) and "The grey band holds what needs no judge.",
            control is not None and "The dotted line is the control, whose answers are shuffled.",
            bound is not None and "The dashed line is the most that any label can reach with this reference.",
        ),
        mode=pick.modes_of(agreement, rows),
        basis=count(row.n_queries, "query", "queries"),
    )


def _contribution_plot(agreement: Agreement, headline: AgreementRow, added: Sequence[AgreementRow]) -> Plot | None:
    """The judge's own part, per label and judge; None without figures."""
    rows = [one for one in added if not one.is_baseline]
    if not rows:
        return None
    best = {one.judge: one.value or 0.0 for one in sorted(rows, key=lambda one: one.value or 0.0)}
    # the headline's judge first, then those that add most; rows of one judge follow each other
    order = sorted(dict.fromkeys(one.judge for one in rows), key=lambda name: (name != headline.judge, -best[name]))
    rows.sort(key=lambda one: order.index(one.judge))
    dots = [_dot(f"Judge: {one.judge}" if one.judge != "none" else "No judge", one) for one in rows]
    told = "; ".join(f"{one.label}, judge {one.judge}, {figure(*ends_of(one))}" for one in rows)
    return plots.plot_of(
        dot_chart(dots, axis="Partial Spearman", span=_span(dots, None)),
        key="plot-contribution",
        title="What the judge adds to this agreement",
        summary=f"Partial rank correlation with {headline.reference}, given control and plain loss: {told}.",
        caption="What is left of the agreement once the no-judge control and the plain loss are taken out. "
        "An interval that touches zero means the judge may have added nothing.",
        mode=pick.modes_of(agreement, rows),
        basis=count(rows[0].n_queries, "query", "queries"),
    )


def _dot(group: str, row: AgreementRow) -> Dot:
    color, symbol = STYLES.get(row.label, label_style(row.label))
    judge = row.judge
    if row.source == pick.CEILING:
        color, symbol, judge = ROSE, "star", row.mode
    elif row.source == "weak label":
        symbol += "-open"
    told = [f"{safe(row.label)}: {figure(*ends_of(row))}", f"judge {safe(judge)}"]
    return Dot(
        group=group,
        name=row.label,
        ends=ends_of(row),
        color=color,
        symbol=symbol,
        hover="<br>".join([*told, count(row.n_queries, "query", "queries")]),
        draws=tuple(draw for draw in row.draws if draw is not None),
        quiet=row.is_baseline,
    )


def _span(dots: Sequence[Dot], bound: float | None) -> tuple[float, float]:
    ends = [end for dot in dots for end in (*dot.ends, *dot.draws, bound, 0.0) if end is not None]
    return max(-1.0, min(ends) - 0.06), min(1.0, max(ends) + 0.06)


def _group(row: AgreementRow) -> str:
    if row.is_baseline:
        return "Baselines: no judge"
    groups = {"scorer": "Distilled scorer", pick.CEILING: "Ceiling: human grade"}
    return groups.get(row.source, "Weak labels, not distilled")
