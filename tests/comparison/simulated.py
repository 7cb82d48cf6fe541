"""Variants with known figures, whose errors are correlated within queries, and bands for counts of many runs."""

from __future__ import annotations

import numpy as np
from scipy.stats import binomtest

from sie_agent.utils.arrays import Doubles

# a test of a rate fails by chance once in a thousand times
CHANCE = 0.001


def values_of(
    rng: np.random.Generator,
    means: list[float],
    *,
    queries: int,
    rows: int,
    within: float = 0.6,
    deviation: float = 0.2,
) -> Doubles:
    """(arms, queries, rows) values in [0, 1].

    Parameters
    ----------
    means : of each arm the true mean. within : correlation of an arm's errors on two rows of a query.
    deviation : standard deviation of a row's error.
    """
    shape = (len(means), queries, rows)
    # what all arms find hard is the same for all
    hard = rng.normal(0, 0.1, (1, queries, 1))
    query = rng.normal(0, deviation * np.sqrt(within), shape[:2])[:, :, None]
    row = rng.normal(0, deviation * np.sqrt(1 - within), shape)
    return np.asarray(np.asarray(means)[:, None, None] + hard + query + row)


def by_query(values: Doubles) -> dict[str, Doubles]:
    """Of each arm its mean by query."""
    return {f"arm {place}": arm.mean(axis=1) for place, arm in enumerate(values)}


def by_row(values: Doubles) -> dict[str, Doubles]:
    """Of each arm its rows, as if each were a query: what must not be done."""
    return {f"arm {place}": arm.ravel() for place, arm in enumerate(values)}


def at_most(count: int, runs: int, rate: float) -> bool:
    """Whether so many of the runs are no sign of a rate above *rate*."""
    return bool(binomtest(count, runs, rate, alternative="greater").pvalue > CHANCE)


def just(count: int, runs: int, rate: float) -> bool:
    """Whether so many of the runs are no sign of another rate than *rate*."""
    return bool(binomtest(count, runs, rate).pvalue > CHANCE)
