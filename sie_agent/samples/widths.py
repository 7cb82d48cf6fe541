"""How many columns a table of a user may have."""

from __future__ import annotations

from pathlib import Path

from sie_agent.errors import InputError

# each is a column of its own in memory, whatever is mapped; no log of a shop is as wide
MOST_COLUMNS = 10_000


def refuse_too_wide(count: int, where: str | Path) -> None:
    """Raise InputError where a table has more columns than are read."""
    if count > MOST_COLUMNS:
        problem = f"the table has {count:,} columns, and at most {MOST_COLUMNS:,} are read"
        raise InputError(problem, where=where, hint="Keep the columns that are needed, or put the others into one")
