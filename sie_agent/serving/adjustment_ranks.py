"""From score to weight: ranks in the live distribution, and before there is one in the baseline."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def ranks_in_sample(scores: Doubles, ordered: Doubles) -> Doubles:
    """Mid-rank of each score in a sorted sample, in [0, 1]; of the sample's own values the mean is 0.5 exactly."""
    below = np.searchsorted(ordered, scores, side="left")
    up_to = np.searchsorted(ordered, scores, side="right")
    return np.asarray((below + up_to) / 2 / len(ordered))


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

    def add(self, scores: Doubles) -> None:
        """Take in scores; those that are not numbers are no events here."""
        scores = scores[~np.isnan(scores)][-len(self.kept) :]
        places = (self.place + np.arange(len(scores))) % len(self.kept)
        self.kept[places] = scores
        self.place = int((self.place + len(scores)) % len(self.kept))

    def refresh(self) -> None:
        """Sort the window, for the weights to come."""
        self.ordered = np.sort(self.kept[~np.isnan(self.kept)])

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
        known = ~np.isnan(scores)
        weights = np.ones(len(scores))
        direction = 1.0 if higher else -1.0
        weights[known] = np.clip(1 + strength * direction * (self.ranks(scores[known]) - 0.5) * 2, 0, 2)
        return weights
