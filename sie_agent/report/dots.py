"""Dots with intervals, one line each under headings: the chart that gains and agreement share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sie_agent.report.plots import BAND, MUTED, Trace, bars, finish, note_at, safe, vertical_line

HEADING_HEIGHT, FRAME = 1.25, 96


@dataclass(frozen=True)
class Dot:
    """One line of the chart.

    Attributes
    ----------
    group : heading; dots of equal headings follow each other. name : what stands beside the line.
    hover : escaped text. draws : values of single draws, drawn faintly. quiet : on the grey band.
    """

    group: str
    name: str
    value: float
    low: float | None
    high: float | None
    color: str
    symbol: str
    hover: str
    draws: tuple[float, ...] = ()
    quiet: bool = False


@dataclass(frozen=True)
class Level:
    """A line over the full height; without *text* its row has a name."""

    value: float
    dash: str
    color: str
    text: str = ""


def dot_chart(
    dots: Sequence[Dot], levels: Sequence[Level], *, axis: str, span: tuple[float, float], row_height: int = 30
) -> tuple[str, int]:
    """Draw the dots from top to bottom.

    Parameters
    ----------
    levels : vertical lines beside the one at zero. axis : title of the axis.
    span : ends of the axis; a dot beyond them becomes an arrow at the end with its value beside it.

    Returns
    -------
    the figure's JSON and its height in pixels.
    """
    notes, shapes, places = [], [], []
    place = 0.0
    for group, members in groupby(dots, key=lambda dot: dot.group):
        # headings stand inside the chart: as ticks they would leave it no room on a phone
        notes.append(_heading(group, place))
        place -= HEADING_HEIGHT
        for dot in members:
            places.append(place)
            if dot.quiet:
                shapes.append(_band(place))
            place -= 1
    shapes += [vertical_line(level.value, level.dash, level.color) for level in levels]
    shapes.append(vertical_line(0.0, "solid", MUTED))
    notes += [note_at(level.value, level.text, top=True, right_of=False) for level in levels if level.text]
    layout = {
        "xaxis": {"title": {"text": axis}, "range": list(span)},
        "yaxis": {
            "tickvals": places,
            "ticktext": [safe(dot.name, 28) for dot in dots],
            "range": [place + 0.4, 0.6],
            "showgrid": False,
        },
        "shapes": shapes,
        "annotations": notes,
        "margin": {"l": 8, "r": 16, "t": 28, "b": 8},
        "hovermode": "closest",
    }
    height = FRAME + round(row_height * -place)
    return finish(_traces(dots, places, span), layout, height), height


def _traces(dots: Sequence[Dot], places: Sequence[float], span: tuple[float, float]) -> list[Trace]:
    """A trace for each style, its single draws behind it."""
    low, high = span
    styles: dict[tuple[str, str], list[tuple[Dot, float]]] = {}
    for dot, place in zip(dots, places, strict=True):
        symbol = "triangle-left" if dot.value < low else "triangle-right" if dot.value > high else dot.symbol
        styles.setdefault((dot.color, symbol), []).append((dot, place))
    traces: list[Trace] = []
    for (color, symbol), members in styles.items():
        single = [(draw, place - 0.24) for dot, place in members if len(dot.draws) > 1 for draw in dot.draws]
        if single:
            traces.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "x": [draw for draw, _ in single],
                    "y": [place for _, place in single],
                    "marker": {"color": color, "size": 4, "opacity": 0.5, "symbol": "circle"},
                    "hoverinfo": "skip",
                }
            )
        beyond = symbol in ("triangle-left", "triangle-right")
        ends = [(None, None, None) if beyond else (dot.value, dot.low, dot.high) for dot, _ in members]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers+text" if beyond else "markers",
                "x": [min(max(dot.value, low), high) for dot, _ in members],
                "y": [place for _, place in members],
                "text": [f"{dot.value:+.1f}".replace("-", "−") if beyond else "" for dot, _ in members],
                "textposition": "middle right" if symbol == "triangle-left" else "middle left",
                "textfont": {"size": 11},
                "marker": {"color": color, "symbol": symbol, "size": 11, "line": {"width": 2, "color": color}},
                "error_x": bars(ends, color),
                "hovertext": [dot.hover for dot, _ in members],
                "hovertemplate": "%{hovertext}<extra></extra>",
                "cliponaxis": not beyond,
            }
        )
    return traces


def _band(place: float) -> dict[str, Any]:
    ends = {"type": "rect", "xref": "paper", "x0": 0, "x1": 1, "y0": place - 0.5, "y1": place + 0.5}
    return {**ends, "fillcolor": BAND, "line": {"width": 0}, "layer": "below"}


def _heading(text: str, place: float) -> dict[str, Any]:
    return {
        "xref": "paper",
        "x": 0,
        "xanchor": "left",
        "yref": "y",
        "y": place,
        "yanchor": "middle",
        "text": f"<b>{safe(text, 40)}</b>",
        "showarrow": False,
        "font": {"size": 13},
        "xshift": 4,
    }
