"""Charts of agreement: dots with intervals, and the judge's contribution."""

from __future__ import annotations

from collections.abc import Sequence

from sie_agent.report import pick, plots
from sie_agent.report.dots import Dot, dot_chart
from sie_agent.report.number_words import count, ends_of, figure, number
from sie_agent.report.plots import GREY, OCHRE, ROSE, SKY, VERMILLION, Plot, label_style, safe
from sie_agent.report.read import RunFolder
from sie_agent.results import AgreementRow

OTHERS = {
    "plain-loss": (OCHRE, "diamond"),
    "proxy-loss": (OCHRE, "x"),
    "lexical": (SKY, "cross"),
    pick.CONTROL: (VERMILLION, "star-diamond"),
}


def agreement_plot(run: RunFolder) -> Plot | None:
    """The headline's agreement beside everything it must be compared with; None without figures."""
    row = pick.headline_row(run.agreement)
    if row is None:
        return None
    rows = pick.beside(run.agreement, row)
    ceilings = [one for one in pick.ceilings(run.agreement, row) if one.value is not None]
    reliability, control = pick.bound_of(run.agreement, row.reference, row.judge), pick.labelled(rows, pick.CONTROL)
    bound = None if reliability is None else reliability.bound
    dots = [_dot(_group(one), one) for one in (*rows, *ceilings)]
    made = dot_chart(dots, axis="Spearman", span=_span(dots, bound))
    if bound is not None:
        above = {"annotation_yanchor": "bottom", "annotation_yshift": 2, "annotation_position": "top left"}
        made.add_vline(bound, line_dash="dash", line_color=GREY, annotation_text=f"bound {number(bound)}", **above)
    if control is not None:
        made.add_vline(control.value, line_dash="dot", line_color=VERMILLION)
    told = "; ".join(f"{one.label} ({_group(one).lower()}) {figure(*ends_of(one))}" for one in rows)
    return Plot(
        key="plot-agreement",
        title=f"Agreement with {row.reference}",
        figure=made.to_json(),
        height=made.layout.height,
        summary=f"Spearman agreement with {row.reference}: {told}. Bound {number(bound)}.",
        caption=plots.sentences(
            "Dots are Spearman rank agreements, lines their intervals, faint dots single draws.",
            any(dot.quiet for dot in dots) and "The grey band holds what needs no judge.",
            control is not None and "The dotted line is the control, whose answers are shuffled.",
            bound is not None and "The dashed line is the most that any label can reach with this reference.",
        ),
        mode=pick.modes_of(run.agreement, rows),
        basis=count(row.n_queries, "query", "queries"),
    )


def contribution_plot(run: RunFolder) -> Plot | None:
    """The judge's own part, per label and judge; None without figures."""
    headline = pick.headline_row(run.agreement)
    if headline is None:
        return None
    rows = [one for one in pick.contributions(run.agreement, headline) if not one.is_baseline]
    if not rows:
        return None
    best = {one.judge: one.value or 0.0 for one in sorted(rows, key=lambda one: one.value or 0.0)}
    # the headline's judge first, then those that add most; rows of one judge follow each other
    order = sorted(dict.fromkeys(one.judge for one in rows), key=lambda name: (name != headline.judge, -best[name]))
    rows.sort(key=lambda one: order.index(one.judge))
    dots = [_dot(f"Judge: {one.judge}" if one.judge != "none" else "No judge", one) for one in rows]
    made = dot_chart(dots, axis="Partial Spearman", span=_span(dots, None))
    told = "; ".join(f"{one.label}, judge {one.judge}, {figure(*ends_of(one))}" for one in rows)
    return Plot(
        key="plot-contribution",
        title="What the judge adds to this agreement",
        figure=made.to_json(),
        height=made.layout.height,
        summary=f"Partial rank correlation with {headline.reference}, given control and plain loss: {told}.",
        caption="What is left of the agreement once the no-judge control and the plain loss are taken out. "
        "An interval that touches zero means the judge may have added nothing.",
        mode=pick.modes_of(run.agreement, rows),
        basis=count(rows[0].n_queries, "query", "queries"),
    )


def _dot(group: str, row: AgreementRow) -> Dot:
    color, symbol = OTHERS.get(row.label, label_style(row.label))
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
