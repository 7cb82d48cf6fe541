"""``sie compare-prompts``: judge the same pairs with several variants and compare them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL, InputError
from sie_agent.evaluation import compare_judgments
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend
from sie_agent.progress import say
from sie_agent.run.manifest import Manifest, command_line, write_json
from sie_agent.samples import load_samples, without_grade, write_table


def compare_prompts(
    data: str | Path,
    variants: Sequence[str],
    out: str | Path,
    *,
    column_map: str | None = None,
    backend: str = "local",
    model: str | None = None,
    base_url: str | None = None,
    concurrency: int = 8,
    limit: int | None = None,
    relevant_at: float = 0.75,
    cache_path: Path | None = None,
) -> dict[str, Any]:
    """Compare prompt variants on the same graded pairs.

    Writes ``comparison.json``, ``judgments.parquet`` and ``manifest.json`` into *out*.

    Parameters
    ----------
    data, column_map, limit : as `load_samples` takes them; the data need grades.
    variants : two or more names of relevance variants; the first is the baseline of the differences.
    backend, model, base_url, concurrency : as `make_backend` takes them.

    Raises
    ------
    InputError : fewer than two variants, a variant twice or of another aspect, no grades.
    """
    if len(variants) < 2 or len(set(variants)) != len(variants):
        raise InputError(
            "give two or more different variants",
            where="--variants",
            mend="For example --variants relevance/A relevance/B.",
        )
    loaded = [load_variant(name) for name in variants]
    for name, variant in zip(variants, loaded, strict=True):
        if variant.aspect != "relevance":
            raise InputError(
                f"'{name}' judges {variant.aspect}, not relevance",
                where="--variants",
                mend="Choose relevance variants.",
            )
    samples = load_samples(data, column_map=column_map, limit=limit)
    if samples["grade"].isna().all():
        raise InputError(
            "the samples have no grades to compare with",
            where=f"{data}, field 'grade'",
            mend="Map the human grade in the column map.",
        )
    manifest, folder = Manifest(command_line()), Path(out)
    judging_backend = make_backend(backend, model=model, base_url=base_url, concurrency=concurrency)
    tables: dict[str, pd.DataFrame] = {}
    try:
        with JudgmentCache(cache_path) as cache:
            for name, variant in zip(variants, loaded, strict=True):
                say(f"Judging {len(samples)} pairs with {name}")
                with manifest.stage(f"judging with {name}"):
                    tables[name] = judge(without_grade(samples), variant, judging_backend, cache)
    finally:
        judging_backend.close()
    with manifest.stage("comparison"):
        result = compare_judgments(samples, tables, relevant_at=relevant_at)
    joined = pd.concat(tables.values(), ignore_index=True)
    failed = int(joined["score"].isna().sum())
    manifest.counts.update(samples=len(samples), judged=len(joined), cached=int(joined["cached"].sum()), failed=failed)
    folder.mkdir(parents=True, exist_ok=True)
    write_table(joined, folder / "judgments.parquet")
    write_json(folder / "comparison.json", result)
    manifest.write(folder / "manifest.json")
    return {**result, "exit_code": EXIT_PARTIAL if failed else EXIT_DONE}
