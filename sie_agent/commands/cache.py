"""``sie cache``: what the judgment cache holds, how to take it elsewhere, how to make it smaller."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sie_agent.commands.verb import Option, Verb
from sie_agent.commands.words import columns
from sie_agent.errors import InputError, printable
from sie_agent.files.paths import cache_dir, user_path
from sie_agent.files.writing import failures_in_words
from sie_agent.utils.values import check_values

DAY_SECONDS = 86_400.0


def cache_stats(*, cache_path: str | Path | None = None) -> dict[str, Any]:
    """Say where the cache lies, how large it is, and how many answers it holds.

    Parameters
    ----------
    cache_path : the judgment cache; the default one when not given.

    Returns
    -------
    ``path``, ``exists``, ``bytes``, ``entries``, and ``groups`` (``variant, model, status, count`` of each). Where
    there is no cache yet, none is made.

    Raises
    ------
    InputError : the file is not a judgment cache, or a newer version's.
    EnvironmentFailure : it cannot be opened.

    Examples
    --------
    >>> import sie_agent as sie
    >>> stats = sie.cache_stats()
    >>> stats["entries"] == sum(group["count"] for group in stats["groups"])
    True
    """
    from sie_agent.judging import JudgmentCache

    if (path := absent(cache_path)) is not None:
        return {"path": str(path), "exists": False, "bytes": 0, "entries": 0, "groups": [], "exit_code": 0}
    with JudgmentCache(cache_path) as cache:
        return {**cache.stats(), "exists": True, "exit_code": 0}


def absent(cache_path: str | Path | None) -> Path | None:
    """Where the cache would be, if there is none yet: opening it makes it. What is in its way it tells itself."""
    path = cache_dir() / "judgments.sqlite" if cache_path is None else user_path(cache_path)
    return path if not path.exists() and (path.parent.is_dir() or not path.parent.exists()) else None


def cache_export(out: str | Path, *, cache_path: str | Path | None = None, overwrite: bool = False) -> dict[str, Any]:
    """Write every answer as a line of JSON: key, variant, model, time (``created``), and what was said (``answer``).

    An earlier export is replaced where all its answers are still in the cache; anything else only with *overwrite*.

    Parameters
    ----------
    out : JSON-lines file to write.
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
    from sie_agent.judging import JudgmentCache
    from sie_agent.outputs import File, Work, outputs

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
            found = {"path": str(cache.path), "exported": exported, "damaged": cache.damaged}
            return {**found, "out": str(target), "exit_code": 0}


def cache_prune(
    *,
    variant: str | None = None,
    model: str | None = None,
    status: str | None = None,
    older_than: float | None = None,
    everything: bool = False,
    cache_path: str | Path | None = None,
) -> dict[str, Any]:
    """Delete answers; they are paid for again when they are next needed. The command line asks first.

    Parameters
    ----------
    variant : Only the answers to this prompt variant.
    model : Only this model's answers.
    status : Only answers of this status, such as refused.
    older_than : Only answers older than so many days.
    everything : All answers; needed where nothing else is given.
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
    from sie_agent.judging import JudgmentCache

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


def stats_lines(result: dict[str, Any]) -> list[str]:
    """What the cache holds, by variant, model and status."""
    if not result["exists"]:
        return [f"{result['path']}: no cache there yet; `sie label` and `sie run` begin one"]
    told = [f"{result['path']}: {result['entries']:,} answers, {result['bytes'] / 1e6:.1f} MB"]
    names = ("variant", "model", "status")
    rows = [(*(one[name] for name in names), f"{one['count']:,}") for one in result["groups"]]
    return told + (columns((*names, "answers"), rows) if rows else [])


def export_lines(result: dict[str, Any]) -> list[str]:
    """What was written."""
    told = [f"{result['exported']:,} answers of {result['path']} written to {result['out']}"]
    damaged = [f"Left out, because they are damaged: {result['damaged']:,}"] if result["damaged"] else []
    return told + damaged


def prune_lines(result: dict[str, Any]) -> list[str]:
    """What was deleted; where that is nothing, what could be."""
    held = [f"  it holds {what}: {', '.join(names)}" for what, names in result["held"].items() if names]
    return [f"{result['deleted']:,} answers deleted from {result['path']}", *held]


def prune_question(given: Mapping[str, Any]) -> str:
    """What is asked before answers are deleted."""
    names = ("variant", "model", "status", "older_than")
    check_values(**{name: given.get(name) for name in names})
    days = {"older_than": "older than days"}
    wanted = ", ".join(f"{days.get(name, name)} {given[name]}" for name in names if name in given)
    return f"Delete {f'the answers with {printable(wanted)}' if wanted else 'all answers'}?"


STATS = Verb(cache_stats, stats_lines, examples=("sie cache stats",))
EXPORT = Verb(cache_export, export_lines, examples=("sie cache export --out answers.jsonl",))
PRUNE = Verb(
    cache_prune,
    prune_lines,
    examples=(
        "sie cache prune --variant relevance/graded --model judge --yes",
        "sie cache prune --status refused",
        "sie cache prune --older-than 90",
        "sie cache prune --all",
    ),
    options={"older_than": Option("DAYS")},
    question=prune_question,
)
