"""What else was shown for the query, and what shoppers clicked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sie_agent.agent.shelf import TITLE_CHARS, Shelf, cleaned
from sie_agent.agent.tools.tool import Tool
from sie_agent.selection import POSITIVE_AT

SHOWN = 5


def look_up(shelf: Shelf, row: Mapping[str, Any], words: str) -> Sequence[str]:
    """Other products of the query, those that were clicked first; the pair's own label is never among them."""
    places = sorted(shelf.others_of_query(row), key=lambda place: (not shelf.labels[place] >= POSITIVE_AT, place))
    seen: dict[str, str] = {}
    for place in places:
        title, label = cleaned(shelf.titles[place], TITLE_CHARS), shelf.labels[place]
        made = "" if label != label else "clicked, " if label >= POSITIVE_AT else "not clicked, "
        if title:
            seen.setdefault(title, made)
    return [f"also shown: {made}{title}" for title, made in list(seen.items())[:SHOWN]]


RESULTS = Tool(
    "results", "Other products that were shown for this search, and which of them shoppers clicked.", look_up
)
