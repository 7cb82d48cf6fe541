"""The chart that holds rankers against each other: a panel of the gap recovered for each of them."""

from __future__ import annotations

from typing import Any

from sie_agent.report import pick, words
from sie_agent.report.plots import BAND, GREY, Plot, Trace, finish, legend_below, safe
from sie_agent.report.plots_downstream import ALL_WEIGHTED, LINES, share_axis, shown_at_first, style_of
from sie_agent.report.read import RunFolder
from sie_agent.report.shapes import Downstream

PANEL, FRAME = 210, 130
BETWEEN = 0.08
WEIGHTS_WIDTH = 0.2
# a strategy that does much harm would flatten all the others
LOWEST, HIGHEST = -1.0, 2.0


def rankers_plot(run: RunFolder) -> Plot | None:
    """Gap recovered on AUC against the share kept, by ranker; None for a single ranker, or where no gap is known."""
    rankers, judge = pick.rankers_of(run.agreement), pick.primary_judge(run)
    rows = [
        row
        for row in pick.downstream_of(run.agreement.downstream, judge, "auc")
        if row.strategy not in LINES and row.gap_recovered is not None
    ]
    if len(rankers) < 2 or not rows:
        return None
    strategies = sorted({_base(row) for row in rows})
    distilled = any(name.endswith("-distilled") for name in strategies)
    traces: list[Trace] = []
    named = set()
    for panel, ranker in enumerate(rankers):
        for place, strategy in enumerate(strategies):
            members = [row for row in rows if row.ranker == ranker and _base(row) == strategy]
            if members:
                trace = _trace(strategy, members, place, len(strategies))
                visible = True if shown_at_first(strategy, distilled=distilled) else "legendonly"
                once = {"showlegend": strategy not in named, "visible": visible, "yaxis": _axis("y", panel)}
                traces.append({**trace, **once})
                named.add(strategy)
    height = FRAME + PANEL * len(rankers)
    told = "; ".join(_told(row) for row in rows if row.keep == pick.HALF or row.weighting)
    return Plot(
        key="plot-downstream-rankers",
        title="Gap recovered, by the model that is trained",
        summary=f"Share of the gap in AUC that each strategy recovers: {told}.",
        caption="A panel per model. 0 % is the whole noisy log, 100 % clean labels, each of the same model. Marks "
        "right of 100 % of the rows: all rows kept, but weighted. A panel is empty where a model does not learn more "
        f"from clean labels for certain; what lies below {words.percent(LOWEST)} is outside. "
        "Tap a name in the legend to show or hide it in every panel.",
        mode=pick.mode_of(run.agreement, judge),
        basis=words.count(next((row.n_queries for row in rows if row.n_queries), None), "test query", "test queries"),
        figure=finish(traces, _layout(rankers, rows), height),
        height=height,
    )


def _base(row: Downstream) -> str:
    return row.strategy.removesuffix("-weights") if row.weighting else row.strategy


def _axis(letter: str, panel: int) -> str:
    return letter if panel == 0 else f"{letter}{panel + 1}"


def _told(row: Downstream) -> str:
    share = "weighted" if row.weighting else f"at {words.percent(row.keep)}"
    gap = words.gap_words(row.gap_recovered, row.gap_ci_low, row.gap_ci_high)
    return f"{row.ranker}, {row.strategy} {share}: {gap}"


def _trace(strategy: str, members: list[Downstream], place: int, count: int) -> Trace:
    """One strategy in one panel: the shares kept as a line, then, behind a gap in it, the weights."""
    color, symbol, dash = style_of(strategy, place)
    kept = sorted((row for row in members if not row.weighting), key=lambda row: row.keep or 0.0)
    weighted = [row for row in members if row.weighting]
    aside = ALL_WEIGHTED + WEIGHTS_WIDTH * ((place + 0.5) / count - 0.5)
    break_up = [None] if kept and weighted else []
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": safe(strategy, 28),
        "legendgroup": safe(strategy),
        "connectgaps": False,
        "x": [*(row.keep for row in kept), *break_up, *(aside for _ in weighted)],
        "y": [*(row.gap_recovered for row in kept), *break_up, *(row.gap_recovered for row in weighted)],
        "line": {"color": color, "dash": dash, "width": 2},
        "marker": {"color": color, "symbol": symbol, "size": 8},
        "hovertext": [
            *(safe(_told(row), 100) for row in kept),
            *("" for _ in break_up),
            *(safe(_told(row), 100) for row in weighted),
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def _layout(rankers: list[str], rows: list[Downstream]) -> dict[str, Any]:
    """Panels one below the other, which stay readable on a telephone, with one scale for all."""
    gaps = [row.gap_recovered or 0.0 for row in rows]
    known = {row.ranker for row in rows}
    scale = [max(min(*gaps, 0.0), LOWEST) - 0.08, min(max(*gaps, 1.0), HIGHEST) + 0.08]
    size = (1 - BETWEEN * (len(rankers) - 1)) / len(rankers)
    layout: dict[str, Any] = {
        "xaxis": {**share_axis(), "anchor": _axis("y", len(rankers) - 1)},
        "showlegend": True,
        "legend": legend_below(),
        "hovermode": "closest",
        "margin": {"l": 8, "r": 16, "t": 28, "b": 8},
        "shapes": [],
        "annotations": [],
    }
    for panel, ranker in enumerate(rankers):
        top = 1 - panel * (size + BETWEEN)
        layout["yaxis" if panel == 0 else f"yaxis{panel + 1}"] = {
            "domain": [max(0.0, top - size), top],
            "tickformat": ".0%",
            "zeroline": True,
            "zerolinecolor": GREY,
            "gridcolor": BAND,
            "range": scale,
        }
        level = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": _axis("y", panel), "y0": 1, "y1": 1}
        layout["shapes"].append({**level, "line": {"dash": "dot", "color": GREY, "width": 1.5}, "layer": "below"})
        text = safe(ranker) if ranker in known else f"{safe(ranker)}: no gap for certain"
        layout["annotations"].append(
            {
                "xref": "paper",
                "yref": "paper",
                "x": 0,
                "y": top,
                "xanchor": "left",
                "yanchor": "bottom",
                "text": text,
                "showarrow": False,
                "font": {"size": 13},
            }
        )
    return layout
