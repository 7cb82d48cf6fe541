"""Pairs judged by each of several models, so that nobody has to believe that they agree."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

import pandas as pd

from sie_agent.errors import EnvironmentFailure
from sie_agent.judging.backends.base import Backend
from sie_agent.judging.backends.http.openai import OpenAIBackend
from sie_agent.judging.cache.database import JudgmentCache
from sie_agent.judging.prompts.variants import Variant
from sie_agent.judging.runner import judge
from sie_agent.judging.session import Session
from sie_agent.utils.progress import say


class Sampler:
    """A sample of rows from a log that goes by in chunks: those whose id has the smallest hash.

    The same log gives the same sample, in whatever chunks and order it comes.

    Parameters
    ----------
    size : how many rows.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: list[tuple[int, str, pd.DataFrame]] = []

    def add(self, chunk: pd.DataFrame) -> None:
        """Look at the rows of one chunk."""
        if not self._size or chunk.empty:
            return
        ids = chunk["sample_id"].to_numpy(dtype=object)
        hashes = pd.util.hash_array(ids).tolist()
        best = heapq.nsmallest(self._size, zip(hashes, ids, range(len(ids)), strict=True))
        entries = [(hashed, str(name), chunk.iloc[[place]]) for hashed, name, place in best]
        self._kept = heapq.nsmallest(self._size, [*self._kept, *entries], key=lambda entry: entry[:2])

    def rows(self) -> pd.DataFrame:
        """The sample."""
        parts = [frame for _, _, frame in self._kept]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def models_asked(models: Iterable[str], variant: Variant, backend: Backend, cache: JudgmentCache) -> list[str]:
    """The models that can be asked, for names in judgments: some answer under another name than their own."""
    sources = backend.sources(variant.method)
    asked = {source.model: source.model for source in sources}
    for source in sources:
        for name in cache.aliases(source.model, source.fingerprint):
            asked.setdefault(name, source.model)
    return list(dict.fromkeys(asked[name] for name in models if name in asked))


def judge_by_each(
    samples: pd.DataFrame,
    variant: Variant,
    backend: Backend,
    cache: JudgmentCache,
    models: Sequence[str],
    *,
    max_cost: float | None = None,
) -> tuple[dict[str, pd.DataFrame], Session | None]:
    """Judgments of the same pairs by each model; one that cannot be reached is left out, and said so.

    Parameters
    ----------
    samples, variant, backend, cache : as ``judge`` takes them; the backend has endpoints of all *models*.
    models : which of them, by the name that is asked for.
    max_cost : USD that this may still cost.

    Returns
    -------
    Judgment tables by model, and the session that counted what was asked.
    """
    if not isinstance(backend, OpenAIBackend):
        return {}, None
    tables: dict[str, pd.DataFrame] = {}
    session = Session(backend, cache, max_cost=max_cost)
    for model in models_asked(models, variant, backend, cache):
        try:
            tables[model] = judge(samples, variant, backend.only(model), cache, session=session)
        except EnvironmentFailure as failure:
            say(f"{model} could not judge the pairs that are judged by each model: {failure}")
    return tables, session
