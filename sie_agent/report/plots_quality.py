"""Charts of what a judge's quality buys: gain over the log, and agreement with gradients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sie_agent.report import pick, plots
from sie_agent.report.number_words import Ends, count, ends_of, figure, number, points, scaled, share
from sie_agent.report.plots import Plot, interval_bars, marks, safe
from sie_agent.report.read import RunFolder
from sie_agent.results import Agreement

PLACES = ("top center", "bottom center")
# kinds of judges that the line joins
CURVE = ("simulated", "random", "control")
# the others: name, kind, colour and symbol
OTHERS = (("real judges", "real", plots.VERMILLION, "diamond"), ("made-up judges", "made up", plots.GREY, "x"))
HEIGHT = 400
CUT = "A bar that ends at the edge of the chart goes on beyond it."


@dataclass(frozen=True)
class Mark:
    """One judge in a chart: where it stands, with intervals, and what it is."""

    judge: str
    mode: str
    kind: str
    x: Ends
    y: Ends
    told: str


def gain_plot(run: RunFolder) -> Plot | None:
    """Gain of `auto` over the log against the judge's accuracy within queries; None with fewer than two judges."""
    agreement = run.agreement
    marked = gain_marks(agreement)
    if len(marked) < 2:
        return None
    made, is_cut = _chart(marked, 0.0, reach=1.0)
    made.update_layout(
        xaxis_title_text="judge's accuracy within queries, %",
        yaxis_title_text="points gained over the log, within queries",
    )
    log = pick.log_within(agreement)
    if log is not None:
        right = 200 * log < sum(made.layout.xaxis.range)
        above = {"annotation_yanchor": "bottom", "annotation_yshift": 2}
        above["annotation_position"] = "top right" if right else "top left"
        made.add_vline(100 * log, line_dash="dash", line_color=plots.GREY, annotation_text="ranker on the log", **above)
    kinds = {mark.kind for mark in marked}
    return Plot(
        key="plot-quality-gain",
        title="What a better judge buys",
        figure=made.to_json(),
        height=HEIGHT,
        summary=f"Points that “auto” gains over the log against the judge's accuracy within queries: {_told(marked)}.",
        caption=plots.sentences(
            _has_line(marked)
            and "The line joins simulated judges (human grades with noise, whose quality is known) and starts at a "
            "judge that answers at random.",
            not _has_line(marked) and "random" in kinds and "The open circle is a judge that answers at random.",
            "real" in kinds and "Real judges are diamonds.",
            bool(kinds & {"real", "made up"}) and "Bars are 95 % intervals.",
            is_cut and CUT,
            "made up" in kinds and "Crosses are made-up judges that know positions or grades: a check on the test.",
            "The dotted line is the log as it is.",
            log is not None
            and "The dashed line is the ranker trained on the log: left of it, a judge orders the items of a query "
            "less well than the ranker does.",
        ),
        mode=_modes(marked),
        basis=count(agreement.n_test_queries or None, "test query", "test queries"),
    )


def agreement_quality_plot(run: RunFolder) -> Plot | None:
    """Agreement against the judge's pooled AUC; None where there is none."""
    agreement, quality = run.agreement, pick.quality_of(run.agreement)
    marked = agreement_marks(agreement)
    if sum(mark.kind != "control" for mark in marked) < 2:
        return None
    made, is_cut = _chart(marked, quality.bound)
    made.update_layout(xaxis_title_text="judge's pooled AUC", yaxis_title_text="agreement (Spearman)")
    if quality.bound is not None:
        text = f"bound {number(quality.bound)}"
        made.add_annotation(text=text, xref="paper", x=0, xanchor="left", y=quality.bound, yanchor="bottom")
    headline = pick.headline_row(agreement)
    return Plot(
        key="plot-quality-agreement",
        title="A judge's quality and agreement",
        figure=made.to_json(),
        height=HEIGHT,
        summary=f"Agreement of {quality.label} with {quality.reference} against the judge's AUC: {_told(marked)}.",
        caption=plots.sentences(
            _has_line(marked)
            and "The line joins simulated judges and starts at the no-judge control; the band is its interval.",
            any(mark.kind in ("real", "made up") for mark in marked) and "Bars are 95 % intervals.",
            is_cut and CUT,
            quality.bound is not None and "The dotted line is the most that any label can reach.",
            "Agreement says how much of the gradients' order is reproduced, not that the judge is right.",
        ),
        mode=_modes(marked),
        basis=count(headline.n_queries if headline else None, "query", "queries"),
    )


def gain_marks(agreement: Agreement) -> list[Mark]:
    """The judges whose gain is known, by accuracy within queries, in percent and in points."""
    judges = {one.judge: one for one in agreement.judges}
    found = []
    for point in pick.quality_of(agreement).points:
        within = (point.within, *ends_of(judges.get(point.judge), "within")[1:])
        told = f"{share(*within)} within queries: {points(point.gain)} points"
        x, y = scaled(within, 100), scaled(ends_of(point.gain), 100)
        found.append(Mark(point.judge, point.mode, point.kind, x, y, told))
    return _known(found)


