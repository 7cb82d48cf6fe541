"""What every chart shares: a theme, colours that work on light and dark, marks with intervals, dots, a histogram.

Text colour, grid and hover boxes are left to the page's style sheet, so that one chart serves both schemes.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from sie_agent.labels import WEAK_LABELS
from sie_agent.report.number_words import Ends, count, signed, significant
from sie_agent.report.page import cleaned

# Okabe and Ito (2008), shifted to middle lightness so that each has contrast 3:1 on white and on near-black
BLUE, GREEN, VERMILLION, OCHRE = "#2f7fc1", "#0d9a74", "#d55e00", "#a97a0c"
PURPLE, GREY, ROSE, SKY = "#a866b4", "#7d858f", "#c8577f", "#2b93a8"
PALETTE = (OCHRE, BLUE, GREEN, PURPLE, ROSE, SKY, VERMILLION)
SYMBOLS = ("pentagon", "circle", "square", "triangle-up", "hexagon", "star-triangle-up", "triangle-down")
BAND = "rgba(125,133,143,0.14)"
MUTED = "rgba(125,133,143,0.55)"
# behind a line in BLUE
BLUE_BAND = "rgba(47,127,193,0.13)"
# room for a note above the chart
ROOM_ABOVE = {"t": 28}
# of charts of dots, in rows and in pixels
HEADING_HEIGHT, FRAME = 1.25, 96
# for a dot beyond the axis
BEYOND_LEFT, BEYOND_RIGHT = "triangle-left", "triangle-right"


@dataclass(frozen=True)
class PlotChoice:
    """One of several figures that share a place on the page; the first is the plot's own.

    Parameters
    ----------
    group, name : what the reader chooses by.
    note : what to know about this figure alone.
    """

    group: str
    name: str
    note: str
    summary: str
    figure: str


@dataclass(frozen=True)
class Plot:
    """One chart, ready for the page.

    Parameters
    ----------
    key : element id, unique on the page.
    title : what it shows.
    summary : the same in words, for people who cannot see it (read aloud in its place).
    caption : how to read it.
    mode : mode (or modes) of its figures.
    basis : number of rows or queries behind it.
    figure : JSON of data and layout.
    height : in pixels.
    choices : the figures that the reader can choose from; empty where there is one alone.
    chooser : what they differ in.
    """

    key: str
    title: str
    summary: str
    caption: str
    mode: str
    basis: str
    figure: str
    height: int
    choices: tuple[PlotChoice, ...] = ()
    chooser: str = "Model and measure"


def plot_of(made: Any, **words: Any) -> Plot:
    """A chart for the page from a plotly figure and what is said of it."""
    return Plot(figure=made.to_json(), height=made.layout.height, **words)


def label_style(name: str) -> tuple[str, str]:
    """Colour and marker of a weak label, by its place in the registry; grey circles for other labels."""
    if name not in WEAK_LABELS:
        return GREY, "circle"
    place = list(WEAK_LABELS).index(name)
    return PALETTE[place % len(PALETTE)], SYMBOLS[place % len(SYMBOLS)]


def safe(text: str, limit: int = 60) -> str:
    """Foreign text for a chart: shortened, and escaped because plotly reads a dialect of HTML."""
    # a template would be filled in where %{...} stands, and TeX set where $...$ stands
    return html.escape(cleaned(text, limit), quote=True).replace("%{", "% {").replace("$", "&#36;")


@cache
def theme() -> Any:
    """The style of every chart, as a plotly template; a figure says only what is its own."""
    import plotly.graph_objects as go

    axis = {
        "automargin": True,
        "showgrid": True,
        "gridcolor": BAND,
        "zeroline": False,
        "fixedrange": True,
        "title_font_size": 13,
    }
    bars = {"thickness": 1.5, "width": 4}
    font = {"family": "system-ui, sans-serif", "size": 13}
    legend_below = {"orientation": "h", "xref": "container", "yref": "container", "maxheight": 1, "font_size": 12}
    scatter = go.Scatter(hovertemplate="%{hovertext}<extra></extra>", textfont_size=12, error_x=bars, error_y=bars)
    return go.layout.Template(
        data_scatter=[scatter],
        layout=go.Layout(
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            font={**font, "color": "#555"},
            margin={"l": 8, "r": 16, "t": 12, "b": 8},
            hoverlabel={"align": "left", "font": font},
            hovermode="closest",
            dragmode=False,
            showlegend=False,
            # the page makes the chart taller where the legend takes more lines
            legend={**legend_below, "x": 0, "xanchor": "left", "y": 0, "yanchor": "bottom"},
            xaxis=axis,
            yaxis=axis,
            annotationdefaults={"showarrow": False, "font_size": 12},
            shapedefaults={"layer": "below", "line_width": 1.5},
        ),
    )


def chart(traces: Sequence[Any], height: int, **layout: Any) -> Any:
    """A plotly figure in the report's theme; plotly checks every name and value."""
    import plotly.graph_objects as go

    return go.Figure(list(traces), {"template": theme(), "height": height, **layout})


def marks(
    x: Sequence[float | None], y: Sequence[float | None], color: str, *, symbol: Any = "circle", size: int, **own: Any
) -> Any:
    """A trace of markers; without ``hovertext`` they do not react to the pointer."""
    import plotly.graph_objects as go

    style = {"mode": "markers", "marker": {"color": color, "symbol": symbol, "size": size}}
    return go.Scatter(x=x, y=y, **style, hoverinfo=None if "hovertext" in own else "skip").update(own)


def sentences(*parts: str | bool) -> str:
    """The parts that hold, as one text: ``sentences("Always.", is_drawn and "The line is …")``."""
    return " ".join(part for part in parts if isinstance(part, str) and part)


def interval_bars(figures: Sequence[Ends], color: str) -> dict[str, Any]:
    """Error bars from (value, low, high); none if an end is unknown."""
    above = [0.0 if high is None or value is None else high - value for value, _, high in figures]
    below = [0.0 if low is None or value is None else value - low for value, low, _ in figures]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": color}


def histogram(
    values: npt.ArrayLike, *, axis: str, unit: str, color: str, limits: tuple[float, float] | None = None, **words: Any
) -> Plot | None:
    """Counts of *values* in twenty bins; None without values.

    Counted here and drawn as bars, so that a page about a million rows is no larger than one about a hundred.
    """
    import plotly.graph_objects as go

    finite = np.asarray(values, dtype="float64")
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        return None
    low, high = limits or (float(finite.min()), float(finite.max()))
    if high - low < 1e-12:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(finite, bins=20, range=(low, high))
    bars = go.Bar(
        x=((edges[:-1] + edges[1:]) / 2).tolist(),
        y=counts.tolist(),
        marker_color=color,
        width=float(edges[1] - edges[0]) * 0.92,
        customdata=[[f"{start:.3g} to {end:.3g}"] for start, end in pairwise(edges)],
        hovertemplate=f"%{{customdata[0]}}: %{{y:,}} {unit}<extra></extra>",
    )
    axes = {"xaxis_title_text": axis, "xaxis_range": [low, high], "yaxis_title_text": unit, "yaxis_rangemode": "tozero"}
    made = chart([bars], 260, bargap=0, **axes)
    first, middle, last = (significant(value) for value in np.quantile(finite, [0.25, 0.5, 0.75]))
    basis = count(finite.size, unit)
    lie = f"half of them lie between {first} and {last}, the middle one at {middle}"
    return plot_of(made, **words, basis=basis, summary=f"Histogram of {axis} over {basis}: {lie}.")


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
