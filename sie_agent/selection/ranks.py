"""From a score to its rank in a distribution that is known by its quantiles or by a sample."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np

from sie_agent.utils.arrays import Doubles

# how many evenly spaced quantiles tell a distribution, its ends among them
QUANTILES = 101


def ranks_in_sample(scores: Doubles, ordered: Doubles) -> Doubles:
    """Mid-rank of each score in a sorted sample, in [0, 1]; of the sample's own values the mean is 0.5 exactly."""
    below = np.searchsorted(ordered, scores, side="left")
    up_to = np.searchsorted(ordered, scores, side="right")
    return np.asarray((below + up_to) / 2 / len(ordered))


def rank_in_sample(score: float, ordered: Sequence[float]) -> float:
    """:func:`ranks_in_sample` of one score."""
    return (bisect_left(ordered, score) + bisect_right(ordered, score)) / 2 / len(ordered)


def rank_in_quantiles(score: float, quantiles: Sequence[float]) -> float:
    """:func:`ranks_in_quantiles` of one score."""
    below, up_to, last = bisect_left(quantiles, score), bisect_right(quantiles, score), len(quantiles) - 1
    if up_to > below:
        return (below + up_to - 1) / 2 / last
    if below in (0, last + 1):
        return float(below > 0)
    before, behind = quantiles[below - 1], quantiles[below]
    return (below - 1 + (score - before) / (behind - before)) / last


def ranks_in_quantiles(scores: Doubles, quantiles: Doubles) -> Doubles:
    """Rank of each score by interpolation between evenly spaced quantiles, in [0, 1]; ties get the middle."""
    below = np.searchsorted(quantiles, scores, side="left")
    up_to = np.searchsorted(quantiles, scores, side="right")
    last = len(quantiles) - 1
    between = np.interp(scores, quantiles, np.linspace(0, 1, len(quantiles)))
    return np.asarray(np.where(up_to > below, (below + up_to - 1) / 2 / last, between))
