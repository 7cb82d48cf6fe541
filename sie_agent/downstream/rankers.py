"""The models that are trained on the log, by name: one function and one line of ``RANKERS`` each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from sie_agent.attribution import FeatureRows, TrainingSettings, predict, train
from sie_agent.utils.arrays import Floats, Integers

Predictor = Callable[[Floats], Floats]
Learn = Callable[[FeatureRows, Floats | None, TrainingSettings, Sequence[int]], Predictor]

TARGET = "target"
TREES, LEAVES, ROWS_PER_LEAF = 100, 15, 20
# small trees: a second thread gains little, and waits badly where cores are shared
THREADS = 1
# labels in [0, 1] become integers, with the gain that NDCG is reported with
LEVELS = 100
GAINS = [2.0 ** (3 * level / LEVELS) - 1 for level in range(LEVELS + 1)]
MOST_ROWS = 10_000


def target_model(
    log: FeatureRows, weights: Floats | None, settings: TrainingSettings, seeds: Sequence[int]
) -> Predictor:
    """Train the suite's target model once per seed.

    Parameters
    ----------
    log : training rows; weights : (n,) of each row, or None for ones.
    settings : of the target model; seeds : of the models whose predictions are averaged.

    Returns
    -------
    What predicts a feature matrix (m, d): the mean over seeds, (m,); higher is better, and comparable within one
    predictor only.
    """
    networks = [train(log.features, log.targets, settings, seed, weights, log.queries)[-1] for seed in seeds]
    return partial(predict, networks)


def linear_model(
    log: FeatureRows, weights: Floats | None, settings: TrainingSettings, seeds: Sequence[int]
) -> Predictor:
    """:func:`target_model` without hidden units, otherwise trained in the same way."""
    return target_model(log, weights, replace(settings, kind="perceptron", hidden=0), seeds)


def perceptron(log: FeatureRows, weights: Floats | None, settings: TrainingSettings, seeds: Sequence[int]) -> Predictor:
    """:func:`target_model` with a perceptron, whatever kind the suite's target is of."""
    return target_model(log, weights, replace(settings, kind="perceptron"), seeds)


def lambdamart(log: FeatureRows, weights: Floats | None, settings: TrainingSettings, seeds: Sequence[int]) -> Predictor:
    """LambdaMART (Burges 2010) by LightGBM, grouped by query; see :func:`target_model`.

    LightGBM multiplies the gradient of a row by its weight, but the row would still push the others of its query:
    rows of weight zero are therefore left out. Each seed draws the features that a tree may use. A query whose labels
    are all the same has no pairs and changes nothing. *settings* are the target model's and are not used.
    """
    import lightgbm

    order = np.argsort(log.queries, kind="stable")
    if weights is not None:
        order = order[weights[order] > 0]
    parameters = {
        "objective": "lambdarank",
        "label_gain": GAINS,
        "num_leaves": LEAVES,
        "learning_rate": 0.05,
        "min_data_in_leaf": max(1, min(ROWS_PER_LEAF, len(order) // 10)),
        "max_bin": 63,
        "feature_fraction": 0.5,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": THREADS,
        "verbose": -1,
    }
    data = lightgbm.Dataset(
        log.features[order],
        np.round(LEVELS * log.targets[order]),
        weight=None if weights is None else weights[order],
        group=group_sizes(log.queries[order]),
        params=parameters,
    )
    boosters = [lightgbm.train({**parameters, "feature_fraction_seed": seed}, data, TREES) for seed in seeds]

    def predicted(features: Floats) -> Floats:
        every = [booster.predict(features, num_threads=THREADS) for booster in boosters]
        return np.asarray(np.mean(every, axis=0), np.float32)

    return predicted


def group_sizes(queries: Integers) -> list[int]:
    """Rows of each query in sorted codes; a query with more rows than LightGBM takes is cut into several."""
    _, counts = np.unique(queries, return_counts=True)
    return [min(MOST_ROWS, int(count) - start) for count in counts for start in range(0, int(count), MOST_ROWS)]


@dataclass(frozen=True)
class Ranker:
    """A model that is trained on the log.

    Attributes
    ----------
    words : what it is, for people. reads : ``target`` for what the suite's target model reads, ``text`` for text
        features, ``embeddings`` for frozen sentence embeddings.
    learn : trains, see :func:`target_model`.
    """

    words: str
    reads: str
    learn: Learn


RANKERS: dict[str, Ranker] = {
    TARGET: Ranker("the suite's target model", "target", target_model),
    "linear": Ranker("a linear model on what the target model reads", "target", linear_model),
    "embeddings": Ranker("a perceptron on frozen sentence embeddings", "embeddings", perceptron),
    "lambdamart": Ranker("LambdaMART on text features", "text", lambdamart),
}


def main_ranker(names: Iterable[str]) -> str:
    """The ranker that verdict and default tables are about: the target model where it is there, else the first."""
    known = list(names)
    return known[0] if known and TARGET not in known else TARGET
