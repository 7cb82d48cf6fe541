"""Charts of what a judge's quality buys: agreement and gap recovered against its AUC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sie_agent.report import pick, words
from sie_agent.report.plots import (
    BLUE,
    GREEN,
    GREY,
    OCHRE,
    PURPLE,
    VERMILLION,
    Plot,
    Trace,
    finish,
    legend_below,
    note_at,
    safe,
    see_through,
    vertical_line,
)
from sie_agent.report.read import RunFolder
from sie_agent.report.shapes import Measured, Quality, QualityPoint

# colour, marker and dash of a measure's curve, what its curve is called, and the colour and marker of real judges
STYLE = {
    "agreement": (BLUE, "circle", "solid", "simulated judges", VERMILLION, "diamond"),
    "weights": (GREEN, "circle", "solid", "simulated, weighted", VERMILLION, "diamond"),
    "filter": (OCHRE, "square", "dash", "simulated, half of the rows kept", PURPLE, "square-open"),
}
REAL = {
    "agreement": "real judges",
    "weights": "real judges, weighted",
    "filter": "real judges, half of the rows kept",
}
NO_JUDGE_END = ("control", "random")
PLACES = ("top center", "bottom center", "middle right", "middle left")
HEIGHT = 400


def quality_plots(run: RunFolder) -> list[Plot]:
    """Agreement, and gap recovered, against the judge's AUC; empty where the run has no such figures."""
    quality = run.agreement.quality
    if quality is None:
        return []
    plots = (_agreement(run, quality), _gap(run, quality))
    return [plot for plot in plots if plot is not None]


def _agreement(run: RunFolder, quality: Quality) -> Plot | None:
    held = _held(quality, "agreement")
    if not any(point.kind != "control" for point, _ in held):
        return None
    layout = _layout(quality, "agreement (Spearman)", _span([figure for _, figure in held], quality.bound))
    if quality.bound is not None:
        layout["shapes"].append(_level(quality.bound))
        layout["annotations"].append(_level_note(quality.bound, f"bound {words.number(quality.bound)}"))
    headline = pick.headline_row(run.agreement)
    return Plot(
        key="plot-quality-agreement",
        title="What a judge's quality buys: agreement",
        figure=finish(_traces(quality, "agreement"), layout, HEIGHT),
        height=HEIGHT,
        summary=f"Agreement of {quality.label} with {quality.reference} against the judge's AUC: {_told(held)}.",
        caption="The line joins simulated judges, whose quality is known, and starts at the no-judge control; the band "
        "is its interval. Real judges stand where their own AUC puts them: on the line, a judge does what its quality "
        "promises. A judge that read only some of the draws is held against the line of those draws, in the table. "
        "Left of the dashed line a judge knows less than the model that is trained on the log.",
        mode=_modes(held),
        basis=words.count(headline.n_queries if headline else None, "query", "queries"),
    )


def _gap(run: RunFolder, quality: Quality) -> Plot | None:
    held = [*_held(quality, "weights"), *_held(quality, "filter")]
    if not held:
        return None
    layout = _layout(quality, "gap recovered", _span([figure for _, figure in held], 0.0))
    layout["yaxis"]["tickformat"] = ".0%"
    layout["shapes"].append(_level(0.0))
    queries = next((row.n_queries for row in run.agreement.downstream if row.n_queries), None)
    return Plot(
        key="plot-quality-gap",
        title="What a judge's quality buys: a better model",
        figure=finish([*_traces(quality, "weights"), *_traces(quality, "filter")], layout, HEIGHT),
        height=HEIGHT,
        summary="Gap to clean labels that is recovered, against the judge's AUC. "
        f"By weighting: {_told(_held(quality, 'weights')) or 'not measured'}. "
        f"By keeping half of the rows: {_told(_held(quality, 'filter')) or 'not measured'}.",
        caption="The share of what the log's noise cost the target model that comes back, by the two strategies that "
        "the verdict looks at. Below zero, using the scores does harm. Where a line crosses zero is the quality that "
        "this log asks of a judge. Long interval bars may leave the frame.",
        mode=_modes(held),
        basis=words.count(queries or pick.queries_in(run, "test"), "test query", "test queries"),
    )


def _held(quality: Quality, measure: str) -> list[tuple[QualityPoint, Measured]]:
    figures = ((point, getattr(point, measure)) for point in quality.points)
    return [(point, figure) for point, figure in figures if figure is not None and figure.value is not None]


