"""A small setting, and gradients of rows the long way round."""

from __future__ import annotations

import numpy as np

from sie_agent.attribution import FeatureRows, Setting, TrainingSettings, train
from sie_agent.attribution.models.networks import Network


def make_rows(count: int, seed: int, *, graded: bool = False) -> FeatureRows:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 5)).astype(np.float32)
    truth = features[:, 0] - 0.5 * features[:, 1] + 0.5 * rng.normal(size=count)
    targets = 1 / (1 + np.exp(-truth)) if graded else truth > 0
    return FeatureRows(features, targets.astype(np.float32), np.arange(count) // 4)


def make_setting(hidden: int, checkpoints: int = 3, seeds: int = 2) -> Setting:
    log = make_rows(120, 0)
    settings = TrainingSettings(hidden=hidden, epochs=4, batch_size=32, learning_rate=1e-2, checkpoints=checkpoints)
    runs = [train(log.features, log.targets, settings, seed) for seed in range(seeds)]
    return Setting(runs, log, log, make_rows(60, 1, graded=True), 0.6)


def flat(gradient: Network) -> np.ndarray:
    """All parameters in one vector, layer by layer."""
    return np.concatenate([block.ravel() for block in gradient.blocks()]).astype(np.float64)


def score_gradients(network: Network, features: np.ndarray) -> np.ndarray:
    """(n, p): the gradient of each row's score, one backward pass per row."""
    one = np.ones(1, np.float32)
    return np.array([flat(network.backward(features[row : row + 1], one)) for row in range(len(features))])
