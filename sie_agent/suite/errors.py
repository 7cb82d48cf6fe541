"""Which settings of a suite ``--set`` gave, for messages."""

from __future__ import annotations

from collections.abc import Sequence


def is_overridden(way: Sequence[str | int], overrides: Sequence[str]) -> bool:
    """Whether a place is one that ``--set`` gave, or one within it or around it."""
    place = [str(part) for part in way]
    given = [override.partition("=")[0].strip().split(".") for override in overrides]
    return bool(place) and any(place[: len(one)] == one[: len(place)] for one in given)
