"""Training of the target models and proxies, with the checkpoints that TracIn needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sie_agent.attribution.losses import Floats, Integers, sigmoid
from sie_agent.attribution.networks import Network, backward, new_network, scores


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained.

    Attributes
    ----------
    hidden : number of hidden units; 0 is the linear model.
    epochs, batch_size, learning_rate, weight_decay : of AdamW (Loshchilov 2019).
    checkpoints : how many states are kept, evenly spaced over the epochs, the last one always among them.
    """

    hidden: int = 64
    epochs: int = 12
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    checkpoints: int = 4


def train(
    features: Floats,
    targets: Floats,
    settings: TrainingSettings,
    seed: int,
    weights: Floats | None = None,
) -> list[Network]:
    """Train one network on the mean cross-entropy.

    Parameters
    ----------
    features : (n, d) float32, standardised; targets : (n,) in [0, 1]; weights : (n,) of each row, or None for ones.
    seed : of the start and of the order of the rows.

    Returns
    -------
    The checkpoints, oldest first; the last one is the trained network.
    """
    rng = np.random.default_rng(seed)
    network = new_network(features.shape[1], settings.hidden, rng)
    row_weights = np.ones(len(features), np.float32) if weights is None else weights.astype(np.float32)
    optimiser = AdamW(network, settings)
    keep_after = set(np.linspace(0, settings.epochs, settings.checkpoints + 1)[1:].round().astype(int).tolist())
    kept = []
    for epoch in range(1, settings.epochs + 1):
        order = rng.permutation(len(features))
        for start in range(0, len(order), settings.batch_size):
            rows = order[start : start + settings.batch_size]
            predicted = scores(network, features[rows])
            slopes = row_weights[rows] * (sigmoid(predicted) - targets[rows]) / len(rows)
            network = optimiser.step(network, backward(network, features[rows], slopes.astype(np.float32)))
        if epoch in keep_after:
            kept.append(network)
    return kept


class AdamW:
    """Adam with decoupled weight decay (Loshchilov 2019); biases are not decayed."""

    def __init__(self, network: Network, settings: TrainingSettings) -> None:
        self.settings = settings
        self.first = [np.zeros_like(array) for array in network.arrays()]
        self.second = [np.zeros_like(array) for array in network.arrays()]
        self.steps = 0

    def step(self, network: Network, gradient: Network) -> Network:
        """The network after one step down *gradient*."""
        self.steps += 1
        rate = self.settings.learning_rate
        rate_now = rate * np.sqrt(1 - 0.999**self.steps) / (1 - 0.9**self.steps)
        moved = []
        decayed = (True, False, True, True, False)
        for place, (value, slope) in enumerate(zip(network.arrays(), gradient.arrays(), strict=True)):
            if value.size == 0:
                moved.append(value)
                continue
            self.first[place] = 0.9 * self.first[place] + 0.1 * slope
            self.second[place] = 0.999 * self.second[place] + 0.001 * slope**2
            update = rate_now * self.first[place] / (np.sqrt(self.second[place]) + 1e-8)
            shrink = 1 - rate * self.settings.weight_decay if decayed[place] else 1.0
            moved.append((shrink * value - update).astype(np.float32))
        return Network(*moved)


def train_many(
    features: Floats, targets: Floats, settings: TrainingSettings, seeds: Sequence[int]
) -> list[list[Network]]:
    """:func:`train` for each seed."""
    return [train(features, targets, settings, seed) for seed in seeds]


def predict(networks: Sequence[Network], features: Floats) -> Floats:
    """Mean probability over *networks*, (n,)."""
    return np.asarray(np.mean([sigmoid(scores(network, features)) for network in networks], axis=0), np.float32)


def predict_held_out(
    features: Floats,
    targets: Floats,
    queries: Integers,
    settings: TrainingSettings,
    seeds: Sequence[int],
    folds: int = 5,
) -> Floats:
    """Mean probability of each row by networks that were trained without any row of its query, (n,).

    Parameters
    ----------
    features : (n, d); targets : (n,) in [0, 1]; queries : (n,) codes. seeds : of the networks, for each fold.
    folds : parts that the queries are split into, by the first seed.
    """
    names, codes = np.unique(queries, return_inverse=True)
    fold = np.random.default_rng(seeds[0]).permutation(len(names))[codes.ravel()] % folds
    found = np.full(len(features), float(np.mean(targets)) if len(targets) else 0.5, np.float32)
    for one in range(folds):
        inside, outside = fold == one, fold != one
        if inside.any() and outside.any():
            networks = [train(features[outside], targets[outside], settings, seed)[-1] for seed in seeds]
            found[inside] = predict(networks, features[inside])
    return found
