"""What students read as a picture: agreement against rows per second, a panel for each data set and judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from scripts.experiments.students.picture import GAP, HEIGHT, INK, KEY, LEFT, TOP, WIDTH, key, panel

COLUMNS, STEP, ALL = 3, TOP + HEIGHT + 50, "all"
TITLE = "What a student reads: mean agreement with the weak labels of unseen queries, and speed from raw text"


def write_inputs(path: Path, judged: Sequence[Mapping[str, Any]]) -> None:
    """Draw the students of every data set and judge, the one that reads text marked."""
    chosen = judged[0]["students"][0]["student"]
    parts = []
    for place, one in enumerate(judged):
        line, column = divmod(place, COLUMNS)
        students = [as_drawn(row) for row in one["students"]]
        best = max(row["agreement"][ALL]["spearman"] for row in students)
        drawn = panel(students, ALL, column, chosen, best, f"{one['data']}, judge {one['judge']}")
        parts.append(f'<g transform="translate(0 {20 + line * STEP})">{drawn}</g>')
    width = COLUMNS * (WIDTH + GAP) + LEFT - 20
    bottom = 30 + (1 + (len(judged) - 1) // COLUMNS) * STEP
    height = bottom + KEY * ((len(judged[0]["students"]) + 1) // 2) + 14
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="11" fill="{INK}" role="img"><title>{escape(TITLE)}</title>'
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
        f'<text x="{LEFT}" y="18" font-size="14">{escape(TITLE)}</text>'
        f"{''.join(parts)}{''.join(key(judged[0]['students'], chosen, width, bottom))}</svg>\n",
        encoding="utf-8",
    )


def as_drawn(row: Mapping[str, Any]) -> dict[str, Any]:
    """A student as the picture takes it."""
    told = row["agreement"]
    return {
        "student": row["student"],
        "rows_per_second": {"median": 1e6 / row["microseconds"]["median"]},
        "agreement": {ALL: {"spearman": told["value"], "low": told["low"], "high": told["high"]}},
    }
