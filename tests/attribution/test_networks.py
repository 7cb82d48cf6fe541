"""Closed-form gradients of the target models against finite differences of an independent float64 forward pass."""

from __future__ import annotations

import numpy as np
import pytest

from sie_agent.attribution.models.networks import Network, new_network

STEP = 1e-6


def random_network(n_features: int, n_hidden: int, seed: int) -> Network:
    rng = np.random.default_rng(seed)
    started = new_network(n_features, n_hidden, rng)
    arrays = [rng.normal(size=array.shape).astype(np.float32) for array in started.arrays()]
    if n_hidden:
        arrays[3] = np.zeros(n_features, np.float32)
    return Network(*arrays)


def forward(arrays: list[np.ndarray], features: np.ndarray) -> np.ndarray:
    """s(x) as the class describes it, in double precision."""
    hidden, hidden_bias, output, direct, bias = arrays
    x = features.astype(np.float64)
    inner = np.maximum(x @ hidden + hidden_bias, 0) @ output if output.size else 0.0
    return inner + x @ direct + bias[0]


def doubles(network: Network) -> list[np.ndarray]:
    return [array.astype(np.float64) for array in network.arrays()]


@pytest.fixture(params=[0, 5], ids=["linear", "perceptron"])
def setting(request: pytest.FixtureRequest) -> tuple[Network, np.ndarray]:
    features = np.random.default_rng(1).normal(size=(7, 4)).astype(np.float32)
    return random_network(4, request.param, 2), features


def test_scores_follow_the_formula(setting: tuple[Network, np.ndarray]) -> None:
    network, features = setting
    np.testing.assert_allclose(network.scores(features), forward(doubles(network), features), atol=1e-5)


def test_backward_is_the_gradient(setting: tuple[Network, np.ndarray]) -> None:
    network, features = setting
    slopes = np.random.default_rng(3).normal(size=len(features)).astype(np.float32)
    gradient = doubles(network.backward(features, slopes))
    arrays = doubles(network)
    moved = [0, 1, 2, 4] if network.output.size else [3, 4]
    for place in moved:
        for index in np.ndindex(arrays[place].shape):
            losses = []
            for sign in (1, -1):
                changed = [array.copy() for array in arrays]
                changed[place][index] += sign * STEP
                losses.append(float(slopes.astype(np.float64) @ forward(changed, features)))
            expected = (losses[0] - losses[1]) / (2 * STEP)
            assert gradient[place][index] == pytest.approx(expected, abs=2e-5)


def test_perceptron_has_no_gradient_in_its_direct_weights() -> None:
    network = random_network(4, 5, 2)
    features = np.ones((3, 4), np.float32)
    assert not network.backward(features, np.ones(3, np.float32)).direct.any()


def test_directional_derivative(setting: tuple[Network, np.ndarray]) -> None:
    network, features = setting
    direction = random_network(4, network.output.size, 9)
    arrays, along = doubles(network), doubles(direction)
    ahead, behind = (
        forward([array + sign * STEP * step for array, step in zip(arrays, along, strict=True)], features)
        for sign in (1, -1)
    )
    np.testing.assert_allclose(network.directional(features, direction), (ahead - behind) / (2 * STEP), atol=5e-5)


def test_squared_gradient_norm_is_the_directional_derivative_along_itself(setting: tuple[Network, np.ndarray]) -> None:
    network, features = setting
    lengths = []
    for row in features:
        gradient = network.backward(row[None, :], np.ones(1, np.float32))
        arrays = gradient.arrays() if network.output.size else [gradient.direct, gradient.bias]
        lengths.append(sum(float((array.astype(np.float64) ** 2).sum()) for array in arrays))
    np.testing.assert_allclose(network.squared_gradient_norm(features), lengths, rtol=1e-4)


def test_linear_model_starts_at_zero_and_perceptron_does_not() -> None:
    features = np.ones((2, 3), np.float32)
    assert not new_network(3, 0, np.random.default_rng(0)).scores(features).any()
    assert new_network(3, 8, np.random.default_rng(0)).scores(features).any()