def agreement_marks(agreement: Agreement) -> list[Mark]:
    """The judges whose agreement is known, by pooled AUC."""
    found = []
    for point in pick.quality_of(agreement).points:
        auc, agreed = ends_of(point, "auc"), ends_of(point.agreement)
        told = f"AUC {figure(*auc, 3)}: {figure(*agreed)}"
        found.append(Mark(point.judge, point.mode, point.kind, auc, agreed, told))
    return _known(found)


def _known(found: Sequence[Mark]) -> list[Mark]:
    """The marks that have both figures, from left to right."""
    return sorted((mark for mark in found if None not in (mark.x[0], mark.y[0])), key=lambda mark: mark.x[0] or 0.0)


def _has_line(marked: Sequence[Mark]) -> bool:
    return sum(mark.kind in CURVE for mark in marked) > 1


def _told(marked: Sequence[Mark]) -> str:
    return "; ".join(f"{mark.judge} ({mark.mode}), {mark.told}" for mark in marked)


def _modes(marked: Sequence[Mark]) -> str:
    return ", ".join(dict.fromkeys(mark.mode for mark in marked if mark.kind != "control"))


def _chart(marked: Sequence[Mark], level: float | None, reach: float = 0.0) -> tuple[Any, bool]:
    """The marks, with a dotted line at *level*; and whether a bar reaches beyond the axes.

    The axes hold every mark, and of intervals *reach* times as much again as the marks take: a wide interval would
    flatten the rest, and push the names of the marks over each other.
    """
    heights = [mark.y[0] for mark in marked] + [level]
    barred = [mark for mark in marked if mark.kind not in CURVE]
    across, x_cut = _range([mark.x[0] for mark in marked], [end for mark in barred for end in mark.x[1:]], reach)
    up, y_cut = _range(heights, [end for mark in barred for end in mark.y[1:]], reach)
    made = plots.chart(
        _traces(marked), HEIGHT, margin=plots.ROOM_ABOVE, showlegend=True, xaxis_range=across, yaxis_range=up
    )
    if level is not None:
        made.add_hline(level, line_dash="dot", line_color=plots.GREY)
    return made, x_cut or y_cut


def _range(values: Sequence[float | None], ends: Sequence[float | None], reach: float) -> tuple[list[float], bool]:
    """An axis for these values that goes no further than *reach* times their span, and whether an end is beyond it."""
    known, held = [one for one in values if one is not None], [end for end in ends if end is not None]
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    first, last = max(min([*held, low]), low - reach * span), min(max([*held, high]), high + reach * span)
    axis = [first - 0.14 * span, last + 0.14 * span]
    return axis, any(not axis[0] <= end <= axis[1] for end in held)


def _traces(marked: Sequence[Mark]) -> list[Any]:
    # neighbours have their names above and below
    places = {mark.judge: PLACES[place % 2] for place, mark in enumerate(marked)}

    def named(name: str, group: Sequence[Mark], color: str, **own: Any) -> Any:
        return marks(
            [mark.x[0] for mark in group],
            [mark.y[0] for mark in group],
            color,
            name=name,
            # the control is where the line starts, which the caption says
            text=["" if mark.kind == "control" else f" {safe(mark.judge, 20)} " for mark in group],
            textposition=[places[mark.judge] for mark in group],
            hovertext=[f"{safe(mark.judge, 40)} ({safe(mark.mode)})<br>{mark.told}" for mark in group],
            cliponaxis=False,
            **own,
        )

    traces = []
    curve = [mark for mark in marked if mark.kind in CURVE]
    banded = [mark for mark in curve if None not in mark.y]
    if len(banded) > 1:
        x = [mark.x[0] for mark in banded]
        edge = [mark.y[1] for mark in banded] + [mark.y[2] for mark in reversed(banded)]
        filled = {"mode": "lines", "fill": "toself", "fillcolor": plots.BLUE_BAND, "line_width": 0}
        traces.append(marks(x + x[::-1], edge, plots.BLUE, size=0, showlegend=False, **filled))
    if curve:
        kinds = {mark.kind for mark in curve}
        name = "simulated judges" if "simulated" in kinds else "no judge" if "control" in kinds else "random judge"
        symbols = ["circle" if mark.kind == "simulated" else "circle-open" for mark in curve]
        line = {"mode": "lines+markers+text", "line": {"color": plots.BLUE, "width": 2}}
        traces.append(named(name, curve, plots.BLUE, symbol=symbols, size=9, **line))
    for name, kind, color, symbol in OTHERS:
        held = [mark for mark in marked if mark.kind == kind]
        if held:
            bars = {
                "error_x": interval_bars([mark.x for mark in held], color),
                "error_y": interval_bars([mark.y for mark in held], color),
            }
            traces.append(named(name, held, color, symbol=symbol, size=12, mode="markers+text", **bars))
    return traces
