"""Metrics against scipy, scikit-learn and independent computations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, rankdata, spearmanr

from sie_agent.evaluation import partial_spearman, roc_auc, spearman, spearman_brown
from sie_agent.evaluation.metrics import METRICS, kendall

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=40)


@settings(max_examples=60)
@given(PAIRS)
def test_spearman_and_kendall_are_scipys_with_ties(rows: list[tuple[int, int]]) -> None:
    left, right = (np.array(side, float) for side in zip(*rows, strict=True))
    if np.ptp(left) == 0 or np.ptp(right) == 0:
        assert np.isnan(spearman(left, right))
        return
    assert spearman(left, right) == pytest.approx(spearmanr(left, right).statistic, abs=1e-9)
    assert kendall(left, right) == pytest.approx(kendalltau(left, right).statistic, abs=1e-12)


@pytest.mark.parametrize("n_given", [1, 2, 3])
def test_partial_spearman_is_that_of_the_inverse_correlation_matrix(n_given: int) -> None:
    rng = np.random.default_rng(n_given)
    shared = rng.normal(size=300)
    columns = [shared * weight + rng.normal(size=300) for weight in (1.0, 0.7, 0.9, 0.5, 0.2)[: 2 + n_given]]
    columns[2] = np.round(columns[2])  # ties
    precision = np.linalg.inv(np.corrcoef([rankdata(column) for column in columns]))
    expected = -precision[0, 1] / np.sqrt(precision[0, 0] * precision[1, 1])
    score, reference, *given_columns = columns
    assert partial_spearman(score, reference, given_columns) == pytest.approx(expected, abs=1e-9)
    assert abs(expected - spearman(score, reference)) > 0.02


def test_partial_spearman_is_nothing_where_the_control_tells_all() -> None:
    rng = np.random.default_rng(0)
    control, reference = rng.normal(size=2000), rng.normal(size=2000)
    reference += control
    echo = 3 * control + 1
    assert np.isnan(partial_spearman(echo, reference, [control]))
    noisy = control + rng.normal(size=2000)
    assert spearman(noisy, reference) > 0.4
    assert abs(partial_spearman(noisy, reference, [control])) < 0.07


def test_partial_spearman_leaves_a_constant_control_out() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=50), rng.normal(size=50)
    assert partial_spearman(left, right, [np.ones(50)]) == pytest.approx(spearman(left, right))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_roc_auc_is_scikit_learns_with_ties(rows: list[tuple[int, bool]]) -> None:
    from sklearn.metrics import roc_auc_score

    score, positive = np.array([row[0] for row in rows], float), np.array([row[1] for row in rows])
    if positive.all() or not positive.any():
        assert np.isnan(roc_auc(score, positive))
    else:
        assert roc_auc(score, positive) == pytest.approx(roc_auc_score(positive, score))


def test_overlaps() -> None:
    score = np.arange(40.0)
    assert METRICS["top10_overlap"](score, score) == METRICS["bottom10_overlap"](score, score) == 1
    assert METRICS["top10_overlap"](score, -score) == METRICS["bottom10_overlap"](score, -score) == 0
    swapped = score.copy()
    swapped[[39, 20]] = swapped[[20, 39]]
    assert METRICS["top10_overlap"](swapped, score) == 0.75
    assert METRICS["bottom10_overlap"](swapped, score) == 1
    assert set(METRICS) >= {"spearman", "kendall", "top10_overlap", "bottom10_overlap"}


def test_spearman_brown() -> None:
    assert spearman_brown(0.5) == pytest.approx(2 / 3)
    assert spearman_brown(0.0) == 0 and spearman_brown(1.0) == 1
    # halves that disagree are not made to agree by more of the same, and no figure leaves [-1, 1]
    assert spearman_brown(-0.4) == -0.4 and spearman_brown(-1.0) == -1
    assert np.isnan(spearman_brown(float("nan")))


def test_spearman_brown_predicts_the_reliability_of_twice_the_length() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=20_000)
    measured = [truth + 1.5 * rng.normal(size=20_000) for _ in range(4)]
    half = np.corrcoef(measured[0], measured[1])[0, 1]
    whole = np.corrcoef(measured[0] + measured[1], measured[2] + measured[3])[0, 1]
    assert spearman_brown(half) == pytest.approx(whole, abs=0.02)
