"""Networks as layers, and the listwise loss."""

from __future__ import annotations

import numpy as np
import pytest

from sie_agent.attribution.losses import listwise_loss, listwise_slopes
from sie_agent.attribution.models.networks import new_network

from .fixtures import flat, make_rows, score_gradients


@pytest.mark.parametrize("hidden", [0, 6])
def test_a_rows_gradient_is_the_outer_product_of_its_layers(hidden: int) -> None:
    network, rows = new_network(5, hidden, np.random.default_rng(0)), make_rows(20, 3)
    products = [
        (layer.inputs[:, :, None] * layer.slopes[:, None, :]).reshape(20, -1) for layer in network.layers(rows.features)
    ]
    np.testing.assert_allclose(np.concatenate(products, axis=1), score_gradients(network, rows.features), atol=1e-6)


@pytest.mark.parametrize("hidden", [0, 6])
def test_blocks_go_back_into_a_network(hidden: int) -> None:
    network = new_network(5, hidden, np.random.default_rng(0))
    changed = network.with_blocks([block + 1 for block in network.blocks()])
    np.testing.assert_allclose(flat(changed), flat(network) + 1)
    for one, other in zip(network.arrays(), changed.arrays(), strict=True):
        assert one.shape == other.shape


def test_listwise_loss_is_the_cross_entropy_of_two_distributions() -> None:
    rng = np.random.default_rng(1)
    scores, relevance = rng.normal(size=9).astype(np.float32), rng.random(9).astype(np.float32)
    queries = np.array([4, 4, 4, 7, 7, 9, 9, 9, 9])
    relevance[3:5] = 0  # a query without any relevance counts for nothing
    expected = []
    for query in (4, 9):
        s, r = scores[queries == query].astype(np.float64), relevance[queries == query].astype(np.float64)
        expected.append(-(r / r.sum() * np.log(np.exp(s) / np.exp(s).sum())).sum())
    assert listwise_loss(scores, relevance, queries) == pytest.approx(np.mean(expected), rel=1e-5)


def test_listwise_slopes_are_the_derivative() -> None:
    rng = np.random.default_rng(2)
    scores, relevance = rng.normal(size=12), rng.random(12).astype(np.float32)
    queries = np.arange(12) // 4
    slopes = listwise_slopes(scores.astype(np.float32), relevance, queries)
    for row in range(12):
        step = np.zeros(12)
        step[row] = 1e-5
        up, down = (listwise_loss(scores + sign * step, relevance, queries) for sign in (1, -1))
        assert slopes[row] == pytest.approx((up - down) / 2e-5, abs=1e-6)
    shifted = listwise_slopes((scores + 500).astype(np.float32), relevance, queries)
    np.testing.assert_allclose(shifted, slopes, atol=1e-4)
