"""Charts of what a judge's quality buys: gain over the log, and agreement with gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sie_agent.report import bench_words, pick, words
from sie_agent.report.plots import (
    BLUE,
    GREY,
    VERMILLION,
    Plot,
    Trace,
    bars,
    caption_of,
    finish,
    legend_below,
    note_at,
    safe,
    see_through,
    vertical_line,
)
from sie_agent.report.read import RunFolder
from sie_agent.results import Agreement, Measured, QualityPoint

PLACES = ("top center", "bottom center")
# kinds of judges that the line joins
CURVE = ("simulated", "random", "control")
HEIGHT = 400
CUT = "A bar that ends at the edge of the chart goes on beyond it."
WITHIN_AXIS = "judge's accuracy within queries, %"


@dataclass(frozen=True)
class Mark:
    """One judge in a chart: where it stands, with intervals, and what it is."""

    judge: str
    mode: str
    kind: str
    x: float
    x_low: float | None
    x_high: float | None
    y: float
    y_low: float | None
    y_high: float | None
    told: str


def gain_plot(run: RunFolder) -> Plot | None:
    """Gain of `auto` over the log against the judge's accuracy within queries; None with fewer than two judges."""
    agreement = run.agreement
    marks = marks_of(agreement, lambda point: point.gain, 100.0)
    if len(marks) < 2:
        return None
    layout = _layout(WITHIN_AXIS, "points gained over the log, within queries", marks, 0.0, reach=1.0)
    layout["shapes"].append(_level(0.0))
    log = pick.log_within(agreement)
    if log is not None:
        right_of = 200 * log < sum(layout["xaxis"]["range"])
        layout["shapes"].append(vertical_line(100 * log, "dash"))
        layout["annotations"].append(note_at(100 * log, "ranker on the log", top=True, right_of=right_of))
    return Plot(
        key="plot-quality-gain",
        title="What a better judge buys",
        figure=finish(_traces(marks), layout, HEIGHT),
        height=HEIGHT,
        summary=f"Points that “auto” gains over the log against the judge's accuracy within queries: {_told(marks)}.",
        caption=caption_of(
            (
                _has_line(marks),
                "The line joins simulated judges (human grades with noise, whose quality is known) and starts at a "
                "judge that answers at random.",
            ),
            (
                not _has_line(marks) and _has(marks, "random"),
                "The open circle is a judge that answers at random.",
            ),
            (_has(marks, "real"), "Real judges are diamonds."),
            (_has(marks, "real") or _has(marks, "made up"), "Bars are 95 % intervals."),
            (_is_cut(marks, layout), CUT),
            (
                _has(marks, "made up"),
                "Crosses are made-up judges that know positions or grades: a check on the test.",
            ),
            (True, "The dotted line is the log as it is."),
            (
                log is not None,
                "The dashed line is the ranker trained on the log: left of it, a judge orders the items of a query "
                "less well than the ranker does.",
            ),
        ),
        mode=_modes(marks),
        basis=words.count(agreement.n_test_queries or None, "test query", "test queries"),
    )


def agreement_quality_plot(run: RunFolder) -> Plot | None:
    """Agreement against the judge's pooled AUC; None where there is none."""
    agreement, quality = run.agreement, run.agreement.quality
    marks = marks_of(agreement, lambda point: point.agreement, 1.0)
    if quality is None or sum(mark.kind != "control" for mark in marks) < 2:
        return None
    layout = _layout("judge's pooled AUC", "agreement (Spearman)", marks, quality.bound)
    if quality.bound is not None:
        layout["shapes"].append(_level(quality.bound))
        place = {"xref": "paper", "yref": "y", "x": 0, "y": quality.bound, "xanchor": "left", "yanchor": "bottom"}
        text = f"bound {words.number(quality.bound)}"
        layout["annotations"].append({**place, "text": text, "showarrow": False, "font": {"size": 12}})
    headline = pick.headline_row(agreement)
    return Plot(
        key="plot-quality-agreement",
        title="A judge's quality and agreement",
        figure=finish(_traces(marks), layout, HEIGHT),
        height=HEIGHT,
        summary=f"Agreement of {quality.label} with {quality.reference} against the judge's AUC: {_told(marks)}.",
        caption=caption_of(
            (
                _has_line(marks),
                "The line joins simulated judges and starts at the no-judge control; the band is its interval.",
            ),
            (_has(marks, "real") or _has(marks, "made up"), "Bars are 95 % intervals."),
            (_is_cut(marks, layout), CUT),
            (quality.bound is not None, "The dotted line is the most that any label can reach."),
            (
                True,
                "Agreement says how much of the gradients' order is found again, not that the judge is right.",
            ),
        ),
        mode=_modes(marks),
        basis=words.count(headline.n_queries if headline else None, "query", "queries"),
    )


def _has_line(marks: Sequence[Mark]) -> bool:
    return sum(mark.kind in CURVE for mark in marks) > 1


def _has(marks: Sequence[Mark], kind: str) -> bool:
    return any(mark.kind == kind for mark in marks)


def marks_of(agreement: Agreement, figure_of: Callable[[QualityPoint], Measured | None], scale: float) -> list[Mark]:
    """The judges that have a figure, from left to right: by accuracy within queries, or by AUC for agreement."""
    found = []
    judges = {one.judge: one for one in agreement.judges}
    for point in agreement.quality.points if agreement.quality else []:
        figure, judge = figure_of(point), judges.get(point.judge)
        by_within = figure is not None and figure is point.gain
        ends = (point.auc, point.auc_low, point.auc_high)
        if by_within:
            ends = (point.within, judge.within_low if judge else None, judge.within_high if judge else None)
        x, x_low, x_high = (None if end is None else scale * end for end in ends)
        if figure is None or figure.value is None or x is None:
            continue
        y, y_low, y_high = (
            None if end is None else scale * end for end in (figure.value, figure.ci_low, figure.ci_high)
        )
        told = f"{bench_words.share(*ends)} within queries: {bench_words.points(figure)} points"
        if not by_within:
            told = f"AUC {words.figure(*ends, 3)}: {words.figure(figure.value, figure.ci_low, figure.ci_high)}"
        found.append(Mark(point.judge, point.mode, point.kind, x, x_low, x_high, y or 0.0, y_low, y_high, told))
    return sorted(found, key=lambda mark: mark.x)


