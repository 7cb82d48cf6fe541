"""Simulated judges have the quality that is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from sie_agent.evaluation import noise_for_auc, roc_auc, simulate_judge


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
