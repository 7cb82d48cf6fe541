"""In which departments of the catalogue a query finds something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sie_agent.agent.shelf import VALUE_CHARS, Shelf, attributes_of, cleaned
from sie_agent.agent.tools.tool import Tool

HITS = 30
SHOWN = 4
# names under which shops keep it, the coarsest first
NAMES = ("department", "category", "categories", "product_type", "product type", "class", "type")


def department(attributes: object) -> str:
    """The department of an item; empty where its attributes name none."""
    named = {name.casefold(): value for name, value in attributes_of(attributes).items()}
    return next((cleaned(named[name], VALUE_CHARS) for name in NAMES if name in named), "")


def look_up(shelf: Shelf, row: Mapping[str, Any], words: str) -> Sequence[str]:
    """The departments of the best hits, with their counts, and that of the item itself."""
    if "attributes" not in shelf.catalogue.columns:
        return []
    hits = shelf.catalogue_index.best(words or str(row["query"]), HITS)
    counts = Counter(department(shelf.catalogue["attributes"].iloc[place]) for place in hits)
    counts.pop("", None)
    if not counts:
        return []
    told = ", ".join(f"{name} {count}" for name, count in counts.most_common(SHOWN))
    own = department(row.get("attributes", ""))
    return [f"departments: {told}", *([f"this item: {own}"] if own else [])]


DEPARTMENTS = Tool(
    "departments",
    "In which departments of the catalogue the search finds products, and the department of this one.",
    look_up,
    takes_words=True,
)
