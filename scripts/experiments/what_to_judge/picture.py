"""Quality against budget as a picture: a panel for each data set and judge, a line for each strategy. Plain SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, LEFT, TOP, GAP = 250, 170, 56, 64, 62
INK, FAINT = "#1c1c1c", "#d8d8d8"
COLOURS = ("#1c1c1c", "#c2410c", "#1d6fa5", "#3f7d3f", "#8a4fa3")


def write_curves(path: Path, found: Mapping[str, Any], metric: str, strategies: Sequence[str]) -> None:
    """Draw one metric of every data set (rows) and judge (columns); the first strategy is dashed."""
    parts, columns = [], 0
    for line, (data, about) in enumerate(found["data"].items()):
        rows = [row for row in about["curves"] if row["metric"] == metric]
        judges = list(dict.fromkeys(row["judge"] for row in rows))
        columns = max(columns, len(judges))
        for place, judge in enumerate(judges):
            own = [row for row in rows if row["judge"] == judge]
            parts.append(panel(own, f"{data}: {judge}", place, line, strategies))
    width, height = LEFT + columns * (WIDTH + GAP), TOP + len(found["data"]) * (HEIGHT + GAP)
    title = "Accuracy within unseen queries of the distilled relevance, by pairs judged"
    key = "".join(
        f'<text x="{LEFT + 110 * place}" y="40" fill="{colour}">{escape(name)}{" (dashed)" if not place else ""}</text>'
        for place, (name, colour) in enumerate(zip(strategies, COLOURS, strict=True))
    )
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="11" fill="{INK}" role="img"><title>{escape(title)}</title>'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>{key}{"".join(parts)}</svg>\n',
        encoding="utf-8",
    )


def panel(rows: Sequence[Mapping[str, Any]], title: str, column: int, line: int, strategies: Sequence[str]) -> str:
    """One judge on one data set: budgets on a logarithmic axis."""
    left, top = LEFT + column * (WIDTH + GAP), TOP + line * (HEIGHT + GAP)
    budgets = sorted({row["budget"] for row in rows})
    low, high = (pick(row["value"] for row in rows) for pick in (min, max))
    span = max(high - low, 1e-6)

    def across(budget: float) -> float:
        return left + WIDTH * math.log(budget / budgets[0]) / max(math.log(budgets[-1] / budgets[0]), 1e-9)

    def up(value: float) -> float:
        return top + HEIGHT * (high - value) / span

    parts = [f'<text x="{left}" y="{top - 8}" font-weight="bold">{escape(title)}</text>']
    for budget in budgets:
        x = across(budget)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + HEIGHT}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{x:.1f}" y="{top + HEIGHT + 14}" text-anchor="middle">{budget:,}</text>')
    for value in (low, low + span / 2, high):
        parts.append(f'<text x="{left - 5}" y="{up(value) + 4:.1f}" text-anchor="end">{value:.3f}</text>')
    for place, (name, colour) in enumerate(zip(strategies, COLOURS, strict=True)):
        corners = " ".join(
            f"{across(row['budget']):.1f},{up(row['value']):.1f}" for row in rows if row["strategy"] == name
        )
        dashes = "" if place else ' stroke-dasharray="5 3"'
        parts.append(f'<polyline points="{corners}" fill="none" stroke="{colour}" stroke-width="1.6"{dashes}/>')
    return "".join(parts)
