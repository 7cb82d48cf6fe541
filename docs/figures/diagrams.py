"""Draws the diagram of how data flow: ``python docs/figures/diagrams.py`` writes ``data-flow.svg`` beside this file."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

HERE = Path(__file__).resolve().parent
WIDTH, HEIGHT = 176, 66
COLUMN, ROW = 216, 112
EDGE = 16
FILLS = {"file": "#eef4fb", "step": "#ffffff", "people": "#fdf1e3"}
LINES = {"file": "#3b75af", "step": "#5f6670", "people": "#b5651d"}


@dataclass(frozen=True)
class Box:
    """A box at a place of the grid: its heading, a second line, and what it is."""

    column: int
    row: int
    heading: str
    more: str
    kind: str = "step"

    @property
    def left(self) -> int:
        """Of its left side, in pixels."""
        return EDGE + self.column * COLUMN

    @property
    def top(self) -> int:
        """Of its upper side, in pixels."""
        return EDGE + self.row * ROW

    def drawn(self) -> str:
        """The box as SVG."""
        middle = self.left + WIDTH / 2
        return (
            f'<rect x="{self.left}" y="{self.top}" width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{FILLS[self.kind]}" '
            f'stroke="{LINES[self.kind]}" stroke-width="1.5"/>'
            f'<text x="{middle}" y="{self.top + 28}" font-weight="600">{escape(self.heading)}</text>'
            f'<text x="{middle}" y="{self.top + 49}" font-size="12.5" fill="#4a5058">{escape(self.more)}</text>'
        )


BOXES = {
    "log": Box(0, 0, "your log", "samples.parquet", "file"),
    "judge": Box(1, 0, "judge", "sie label"),
    "judgments": Box(2, 0, "judgments", "judgments.parquet", "file"),
    "proxies": Box(1, 1, "cheap models", "trained on the log alone"),
    "labels": Box(2, 1, "weak labels", "labels.parquet", "file"),
    "scorer": Box(3, 1, "scorer", "made by sie distill", "file"),
    "grades": Box(0, 2, "human grades", "never seen by the judge", "people"),
    "evaluate": Box(1, 2, "evaluation", "sie run"),
    "scores": Box(2, 2, "scores", "scores.parquet", "file"),
    "score": Box(3, 2, "score every row", "sie score, sie serve"),
    "report": Box(1, 3, "report", "verdict, gains, controls", "file"),
    "weights": Box(2, 3, "target and weight", "weights.parquet", "file"),
    "trainer": Box(3, 3, "your trainer", "blended_label, weight", "people"),
}
ARROWS = (
    ("log", "judge"), ("judge", "judgments"), ("judgments", "labels"), ("log", "proxies"), ("proxies", "labels"),
    ("labels", "scorer"), ("scorer", "score"), ("score", "scores"), ("scores", "weights"), ("weights", "trainer"),
    ("scores", "evaluate"), ("grades", "evaluate"), ("evaluate", "report"),
)  # fmt: skip


def arrow(start: Box, end: Box) -> str:
    """An arrow from side to side: straight in a row or a column, else from below to the side."""
    middle = HEIGHT / 2
    if start.row == end.row:
        rightwards = start.column < end.column
        from_x = start.left + WIDTH if rightwards else start.left
        to_x = end.left - 4 if rightwards else end.left + WIDTH + 4
        path = f"M{from_x},{start.top + middle} L{to_x},{end.top + middle}"
    elif start.column == end.column:
        path = f"M{start.left + WIDTH / 2},{start.top + HEIGHT} L{end.left + WIDTH / 2},{end.top - 4}"
    else:
        rightwards = start.column < end.column
        from_x = start.left + (WIDTH * 0.75 if rightwards else WIDTH * 0.25)
        to_x = end.left - 4 if rightwards else end.left + WIDTH + 4
        path = f"M{from_x},{start.top + HEIGHT} V{end.top + middle} H{to_x}"
    return f'<path d="{path}" fill="none" stroke="#5f6670" stroke-width="1.5" marker-end="url(#head)"/>'


def data_flow() -> str:
    """The whole diagram as SVG."""
    width = 2 * EDGE + 3 * COLUMN + WIDTH
    height = 2 * EDGE + 3 * ROW + HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="15" text-anchor="middle" fill="#1c2024">',
        "<title>From a log to target and weight of every row</title>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#5f6670"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *(arrow(BOXES[start], BOXES[end]) for start, end in ARROWS),
        *(box.drawn() for box in BOXES.values()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    (HERE / "data-flow.svg").write_text(data_flow(), "utf-8")
