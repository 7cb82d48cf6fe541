"""The shop's own ranker of a simulated log: it decides which item stands where."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.features.text_features import TextFeatures
from sie_agent.samples.sample_schema import without_grade
from sie_agent.samples.simulations.kinds import ranks, uniform
from sie_agent.samples.splits import query_keys
from sie_agent.utils.arrays import Doubles

FOLDS = 5
# a row's worth of shrinkage for every so many rows; features are standardised
SHRINKAGE = 0.02
# scores that agree so far are one on every machine, and ties are broken by a hash
DECIMALS = 5


def ranker_scores(samples: pd.DataFrame, grade: Doubles, seed: int) -> Doubles:
    """Scores of a ranker that was trained on the grades of other queries, (n,).

    Queries are dealt to five folds by a hash of (seed, query). The rows of a fold are scored by a ridge regression of
    the grades (Hoerl and Kennard 1970) on the text features, fitted on the other folds, so that a place tells what a
    ranker can know of an item, and not its grade.

    Parameters
    ----------
    samples : rows in an order that does not change, since the features' latent space follows it.
    grade : (n,) grades in [0, 1].
    seed : which folds.
    """
    from sklearn.linear_model import Ridge

    texts = without_grade(samples)
    features = TextFeatures.fit(texts).transform(texts).astype(np.float64)
    fold = np.floor(FOLDS * uniform(query_keys(samples["query"]), seed, "fold")).astype(int)
    scores = np.zeros(len(samples))
    for one in range(FOLDS):
        mine = fold == one
        if mine.any() and not mine.all():
            ridge = Ridge(alpha=SHRINKAGE * (~mine).sum(), solver="cholesky").fit(features[~mine], grade[~mine])
            scores[mine] = ridge.predict(features[mine])
    return np.round(scores, DECIMALS)


def places(samples: pd.DataFrame, scores: Doubles, seed: int) -> npt.NDArray[np.int64]:
    """Place of each row, from 1, among the rows of its query by falling score, (n,); ties by a hash."""
    query = pd.factorize(query_keys(samples["query"]))[0]
    return ranks(query, uniform(samples["sample_id"], seed, "tie"), -scores)