def _traces(marks: Sequence[Mark]) -> list[Trace]:
    curve = [mark for mark in marks if mark.kind in CURVE]
    # neighbours have their names above and below
    places = {mark.judge: PLACES[place % 2] for place, mark in enumerate(marks)}
    traces: list[Trace] = []
    banded = [(mark.x, mark.y_low, mark.y_high) for mark in curve if mark.y_low is not None and mark.y_high is not None]
    if len(banded) > 1:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "fill": "toself",
                "fillcolor": see_through(BLUE),
                "line": {"width": 0},
                "x": [x for x, _, _ in banded] + [x for x, _, _ in reversed(banded)],
                "y": [low for _, low, _ in banded] + [high for _, _, high in reversed(banded)],
                "showlegend": False,
                "hoverinfo": "skip",
            }
        )
    if curve:
        symbols = ["circle" if mark.kind == "simulated" else "circle-open" for mark in curve]
        line = {"line": {"color": BLUE, "width": 2}, "marker": {"color": BLUE, "size": 9, "symbol": symbols}}
        traces.append({**_points(_curve_name(curve), curve, places), "mode": "lines+markers+text", **line})
    for name, kind, color, symbol in (
        ("real judges", "real", VERMILLION, "diamond"),
        ("made-up judges", "made up", GREY, "x"),
    ):
        held = [mark for mark in marks if mark.kind == kind]
        if held:
            style = {
                "marker": {"color": color, "symbol": symbol, "size": 12},
                "error_x": bars([(mark.x, mark.x_low, mark.x_high) for mark in held], color),
                "error_y": bars([(mark.y, mark.y_low, mark.y_high) for mark in held], color),
            }
            traces.append({**_points(name, held, places), "mode": "markers+text", **style})
    return traces


def _curve_name(curve: Sequence[Mark]) -> str:
    return "simulated judges" if _has(curve, "simulated") else "no judge" if _has(curve, "control") else "random judge"


def _points(name: str, marks: Sequence[Mark], places: Mapping[str, str]) -> Trace:
    return {
        "type": "scatter",
        "name": name,
        "x": [mark.x for mark in marks],
        "y": [mark.y for mark in marks],
        # the control is where the line starts, which the caption says
        "text": ["" if mark.kind == "control" else f" {safe(mark.judge, 20)} " for mark in marks],
        "textposition": [places[mark.judge] for mark in marks],
        "textfont": {"size": 12},
        "hovertext": [f"{safe(mark.judge, 40)} ({safe(mark.mode)})<br>{mark.told}" for mark in marks],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "cliponaxis": False,
    }


def _told(marks: Sequence[Mark]) -> str:
    return "; ".join(f"{mark.judge} ({mark.mode}), {mark.told}" for mark in marks)


def _modes(marks: Sequence[Mark]) -> str:
    return ", ".join(dict.fromkeys(mark.mode for mark in marks if mark.kind != "control"))


def _layout(
    x_title: str, y_title: str, marks: Sequence[Mark], level: float | None, reach: float = 0.0
) -> dict[str, Any]:
    """Axes that hold every mark, and of intervals *reach* times as much again as the marks take.

    A wide interval would flatten the rest, and push the names of the marks over each other.
    """
    heights = [mark.y for mark in marks] + ([] if level is None else [level])
    return {
        "xaxis": {"title": {"text": x_title}, "range": _range([mark.x for mark in marks], _ends(marks, "x"), reach)},
        "yaxis": {"title": {"text": y_title}, "range": _range(heights, _ends(marks, "y"), reach)},
        "margin": {"l": 8, "r": 16, "t": 28, "b": 8},
        "showlegend": True,
        "legend": legend_below(),
        "hovermode": "closest",
        "shapes": [],
        "annotations": [],
    }


def _ends(marks: Sequence[Mark], axis: str) -> list[float]:
    """The ends of the intervals that are drawn as bars."""
    held = [mark for mark in marks if mark.kind not in CURVE]
    pairs = [(mark.x_low, mark.x_high) if axis == "x" else (mark.y_low, mark.y_high) for mark in held]
    return [end for pair in pairs for end in pair if end is not None]


def _range(values: Sequence[float], ends: Sequence[float], reach: float) -> list[float]:
    """An axis for these values; it goes as far as the ends of intervals, but no further than *reach* times its span."""
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    furthest = max(min([*ends, low]), low - reach * span), min(max([*ends, high]), high + reach * span)
    margin = 0.14 * span
    return [furthest[0] - margin, furthest[1] + margin]


def _is_cut(marks: Sequence[Mark], layout: Mapping[str, Any]) -> bool:
    """Whether a bar reaches beyond the axes."""
    ranges = {axis: layout[f"{axis}axis"]["range"] for axis in ("x", "y")}
    return any(not ranges[axis][0] <= end <= ranges[axis][1] for axis in ranges for end in _ends(marks, axis))


def _level(value: float) -> dict[str, Any]:
    ends = {"type": "line", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": value, "y1": value}
    return {**ends, "line": {"dash": "dot", "color": GREY, "width": 1.5}, "layer": "below"}
