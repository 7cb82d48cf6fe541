"""Quality against cost as a picture: a panel for each data set and first judge, a line for each strategy. Plain SVG."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, LEFT, TOP, GAP = 250, 170, 60, 80, 66
INK, FAINT = "#1c1c1c", "#d8d8d8"
STRATEGIES = {
    "unsure to one pass": ("#1d6fa5", ""),
    "random to one pass": ("#1d6fa5", "5 3"),
    "unsure to agent": ("#c2410c", ""),
    "random to agent": ("#c2410c", "5 3"),
}
NAMES = {"lexical": "word overlap", "minilm": "MiniLM", "likelihood": "135 M model", "own": "one pass itself"}


def write_picture(path: Path, found: Mapping[str, Any], mode: str = "gold") -> None:
    """Draw accuracy within test queries by tokens a pair; bars are 95 % intervals of `unsure`."""
    parts, columns = [], 0
    for line, (data, about) in enumerate(found["data"].items()):
        panels = {NAMES.get(name, name): one for name, one in about["chains"].items()}
        panels["simulated judges"] = about["simulated"]
        columns = max(columns, len(panels))
        for place, (name, one) in enumerate(panels.items()):
            parts.append(panel(one[mode]["points"], f"{data}: {name}", place, line))
    width, height = LEFT + columns * (WIDTH + GAP), TOP + max(len(found["data"]), 1) * (HEIGHT + GAP)
    title = "Accuracy within test queries by tokens a pair, where a share of the pairs goes to a stronger judge"
    key = "".join(
        f'<line x1="{LEFT + 170 * place}" x2="{LEFT + 170 * place + 24}" y1="40" y2="40" stroke="{colour}" '
        f'stroke-width="1.8" stroke-dasharray="{dash}"/>'
        f'<text x="{LEFT + 170 * place + 30}" y="44" fill="{colour}">{escape(name)}</text>'
        for place, (name, (colour, dash)) in enumerate(STRATEGIES.items())
    )
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="11" fill="{INK}" role="img"><title>{escape(title)}</title>'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
        f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>{key}{"".join(parts)}</svg>\n',
        encoding="utf-8",
    )


def panel(points: list[dict[str, Any]], title: str, column: int, line: int) -> str:
    """One first judge on one data set."""
    left, top = LEFT + column * (WIDTH + GAP), TOP + line * (HEIGHT + GAP)
    values = [
        one["within"][key] for one in points for key in ("value", "low", "high") if one["within"][key] is not None
    ]
    low, high = float(min(values)), float(max(values))
    span, most = max(high - low, 1e-6), float(max(1e-9, *(one["tokens"] for one in points)))

    def across(tokens: float) -> float:
        return left + WIDTH * tokens / most

    def up(value: float) -> float:
        return top + HEIGHT * (high - value) / span

    parts = [f'<text x="{left}" y="{top - 8}" font-weight="bold">{escape(title)}</text>']
    for tokens in (0.0, most / 2, most):
        x = across(tokens)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + HEIGHT}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{x:.1f}" y="{top + HEIGHT + 14}" text-anchor="middle">{tokens:,.4g}</text>')
    for value in (low, low + span / 2, high):
        parts.append(f'<text x="{left - 5}" y="{up(value) + 4:.1f}" text-anchor="end">{value:.3f}</text>')
    start = next(one for one in points if one["strategy"] == "none")
    for name, (colour, dash) in STRATEGIES.items():
        own = [start, *(one for one in points if one["strategy"] == name)]
        corners = " ".join(f"{across(one['tokens']):.1f},{up(one['within']['value']):.1f}" for one in own)
        parts.append(
            f'<polyline points="{corners}" fill="none" stroke="{colour}" stroke-width="1.6" stroke-dasharray="{dash}"/>'
        )
        for one in own if not dash else []:
            if one["within"]["low"] is not None:
                x = across(one["tokens"])
                ends = f'y1="{up(one["within"]["low"]):.1f}" y2="{up(one["within"]["high"]):.1f}"'
                parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" {ends} stroke="{colour}" stroke-width="0.6"/>')
    return "".join(parts)
