"""What the settled pairs of a level are worth on test queries, beside answers that know nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sie_agent.evaluation.bootstrap import interval, query_copies
from sie_agent.utils.arrays import Integers

REPLICATES, SEED = 1000, 23_000


@dataclass(frozen=True)
class SettledFigures:
    """Pairs that a level settles.

    Attributes
    ----------
    n_pairs, n_queries : of them. agreement : share of which a person says the same; None without pairs.
    low, high : its 95 % interval, queries resampled. constant : what the best constant answer would agree there.
    random : what a judge would agree that gives as many of each answer at random.
    """

    n_pairs: int
    n_queries: int
    agreement: float | None = None
    low: float | None = None
    high: float | None = None
    constant: float | None = None
    random: float | None = None


def settled_figures(decision: Integers, truth: Integers, queries: Integers) -> SettledFigures:
    """Agreement of the settled pairs of test queries, each (n,), with its interval.

    Where all agree the lower end is that of so many queries without a failure (Clopper and Pearson 1934).
    """
    if not len(decision):
        return SettledFigures(0, 0)
    codes = np.unique(queries, return_inverse=True)[1]
    n_queries = int(codes.max()) + 1
    same = (decision == truth).astype(np.float64)
    agreed, size = np.bincount(codes, weights=same), np.bincount(codes).astype(np.float64)
    copies = query_copies(n_queries, REPLICATES, SEED)
    low, high = interval((copies @ agreed) / (copies @ size)) if n_queries > 1 else (float("nan"), float("nan"))
    if same.all():
        low, high = float(0.025 ** (1 / n_queries)), 1.0
    values = int(max(decision.max(), truth.max())) + 1
    given, true = (np.bincount(one, minlength=values) / len(one) for one in (decision, truth))
    return SettledFigures(
        n_pairs=len(decision),
        n_queries=n_queries,
        agreement=float(same.mean()),
        low=None if np.isnan(low) else low,
        high=None if np.isnan(high) else high,
        constant=float(true.max()),
        random=float(given @ true),
    )
