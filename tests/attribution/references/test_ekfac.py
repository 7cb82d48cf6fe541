"""EK-FAC against matrices written out in full, and against kronfluence."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from sie_agent.attribution import Setting, reference_importance
from sie_agent.attribution.gradients import VALIDATION_LOSSES, row_slopes, validation_gradient
from sie_agent.attribution.models.networks import Network
from sie_agent.attribution.references.ekfac import DAMPING, curvatures, ekfac

from .fixtures import flat, make_setting, score_gradients


def active(network: Network, features: np.ndarray) -> np.ndarray:
    return np.maximum(features @ network.hidden + network.hidden_bias, 0)


def written_out(setting: Setting, loss: str) -> np.ndarray:
    """The same by Kronecker products of whole matrices and one gradient per row."""
    total = np.zeros(len(setting.rows.targets))
    for run in setting.runs:
        network = run[-1]
        gradients = score_gradients(network, setting.training.features)
        asked = score_gradients(network, setting.rows.features)
        wanted = flat(validation_gradient(network, setting, VALIDATION_LOSSES[loss](setting)))
        p = 1 / (1 + np.exp(-network.scores(setting.training.features).astype(np.float64)))
        direction, start = [], 0
        for block in network.blocks():
            inputs, outputs = block.shape
            own = slice(start, start + block.size)
            start += block.size
            per_row = gradients[:, own].reshape(-1, inputs, outputs)
            slopes = per_row[:, -1, :]  # the bias's input is one
            came_in = setting.training.features if inputs == 6 else active(network, setting.training.features)
            came_in = np.column_stack([came_in, np.ones(len(p))]).astype(np.float64)
            a, g = came_in.T @ came_in, (slopes * (p * (1 - p))[:, None]).T @ slopes
            basis = np.kron(np.linalg.eigh(a / len(p))[1], np.linalg.eigh(g / len(p))[1])
            eigenvalues = (p * (1 - p)) @ (gradients[:, own] @ basis) ** 2 / len(p)
            inverse = basis @ np.diag(1 / (eigenvalues + DAMPING * eigenvalues.mean())) @ basis.T
            direction.append(inverse @ wanted[own])
        total += row_slopes(network, setting.rows) * (asked @ np.concatenate(direction))
    return total / len(setting.runs)


@pytest.mark.parametrize("hidden", [0, 7])
@pytest.mark.parametrize("loss", list(VALIDATION_LOSSES))
def test_it_is_the_kronecker_product_written_out(hidden: int, loss: str) -> None:
    setting = make_setting(hidden)
    found = reference_importance(f"ekfac-{loss}", setting)
    np.testing.assert_allclose(found, written_out(setting, loss), rtol=1e-3, atol=1e-5 * np.abs(found).max())


def test_eigenvalues_add_up_to_the_trace_of_the_fisher_matrix() -> None:
    """A rotation keeps squared lengths: a wrong basis, such as one not transposed, does not."""
    setting = make_setting(6)
    network = setting.runs[0][-1]
    p = 1 / (1 + np.exp(-network.scores(setting.training.features).astype(np.float64)))
    trace = (p * (1 - p)) @ (score_gradients(network, setting.training.features) ** 2).sum(axis=1) / len(p)
    found = curvatures(network, setting.training)
    assert sum(one.eigenvalues.sum() for one in found) == pytest.approx(trace, rel=1e-4)
    for one in found:
        np.testing.assert_allclose(one.inputs.T @ one.inputs, np.eye(len(one.inputs)), atol=1e-8)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("kronfluence") is None, reason="kronfluence is not installed")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_kronfluence_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It draws the labels of its Fisher matrix where ours are exact, so that small differences are due."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3]))
    from scripts.experiments.references.libraries import kronfluence_scores

    setting = make_setting(6, checkpoints=1, seeds=1)
    theirs = kronfluence_scores(setting, tmp_path).mean(axis=0)
    assert spearmanr(ekfac(setting, "mean", damping=0.1), theirs).statistic >= 0.99
