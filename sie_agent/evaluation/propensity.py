"""What a practitioner does about position bias without any judge: estimate it, and weigh clicks by its inverse."""

from __future__ import annotations

import numpy as np

from sie_agent.utils.arrays import Doubles, Floats, Integers

CLIP = 10.0
CAP = 20
FOLDS = 2
TOLERANCE = 0.001
TREES = 30


def propensity_weights(label: Doubles, examination: Doubles | None, clip: float = CLIP) -> tuple[Doubles, Doubles]:
    """Targets and weights for a ranker, by which clicks count as often as they would have happened in full view.

    A click was seen with probability θ, so it stands for 1/θ (inverse propensity scoring; Joachims, Swaminathan &
    Schnabel 2017); what was not clicked counts once. A row that is clicked at the rate y has both parts, and as
    cross-entropy is linear in its target, one target and one weight say the same:

        weight = y/θ + 1 - y,    target = (y/θ) / weight.

    For 0/1 labels the target is the label. In LambdaMART, where a clicked row is ranked against the others of its
    query, this is the estimator of that paper. For a pointwise ranker the model's optimum is r / (1 + r (1 - θ)), r
    the relevance: between r/(1 + r) and r, whatever θ. Free of bias would be (1 - y/θ) in the place of 1 - y, but it is
    negative for clicks, which trainers refuse; the same as a target, y/θ brought to [0, 1] by its maximum, ranks worse,
    because most of such a target is noise: with the true θ, on three click logs simulated on shop searches, a
    perceptron has the within-query accuracy 0.59 by it and 0.61 by weights, LambdaMART 0.58 and 0.60. The log as it is
    gives 0.64 and 0.65, clean labels 0.66 and 0.67: a bias that comes from a good ranking carries what it knows, and to
    take it out costs more than noise alone. That is for a bench to show, not a reason to do it otherwise.

    Parameters
    ----------
    label : (n,) clicks per impression, in [0, 1].
    examination : (n,) θ in (0, 1], NaN where unknown, which counts as 1; None where the log has no positions.
    clip : a click counts at most so often, at least 1 (Bottou 2013).

    Returns
    -------
    targets : (n,) in [0, 1]; weights : (n,) above 0, mean 1.
    """
    label = np.asarray(label, np.float64)
    if examination is None:
        return label, np.ones(len(label))
    seen = np.where(np.isnan(examination), 1.0, np.clip(examination, 1 / clip, 1))
    clicked = label / seen
    weights = clicked + 1 - label
    return clicked / weights, weights / (weights.mean() if len(weights) else 1.0)


def regression_em(
    label: Doubles,
    position: Doubles,
    features: Floats,
    queries: Integers,
    *,
    iterations: int = 40,
    seed: int = 0,
    impressions: Doubles | None = None,
) -> Doubles | None:
    """Probability that a row is looked at, by its position, from clicks alone (Wang et al. 2018, regression-based EM).

    P(click) = θ(position) · γ(features). In turn, whether each unclicked row was seen, and whether it is relevant, is
    inferred from θ and γ; θ is the mean of the first by position, and γ is fitted to the second by small boosted trees.
    Only products of the two show in clicks, so position 1 is held at θ = 1. γ of a row comes from trees grown on
    other queries: trees that had seen a row's own click would take it for relevance.

    Positions from 20 on share one θ, because few rows are so deep. The estimate needs items of similar features at
    different positions; where the position follows from the features, part of the bias is taken for relevance.

    Parameters
    ----------
    label : (n,) clicks per impression, in [0, 1]; position : (n,) from 1, NaN where unknown.
    features : (n, d) without the position; queries : (n,) query codes.
    iterations : at most; it ends when no θ changes by more than 0.001.
    seed : of the split of queries in two halves.
    impressions : (n,) how often each row was shown, or None for once each.

    Returns
    -------
    (n,) in (0, 1], NaN where the position is unknown; None where no position is known.
    """
    known = np.flatnonzero(np.isfinite(position))
    if not len(known):
        return None
    places = np.clip(position[known], 1, CAP).astype(np.intp) - 1
    clicks = np.asarray(label, np.float64)[known]
    shown = np.ones(len(known)) if impressions is None else np.asarray(impressions, np.float64)[known]
    relevance = RelevanceTrees(features[known], queries[known], shown, seed)
    # to begin with, as if items were equally relevant at all positions
    rate = np.bincount(places, shown * clicks, CAP) / np.maximum(np.bincount(places, shown, CAP), 1e-9)
    seen = np.clip(rate / max(rate[0], rate.max() / 2, 1e-9), 0.05, 1)
    gamma = np.full(len(known), np.clip((shown * clicks).sum() / (shown * seen[places]).sum(), 1e-3, 0.5))
    for _ in range(iterations):
        before = seen
        unclicked = (1 - clicks) / np.maximum(1 - seen[places] * gamma, 1e-9)
        examined = clicks + unclicked * seen[places] * (1 - gamma)
        relevant = clicks + unclicked * gamma * (1 - seen[places])
        seen = examined_by_place(examined, places, shown, before)
        gamma = relevance.fit_predict(relevant)
        if np.abs(seen - before).max() < TOLERANCE:
            break
    found = np.full(len(label), np.nan)
    found[known] = seen[places]
    return found


def examined_by_place(examined: Doubles, places: Integers, shown: Doubles, before: Doubles) -> Doubles:
    """(places,) mean over the rows of each place, 1 at the first; a place without rows keeps what it had."""
    total = np.bincount(places, shown, len(before))
    means = np.bincount(places, shown * examined, len(before)) / np.where(total > 0, total, 1)
    found = np.where(total > 0, np.clip(means, 1e-3, 1), before)
    found[0] = 1.0
    return found


class RelevanceTrees:
    """Boosted trees of relevance, fitted anew to every guess of it; each half of the queries is predicted by the other.

    Parameters
    ----------
    features : (n, d); queries : (n,) codes; shown : (n,) weight of each row; seed : of the halves.
    """

    def __init__(self, features: Floats, queries: Integers, shown: Doubles, seed: int) -> None:
        import lightgbm

        present, codes = np.unique(queries, return_inverse=True)
        halves = np.random.default_rng(seed).permutation(len(present)) % FOLDS
        self._features = features
        self._rows = [np.flatnonzero(halves[codes] == half) for half in range(FOLDS)]
        self._parameters = {
            "objective": "cross_entropy",
            "num_leaves": 15,
            "learning_rate": 0.15,
            "min_data_in_leaf": max(1, min(50, len(queries) // 20)),
            "max_bin": 63,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbose": -1,
        }
        # features are put into bins once; a guess of relevance is only another label
        self._data = [
            lightgbm.Dataset(features[rows], np.zeros(len(rows)), weight=shown[rows], params=self._parameters)
            for rows in self._rows
        ]

    def fit_predict(self, relevant: Doubles) -> Doubles:
        """(n,) in (0, 1), from (n,) targets in [0, 1]."""
        import lightgbm

        found = np.empty(len(relevant))
        for half, rows in enumerate(self._rows):
            # a single query has no other to learn from
            other = 1 - half if len(self._rows[1 - half]) else half
            if len(rows):
                data = self._data[other].construct().set_label(relevant[self._rows[other]])
                booster = lightgbm.train(self._parameters, data, TREES)
                found[rows] = booster.predict(self._features[rows], num_threads=1)
        return np.clip(found, 1e-3, 1 - 1e-3)
