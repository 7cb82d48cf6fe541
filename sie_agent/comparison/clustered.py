"""The mean of per-query values and its standard error: queries are the clusters, so they are the observations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from sie_agent.utils.arrays import Doubles

# where no more queries than these have a difference, the standard deviation of what was seen is too small too often
FEW = 12


@dataclass(frozen=True)
class QueryMean:
    """A mean over queries.

    Parameters
    ----------
    value : the mean; NaN without queries. error : its standard error; NaN with fewer than two queries.
    n_queries : how many queries have a value.
    """

    value: float
    error: float
    n_queries: int

    @property
    def deviation(self) -> float:
        """Standard deviation of one query's value, as the standard error has it."""
        return self.error * float(np.sqrt(self.n_queries))

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


def query_mean(values: Doubles) -> QueryMean:
    """The mean over queries, with a standard error that holds where nearly all values are zero too.

    The error is that of a paired t test. Where at most ``FEW`` values are not zero it is taken with two made-up values
    added, plus and minus the largest absolute value (the idea of Agresti and Coull 1998, for pairs Agresti and Min
    2005): four queries of forty that all went the same way are no proof (a sign test says p = 0.125), and the t test
    would take them for one (p = 0.04). All zero: the error is 0.

    Parameters
    ----------
    values : (n_queries,) for example differences of two arms; NaN where a query says nothing.
    """
    known = values[np.isfinite(values)].astype(np.float64)
    count = len(known)
    if not count:
        return QueryMean(float("nan"), float("nan"), 0)
    if count < 2:
        return QueryMean(float(known[0]), float("nan"), count)
    few = int(np.count_nonzero(known)) <= FEW
    extra = 2 if few else 0
    largest = float(np.abs(known).max())
    total = count + extra
    middle = known.sum() / total
    squares = float(((known - middle) ** 2).sum())
    if few:
        squares += (largest - middle) ** 2 + (largest + middle) ** 2
    error = np.sqrt(squares / (total - 1) / total) * total / count
    return QueryMean(float(known.mean()), float(error), count)
