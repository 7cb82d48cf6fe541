"""The two-tower recommender: closed forms against an independent float64 forward pass, layers, references, training."""

from __future__ import annotations

import numpy as np
import pytest

from sie_agent.attribution import FeatureRows, Setting, TrainingSettings, cross_entropy, reference_importance, train
from sie_agent.attribution.models.base import Layered
from sie_agent.attribution.models.two_tower import TwoTower, new_two_tower
from sie_agent.evaluation import roc_auc

STEP = 1e-6
WIDTH, OUTPUTS = 4, 3


def random_model(seed: int) -> TwoTower:
    rng = np.random.default_rng(seed)
    shapes = [(WIDTH, OUTPUTS), (OUTPUTS,), (WIDTH, OUTPUTS), (OUTPUTS,), (1,)]
    return TwoTower(*[rng.normal(size=shape).astype(np.float32) for shape in shapes])


def forward(arrays: list[np.ndarray], features: np.ndarray) -> np.ndarray:
    """s(u, i) as the class describes it, in double precision."""
    shopper, shopper_bias, item, item_bias, bias = arrays
    x = features.astype(np.float64)
    towers = (x[:, :WIDTH] @ shopper + shopper_bias) * (x[:, WIDTH:] @ item + item_bias)
    return np.asarray(towers.sum(axis=1) / np.sqrt(OUTPUTS) + bias[0])


def doubles(model: TwoTower) -> list[np.ndarray]:
    return [array.astype(np.float64) for array in model.arrays()]


@pytest.fixture
def model() -> TwoTower:
    return random_model(2)


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(7, 2 * WIDTH)).astype(np.float32)


def test_scores_follow_the_formula(model: TwoTower, features: np.ndarray) -> None:
    np.testing.assert_allclose(model.scores(features), forward(doubles(model), features), atol=1e-5)


def test_backward_is_the_gradient(model: TwoTower, features: np.ndarray) -> None:
    slopes = np.random.default_rng(3).normal(size=len(features)).astype(np.float32)
    gradient, arrays = doubles(model.backward(features, slopes)), doubles(model)
    for place, array in enumerate(arrays):
        for index in np.ndindex(array.shape):
            losses = []
            for sign in (1, -1):
                changed = [one.copy() for one in arrays]
                changed[place][index] += sign * STEP
                losses.append(float(slopes.astype(np.float64) @ forward(changed, features)))
            assert gradient[place][index] == pytest.approx((losses[0] - losses[1]) / (2 * STEP), abs=5e-5)


def test_directional_derivative(model: TwoTower, features: np.ndarray) -> None:
    direction = random_model(9)
    arrays, along = doubles(model), doubles(direction)
    ahead, behind = (
        forward([array + sign * STEP * step for array, step in zip(arrays, along, strict=True)], features)
        for sign in (1, -1)
    )
    np.testing.assert_allclose(model.directional(features, direction), (ahead - behind) / (2 * STEP), atol=5e-5)


def row_gradients(model: TwoTower, features: np.ndarray) -> list[TwoTower]:
    return [model.backward(row[None, :], np.ones(1, np.float32)) for row in features]


def test_squared_gradient_norm_is_that_of_each_rows_gradient(model: TwoTower, features: np.ndarray) -> None:
    lengths = [sum(float((one**2).sum()) for one in doubles(found)) for found in row_gradients(model, features)]
    np.testing.assert_allclose(model.squared_gradient_norm(features), lengths, rtol=1e-4)


def test_outer_products_of_the_layers_are_the_gradients(model: TwoTower, features: np.ndarray) -> None:
    assert isinstance(model, Layered)
    layers = model.layers(features)
    for row, gradient in enumerate(row_gradients(model, features)):
        for layer, block in zip(layers, gradient.blocks(), strict=True):
            np.testing.assert_allclose(np.outer(layer.inputs[row], layer.slopes[row]), block, atol=1e-5)


def test_blocks_and_arrays_come_back_as_they_were(model: TwoTower) -> None:
    for again in (model.with_blocks(model.blocks()), model.with_arrays(model.arrays())):
        for one, two in zip(again.arrays(), model.arrays(), strict=True):
            np.testing.assert_array_equal(one, two)
    assert len(model.decayed) == len(model.arrays())


@pytest.mark.parametrize(("features", "outputs"), [(5, 3), (6, 0)])
def test_a_shape_that_two_towers_cannot_have(features: int, outputs: int) -> None:
    with pytest.raises(ValueError, match="even number of features"):
        new_two_tower(features, outputs, np.random.default_rng(0))


def planted_log(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose label is the sign of a bilinear form of rank 2; neither half alone tells it."""
    rng = np.random.default_rng(seed)
    form = np.random.default_rng(0).normal(size=(5, 2)) @ np.random.default_rng(1).normal(size=(2, 5))
    features = rng.normal(size=(count, 10)).astype(np.float32)
    return features, (np.einsum("nd,de,ne->n", features[:, :5], form, features[:, 5:]) > 0).astype(np.float32)


SETTINGS = TrainingSettings(kind="two-tower", hidden=4, epochs=30, batch_size=64, learning_rate=1e-2, weight_decay=0.1)


def test_training_lowers_the_loss_and_finds_a_planted_form() -> None:
    features, targets = planted_log(2000, 3)
    kept = train(features, targets, SETTINGS, 0)
    losses = [float(cross_entropy(model.scores(features), targets).mean()) for model in kept]
    assert losses[-1] < losses[0] < 0.7
    unseen, truth = planted_log(1000, 4)
    assert roc_auc(kept[-1].scores(unseen).astype(np.float64), truth > 0) > 0.95
    linear = train(features, targets, TrainingSettings(hidden=0, epochs=30), 0)[-1]
    assert roc_auc(linear.scores(unseen).astype(np.float64), truth > 0) < 0.6


@pytest.mark.parametrize("loss", ["pointwise", "pairwise"])
def test_references_run_and_find_flipped_labels(loss: str) -> None:
    features, targets = planted_log(600, 5)
    flipped = np.random.default_rng(6).random(600) < 0.2
    labels = np.where(flipped, 1 - targets, targets).astype(np.float32)
    trusted, truth = planted_log(600, 7)
    queries = np.repeat(np.arange(100), 6)
    settings = TrainingSettings(**{**SETTINGS.__dict__, "loss": loss})
    runs = [train(features, labels, settings, seed, queries=queries) for seed in (0, 1)]
    rows = FeatureRows(features, labels, queries)
    setting = Setting(runs, rows, rows, FeatureRows(trusted, truth, queries), 0.75, loss)
    for name in ("tracin-ranking", "ekfac-ranking", "trak-ranking", "ekfac-mean"):
        assert roc_auc(-reference_importance(name, setting), flipped) > 0.7, name
