"""The picture of a replay: figures over events, with the shift and the alarms marked, as plain SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Okabe and Ito (2008), as in the report
LINES = (
    ("PSI of support", "#2f7fc1", lambda point: point["psi"]["support"]),
    ("PSI of the mix", "#a866b4", lambda point: point["mix"]),
    ("change of mean support", "#0d9a74", lambda point: point["mean_support"] and abs(point["mean_support"])),
    ("the same, largest of a department", "#a97a0c", lambda point: point["largest_department_change"]),
)
WATCH, DISTILL, GREY = "#c8577f", "#d55e00", "#7d858f"
WIDTH, HEIGHT, LEFT, TOP, GAP = 420, 150, 46, 62, 46
HIGHEST = 0.5


def picture(found: Mapping[str, Sequence[Mapping[str, Any]]], shift: int) -> str:
    """One panel for each scenario, two in a row; values above 0.5 are drawn at 0.5."""
    rows = (len(found) + 1) // 2
    width, height = 2 * (WIDTH + LEFT) + 40, TOP + rows * (HEIGHT + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="system-ui, sans-serif" '
        f'font-size="11" fill="{GREY}">',
        "<title>Figures of the adjustment over events; the market shifts half-way</title>",
        *legend(),
    ]
    for place, (name, points) in enumerate(found.items()):
        x, y = LEFT + place % 2 * (WIDTH + LEFT), TOP + place // 2 * (HEIGHT + GAP)
        parts += [f'<g transform="translate({x},{y})">', *panel(name, points, shift), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def legend() -> list[str]:
    """What each line is."""
    marks = [(text, color, "") for text, color, _ in LINES]
    marks += [("watch", WATCH, "3 3"), ("distill again", DISTILL, ""), ("shift", GREY, "6 4")]
    parts = []
    for place, (text, color, dash) in enumerate(marks):
        x, y = LEFT + place % 4 * 215, 14 + place // 4 * 16
        parts.append(f'<path d="M{x},{y}h18" stroke="{color}" stroke-width="2" stroke-dasharray="{dash or "none"}"/>')
        parts.append(f'<text x="{x + 24}" y="{y + 4}">{text}</text>')
    return parts


def panel(name: str, points: Sequence[Mapping[str, Any]], shift: int) -> list[str]:
    """Axes, lines and marks of one scenario."""
    last = points[-1]["event"]

    def across(event: float) -> float:
        return round(event / last * WIDTH, 1)

    def down(value: float) -> float:
        return round(HEIGHT * (1 - min(value, HIGHEST) / HIGHEST), 1)

    parts = [f'<text y="-8" font-weight="600">{name.replace("_", " ")}</text>']
    for value in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5):
        parts.append(f'<path d="M0,{down(value)}H{WIDTH}" stroke="{GREY}" stroke-opacity="0.25"/>')
        parts.append(f'<text x="-6" y="{down(value) + 4}" text-anchor="end">{value:.1f}</text>')
    for event in range(0, last + 1, last // 4):
        parts.append(f'<text x="{across(event)}" y="{HEIGHT + 14}" text-anchor="middle">{event:,}</text>')
    for _, color, value_of in LINES:
        known = [(across(p["event"]), down(value_of(p))) for p in points if value_of(p) is not None]
        if known:
            drawn = "L".join(f"{x},{y}" for x, y in known)
            parts.append(f'<path d="M{drawn}" fill="none" stroke="{color}" stroke-width="1.4"/>')
    marks = [(shift, GREY, "6 4")]
    for levels, color, dash in ((("watch", "distill_again"), WATCH, "3 3"), (("distill_again",), DISTILL, "none")):
        first = next((p["event"] for p in points if p["level"] in levels), None)
        marks += [] if first is None else [(first, color, dash)]
    for event, color, dash in marks:
        parts.append(
            f'<path d="M{across(event)},0V{HEIGHT}" stroke="{color}" stroke-width="1.5" stroke-dasharray="{dash}"/>'
        )
    return parts
