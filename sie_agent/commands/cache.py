"""``sie cache``: what the judgment cache holds, how to take it elsewhere, how to make it smaller."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sie_agent.errors import InputError
from sie_agent.files.outputs import File, Work, outputs
from sie_agent.files.paths import cache_dir, user_path
from sie_agent.files.writing import failures_in_words
from sie_agent.judging import JudgmentCache
from sie_agent.utils.values import check_values

DAY_SECONDS = 86_400.0


def cache_stats(*, cache_path: str | Path | None = None) -> dict[str, Any]:
    """Where the judgment cache lies, how large it is, and how many answers it holds.

    Parameters
    ----------
    cache_path : the judgment cache; the default one when not given.

    Returns
    -------
    ``path``, ``exists``, ``bytes``, ``entries``, and ``groups`` (``variant, model, status, count`` of each). Where
    there is no cache yet, none is made.

    Raises
    ------
    InputError : the file is no judgment cache, or a newer version's.
    EnvironmentFailure : it cannot be opened.

    Examples
    --------
    >>> import sie_agent as sie
    >>> stats = sie.cache_stats()
    >>> stats["entries"] == sum(group["count"] for group in stats["groups"])
    True
    """
    if (path := absent(cache_path)) is not None:
        return {"path": str(path), "exists": False, "bytes": 0, "entries": 0, "groups": [], "exit_code": 0}
    with JudgmentCache(cache_path) as cache:
        return {**cache.stats(), "exists": True, "exit_code": 0}


def absent(cache_path: str | Path | None) -> Path | None:
    """Where the cache would be, if there is none yet: opening it makes it. What is in its way it tells itself."""
    path = cache_dir() / "judgments.sqlite" if cache_path is None else user_path(cache_path)
    return path if not path.exists() and (path.parent.is_dir() or not path.parent.exists()) else None


def cache_export(out: str | Path, *, cache_path: str | Path | None = None, overwrite: bool = False) -> dict[str, Any]:
    """Write every answer as JSON lines: ``key, variant, model, created, answer``.

    An earlier export is replaced where all its answers are still in the cache; anything else only with *overwrite*.

    Parameters
    ----------
    out : the file to write.
    cache_path : the judgment cache; the default one when not given.
    overwrite : replace whatever lies at *out*.

    Returns
    -------
    ``path``, ``out``, ``exported`` and ``damaged``: answers that cannot be read and were left out.

    Raises
    ------
    InputError, EnvironmentFailure : as :func:`cache_stats`; or *out* cannot be written to.

    Examples
    --------
    >>> import sie_agent as sie
    >>> result = sie.cache_export("answers.jsonl")
    >>> result["exported"] == sie.cache_stats()["entries"]
    True
    """
    place = File("--out", out)

    def holds_all(path: Path) -> bool:
        """Whether nothing is in an earlier export that the cache has not."""
        if absent(cache_path) is not None:
            return path.stat().st_size == 0
        with JudgmentCache(cache_path) as cache:
            return cache.holds_export(path)

    with outputs(Work("cache export", {}), place, overwrite=overwrite, cache_path=cache_path, own=holds_all):
        target = place.path
        if (missing := absent(cache_path)) is not None:
            with failures_in_words(target):
                target.write_bytes(b"")
            return {"path": str(missing), "out": str(target), "exported": 0, "damaged": 0, "exit_code": 0}
        with JudgmentCache(cache_path) as cache:
            exported = cache.export(target)
            found = {"path": str(cache.path), "out": str(target), "exported": exported, "damaged": cache.damaged}
    return {**found, "exit_code": 0}


def cache_prune(
    *,
    variant: str | None = None,
    model: str | None = None,
    status: str | None = None,
    older_than: float | None = None,
    everything: bool = False,
    cache_path: str | Path | None = None,
) -> dict[str, Any]:
    """Delete the answers that meet all that is given.

    Parameters
    ----------
    variant, model, status : of the answers to delete.
    older_than : only those older than so many days.
    everything : needed where nothing else is given.
    cache_path : the judgment cache; the default one when not given.

    Returns
    -------
    ``path`` and ``deleted``; where that is none, ``held``: the variants, models and statuses that there are.

    Raises
    ------
    InputError, EnvironmentFailure : as :func:`cache_stats`; or nothing says what to delete.

    Examples
    --------
    >>> import sie_agent as sie
    >>> sie.cache_prune(variant="relevance/lexical", older_than=30)["deleted"]
    0
    """
    check_values(variant=variant, model=model, status=status, older_than=older_than)
    chosen = any(given is not None for given in (variant, model, status, older_than))
    if chosen == everything:
        problem = "--all was given beside a choice" if chosen else "nothing says which answers to delete"
        raise InputError(problem, hint="Give --variant, --model, --status or --older-than, or --all alone")
    if (missing := absent(cache_path)) is not None:
        return {"path": str(missing), "deleted": 0, "held": {}, "exit_code": 0}
    before = None if older_than is None else time.time() - older_than * DAY_SECONDS
    with JudgmentCache(cache_path) as cache:
        # answers in writing lie beside the others of their variant
        name = None if variant is None else variant.split("+", 1)[0]
        deleted = cache.prune(variant=name, model=model, status=status, before=before)
        groups = cache.stats()["groups"] if not deleted else []
        held = {what: sorted({str(group[what]) for group in groups}) for what in ("variant", "model", "status")}
        return {"path": str(cache.path), "deleted": deleted, "held": held, "exit_code": 0}
