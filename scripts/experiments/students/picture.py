"""The students as a picture: agreement against rows per second, a panel for each label. Plain SVG, a few kilobytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

WIDTH, HEIGHT, LEFT, TOP, GAP, KEY = 300, 260, 52, 46, 62, 20
INK, FAINT, LINE, CHOSEN, BAND = "#1c1c1c", "#d8d8d8", "#6b7a99", "#c2410c", "#e4efe4"
NEAR = 0.02
# an axis shows so much below the best; what is worse sits at its end
DEEPEST = 0.25


def write_pareto(path: Path, judged: Mapping[str, Any], labels: Sequence[str], chosen: str) -> None:
    """Draw the students of one judge that have a rate; the front of the best is joined, the chosen one is marked."""
    students = [row for row in judged["students"] if row.get("rows_per_second")]
    best = {label: judged["best"][label]["spearman"] for label in labels}
    panels = [panel(students, label, place, chosen, best[label]) for place, label in enumerate(labels)]
    bottom = TOP + HEIGHT + 44
    width, height = len(labels) * (WIDTH + GAP) + LEFT - 20, bottom + KEY * math.ceil(len(students) / 2) + 14
    note = f"green: within {NEAR} of the best at any size; hollow: below the axis"
    title = f"Agreement with the weak label of judge '{judged['judge']}' on unseen queries, and speed from raw text"
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="11" fill="{INK}" role="img"><title>{escape(title)}</title>'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
        f'<text x="{LEFT}" y="18" font-size="14">{escape(title)}</text>'
        f'<text x="{width - 20}" y="{height - 8}" text-anchor="end">{note}</text>'
        f"{''.join(panels)}{''.join(key(students, chosen, width, bottom))}</svg>\n",
        encoding="utf-8",
    )


def panel(
    students: Sequence[Mapping[str, Any]], label: str, place: int, chosen: str, best: float, heading: str = ""
) -> str:
    """Rows per second on a logarithmic axis, agreement with its interval upwards; near the *best* shaded.

    Of one label; the *heading* is its name where none is given.
    """
    rates = [row["rows_per_second"]["median"] for row in students]
    told = [row["agreement"][label] for row in students]
    first, last = math.floor(math.log10(min(rates))), math.ceil(math.log10(max(rates)))
    lowest = max(min(one["spearman"] for one in told) - 0.02, best - DEEPEST)
    highest = min(best + 0.03, 1.0)
    left = LEFT + place * (WIDTH + GAP)

    def across(rate: float) -> float:
        return left + WIDTH * (math.log10(rate) - first) / max(last - first, 1)

    def up(value: float) -> float:
        return TOP + HEIGHT * (highest - min(max(value, lowest), highest)) / (highest - lowest)

    parts = [
        f'<text x="{left}" y="{TOP - 10}" font-size="12" font-weight="bold">{escape(heading or label)}</text>',
        f'<rect x="{left}" y="{up(best):.1f}" width="{WIDTH}" '
        f'height="{up(best - NEAR) - up(best):.1f}" fill="{BAND}"/>',
    ]
    for power in range(first, last + 1):
        x = across(10.0**power)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{TOP + HEIGHT}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{x:.1f}" y="{TOP + HEIGHT + 14}" text-anchor="middle">{10**power:,}</text>')
    for step in range(5):
        value = lowest + (highest - lowest) * step / 4
        y = up(value)
        parts.append(f'<line x1="{left}" x2="{left + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{left - 5}" y="{y + 4:.1f}" text-anchor="end">{value:.2f}</text>')
    parts.append(f'<text x="{left + WIDTH / 2}" y="{TOP + HEIGHT + 30}" text-anchor="middle">rows per second</text>')
    corners = " ".join(f"{across(rate):.1f},{up(value):.1f}" for rate, value in front(rates, told))
    parts.append(f'<polyline points="{corners}" fill="none" stroke="{LINE}" stroke-dasharray="4 3"/>')
    numbered = list(enumerate(zip(students, rates, told, strict=True), 1))
    # the chosen one last, on top
    for number, (row, rate, one) in sorted(numbered, key=lambda entry: entry[1][0]["student"] == chosen):
        ends = (up(one["low"]), up(one["high"]))
        parts.append(dot(across(rate), up(one["spearman"]), ends, number, row["student"] == chosen, one, lowest))
    return "".join(parts)


def front(rates: Sequence[float], told: Sequence[Mapping[str, float]]) -> list[tuple[float, float]]:
    """The students that no other beats in both, fastest first."""
    best, found = -math.inf, []
    for rate, one in sorted(zip(rates, told, strict=True), key=lambda pair: -pair[0]):
        if one["spearman"] > best:
            best = one["spearman"]
            found.append((rate, best))
    return found


def dot(
    x: float, y: float, ends: tuple[float, float], number: int, chosen: bool, told: Mapping[str, float], lowest: float
) -> str:
    """A student: its interval, its number; hollow where its agreement lies below the axis."""
    colour = CHOSEN if chosen else LINE
    hollow = told["spearman"] < lowest
    fill, ink = ("#ffffff", colour) if hollow else (colour, "#ffffff")
    return (
        f"<g><title>{told['spearman']:.3f} ({told['low']:.3f} to {told['high']:.3f})</title>"
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{ends[0]:.1f}" y2="{ends[1]:.1f}" stroke="{colour}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7" fill="{fill}" stroke="{colour}"/>'
        f'<text x="{x:.1f}" y="{y + 3.5:.1f}" text-anchor="middle" font-size="9" fill="{ink}">{number}</text></g>'
    )


def key(students: Sequence[Mapping[str, Any]], chosen: str, width: int, top: int) -> list[str]:
    """What the numbers stand for, in two columns."""
    half = math.ceil(len(students) / 2)
    parts = []
    for number, row in enumerate(students, 1):
        column, line = divmod(number - 1, half)
        x, y = LEFT + column * (width // 2), top + KEY * line + 12
        mine = row["student"] == chosen
        name = f"{number}  {row['student']}{'  (chosen)' if mine else ''}"
        parts.append(f'<text x="{x}" y="{y}" fill="{CHOSEN if mine else INK}">{escape(name)}</text>')
    return parts
