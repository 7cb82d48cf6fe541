"""Grades of a sheet that was drawn with known chances: what they weigh."""

from __future__ import annotations

import numpy as np

from sie_agent.comparison.metrics import METRICS
from sie_agent.utils.arrays import Doubles, Integers


def weights_of(chances: Doubles | None, queries: Integers) -> tuple[Doubles | None, str]:
    """(n_queries,) inverse chances of queries that were drawn as a whole, and what is to be said of the draw.

    Parameters
    ----------
    chances : (n,) with which each pair was drawn to be graded; None where that is not known. queries : (n,).
    """
    if chances is None:
        return None, ""
    if np.allclose(chances, chances[0]):
        return None, "The grades are those of a sheet, drawn with equal chances."
    count = int(queries.max()) + 1
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, queries, chances)
    np.maximum.at(high, queries, chances)
    drawn = "The grades are those of a sheet, on which pairs that variants differ on are more frequent."
    if np.allclose(low, high):
        return (
            1 / low,
            f"{drawn} Means over queries are weighted by the inverse of their chance; other figures are not.",
        )
    return None, f"{drawn} Only the `powered` figures are weighted by the inverse of their chance."


def weighted(values: dict[str, Doubles], weights: Doubles | None) -> dict[str, Doubles]:
    """Values of means over queries as values of the weighted mean (Hájek 1971), linearised; others as they are."""
    if weights is None:
        return values
    found = dict(values)
    for name in (name for name in values if METRICS[name].by_query):
        known = ~np.isnan(values[name])
        if known.any():
            mean = float(np.average(values[name][known], weights=weights[known]))
            found[name] = mean + weights / weights[known].mean() * (values[name] - mean)
    return found
