"""When several models answer for one judge: how far they agree on the same pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from sie_agent.evaluation import agreement_of_models
from sie_agent.judging import (
    Backend,
    EndpointList,
    JudgmentCache,
    Sampler,
    Session,
    Variant,
    judge_by_each,
    models_asked,
)
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say


class DoubleJudging:
    """Watches a log go by, and has some of its pairs judged by every model that took part.

    Parameters
    ----------
    endpoints : the servers; None where there is one model only.
    """

    def __init__(self, endpoints: EndpointList | None) -> None:
        models = {endpoint.model for endpoint in endpoints.endpoints} if endpoints is not None else set()
        self._sampler = Sampler(endpoints.double_judged if endpoints is not None and len(models) > 1 else 0)
        self._watched = False

    def watch(self, chunks: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """The same chunks; the first pass samples some of their rows."""
        first, self._watched = not self._watched, True
        for chunk in chunks:
            if first:
                self.add(chunk)
            yield chunk

    def add(self, chunk: pd.DataFrame) -> None:
        """Remember some of the rows."""
        self._sampler.add(chunk)

    def measure(
        self,
        variants: Sequence[Variant],
        backend: Backend,
        cache: JudgmentCache,
        session: Session,
        *,
        max_cost: float | None = None,
    ) -> dict[str, Any] | None:
        """Agreement on the pairs that every model judged; None if one model gave all the judgments."""
        relevance = [variant for variant in variants if variant.aspect == "relevance"]
        rows = self._sampler.rows()
        if len(session.account.models) < 2 or rows.empty or not relevance or session.stopped is not None:
            return None
        models = models_asked(session.account.models, relevance[0], backend, cache)
        if len(models) < 2:
            return None
        each = f"each judges the same {counted(len(rows), 'pair')}"
        say(f"{len(models)} models answered: {each}, to show how far they agree")
        left = None if max_cost is None else max_cost - (session.account.cost or 0.0)
        tables, asked = judge_by_each(rows, relevance[0], backend, cache, models, max_cost=left)
        if asked is not None:
            session.account.add_spent(asked.account)
        return agreement_of_models(tables)
