"""Confident learning against the library of its authors, and what it is for."""

from __future__ import annotations

import numpy as np
import pytest

from sie_agent.evaluation import confident_learning, roc_auc

from ..soak import seeds


def noisy(seed: int, rate_of_ones: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels of which a fifth is flipped, an honest model's probability, and which are flipped."""
    rng = np.random.default_rng(seed)
    truth = rng.random(2000) < rate_of_ones
    flipped = rng.random(2000) < 0.2
    score = truth * 1.5 + rng.standard_normal(2000)
    probability = 1 / (1 + np.exp(-(score - 1.2)))
    return (truth != flipped).astype(float), probability, flipped


@pytest.mark.soak
@pytest.mark.parametrize("seed", seeds())
def test_it_is_that_of_cleanlab(seed: int) -> None:
    rank = pytest.importorskip("cleanlab.rank", reason="cleanlab is not installed (it comes with the dev extra)")
    label, probability, _ = noisy(seed)
    both = np.column_stack([1 - probability, probability])
    expected = rank.get_label_quality_scores(label.astype(int), both, method="self_confidence", adjust_pred_probs=True)
    np.testing.assert_allclose(confident_learning(label, probability), expected, atol=1e-9)


def test_it_finds_flipped_labels() -> None:
    label, probability, flipped = noisy(2)
    assert roc_auc(-confident_learning(label, probability), flipped) > 0.8


def test_rows_without_a_probability_get_none_and_do_not_count() -> None:
    label, probability, _ = noisy(3)
    holes = probability.copy()
    holes[::2] = np.nan
    found = confident_learning(label, holes)
    assert np.isnan(found[::2]).all()
    np.testing.assert_allclose(found[1::2], confident_learning(label[1::2], probability[1::2]))


def test_a_log_of_one_class_is_no_error() -> None:
    assert np.isfinite(confident_learning(np.ones(5), np.linspace(0.1, 0.9, 5))).all()
