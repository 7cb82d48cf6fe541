"""Numbers of things in words."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    """``3 queries`` for ``3`` and ``query``, ``1 query`` for ``1``; of several words the last one gets the plural."""
    several = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{count:,} {what if count == 1 else several}"
