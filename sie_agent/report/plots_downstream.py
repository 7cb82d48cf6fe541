"""Charts of what the scores do to the target model: quality against the share of rows kept."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from sie_agent.evaluation import BASELINES, TARGET
from sie_agent.report import pick, words
from sie_agent.report.plots import (
    BLUE,
    GREEN,
    GREY,
    OCHRE,
    PURPLE,
    ROSE,
    SKY,
    VERMILLION,
    Plot,
    Trace,
    finish,
    legend_below,
    safe,
    see_through,
)
from sie_agent.report.read import RunFolder
from sie_agent.report.shapes import Downstream

# colour, marker, dash: three ways to tell lines apart, so that none hangs on colour alone
STYLE = {
    "value": (BLUE, "circle", "solid"),
    "support": (GREEN, "square", "dash"),
    "hardness": (PURPLE, "triangle-up", "dashdot"),
    "plain-loss": (OCHRE, "diamond", "dot"),
    "random": (GREY, "x", "dot"),
    "drop-easiest": (OCHRE, "diamond-open", "longdash"),
    "exact-influence": (VERMILLION, "pentagon", "dot"),
    "oracle": (ROSE, "star-diamond", "dot"),
}
SPARE = ((SKY, "cross", "longdash"), (ROSE, "star", "dashdot"), (VERMILLION, "hexagon", "longdashdot"))
LINES = {"all-noisy": ("whole log as it is", "dash", GREY), "clean-labels": ("clean labels", "solid", ROSE)}
METRICS = {"auc": "AUC", "ndcg@10": "NDCG@10"}
ALL_WEIGHTED = 1.33
# keeping what is wrong falls so far that all the others would look alike
FAR_BELOW = ("drop-easiest",)


def downstream_plots(run: RunFolder) -> list[Plot]:
    """One chart per metric that the run measured; empty without figures."""
    plots = [_curves(run, metric) for metric in dict.fromkeys(row.metric for row in run.agreement.downstream)]
    return [plot for plot in plots if plot is not None]


def _curves(run: RunFolder, metric: str) -> Plot | None:
    judge = pick.primary_judge(run)
    rows = pick.downstream_of(pick.of_main_ranker(run.agreement), judge, metric)
    lines = [row for row in rows if row.strategy in LINES]
    points = [row for row in rows if row.strategy not in LINES]
    if not points:
        return None
    distilled = any(row.strategy.endswith("-distilled") for row in points)
    traces: list[Trace] = []
    points.sort(key=lambda row: (bool(row.weighting), row.strategy, row.keep or 0.0))
    # the weights of strategies without a judge wait in the legend, too
    for place, ((weighted, strategy), chunk) in enumerate(
        groupby(points, key=lambda row: (bool(row.weighting), row.strategy))
    ):
        members = list(chunk)
        if weighted:
            traces.append(_weighting(members[-1], place, strategy.removesuffix("-weights") not in BASELINES))
        else:
            traces += _line(strategy, members, place, shown_at_first(strategy, distilled=distilled))
    name, model = METRICS.get(metric, metric), (pick.rankers_of(run.agreement) or [""])[0]
    told = "; ".join(_told(row) for row in [*lines, *points] if row.keep in (None, 1.0, pick.HALF) or row.weighting)
    return Plot(
        key=f"plot-downstream-{''.join(letter for letter in metric if letter.isalnum())}",
        title=f"{name} of the target model" if model == TARGET else f"{name} of {model}",
        summary=f"{name} on test queries: {told}.",
        caption="Lines: the model trained on the best-scored share of the log; bands: intervals. Horizontal "
        "lines: the whole noisy log, and clean labels. Marks right of 100 %: all rows kept, but weighted. "
        "Tap a name in the legend to show or hide it.",
        mode=pick.mode_of(run.agreement, judge),
        basis=_basis(run, rows),
        figure=finish([*_levels(lines), *traces], _layout(name), 440),
        height=440,
    )


def shown_at_first(strategy: str, *, distilled: bool) -> bool:
    """Whether a strategy's line is drawn before it is tapped in the legend.

    Parameters
    ----------
    distilled : whether the run has distilled scores: then the weak labels themselves would bury the scorer's curves.
    """
    return strategy not in FAR_BELOW and (not distilled or strategy.endswith("-distilled") or strategy in BASELINES)


def _basis(run: RunFolder, rows: list[Downstream]) -> str:
    queries = next((row.n_queries for row in rows if row.n_queries), None) or pick.queries_in(run, "test")
    return words.count(queries, "test query", "test queries")


def share_axis() -> dict[str, Any]:
    """The axis of the share of rows kept, with a place for weights at its right."""
    return {
        "title": {"text": "share of rows kept"},
        "range": [0.0, 1.47],
        "tickvals": [0.25, 0.5, 0.75, 1.0, ALL_WEIGHTED],
        "ticktext": ["25 %", "50 %", "75 %", "100 %", "weighted"],
        "tickangle": 0,
    }


def _layout(name: str) -> dict[str, Any]:
    return {
        "xaxis": share_axis(),
        "yaxis": {"title": {"text": name}, "tickformat": ".3~f"},
        "showlegend": True,
        "legend": legend_below(),
        "hovermode": "closest",
    }


def _told(row: Downstream) -> str:
    share = "" if row.strategy in LINES else " weighted" if row.weighting else f" at {words.percent(row.keep)}"
    return f"{row.strategy}{share} {words.figure(row.value, row.ci_low, row.ci_high, 3)}"


def style_of(strategy: str, place: int) -> tuple[str, str, str]:
    """Colour, marker and dash of a strategy; those not known get one by their place."""
    base = strategy.removesuffix("-weights").removesuffix("-distilled")
    return STYLE.get(base, SPARE[place % len(SPARE)])


def _line(strategy: str, members: list[Downstream], place: int, shown: bool) -> list[Trace]:
    color, symbol, dash = style_of(strategy, place)
    visible = True if shown else "legendonly"
    if not strategy.endswith("-distilled") and strategy in ("value", "support", "hardness"):
        symbol += "-open"
    traces: list[Trace] = []
    banded = [row for row in members if row.ci_low is not None and row.ci_high is not None]
    if len(banded) > 1:
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "fill": "toself",
                "fillcolor": see_through(color),
                "line": {"width": 0},
                "x": [row.keep for row in banded] + [row.keep for row in reversed(banded)],
                "y": [row.ci_low for row in banded] + [row.ci_high for row in reversed(banded)],
                "legendgroup": safe(strategy),
                "showlegend": False,
                "hoverinfo": "skip",
                "visible": visible,
            }
        )
    traces.append(
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": safe(strategy, 28),
            "legendgroup": safe(strategy),
            "visible": visible,
            "x": [row.keep for row in members],
            "y": [row.value for row in members],
            "line": {"color": color, "dash": dash, "width": 2},
            "marker": {"color": color, "symbol": symbol, "size": 8},
            "hovertext": [_told(row) for row in members],
            "hovertemplate": "%{hovertext}<extra></extra>",
        }
    )
    for row in traces[-1:]:
        row["hovertext"] = [safe(text, 90) for text in row["hovertext"]]
    return traces


def _weighting(row: Downstream, place: int, shown: bool) -> Trace:
    color, symbol, _ = style_of(row.strategy, place)
    distilled = row.strategy.endswith("-distilled-weights")
    symbol = symbol.removesuffix("-open") + ("-dot" if distilled else "-open-dot")
    spread = {"value": -0.05, "support": -0.01, "hardness": 0.03}.get(row.strategy.split("-")[0], 0.07)
    spread += 0.02 * distilled
    value = row.value or 0.0
    return {
        "type": "scatter",
        "mode": "markers",
        "name": safe(row.strategy, 28),
        "visible": True if shown else "legendonly",
        "x": [ALL_WEIGHTED + spread],
        "y": [value],
        "marker": {"color": color, "symbol": symbol, "size": 12, "line": {"width": 2}},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "color": color,
            "thickness": 1.5,
            "width": 4,
            "array": [(row.ci_high if row.ci_high is not None else value) - value],
            "arrayminus": [value - (row.ci_low if row.ci_low is not None else value)],
        },
        "hovertemplate": f"{safe(_told(row), 90)}<extra></extra>",
    }


def _levels(lines: list[Downstream]) -> list[Trace]:
    traces: list[Trace] = []
    for row in lines:
        name, dash, color = LINES[row.strategy]
        told = words.figure(row.value, row.ci_low, row.ci_high, 3)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": [0.0, 1.47],
                "y": [row.value, row.value],
                "line": {"color": color, "dash": dash, "width": 2},
                "hovertemplate": f"{name}: {told}<extra></extra>",
            }
        )
    return traces
