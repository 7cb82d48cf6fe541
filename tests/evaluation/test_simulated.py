"""Simulated judges have the quality that is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from sie_agent.evaluation import QueryPairs, between_judge, positions_judge, roc_auc, simulate_judge
from sie_agent.evaluation.simulated import noise_for_auc


@pytest.fixture(scope="module")
def grade() -> np.ndarray:
    return np.random.default_rng(0).choice([0.0, 1 / 3, 0.5, 2 / 3, 5 / 6, 1.0], 20_000)


@pytest.mark.parametrize("auc", [0.9, 0.79, 0.69])
def test_the_judge_has_its_auc(grade: np.ndarray, auc: float) -> None:
    judged = simulate_judge(grade, auc, 0.75, 3)
    assert roc_auc(judged, grade >= 0.75) == pytest.approx(auc, abs=0.01)
    assert judged.min() >= 0 and judged.max() <= 1


def test_a_perfect_judge_says_the_grade(grade: np.ndarray) -> None:
    judged = simulate_judge(grade, 1.0, 0.75, 3)
    np.testing.assert_array_equal(judged, grade)
    assert judged is not grade


def test_seeds(grade: np.ndarray) -> None:
    first, again, other = (simulate_judge(grade, 0.8, 0.75, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_weaker_judges_are_noisier(grade: np.ndarray) -> None:
    noises = [noise_for_auc(grade, auc, 0.75) for auc in (0.95, 0.9, 0.8, 0.7)]
    assert noises == sorted(noises)


@pytest.mark.parametrize("spread", [0.25, 0.4])
def test_right_between_queries_and_backwards_within_them(spread: float) -> None:
    """Pooled AUC and within-query accuracy tell opposite stories of one judge."""
    rng = np.random.default_rng(0)
    queries = rng.permutation(np.repeat(np.arange(170), 38))
    level = np.clip(0.6 + spread * rng.normal(size=170), 0, 1)[queries]
    graded = np.round(3 * np.clip(level + 0.35 * rng.normal(size=len(queries)), 0, 1)) / 3
    judged = between_judge(graded, queries, 1)
    assert judged.min() >= 0 and judged.max() <= 1
    assert roc_auc(judged, graded >= 0.75) > 0.62
    assert 0.02 < np.nanmean(QueryPairs(graded, queries, 170).accuracy(judged)) < 0.35
    np.testing.assert_array_equal(judged, between_judge(graded, queries, 1))
    assert not np.array_equal(judged, between_judge(graded, queries, 2))


def test_a_judge_of_positions_reads_only_these() -> None:
    judged = positions_judge(np.array([1, 4, np.nan, 1]))
    assert np.isnan(judged[2]) and judged[[0, 1, 3]].tolist() == [1, 0.25, 1]
