"""``diverse``: pairs far from each other in their text features."""

from __future__ import annotations

import numpy as np

from sie_agent.budget.strategy import Candidates, Known, Strategy
from sie_agent.utils.arrays import Integers


def far_apart(candidates: Candidates, known: Known, count: int, rng: np.random.Generator) -> Integers:
    """One pair after the other, each drawn in proportion to its squared distance from the nearest chosen one.

    That is how k-means++ begins (Arthur & Vassilvitskii 2007). Copies of what is chosen come last.
    """
    features = candidates.features
    chosen, taken = [], known.asked.copy()
    nearest = np.full(len(features), np.inf)
    for row in np.flatnonzero(known.asked).tolist():
        nearest = np.minimum(nearest, ((features - features[row]) ** 2).sum(axis=1))
    for _ in range(min(count, int((~taken).sum()))):
        weight = np.where(taken, 0.0, nearest)
        left = np.flatnonzero(~taken)
        total = float(weight.sum())
        if not np.isfinite(total) or total <= 0:
            row = int(left[0])
        else:
            place = np.searchsorted(np.cumsum(weight), rng.random() * total, side="right")
            # the last sum may round to less than the total
            row = int(place) if place < len(weight) and weight[place] > 0 else int(np.argmax(weight))
        chosen.append(row)
        taken[row] = True
        nearest = np.minimum(nearest, ((features - features[row]) ** 2).sum(axis=1))
    return np.array(chosen, np.intp)


DIVERSE = Strategy("diverse", far_apart, "pairs far from each other in their text features (k-means++)")
