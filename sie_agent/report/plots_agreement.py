"""Charts of agreement: dots with intervals, and the judge's contribution."""

from __future__ import annotations

from collections.abc import Sequence

from sie_agent.report import pick, words
from sie_agent.report.dots import Dot, Level, dot_chart
from sie_agent.report.plots import GREY, OCHRE, ROSE, SKY, VERMILLION, Plot, caption_of, label_color, label_symbol, safe
from sie_agent.report.read import RunFolder
from sie_agent.results import AgreementRow, Ceiling

OTHERS = {
    "plain-loss": (OCHRE, "diamond"),
    "proxy-loss": (OCHRE, "x"),
    "lexical": (SKY, "cross"),
    pick.CONTROL: (VERMILLION, "star-diamond"),
}
GROUPS = ("Distilled scorer", "Weak labels, not distilled", "Baselines: no judge")


def agreement_plot(run: RunFolder) -> Plot | None:
    """The headline's agreement beside everything it must be compared with; None without figures."""
    row = pick.headline_row(run.agreement)
    if row is None:
        return None
    rows = pick.beside(run.agreement, row)
    bound = pick.bound_of(run.agreement, row.reference, judge=row.judge)
    control = pick.labelled(rows, pick.CONTROL)
    dots = [_dot(_group(item), item, quiet=item.is_baseline) for item in rows]
    for item in run.agreement.ceiling:
        if (item.reference, item.metric) == (row.reference, "spearman") and item.value is not None:
            grade = AgreementRow(label=item.label, metric=item.metric, source="ceiling", **_ends(item))
            dots.append(_dot("Ceiling: human grade", grade, quiet=False))
    levels = [] if bound is None else [Level(bound, "dash", GREY, f"bound {words.number(bound)}")]
    if control is not None and control.value is not None:
        levels.append(Level(control.value, "dot", VERMILLION))
    figure, height = dot_chart(dots, levels, axis="Spearman", span=_span(dots, bound))
    told = "; ".join(
        f"{item.label} ({_group(item).lower()}) {words.figure(item.value, item.ci_low, item.ci_high)}" for item in rows
    )
    return Plot(
        key="plot-agreement",
        title=f"Agreement with {row.reference}",
        figure=figure,
        height=height,
        summary=f"Spearman agreement with {row.reference}: {told}. Bound {words.number(bound)}.",
        caption=caption_of(
            (True, "Dots are Spearman rank agreements, lines their intervals, faint dots single draws."),
            (any(dot.quiet for dot in dots), "The grey band holds what needs no judge."),
            (len(levels) > (bound is not None), "The dotted line is the control, whose answers are shuffled."),
            (bound is not None, "The dashed line is the most that any label can reach with this reference."),
        ),
        mode=pick.modes_of(run.agreement, rows),
        basis=words.count(row.n_queries, "query", "queries"),
    )


def contribution_plot(run: RunFolder) -> Plot | None:
    """The judge's own part, per label and judge; None without figures."""
    headline = pick.headline_row(run.agreement)
    if headline is None:
        return None
    rows = [
        row
        for row in run.agreement.rows
        if row.metric == "partial_spearman"
        and row.value is not None
        and row.reference == headline.reference
        and row.source == headline.source
        and not row.is_baseline
    ]
    if not rows:
        return None
    rank = {
        judge: place
        for place, judge in enumerate(
            dict.fromkeys(
                row.judge for row in sorted(rows, key=lambda row: (row.judge != headline.judge, -(row.value or 0.0)))
            )
        )
    }
    rows.sort(key=lambda row: rank[row.judge])
    dots = [_dot(f"Judge: {row.judge}" if row.judge != "none" else "No judge", row, quiet=False) for row in rows]
    figure, height = dot_chart(dots, [], axis="Partial Spearman", span=_span(dots, None))
    told = "; ".join(
        f"{row.label}, judge {row.judge}, {words.figure(row.value, row.ci_low, row.ci_high)}" for row in rows
    )
    return Plot(
        key="plot-contribution",
        title="What the judge adds to this agreement",
        figure=figure,
        height=height,
        summary=f"Partial rank correlation with {headline.reference}, given control and plain loss: {told}.",
        caption="What is left of the agreement once the no-judge control and the plain loss are taken out. "
        "An interval that touches zero means the judge may have added nothing.",
        mode=pick.modes_of(run.agreement, rows),
        basis=words.count(rows[0].n_queries, "query", "queries"),
    )


def _ends(item: Ceiling) -> dict[str, float | None]:
    return {"value": item.value, "ci_low": item.ci_low, "ci_high": item.ci_high}


def _dot(group: str, row: AgreementRow, *, quiet: bool) -> Dot:
    color, symbol = OTHERS.get(row.label, (label_color(row.label), label_symbol(row.label)))
    if row.source == "ceiling":
        color, symbol = ROSE, "star"
    elif row.source == "weak label":
        symbol += "-open"
    hover = f"{safe(row.label)}: {words.figure(row.value, row.ci_low, row.ci_high)}<br>judge {safe(row.judge)}"
    return Dot(
        group=group,
        name=row.label,
        value=row.value or 0.0,
        low=row.ci_low,
        high=row.ci_high,
        color=color,
        symbol=symbol,
        hover=f"{hover}<br>{words.count(row.n_queries, 'query', 'queries')}",
        draws=tuple(draw for draw in row.draws if draw is not None),
        quiet=quiet,
    )


def _span(dots: Sequence[Dot], bound: float | None) -> tuple[float, float]:
    ends = [end for dot in dots for end in (dot.value, dot.low, dot.high, *dot.draws, bound, 0.0) if end is not None]
    return max(-1.0, min(ends) - 0.06), min(1.0, max(ends) + 0.06)


def _group(row: AgreementRow) -> str:
    if row.is_baseline:
        return GROUPS[2]
    return GROUPS[0] if row.source == "scorer" else GROUPS[1]
