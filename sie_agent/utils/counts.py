"""Numbers of things in words."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    """``3`` of ``query`` as ``3 queries``, ``1`` as ``1 query``; of several words the last is put in the plural."""
    several = f"{what[:-1]}ies" if what.endswith("y") else f"{what}s"
    return f"{count:,} {what if count == 1 else several}"
