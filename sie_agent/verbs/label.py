"""``sie label``: put a log before a judge."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL
from sie_agent.judging import JudgmentCache, Variant, judge, load_variant, make_backend
from sie_agent.progress import say
from sie_agent.run import Manifest, command_line
from sie_agent.samples import load_samples, without_grade, write_table
from sie_agent.verbs.common import samples_hash, writable_folder


def label(
    data: str | Path,
    out: str | Path,
    *,
    variant: str | Path | Sequence[str | Path],
    column_map: str | Path | None = None,
    split: str | None = None,
    backend: str = "local",
    base_url: str | None = None,
    model: str | None = None,
    limit: int | None = None,
    concurrency: int = 8,
    retry_failed: bool = False,
    cache_path: str | Path | None = None,
) -> dict[str, Any]:
    """Judge every pair of a log, and write ``judgments.parquet`` and ``manifest.json`` into *out*.

    Answers are in the judgment cache before they count: a run that was killed goes on where it stopped, and
    nothing is asked twice.

    Parameters
    ----------
    data, column_map, split, limit : as `load_samples` takes them. Grades and labels never reach the judge.
    out : folder to write into.
    variant : name or file of a prompt variant, or several; clarity variants are asked once per query.
    backend, base_url, model, concurrency : as `make_backend` takes them.
    retry_failed : ask again where the cache holds a lasting failure.
    cache_path : the judgment cache; the default one when not given.

    Returns
    -------
    ``judgments`` (path), ``pairs``, ``ok``, ``failed``, ``failed_by_cause``, ``cached``, ``asked``,
    ``seconds``, ``per_second``, ``tokens``, ``model``, ``variants``, and ``exit_code`` (3: some failed).

    Raises
    ------
    InputError : the data, the map, a variant or the backend's settings are wrong.
    EnvironmentFailure : the server or the disk is in the way.
    """
    names = [variant] if isinstance(variant, str | Path) else list(variant)
    variants = {one.name: one for one in map(load_variant, names)}
    manifest = Manifest(command_line())
    judging = make_backend(backend, model=model, base_url=base_url, concurrency=concurrency)
    folder = writable_folder(out)
    with manifest.stage("samples"):
        samples = without_grade(load_samples(data, column_map=column_map, split=split, limit=limit))
        say(f"{len(samples):,} pairs of {samples['query'].nunique():,} queries")
    started = time.perf_counter()
    try:
        with manifest.stage("judging"), JudgmentCache(cache_path) as cache:
            tables = [judge(samples, one, judging, cache, retry_failed=retry_failed) for one in variants.values()]
    finally:
        judging.close()
    judgments = pd.concat(tables, ignore_index=True)
    target = write_table(judgments, folder / "judgments.parquet")
    result = summary(judgments, list(variants.values()), time.perf_counter() - started)
    manifest.counts.update(samples=len(samples), queries=int(samples["query"].nunique()))
    manifest.counts.update(
        judged=len(judgments), **{name: int(result[name]) for name in ("ok", "failed", "cached", "asked")}
    )
    manifest.tokens.update(result["tokens"])
    manifest.hashes["data"] = samples_hash(samples)
    manifest.extra["judge"] = {name: result[name] for name in ("model", "variants")} | {"backend": backend}
    manifest.write(folder / "manifest.json")
    return {"judgments": str(target), "manifest": str(folder / "manifest.json"), **result}


def summary(judgments: pd.DataFrame, variants: Sequence[Variant], seconds: float) -> dict[str, Any]:
    """What came out of a batch of judgments, in figures."""
    failed = judgments["score"].isna().to_numpy()
    cached = judgments["cached"].to_numpy(bool)
    causes = judgments.loc[failed, "status"].value_counts()
    asked = judgments[~cached]
    tokens = {kind: int(np.nansum(asked[f"{kind}_tokens"].to_numpy(np.float64))) for kind in ("input", "output")}
    return {
        "pairs": int((judgments["aspect"] == "relevance").sum()),
        "queries": int((judgments["aspect"] == "clarity").sum()),
        "ok": int((~failed).sum()),
        "failed": int(failed.sum()),
        "failed_by_cause": {str(cause): int(count) for cause, count in causes.items()},
        "cached": int(cached.sum()),
        "asked": len(asked),
        "seconds": round(seconds, 2),
        "per_second": round(len(asked) / seconds, 2) if len(asked) and seconds > 0 else None,
        "tokens": tokens,
        "model": str(judgments["model"].iloc[0]),
        "variants": [one.name for one in variants],
        "exit_code": EXIT_PARTIAL if failed.any() else EXIT_DONE,
    }
