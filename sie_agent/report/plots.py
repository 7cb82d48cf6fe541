"""What every chart shares: colours that work on light and dark, markers, the frame around the data.

Text colour, grid and hover boxes are left to the page's style sheet, so that one chart serves both schemes.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from sie_agent.labels import WEAK_LABELS

# Okabe and Ito (2008), shifted to middle lightness so that each has contrast 3:1 on white and on near-black
BLUE, GREEN, VERMILLION, OCHRE = "#2f7fc1", "#0d9a74", "#d55e00", "#a97a0c"
PURPLE, GREY, ROSE, SKY = "#a866b4", "#7d858f", "#c8577f", "#2b93a8"
PALETTE = (OCHRE, BLUE, GREEN, PURPLE, ROSE, SKY, VERMILLION)
SYMBOLS = ("pentagon", "circle", "square", "triangle-up", "hexagon", "star-triangle-up", "triangle-down")
BAND = "rgba(125,133,143,0.14)"
MUTED = "rgba(125,133,143,0.55)"

Trace = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """One of several figures that share a place on the page; the first is the plot's own.

    Parameters
    ----------
    group, name : what the reader chooses by.
    note : what is to be known of this figure alone.
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
    choices: tuple[Choice, ...] = ()


def label_color(name: str) -> str:
    """The colour of a weak label, by its place in the registry; grey for what is none."""
    return PALETTE[list(WEAK_LABELS).index(name) % len(PALETTE)] if name in WEAK_LABELS else GREY


def label_symbol(name: str) -> str:
    """The marker of a weak label, by its place in the registry."""
    return SYMBOLS[list(WEAK_LABELS).index(name) % len(SYMBOLS)] if name in WEAK_LABELS else "circle"


def safe(text: str, limit: int = 60) -> str:
    """Foreign text for a chart: shortened, and escaped because plotly reads a dialect of HTML."""
    # direction overrides and the like are dropped: they could turn a chart's text around
    folded = " ".join("".join(letter for letter in str(text) if letter.isprintable() or letter.isspace()).split())
    shortened = folded if len(folded) <= limit else folded[: limit - 1].rstrip() + "…"
    # a template would be filled in where %{...} stands, and TeX set where $...$ stands
    return html.escape(shortened, quote=True).replace("%{", "% {").replace("$", "&#36;")


def finish(traces: Sequence[Trace], layout: dict[str, Any], height: int) -> str:
    """Check traces and layout against plotly's schema and write them as JSON (not yet fit for a script)."""
    import plotly.graph_objects as go

    frame = {
        "height": height,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#555"},
        "margin": {"l": 8, "r": 16, "t": 12, "b": 8},
        "hoverlabel": {"align": "left", "font": {"family": "system-ui, sans-serif", "size": 13}},
        "showlegend": False,
        "template": "none",
        "dragmode": False,
        **layout,
    }
    for name in dict.fromkeys(["xaxis", "yaxis", *(key for key in layout if key[1:5] == "axis")]):
        own = layout.get(name, {})
        if "title" in own:
            own = {**own, "title": {**own["title"], "font": {"size": 13}}}
        frame[name] = {"automargin": True, "gridcolor": BAND, "zeroline": False, "fixedrange": True, **own}
    return str(go.Figure(data=list(traces), layout=frame).to_json())


def see_through(color: str) -> str:
    """A colour for a band behind a line of that colour."""
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.13)"


def legend_below() -> dict[str, Any]:
    """A legend under the chart; the page makes the chart taller where the legend takes more lines."""
    return {
        "orientation": "h",
        "x": 0,
        "xref": "container",
        "xanchor": "left",
        "y": 0,
        "yref": "container",
        "yanchor": "bottom",
        "maxheight": 1,
        "font": {"size": 12},
    }


def bars(figures: Sequence[tuple[float | None, float | None, float | None]], color: str) -> dict[str, Any]:
    """Error bars of (value, low, high); none where an end is not known."""
    above = [0.0 if high is None or value is None else high - value for value, _, high in figures]
    below = [0.0 if low is None or value is None else value - low for value, low, _ in figures]
    style = {"color": color, "thickness": 1.5, "width": 4}
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, **style}


def vertical_line(value: float, dash: str, color: str = GREY) -> dict[str, Any]:
    """A line over the full height of a chart."""
    return {
        "type": "line",
        "xref": "x",
        "yref": "paper",
        "x0": value,
        "x1": value,
        "y0": 0,
        "y1": 1,
        "line": {"dash": dash, "color": color, "width": 1.5},
        "layer": "below",
    }


def caption_of(*parts: tuple[bool, str]) -> str:
    """The sentences of a caption that are true of what is drawn."""
    return " ".join(text for holds, text in parts if holds)


def note_at(value: float, text: str, *, top: bool, right_of: bool) -> dict[str, Any]:
    """A short label at the end of a vertical line."""
    return {
        "xref": "x",
        "yref": "paper",
        "x": value,
        "y": 1 if top else 0,
        "text": text,
        "showarrow": False,
        "xanchor": "left" if right_of else "right",
        "yanchor": "bottom" if top else "top",
        "font": {"size": 12},
        "yshift": 2 if top else -16,
    }


def histogram(
    values: Sequence[float] | np.ndarray[Any, Any],
    *,
    key: str,
    title: str,
    caption: str,
    axis: str,
    mode: str,
    unit: str,
    color: str,
    limits: tuple[float, float] | None = None,
) -> Plot | None:
    """Counts of *values* in twenty bins; None where there is nothing to count.

    Counted here and drawn as bars, so that a page about a million rows is no larger than one about a hundred.
    """
    finite = np.asarray(values, dtype="float64")
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        return None
    low, high = limits or (float(finite.min()), float(finite.max()))
    if high - low < 1e-12:
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(finite, bins=20, range=(low, high))
    middles = (edges[:-1] + edges[1:]) / 2
    trace = {
        "type": "bar",
        "x": middles.tolist(),
        "y": counts.tolist(),
        "marker": {"color": color},
        "width": float(edges[1] - edges[0]) * 0.92,
        "customdata": [[f"{a:.3g} to {b:.3g}"] for a, b in pairwise(edges)],
        "hovertemplate": f"%{{customdata[0]}}: %{{y:,}} {unit}<extra></extra>",
    }
    quarters = [f"{value:.3g}".replace("-", "−") for value in np.quantile(finite, [0.25, 0.5, 0.75])]
    layout = {
        "xaxis": {"title": {"text": axis}, "range": [low, high]},
        "yaxis": {"title": {"text": unit}, "rangemode": "tozero"},
        "bargap": 0,
    }
    return Plot(
        key=key,
        title=title,
        caption=caption,
        mode=mode,
        basis=f"{finite.size:,} {unit}",
        summary=f"Histogram of {axis} over {finite.size:,} {unit}: half of them lie between {quarters[0]} "
        f"and {quarters[2]}, the middle one at {quarters[1]}.",
        figure=finish([trace], layout, 260),
        height=260,
    )
