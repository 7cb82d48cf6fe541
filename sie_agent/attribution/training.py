"""Training of the target models and proxies, with the checkpoints that TracIn needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from sie_agent.attribution.losses import sigmoid
from sie_agent.attribution.models.base import Model, Trainable
from sie_agent.attribution.models.networks import new_network
from sie_agent.attribution.models.two_tower import new_two_tower
from sie_agent.attribution.training_steps import TrainingSettings, batches, checkpoint_epochs, step_slopes
from sie_agent.models import require_transformers
from sie_agent.utils.arrays import Floats, Integers

AnyTrainable = TypeVar("AnyTrainable", bound=Trainable)


# kinds that bring their own training
TRAINERS = ("cross-encoder",)
# a new model of a kind that `train` trains itself: from the number of features, the settings and a random generator
TARGETS: dict[str, Callable[[int, TrainingSettings, np.random.Generator], Trainable]] = {
    "perceptron": lambda count, settings, rng: new_network(count, settings.hidden, rng),
    "two-tower": lambda count, settings, rng: new_two_tower(count, settings.hidden, rng),
}


def train(
    features: Floats,
    targets: Floats,
    settings: TrainingSettings,
    seed: int,
    weights: Floats | None = None,
    queries: Integers | None = None,
) -> list[Model]:
    """Train one model of the settings' kind.

    Parameters
    ----------
    features : (n, d) float32, standardised; targets : (n,) in [0, 1]; weights : (n,) of each row, or None for ones.
    seed : of the start and of the order of the rows.
    queries : (n,) code of each row's query; the pairwise loss needs it. There a pair weighs what its rows weigh
        together, their product.

    Returns
    -------
    The checkpoints, oldest first; the last one is the trained model.
    """
    row_weights = np.ones(len(features), np.float32) if weights is None else weights.astype(np.float32)
    if settings.kind in TRAINERS:
        require_transformers()
        # torch is imported here and not before
        from sie_agent.attribution.models.cross_encoder import train_cross_encoder

        return train_cross_encoder(features, targets, settings, seed, row_weights, queries)
    rng = np.random.default_rng(seed)
    model = TARGETS[settings.kind](features.shape[1], settings, rng)
    optimiser = AdamW(model, settings)
    keep_after = checkpoint_epochs(settings)
    kept: list[Model] = []
    for epoch in range(1, settings.epochs + 1):
        for rows in batches(len(features), settings, rng, queries):
            inside = None if queries is None else queries[rows]
            slopes = step_slopes(model.scores(features[rows]), targets[rows], row_weights[rows], inside, settings.loss)
            model = optimiser.step(model, model.backward(features[rows], slopes))
        if epoch in keep_after:
            kept.append(model)
    return kept


class AdamW:
    """Adam with decoupled weight decay (Loshchilov 2019)."""

    def __init__(self, network: Trainable, settings: TrainingSettings) -> None:
        self.settings = settings
        self.first = [np.zeros_like(array) for array in network.arrays()]
        self.second = [np.zeros_like(array) for array in network.arrays()]
        self.steps = 0

    def step(self, network: AnyTrainable, gradient: AnyTrainable) -> AnyTrainable:
        """The network after one step down *gradient*."""
        self.steps += 1
        rate = self.settings.learning_rate
        rate_now = rate * np.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps)
        moved = []
        for place, (value, slope) in enumerate(zip(network.arrays(), gradient.arrays(), strict=True)):
            self.first[place] = 0.9 * self.first[place] + 0.1 * slope
            self.second[place] = 0.999 * self.second[place] + 0.001 * slope**2
            update = rate_now * self.first[place] / (np.sqrt(self.second[place]) + 1e-8)
            shrink = 1 - rate * self.settings.weight_decay if network.decayed[place] else 1.0
            moved.append((shrink * value - update).astype(np.float32))
        return network.with_arrays(moved)


def predict(networks: Sequence[Model], features: Floats) -> Floats:
    """Mean probability over *networks*, (n,)."""
    return np.asarray(np.mean([sigmoid(network.scores(features)) for network in networks], axis=0), np.float32)


def predict_held_out(
    features: Floats,
    targets: Floats,
    queries: Integers,
    settings: TrainingSettings,
    seeds: Sequence[int],
    folds: int = 5,
    *,
    by_row: bool = False,
) -> Floats:
    """Mean probability of each row by networks that were trained without any row of its query, (n,).

    Parameters
    ----------
    features : (n, d); targets : (n,) in [0, 1]; queries : (n,) codes. seeds : of the networks, for each fold.
    folds : parts that the queries are split into, by the first seed.
    by_row : split the rows instead: the networks know other rows of the query, not the row itself.
    """
    names, codes = np.unique(np.arange(len(queries)) if by_row else queries, return_inverse=True)
    fold = np.random.default_rng(seeds[0]).permutation(len(names))[codes.ravel()] % folds
    found = np.full(len(features), float(np.mean(targets)) if len(targets) else 0.5, np.float32)
    for one in range(folds):
        inside, outside = fold == one, fold != one
        if inside.any() and outside.any():
            networks = [
                train(features[outside], targets[outside], settings, seed, queries=queries[outside])[-1]
                for seed in seeds
            ]
            found[inside] = predict(networks, features[inside])
    return found
