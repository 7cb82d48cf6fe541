"""Text from configurations and manifests for a card, shown as text and never as markup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST = 200


def without_controls(text: str) -> str:
    """The text with its line breaks, and without other characters that a terminal or a page would act on."""
    return "".join(
        letter if letter.isprintable() or letter == "\n" else " " if letter.isspace() else "" for letter in text
    )


def plain(value: Any) -> str:
    """A value as one line of at most 200 printable characters."""
    return " ".join(without_controls(str(value)).split())[:LONGEST]


def code(value: Any) -> str:
    """A value as a code span that also a table's cell holds; empty where there is nothing to show.

    Nothing inside a code span is markup: no HTML, no image, no link. What would end the span or the cell is replaced,
    since renderers differ in how it can be escaped there.
    """
    text = plain(value).replace("`", "'").replace("|", "\N{BROKEN BAR}")
    return f"`{text}`" if text else ""


def table_of(value: Any) -> dict[str, Any]:
    """A mapping as it is, anything else as an empty one."""
    return dict(value) if isinstance(value, Mapping) else {}
