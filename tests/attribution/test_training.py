"""Training is deterministic, weighted as it says, and keeps the checkpoints it promises."""

from __future__ import annotations

import numpy as np
import pytest

from sie_agent.attribution import TrainingSettings, cross_entropy, predict, predict_held_out, train
from sie_agent.evaluation import roc_auc


@pytest.fixture
def log() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 6)).astype(np.float32)
    targets = (features[:, 0] + 0.3 * rng.normal(size=300) > 0).astype(np.float32)
    return features, targets


@pytest.mark.parametrize("hidden", [0, 8])
def test_training_learns_and_is_deterministic_by_seed(log: tuple[np.ndarray, np.ndarray], hidden: int) -> None:
    settings = TrainingSettings(hidden=hidden, epochs=6, batch_size=32, learning_rate=2e-2)
    first, again = train(*log, settings, 3), train(*log, settings, 3)
    other = train(*log, settings, 4)
    for left, right in zip(first, again, strict=True):
        for one, two in zip(left.arrays(), right.arrays(), strict=True):
            np.testing.assert_array_equal(one, two)
    assert not np.array_equal(first[-1].scores(log[0]), other[-1].scores(log[0]))
    losses = [float(cross_entropy(network.scores(log[0]), log[1]).mean()) for network in first]
    assert losses[-1] < losses[0] < 1.0
    assert roc_auc(first[-1].scores(log[0]).astype(np.float64), log[1] > 0) > 0.9


@pytest.mark.parametrize(("epochs", "checkpoints", "kept"), [(8, 4, 4), (12, 4, 4), (5, 1, 1), (2, 4, 2), (3, 3, 3)])
def test_number_of_checkpoints(log: tuple[np.ndarray, np.ndarray], epochs: int, checkpoints: int, kept: int) -> None:
    settings = TrainingSettings(hidden=0, epochs=epochs, checkpoints=checkpoints)
    assert len(train(*log, settings, 0)) == kept


def test_the_last_checkpoint_is_the_trained_network(log: tuple[np.ndarray, np.ndarray]) -> None:
    all_kept = train(*log, TrainingSettings(hidden=4, epochs=4, checkpoints=4), 0)
    last_kept = train(*log, TrainingSettings(hidden=4, epochs=4, checkpoints=1), 0)
    np.testing.assert_array_equal(all_kept[-1].scores(log[0]), last_kept[-1].scores(log[0]))


def test_weight_zero_is_leaving_the_row_out(log: tuple[np.ndarray, np.ndarray]) -> None:
    features, targets = log
    spoiled = targets.copy()
    spoiled[150:] = 1 - spoiled[150:]
    weights = np.where(np.arange(300) < 150, 1.0, 0.0).astype(np.float32)
    settings = TrainingSettings(hidden=0, epochs=60, batch_size=300, learning_rate=3e-2)
    weighted = train(features, spoiled, settings, 0, weights)[-1]
    without = train(features[:150], targets[:150], settings, 0)[-1]
    spoiled_fully = train(features, spoiled, settings, 0)[-1]
    left, right = weighted.scores(features), without.scores(features)
    assert np.corrcoef(left, right)[0, 1] > 0.999
    assert np.corrcoef(spoiled_fully.scores(features), right)[0, 1] < 0.9


def test_weights_of_one_change_nothing(log: tuple[np.ndarray, np.ndarray]) -> None:
    settings = TrainingSettings(hidden=3, epochs=2)
    plain, weighted = train(*log, settings, 0), train(*log, settings, 0, np.ones(300, np.float32))
    np.testing.assert_array_equal(plain[-1].scores(log[0]), weighted[-1].scores(log[0]))


def test_mean_prediction(log: tuple[np.ndarray, np.ndarray]) -> None:
    settings = TrainingSettings(hidden=3, epochs=1, checkpoints=1)
    runs = [train(*log, settings, seed) for seed in (1, 2)]
    single = [1 / (1 + np.exp(-run[-1].scores(log[0]).astype(np.float64))) for run in runs]
    np.testing.assert_allclose(predict([run[-1] for run in runs], log[0]), np.mean(single, axis=0), atol=1e-5)


def test_held_out_probabilities_come_from_networks_that_saw_no_row_of_the_query() -> None:
    """Labels that are the query's own cannot be known to them; to a network that saw the query they can."""
    rng = np.random.default_rng(0)
    queries = np.repeat(np.arange(60), 5)
    features = np.eye(60, dtype=np.float32)[queries] * 5
    targets = (rng.random(60) < 0.5).astype(np.float32)[queries]
    settings = TrainingSettings(hidden=0, epochs=60, batch_size=32, learning_rate=0.05, weight_decay=0.0)
    seen = predict([train(features, targets, settings, 0)[-1]], features)
    held_out = predict_held_out(features, targets, queries, settings, [0])
    assert np.abs(seen - targets).mean() < 0.1
    assert np.abs(held_out - targets).mean() > 0.4
    for query in range(60):
        assert np.ptp(held_out[queries == query]) < 1e-6, "a query is in one fold"
