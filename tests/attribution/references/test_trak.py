"""TRAK with nothing projected away is a ridge problem that NumPy solves in one line."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from sie_agent.attribution import Setting, reference_importance
from sie_agent.attribution.gradients import VALIDATION_LOSSES, row_slopes, validation_gradient
from sie_agent.attribution.models.networks import new_network
from sie_agent.attribution.references.trak import DAMPING, LAYER_SIZE, OUTPUT_SIZE, Projection

from .fixtures import flat, make_rows, make_setting, score_gradients

INPUTS = 4 * LAYER_SIZE // OUTPUT_SIZE  # four times as many as are kept


def written_out(setting: Setting, loss: str) -> np.ndarray:
    kernel_part, error_part = [], []
    for run in setting.runs:
        network = run[-1]
        features = score_gradients(network, setting.training.features)
        kernel = features.T @ features / len(features)
        kernel += DAMPING * np.trace(kernel) / len(kernel) * np.eye(len(kernel))
        wanted = flat(validation_gradient(network, setting, VALIDATION_LOSSES[loss](setting)))
        kernel_part.append(score_gradients(network, setting.rows.features) @ np.linalg.solve(kernel, wanted))
        error_part.append(row_slopes(network, setting.rows))
    return np.mean(kernel_part, axis=0) * np.mean(error_part, axis=0)


@pytest.mark.parametrize("hidden", [0, 6])
@pytest.mark.parametrize("loss", list(VALIDATION_LOSSES))
def test_small_networks_are_not_projected(hidden: int, loss: str) -> None:
    setting = make_setting(hidden)
    found = reference_importance(f"trak-{loss}", setting)
    np.testing.assert_allclose(found, written_out(setting, loss), rtol=2e-3, atol=1e-5 * np.abs(found).max())


def test_a_projection_keeps_dot_products() -> None:
    """Johnson & Lindenstrauss (1984), for factored maps: right on the average, off by chance."""
    network = new_network(INPUTS, 64, np.random.default_rng(0))
    features = np.random.default_rng(1).normal(size=(40, INPUTS)).astype(np.float32)
    exact = score_gradients(network, features)
    products = exact @ exact.T
    projected = np.mean(
        [(rows := Projection(network, seed).of_rows(network, features)) @ rows.T for seed in range(30)], axis=0
    )
    assert spearmanr(products.ravel(), projected.ravel()).statistic > 0.97
    assert np.diag(projected).mean() == pytest.approx(np.diag(products).mean(), rel=0.1)


def test_a_gradient_is_projected_like_the_rows_it_comes_from() -> None:
    network, rows = make_setting(6).runs[0][-1], make_rows(30, 5)
    projection = Projection(network)

    slopes = np.random.default_rng(0).normal(size=30).astype(np.float32)
    summed = projection.of_rows(network, rows.features).T @ slopes
    np.testing.assert_allclose(
        projection.of_gradient(network.backward(rows.features, slopes)), summed, rtol=1e-3, atol=1e-4
    )