def _traces(quality: Quality, measure: str) -> list[Trace]:
    color, symbol, dash, name, _, _ = STYLE[measure]
    held = _held(quality, measure)
    end = "control" if measure == "agreement" else "random"
    curve = [(point, figure) for point, figure in held if point.kind in ("simulated", end)]
    traces: list[Trace] = []
    banded = [(point, figure) for point, figure in curve if figure.ci_low is not None and figure.ci_high is not None]
    if len(banded) > 1:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "fill": "toself",
                "fillcolor": see_through(color),
                "line": {"width": 0},
                "x": [point.auc for point, _ in banded] + [point.auc for point, _ in reversed(banded)],
                "y": [figure.ci_low for _, figure in banded] + [figure.ci_high for _, figure in reversed(banded)],
                "legendgroup": measure,
                "showlegend": False,
                "hoverinfo": "skip",
            }
        )
    if curve:
        alone = [(figure.value, figure.ci_low, figure.ci_high) for _, figure in curve] if len(banded) == 1 else []
        traces.append(
            {
                "error_y": _bars(alone, color),
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "legendgroup": measure,
                "x": [point.auc for point, _ in curve],
                "y": [figure.value for _, figure in curve],
                "line": {"color": color, "dash": dash, "width": 2},
                "marker": {
                    "color": color,
                    "size": 9,
                    "symbol": [f"{symbol}-open" if point.kind in NO_JUDGE_END else symbol for point, _ in curve],
                },
                "hovertext": [_hover(point, figure, measure) for point, figure in curve],
                "hovertemplate": "%{hovertext}<extra></extra>",
            }
        )
    real = [(point, figure) for point, figure in held if point.kind == "real"]
    return [*traces, *([_real_trace(real, measure)] if real else [])]


def _real_trace(real: Sequence[tuple[QualityPoint, Measured]], measure: str) -> Trace:
    *_, color, symbol = STYLE[measure]
    return {
        "type": "scatter",
        "mode": "markers+text",
        "name": REAL[measure],
        "x": [point.auc for point, _ in real],
        "y": [figure.value for _, figure in real],
        # a judge has the same place on the axis for both strategies: one name will do
        "text": ["" if measure == "filter" and point.weights else f" {safe(point.judge, 20)} " for point, _ in real],
        "textposition": [PLACES[place % len(PLACES)] for place in range(len(real))],
        "textfont": {"size": 12},
        "marker": {"color": color, "symbol": symbol, "size": 12, "line": {"width": 2}},
        "error_x": _bars([(point.auc, point.auc_low, point.auc_high) for point, _ in real], color),
        "error_y": _bars([(figure.value, figure.ci_low, figure.ci_high) for _, figure in real], color),
        "hovertext": [_hover(point, figure, measure) for point, figure in real],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _bars(figures: Sequence[tuple[float | None, float | None, float | None]], color: str) -> dict[str, Any]:
    above = [0.0 if high is None or value is None else high - value for value, _, high in figures]
    below = [0.0 if low is None or value is None else value - low for value, low, _ in figures]
    style = {"color": color, "thickness": 1.5, "width": 4}
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, **style}


def _hover(point: QualityPoint, figure: Measured, measure: str) -> str:
    if measure == "agreement":
        told = f"agreement {words.figure(figure.value, figure.ci_low, figure.ci_high)}"
        told += f", {words.percent(point.share_of_bound)} of the bound" if point.share_of_bound is not None else ""
    else:
        told = f"gap recovered {words.gap_words(figure.value, figure.ci_low, figure.ci_high)}"
    auc = words.figure(point.auc, point.auc_low, point.auc_high, 3)
    return f"{safe(point.judge, 40)} ({safe(point.mode)})<br>AUC {auc}<br>{told}"


def _told(held: Sequence[tuple[QualityPoint, Measured]]) -> str:
    return "; ".join(
        f"{point.judge} ({point.mode}), AUC {words.number(point.auc, 3)}: "
        f"{words.figure(figure.value, figure.ci_low, figure.ci_high)}"
        for point, figure in held
    )


def _modes(held: Sequence[tuple[QualityPoint, Measured]]) -> str:
    return ", ".join(dict.fromkeys(point.mode for point, _ in held if point.kind != "control"))


def _span(figures: Sequence[Measured], level: float | None) -> list[float]:
    """A range that holds every figure; an interval may reach out of it, lest one wide one flatten the rest."""
    values = [figure.value for figure in figures if figure.value is not None] + ([] if level is None else [level])
    margin = 0.08 + 0.12 * (max(values) - min(values))
    return [min(values) - margin, max(values) + margin]


def _layout(quality: Quality, axis: str, span: list[float]) -> dict[str, Any]:
    lowest = min([0.5, *(point.auc for point in quality.points)])
    layout: dict[str, Any] = {
        "xaxis": {"title": {"text": "judge's AUC against the human grade"}, "range": [lowest - 0.02, 1.02]},
        "yaxis": {"title": {"text": axis}, "range": span},
        "margin": {"l": 8, "r": 16, "t": 28, "b": 8},
        "showlegend": True,
        "legend": legend_below(),
        "hovermode": "closest",
        "shapes": [],
        "annotations": [],
    }
    target = quality.target_auc
    if target is not None:
        layout["shapes"].append(vertical_line(target, "dash"))
        note = note_at(target, f"target model {words.number(target, 3)}", top=True, right_of=target < 0.8)
        layout["annotations"].append(note)
    return layout


def _level(value: float) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "paper",
        "yref": "y",
        "x0": 0,
        "x1": 1,
        "y0": value,
        "y1": value,
        "line": {"dash": "dot", "color": GREY, "width": 1.5},
        "layer": "below",
    }


def _level_note(value: float, text: str) -> dict[str, Any]:
    place = {"xref": "paper", "yref": "y", "x": 0, "y": value, "xanchor": "left", "yanchor": "bottom"}
    return {**place, "text": text, "showarrow": False, "font": {"size": 12}}
