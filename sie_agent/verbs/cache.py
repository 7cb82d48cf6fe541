"""``sie cache``: what the judgment cache holds, and how to empty it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sie_agent.judging import JudgmentCache


def cache_stats(*, cache_path: str | Path | None = None) -> dict[str, Any]:
    """Where the judgment cache lies, how large it is, and how many answers it holds.

    Returns
    -------
    ``path``, ``bytes``, ``entries``, and ``groups`` (``variant, model, status, count`` of each).

    Raises
    ------
    InputError : the file is no judgment cache, or a newer version's.
    EnvironmentFailure : it cannot be opened.
    """
    with JudgmentCache(cache_path) as cache:
        return {**cache.stats(), "exit_code": 0}


def cache_clear(
    *, variant: str | None = None, model: str | None = None, cache_path: str | Path | None = None
) -> dict[str, Any]:
    """Delete answers: all, or those of one variant, one model, or both.

    Returns
    -------
    ``path`` and ``deleted``.

    Raises
    ------
    InputError, EnvironmentFailure : as :func:`cache_stats`.
    """
    with JudgmentCache(cache_path) as cache:
        return {"path": str(cache.path), "deleted": cache.clear(variant=variant, model=model), "exit_code": 0}
