"""Foreign texts and numbers as they may stand in an answer: bounded, one line, in JSON's own types."""

from __future__ import annotations

import json
import math
from typing import Any

from sie_agent.errors import printable, redacted

TEXT = 500
LONG_TEXT = 20_000


def short(text: object, most: int = TEXT) -> str:
    """A text on one line, without what a terminal would obey and without keys, at most *most* characters."""
    line = printable(redacted(str(text)[: 2 * most]))
    return line if len(line) <= most else f"{line[: most - 1]}…"


def block(text: str, most: int = LONG_TEXT) -> str:
    """A text of several lines, each as :func:`short` leaves it."""
    cut = text[:most]
    lines = [printable(redacted(line)) for line in cut.splitlines()]
    return "\n".join([*lines, "…"] if len(text) > most else lines)


def cell(value: Any) -> Any:
    """A cell of a table in JSON's own types; what is no number is text."""
    if hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | dict | tuple):
        return short(json.dumps(value, ensure_ascii=False, default=str))
    return short(value)


def is_cut(value: Any) -> bool:
    """Whether :func:`cell` would leave something of a value out."""
    return isinstance(value, str) and len(value) > TEXT
