"""From score to weight, by rank: in the live distribution, or in the baseline until there is one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sie_agent.selection import rank_in_quantiles, rank_in_sample, ranks_in_quantiles, ranks_in_sample, weights_of
from sie_agent.utils.arrays import Doubles

# up to so many scores plain numbers are quicker than arrays: a request of one row waits for this
FEW = 4


class RankWindow:
    """The latest scores of one weak label, and the weights that follow from them.

    Parameters
    ----------
    quantiles : evenly spaced quantiles of the baseline.
    window : events kept; warm_up : events until the baseline counts for nothing any more.
    """

    def __init__(self, quantiles: Doubles, window: int, warm_up: int) -> None:
        self.quantiles = quantiles
        self._listed: list[float] = quantiles.tolist()
        self.warm_up = warm_up
        self.kept = np.full(window, np.nan)
        self.place = 0
        # replaced as a whole, never changed: readers need no lock
        self.ordered = np.empty(0)
        self._few: list[float] = []

    def add(self, scores: Doubles) -> None:
        """Add scores; NaN is left out."""
        scores = scores[~np.isnan(scores)][-len(self.kept) :]
        places = (self.place + np.arange(len(scores))) % len(self.kept)
        self.kept[places] = scores
        self.place = int((self.place + len(scores)) % len(self.kept))

    def refresh(self) -> None:
        """Sort the window for the weights of the next batches."""
        self.ordered = np.sort(self.kept[~np.isnan(self.kept)])
        self._few = self.ordered.tolist()

    def ranks(self, scores: Doubles, start: Doubles) -> Doubles:
        """Rank of each score in [0, 1]: among the quantiles *start* at first, in the window from *warm_up* events on.

        In between the two are mixed by the share of the warm-up that is over, so that no weight jumps.
        """
        ordered = self.ordered
        share = min(1.0, len(ordered) / self.warm_up)
        ranks = np.zeros(len(scores))
        if share < 1:
            ranks += (1 - share) * ranks_in_quantiles(scores, start)
        if share > 0:
            ranks += share * ranks_in_sample(scores, ordered)
        return ranks

    def weights(
        self, scores: Doubles, strength: float, *, higher: bool, start: Sequence[float] | None = None
    ) -> Doubles:
        """clip(1 + a · (rank - 0.5) · 2, 0, 2); a score that is not a number gets weight 1.

        Parameters
        ----------
        start : evenly spaced quantiles that ranks begin with; by default those of the baseline.
        """
        begin = self._listed if start is None else start
        if len(scores) <= FEW:
            ordered = self._few
            share = min(1.0, len(ordered) / self.warm_up)
            ranks = [mixed_rank(score, ordered, begin, share) for score in scores.tolist()]
            turned = ranks if higher else [1 - rank for rank in ranks]
            # of no number the rank is none either, and compares as false
            return np.array([min(max(1 + strength * (r - 0.5) * 2, 0.0), 2.0) if r == r else 1.0 for r in turned])
        known = ~np.isnan(scores)
        found = np.full(len(scores), np.nan)
        found[known] = self.ranks(scores[known], np.asarray(begin, np.float64))
        return weights_of(found, strength, higher=higher)


def mixed_rank(score: float, ordered: Sequence[float], quantiles: Sequence[float], share: float) -> float:
    """:meth:`RankWindow.ranks` for one score; NaN for NaN."""
    if score != score:
        return score
    rank = (1 - share) * rank_in_quantiles(score, quantiles) if share < 1 else 0.0
    return rank + (share * rank_in_sample(score, ordered) if share > 0 else 0.0)
