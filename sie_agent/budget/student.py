"""The cheap student that strategies ask: a forest on the text features of the pairs judged so far."""

from __future__ import annotations

import numpy as np

from sie_agent.budget.strategy import Candidates, Known
from sie_agent.utils.arrays import Doubles

TREES, FEWEST_JUDGED = 50, 10
SMALLEST_LEAF, FEATURE_SHARE = 2, 1 / 3


def variance_of_trees(candidates: Candidates, known: Known, rng: np.random.Generator) -> Doubles:
    """Variance between the trees' predictions of each pair's relevance, (n,).

    A random forest (Breiman 2001) as a committee (Seung 1992; Abe & Mamitsuka 1998): its trees disagree where little
    was judged nearby, and where what was judged there disagrees. The same everywhere while fewer than ten pairs have an
    answer, or all have the same one.
    """
    from sklearn.ensemble import RandomForestRegressor

    judged = np.flatnonzero(~np.isnan(known.relevance))
    answers = known.relevance[judged]
    if len(judged) < FEWEST_JUDGED or not np.ptp(answers):
        return np.ones(len(candidates))
    forest = RandomForestRegressor(
        TREES,
        min_samples_leaf=SMALLEST_LEAF,
        max_features=FEATURE_SHARE,
        random_state=int(rng.integers(2**31)),
        n_jobs=1,
    )
    forest.fit(candidates.features[judged], answers)
    total, squares = np.zeros(len(candidates)), np.zeros(len(candidates))
    for tree in forest.estimators_:
        told = tree.predict(candidates.features)
        total += told
        squares += told**2
    return np.asarray(np.maximum(squares / TREES - (total / TREES) ** 2, 0.0))
