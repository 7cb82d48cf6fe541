"""Dots with intervals, one line per label: the chart that agreement and contribution share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sie_agent.report import pick, words
from sie_agent.report.plots import (
    BAND,
    BLUE,
    GREEN,
    GREY,
    MUTED,
    OCHRE,
    PURPLE,
    ROSE,
    SKY,
    VERMILLION,
    Trace,
    finish,
    note_at,
    safe,
    vertical_line,
)
from sie_agent.report.shapes import AgreementRow

STYLE = {
    "value": (BLUE, "circle"),
    "support": (GREEN, "square"),
    "hardness": (PURPLE, "triangle-up"),
    "plain-loss": (OCHRE, "diamond"),
    "proxy-loss": (OCHRE, "x"),
    "lexical": (SKY, "cross"),
    "random": (GREY, "hourglass"),
    pick.CONTROL: (VERMILLION, "star-diamond"),
    "grade": (ROSE, "star"),
}
ROW_HEIGHT = 30


def dot_chart(
    entries: Sequence[tuple[str, AgreementRow, str]],
    *,
    bound: float | None,
    control: float | None,
    metric: str,
) -> tuple[str, int]:
    """Dots with intervals, one line per entry, under group headings; the baselines on a grey band.

    Parameters
    ----------
    entries : (heading, row, name) in the order of drawing; equal headings follow each other.
    bound, control : lines over the full height; None leaves them out.
    metric : title of the axis.

    Returns
    -------
    the figure's JSON and its height in pixels.
    """
    traces, ticks, shapes, notes = [], [], [], []
    # headings stand inside the chart: as ticks they would leave it no room on a phone
    place, heading = 0, None
    for group, row, name in entries:
        if group != heading:
            notes.append(_heading(group, place))
            heading, place = group, place - 1
        if pick.is_baseline(row) and row.label != "grade":
            shapes.append(
                {
                    "type": "rect",
                    "xref": "paper",
                    "x0": 0,
                    "x1": 1,
                    "y0": place - 0.5,
                    "y1": place + 0.5,
                    "fillcolor": BAND,
                    "line": {"width": 0},
                    "layer": "below",
                }
            )
        ticks.append((place, safe(name, 24)))
        traces += _dot(row, place)
        place -= 1
    reach = [
        value
        for _, row, _ in entries
        for value in (row.value, row.ci_low, row.ci_high, *row.draws)
        if value is not None
    ]
    reach += [value for value in (bound, 0.0) if value is not None]
    if bound is not None:
        shapes.append(vertical_line(bound, "dash"))
        notes.append(note_at(bound, f"bound {words.number(bound)}", top=True, right_of=False))
    if control is not None:
        # no words at this line: on a phone they would run into those of the bound, and its row has a name
        shapes.append(vertical_line(control, "dot", VERMILLION))
    shapes.append(vertical_line(0.0, "solid", MUTED))
    layout = {
        "xaxis": {
            "title": {"text": metric},
            "range": [max(-1.0, min(reach) - 0.06), min(1.0, max(reach) + 0.06)],
        },
        "yaxis": {
            "tickvals": [tick for tick, _ in ticks],
            "ticktext": [text for _, text in ticks],
            "range": [place + 0.4, 0.5],
            "showgrid": False,
        },
        "shapes": shapes,
        "annotations": notes,
        "margin": {"l": 8, "r": 16, "t": 28, "b": 8},
    }
    height = 96 + ROW_HEIGHT * -place
    return finish(traces, layout, height), height


def _heading(text: str, place: int) -> dict[str, Any]:
    return {
        "xref": "paper",
        "x": 0,
        "xanchor": "left",
        "y": place,
        "yanchor": "middle",
        "text": f"<b>{text}</b>",
        "showarrow": False,
        "font": {"size": 13},
        "xshift": 4,
    }


def _dot(row: AgreementRow, place: int) -> list[Trace]:
    """One mark with its interval, and its single draws faintly below."""
    color, symbol = STYLE.get(row.label, (GREY, "circle"))
    if row.source == "weak label" and not pick.is_baseline(row):
        symbol += "-open"
    traces: list[Trace] = []
    draws = [draw for draw in row.draws if draw is not None]
    if len(draws) > 1:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "x": draws,
                "y": [place - 0.24] * len(draws),
                "marker": {"color": color, "size": 4, "opacity": 0.5, "symbol": "circle"},
                "hoverinfo": "skip",
            }
        )
    error = {
        "type": "data",
        "symmetric": False,
        "color": color,
        "thickness": 2,
        "width": 5,
        "array": [(row.ci_high if row.ci_high is not None else row.value or 0) - (row.value or 0)],
        "arrayminus": [(row.value or 0) - (row.ci_low if row.ci_low is not None else row.value or 0)],
    }
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "x": [row.value],
            "y": [place],
            "marker": {"color": color, "symbol": symbol, "size": 12, "line": {"width": 2, "color": color}},
            "error_x": error,
            "hovertemplate": f"{safe(row.label)}: {words.figure(row.value, row.ci_low, row.ci_high)}<br>"
            f"judge {safe(row.judge)}<br>{words.count(row.n_queries, 'query', 'queries')}<extra></extra>",
        }
    )
    return traces
