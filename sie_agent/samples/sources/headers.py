"""The columns of a table of a user: none twice, and not too many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sie_agent.errors import InputError

# each is a column of its own in memory, whatever is mapped; no log of a shop is as wide
MOST_COLUMNS = 10_000


def refuse_too_wide(count: int, where: str | Path) -> None:
    """Raise InputError where a table has more columns than are read."""
    if count > MOST_COLUMNS:
        problem = f"the table has {count:,} columns, and at most {MOST_COLUMNS:,} are read"
        raise InputError(problem, where=where, hint="Keep the columns that are needed, or put the others into one")


def refuse_twice(names: Sequence[str], where: str | Path, more: str = "") -> None:
    """Raise InputError if two columns share a name; *more* is added to the hint."""
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:
        raise InputError(f"the column '{twice[:60]}' occurs twice", where=where, hint=f"Rename one of them{more}")
