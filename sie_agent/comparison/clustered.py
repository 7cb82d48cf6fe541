"""The mean of per-query values and its standard error: queries are the clusters, so they are the observations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from sie_agent.utils.arrays import Doubles

# where no more queries than these have a difference, the standard deviation of what was seen is too small too often;
# where most are ties, more than these are still few
FEW, FEW_AMONG_TIES = 12, 30


@dataclass(frozen=True)
class QueryMean:
    """A mean over queries.

    Parameters
    ----------
    value : the mean; NaN without queries. error : its standard error; NaN with fewer than two queries.
    n_queries : how many queries have a value. rare : whether most values are zero, and at most 30 are not.
    """

    value: float
    error: float
    n_queries: int
    rare: bool = False

    @property
    def deviation(self) -> float:
        """Standard deviation of one query's value, as the standard error has it."""
        return self.error * float(np.sqrt(self.n_queries))

    @property
    def all_ties(self) -> bool:
        """Whether every query has the value 0."""
        return self.n_queries > 0 and self.value == 0 and not self.error > 0

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Two-sided interval by Student's t with n_queries - 1 degrees of freedom."""
        if not np.isfinite(self.error):
            return float("nan"), float("nan")
        reach = float(stdtrit(self.n_queries - 1, (1 + level) / 2)) * self.error
        return self.value - reach, self.value + reach

    def above(self, bound: float) -> float:
        """One-sided p-value of the hypothesis that the mean is at most *bound*; 1 where nothing can be said."""
        if not np.isfinite(self.error):
            return 1.0
        if self.error == 0:
            return 0.0 if self.value > bound else 1.0
        return float(stdtr(self.n_queries - 1, (bound - self.value) / self.error))

    def below(self, bound: float) -> float:
        """One-sided p-value of the hypothesis that the mean is at least *bound*; 1 where nothing can be said."""
        return QueryMean(-self.value, self.error, self.n_queries).above(-bound)

    def differs(self, bound: float = 0.0) -> float:
        """Two-sided p-value of the hypothesis that the mean is *bound*."""
        return min(1.0, 2 * min(self.above(bound), self.below(bound)))


def ties_chance(n_queries: int, margin: float) -> float:
    """The most that the chance of nothing but zeros can be, where values lie in [-1, 1] and their mean is the margin.

    A mean that far from 0 needs that share of queries, or more, with another value. No test that holds for all such
    values has a smaller p-value: where most are zero, the spread of the few others says little of what may come.
    """
    return float((1 - margin) ** n_queries)


def ties_reach(n_queries: int, alpha: float) -> float:
    """How far from 0 the mean can be where all values are zero (Clopper and Pearson 1934, no success)."""
    return float(1 - (alpha / 2) ** (1 / n_queries))


def ties_needed(margin: float, alpha: float) -> int:
    """How many queries, all with the value 0, show that the mean is within the margin."""
    return 1 if margin >= 1 else max(1, int(np.ceil(np.log(alpha) / np.log1p(-margin))))


def query_mean(values: Doubles) -> QueryMean:
    """The mean over queries, with a standard error that holds where nearly all values are zero too.

    The error is that of a paired t test. Where at most 12 values are not zero, or at most 30 and fewer than half, it is
    taken with two made-up values added, plus and minus the largest absolute value (the idea of Agresti and Coull 1998,
    for pairs Agresti and Min 2005): four queries of forty that all went the same way are no proof (a sign test says
    p = 0.125), and the t test would take them for one (p = 0.04). All zero: the error is 0.

    Parameters
    ----------
    values : (n_queries,) for example differences of two arms; NaN where a query says nothing.
    """
    known = values[np.isfinite(values)].astype(np.float64)
    count = len(known)
    if not count:
        return QueryMean(float("nan"), float("nan"), 0)
    differing = int(np.count_nonzero(known))
    rare = 2 * differing < count and differing <= FEW_AMONG_TIES
    if count < 2:
        return QueryMean(float(known[0]), float("nan"), count, rare)
    few = rare or differing <= FEW
    extra = 2 if few else 0
    largest = float(np.abs(known).max())
    total = count + extra
    middle = known.sum() / total
    squares = float(((known - middle) ** 2).sum())
    if few:
        squares += (largest - middle) ** 2 + (largest + middle) ** 2
    error = np.sqrt(squares / (total - 1) / total) * total / count
    return QueryMean(float(known.mean()), float(error), count, rare)
