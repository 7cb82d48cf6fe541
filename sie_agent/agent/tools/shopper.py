"""What the shopper bought or viewed before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sie_agent.agent.shelf import TITLE_CHARS, Shelf, cleaned
from sie_agent.agent.tools.tool import Tool

SHOWN = 5


def look_up(shelf: Shelf, row: Mapping[str, Any], words: str) -> Sequence[str]:
    """The latest items of the row's own history, the latest first; the item itself is left out."""
    try:
        history = json.loads(str(row.get("history", "[]")) or "[]")
    except (ValueError, RecursionError):
        return []
    if not isinstance(history, list):
        return []
    items = [str(one) for one in reversed(history[-100:]) if str(one) != str(row["item_id"])]
    titles = [cleaned(shelf.titles_by_item[one], TITLE_CHARS) for one in items if one in shelf.titles_by_item]
    return [f"had before: {title}" for title in list(dict.fromkeys(title for title in titles if title))[:SHOWN]]


SHOPPER = Tool("shopper", "What this shopper bought before, the latest first.", look_up)
