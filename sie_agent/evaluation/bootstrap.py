"""Intervals by a bootstrap that resamples queries, shared by all draws (Efron 1979; Field & Welsh 2007)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sie_agent.utils.arrays import Doubles, Integers

# a 95 % interval reaches so many standard deviations to each side
NORMAL = 1.959964


def resampled_rows(queries: Integers, copies: Integers) -> Integers:
    """Row numbers of a resample in which query q comes ``copies[q]`` times.

    Parameters
    ----------
    queries : (n,) query code of each row; copies : (n_queries,) how often each query was drawn.
    """
    return np.repeat(np.arange(len(queries)), copies[queries])


def resampled(
    statistic: Callable[..., Sequence[float]], columns: Sequence[npt.NDArray[Any]], queries: Integers, copies: Integers
) -> tuple[Doubles, Doubles]:
    """The figures that a statistic gives of some columns, (k,), and of each resample of queries, (replicates, k).

    Parameters
    ----------
    statistic : from the columns, each (n,), to k figures. queries : (n,); copies : from :func:`query_copies`.
    """
    drawn = (resampled_rows(queries, one) for one in copies)
    again = [statistic(*(column[rows] for column in columns)) for rows in drawn]
    return np.asarray(statistic(*columns)), np.asarray(again)


def query_copies(n_queries: int, replicates: int, seed: int) -> Integers:
    """(replicates, n_queries): how often each query is drawn in each replicate."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_queries, np.full(n_queries, 1 / n_queries), size=replicates).astype(np.intp)


def interval(values: Sequence[float] | Doubles, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval; (NaN, NaN) where fewer than ten values are finite."""
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    if len(finite) < 10:
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    return float(np.quantile(finite, tail)), float(np.quantile(finite, 1 - tail))


def bootstrap_mean(
    statistics: Sequence[Callable[[Integers], float]], queries: Sequence[Integers], copies: Integers
) -> Doubles:
    """Bootstrap replicates of the mean of a statistic over draws, (replicates,).

    A query that two draws share is drawn for both together: draws of one log are not independent.

    Parameters
    ----------
    statistics : per draw, from row numbers to the statistic on these rows.
    queries : per draw, (n,) query code of each row, codes shared by the draws.
    copies : from :func:`query_copies`.
    """
    return np.asarray(
        [
            mean_of(
                [statistic(resampled_rows(codes, drawn)) for statistic, codes in zip(statistics, queries, strict=True)]
            )
            for drawn in copies
        ]
    )


def mean_of(values: Iterable[float | None]) -> float:
    """Mean of the values that are there and finite; NaN where there are none."""
    finite = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.mean(finite)) if finite else float("nan")


def standard_error(values: Sequence[float] | Doubles) -> float:
    """Standard error of a mean over draws; 0 where one draw cannot show it."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0


def widen(low: float, high: float, middle: float, extra_deviation: float) -> tuple[float, float]:
    """An interval with a further independent error of standard deviation *extra_deviation* added in quadrature."""
    if not extra_deviation:
        return low, high
    added = NORMAL * extra_deviation
    return middle - float(np.hypot(middle - low, added)), middle + float(np.hypot(high - middle, added))
