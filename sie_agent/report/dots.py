"""Dots with intervals, one line each under headings: the chart that gains and agreement share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sie_agent.report.number_words import Ends, signed
from sie_agent.report.plots import BAND, MUTED, ROOM_ABOVE, chart, interval_bars, marks, safe

HEADING_HEIGHT, FRAME = 1.25, 96
BEYOND_LEFT, BEYOND_RIGHT = "triangle-left", "triangle-right"


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
    ends: Ends
    color: str
    symbol: str
    hover: str
    draws: tuple[float, ...] = ()
    quiet: bool = False

    @property
    def value(self) -> float:
        """Where the dot stands."""
        return self.ends[0] or 0.0


def dot_chart(dots: Sequence[Dot], *, axis: str, span: tuple[float, float], row_height: int = 30) -> Any:
    """Draw the dots from top to bottom, with a line at zero.

    Parameters
    ----------
    axis : title of the axis. span : its ends; a dot beyond them becomes an arrow at the end with its value beside it.

    Returns
    -------
    the plotly figure.
    """
    headings, places, place = [], [], 0.0
    for group, members in groupby(dots, key=lambda dot: dot.group):
        headings.append((group, place))
        place -= HEADING_HEIGHT
        for _ in members:
            places.append(place)
            place -= 1
    made = chart(
        _traces(dots, places, span),
        FRAME + round(row_height * -place),
        margin=ROOM_ABOVE,
        xaxis={"title_text": axis, "range": span},
        yaxis={"tickvals": places, "ticktext": [safe(dot.name, 28) for dot in dots]},
        yaxis_range=[place + 0.4, 0.6],
        yaxis_showgrid=False,
    )
    for text, top in headings:
        # headings stand inside the chart: as ticks they would leave it no room on a phone
        inside = {"xref": "paper", "x": 0, "xanchor": "left", "xshift": 4, "y": top, "yanchor": "middle"}
        made.add_annotation(text=f"<b>{safe(text, 40)}</b>", font_size=13, **inside)
    for dot, middle in zip(dots, places, strict=True):
        if dot.quiet:
            made.add_hrect(middle - 0.5, middle + 0.5, fillcolor=BAND, line_width=0)
    made.add_vline(0.0, line_color=MUTED)
    return made


def _traces(dots: Sequence[Dot], places: Sequence[float], span: tuple[float, float]) -> list[Any]:
    """A trace for each style, its single draws behind it."""
    low, high = span
    styles: dict[tuple[str, str], list[tuple[Dot, float]]] = {}
    for dot, place in zip(dots, places, strict=True):
        symbol = BEYOND_LEFT if dot.value < low else BEYOND_RIGHT if dot.value > high else dot.symbol
        styles.setdefault((dot.color, symbol), []).append((dot, place))
    traces = []
    for (color, symbol), members in styles.items():
        single = [(draw, place - 0.24) for dot, place in members if len(dot.draws) > 1 for draw in dot.draws]
        if single:
            draws, heights = zip(*single, strict=True)
            traces.append(marks(draws, heights, color, size=4, marker_opacity=0.5))
        x, y = [min(max(dot.value, low), high) for dot, _ in members], [place for _, place in members]
        trace = marks(x, y, color, symbol=symbol, size=11, hovertext=[dot.hover for dot, _ in members])
        trace.marker.line = {"width": 2, "color": color}
        if symbol in (BEYOND_LEFT, BEYOND_RIGHT):
            side = "middle right" if symbol == BEYOND_LEFT else "middle left"
            text = [signed(dot.value, 1) for dot, _ in members]
            trace.update(mode="markers+text", text=text, textposition=side, textfont_size=11, cliponaxis=False)
        else:
            trace.error_x = interval_bars([dot.ends for dot, _ in members], color)
        traces.append(trace)
    return traces
