"""From score to weight: ranks in the live distribution, and before there is one in the baseline."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

# up to so many scores plain numbers are quicker than arrays: a request of one row waits for this
FEW = 4


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


class RankWindow:
    """The latest scores of one weak label, and the weights that follow from them.

    Parameters
    ----------
    quantiles : evenly spaced quantiles of the baseline.
    window : events kept; warm_up : events until the baseline counts for nothing any more.
    """

    def __init__(self, quantiles: Doubles, window: int, warm_up: int) -> None:
        self.quantiles = quantiles
        self.warm_up = warm_up
        self.kept = np.full(window, np.nan)
        self.place = 0
        # replaced as a whole, never changed: readers need no lock
        self.ordered = np.empty(0)
        self._few: tuple[list[float], list[float]] = ([], quantiles.tolist())

    def add(self, scores: Doubles) -> None:
        """Take in scores; those that are not numbers are no events here."""
        scores = scores[~np.isnan(scores)][-len(self.kept) :]
        places = (self.place + np.arange(len(scores))) % len(self.kept)
        self.kept[places] = scores
        self.place = int((self.place + len(scores)) % len(self.kept))

    def refresh(self) -> None:
        """Sort the window, for the weights to come."""
        self.ordered = np.sort(self.kept[~np.isnan(self.kept)])
        self._few = (self.ordered.tolist(), self._few[1])

    def ranks(self, scores: Doubles) -> Doubles:
        """Rank of each score in [0, 1]: in the baseline at first, in the window from *warm_up* events on.

        In between the two are mixed by the share of the warm-up that is over, so that no weight jumps.
        """
        ordered = self.ordered
        share = min(1.0, len(ordered) / self.warm_up)
        ranks = np.zeros(len(scores))
        if share < 1:
            ranks += (1 - share) * ranks_in_quantiles(scores, self.quantiles)
        if share > 0:
            ranks += share * ranks_in_sample(scores, ordered)
        return ranks

    def weights(self, scores: Doubles, strength: float, *, higher: bool) -> Doubles:
        """clip(1 + a · (rank - 0.5) · 2, 0, 2); a score that is no number gets weight 1."""
        direction = 1.0 if higher else -1.0
        if len(scores) <= FEW:
            ordered, quantiles = self._few
            share = min(1.0, len(ordered) / self.warm_up)
            return np.array(
                [self._weight(score, ordered, quantiles, share, strength * direction) for score in scores.tolist()]
            )
        known = ~np.isnan(scores)
        weights = np.ones(len(scores))
        weights[known] = np.clip(1 + strength * direction * (self.ranks(scores[known]) - 0.5) * 2, 0, 2)
        return weights

    @staticmethod
    def _weight(score: float, ordered: list[float], quantiles: list[float], share: float, strength: float) -> float:
        if score != score:
            return 1.0
        rank = (1 - share) * rank_in_quantiles(score, quantiles) if share < 1 else 0.0
        rank += share * rank_in_sample(score, ordered) if share > 0 else 0.0
        return min(max(1 + strength * (rank - 0.5) * 2, 0.0), 2.0)
