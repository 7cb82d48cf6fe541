"""How many queries a paired test needs, and how often it finds a difference that is there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import nctdtr, stdtrit

# nobody grades more; a difference that would need more is none
MOST_QUERIES = 10_000_000
# so many standard errors apart, a chance is 0 or 1
FAR = 30


def power_of(difference: float, deviation: float, n_queries: int, *, alpha: float = 0.05) -> float:
    """How often a two-sided paired t test over queries finds a difference (noncentral t; Cohen 1988).

    Parameters
    ----------
    difference : true mean of the per-query differences. deviation : their standard deviation, above 0.
    n_queries : how many queries, at least 2. alpha : level of the test.

    Examples
    --------
    >>> round(power_of(0.05, 0.2, 128), 3)
    0.802
    """
    freedom, shift = n_queries - 1, abs(difference) / deviation * float(np.sqrt(n_queries))
    cut = -float(stdtrit(freedom, alpha / 2))
    return _above(cut, freedom, shift) + 1 - _above(-cut, freedom, shift)


def _above(cut: float, freedom: int, shift: float) -> float:
    """Chance of a noncentral t above *cut*; where scipy says NaN, so far out that it is 0 or 1."""
    chance = 1 - float(nctdtr(freedom, shift, cut)) if abs(shift - cut) < FAR else float("nan")
    return chance if np.isfinite(chance) else float(shift > cut)


def power_of_equivalence(
    difference: float, deviation: float, n_queries: int, *, margin: float, alpha: float = 0.05
) -> float:
    """How often two one-sided t tests find a difference to be within ±margin (Schuirmann 1987).

    The bound by Bonferroni of both tests' powers, which is exact where one of them hardly ever fails.

    Parameters
    ----------
    difference : true mean of the per-query differences. margin : above 0. Others as in :func:`power_of`.
    """
    freedom, root = n_queries - 1, float(np.sqrt(n_queries))
    cut = -float(stdtrit(freedom, alpha))
    misses = [1 - _above(cut, freedom, (margin - sign * difference) / deviation * root) for sign in (1, -1)]
    return max(0.0, 1 - sum(misses))


def queries_needed(difference: float, deviation: float, *, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """The smallest number of queries with which a two-sided paired t test finds a difference with this power.

    Parameters
    ----------
    difference : true mean of the per-query differences. deviation : their standard deviation.
    alpha : level of the test. power : from alpha to below 1.

    Returns
    -------
    At least 2; None where ten million queries are not enough, as for a difference of 0.

    Examples
    --------
    >>> queries_needed(0.05, 0.2)
    128
    """
    if not difference or not np.isfinite(difference + deviation):
        return None
    if not deviation:
        return 2
    return _smallest(lambda count: power_of(difference, deviation, count, alpha=alpha) >= power)


def queries_for_equivalence(
    difference: float, deviation: float, *, margin: float, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """The smallest number of queries with which a difference is found to be within ±margin with this power.

    Returns
    -------
    None where the difference is not within the margin, or ten million queries are not enough.
    """
    if not np.isfinite(difference + deviation) or abs(difference) >= margin:
        return None
    if not deviation:
        return 2
    return _smallest(
        lambda count: power_of_equivalence(difference, deviation, count, margin=margin, alpha=alpha) >= power
    )


def _smallest(enough: Callable[[int], bool]) -> int | None:
    """The smallest number from 2 on that is enough, by doubling and halving."""
    high = 2
    while not enough(high):
        high *= 2
        if high > MOST_QUERIES:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
