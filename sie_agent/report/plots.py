"""What every chart shares: a theme, colours that work on light and dark, marks with intervals, a histogram.

Text colour, grid and hover boxes are left to the page's style sheet, so that one chart serves both schemes.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from sie_agent.labels import WEAK_LABELS
from sie_agent.report.number_words import Ends, count, significant
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


def plot_of(made: Any, **words: Any) -> Plot:
    """A chart for the page from a plotly figure and what is said of it."""
    return Plot(figure=made.to_json(), height=made.layout.height, **words)


def label_style(name: str) -> tuple[str, str]:
    """Colour and marker of a weak label, by its place in the registry; grey circles for what is none."""
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
    """A trace of markers; without ``hovertext`` the pointer passes over them."""
    import plotly.graph_objects as go

    style = {"mode": "markers", "marker": {"color": color, "symbol": symbol, "size": size}}
    return go.Scatter(x=x, y=y, **style, hoverinfo=None if "hovertext" in own else "skip").update(own)


def sentences(*parts: str | bool) -> str:
    """The parts that hold, as one text: ``sentences("Always.", is_drawn and "The line is …")``."""
    return " ".join(part for part in parts if isinstance(part, str) and part)


def interval_bars(figures: Sequence[Ends], color: str) -> dict[str, Any]:
    """Error bars of (value, low, high); none where an end is not known."""
    above = [0.0 if high is None or value is None else high - value for value, _, high in figures]
    below = [0.0 if low is None or value is None else value - low for value, low, _ in figures]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "color": color}


def histogram(
    values: npt.ArrayLike, *, axis: str, unit: str, color: str, limits: tuple[float, float] | None = None, **words: Any
) -> Plot | None:
    """Counts of *values* in twenty bins; None where there is nothing to count.

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
