"""How good a variant is on graded pairs, query by query, within a budget of pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sie_agent.evaluation.within import QueryPairs
from sie_agent.judging import Variant
from sie_agent.samples import normalise_query, query_keys
from sie_agent.utils.arrays import Doubles, Integers

# from pairs without grades and a variant to the judgments of these pairs
Ask = Callable[[pd.DataFrame, Variant], pd.DataFrame]


class Spent(Exception):
    """The budget leaves no room for what comes next; *reason*: ``budget``, ``trials`` or ``cost``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass
class Bench:
    """Judges variants on pairs and counts what that takes.

    Attributes
    ----------
    ask : puts pairs before the judge. limit : most pairs, those answered in the cache too; None for no limit.
    pairs : how many there were. unjudged : how many of them have no judgment. graded : ids of the pairs whose grades
        were looked at. last : (n,) the judgments that the latest values rest on.
    """

    ask: Ask
    limit: int | None = None
    pairs: int = 0
    unjudged: int = 0
    graded: set[str] = field(default_factory=set)
    last: Doubles | None = None

    def scores(self, variant: Variant, rows: pd.DataFrame) -> Doubles:
        """(n,) the judgments, NaN where there is none.

        Raises
        ------
        Spent : the pairs would be more than the limit, or the limit on cost was met.
        """
        if self.limit is not None and self.pairs + len(rows) > self.limit:
            raise Spent("budget")
        table = self.ask(rows, variant)
        if (table["status"] == "not-asked").any():
            raise Spent("cost")
        self.pairs += len(rows)
        found = table["score"].to_numpy(np.float64)
        self.unjudged += int(np.isnan(found).sum())
        return found

    def values(self, variant: Variant, rows: pd.DataFrame) -> Doubles:
        """(n_queries,) accuracy within each query of *rows*, in the order of :func:`codes_of`.

        Pairs that hold an item of the variant's examples are left out: their answer stands in the prompt.
        """
        codes, count = codes_of(rows)
        shown = {normalise_query(one.title) for one in variant.examples}
        kept = ~rows["title"].map(normalise_query).isin(shown).to_numpy()
        score = np.full(len(rows), np.nan)
        if kept.any():
            score[kept] = self.scores(variant, rows[kept].reset_index(drop=True))
        self.last = score
        self.graded |= set(rows["sample_id"])
        grade = rows["grade"].to_numpy(np.float64)
        return accuracy(score, np.where(kept, grade, np.nan), codes, count)


def codes_of(rows: pd.DataFrame) -> tuple[Integers, int]:
    """(n,) a code from 0 for each query, by its first row, and how many there are."""
    codes, keys = pd.factorize(query_keys(rows["query"]))
    return codes.astype(np.intp), len(keys)


def accuracy(score: Doubles, grade: Doubles, queries: Integers, n_queries: int) -> Doubles:
    """Per query the share of its pairs of different grades that are in order; ties count half.

    Where an item has no judgment, its pairs count half as well: leaving them out would be a prize for refusing.

    Parameters
    ----------
    score : (n,) NaN without a judgment; grade : (n,) NaN for rows that do not count; queries : (n,) codes.

    Returns
    -------
    (n_queries,) in [0, 1]; NaN without pairs.
    """
    pairs = QueryPairs(grade, queries, n_queries)
    if not np.isnan(score).any():
        return pairs.accuracy(score)
    both = [pairs.accuracy(np.where(np.isnan(score), extreme, score)) for extreme in (-np.inf, np.inf)]
    return np.asarray((both[0] + both[1]) / 2)
