"""Reliability: equal bins, intervals by query, calibration on other queries alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from sie_agent.comparison.metrics import METRICS, Graded
from sie_agent.comparison.reliability import calibrated_reliability, crossfitted, reliability_points


def drawn(seed: int, n_queries: int = 50) -> tuple[Graded, np.ndarray]:
    """Grades that are the square of the judgment on average, and judgments in [0, 1]."""
    rng = np.random.default_rng(seed)
    queries = np.repeat(np.arange(n_queries), 12)
    judgments = rng.random(len(queries))
    shift = rng.normal(0, 0.1, n_queries)[queries]
    grade = np.clip(judgments**2 + shift + rng.normal(0, 0.1, len(queries)), 0, 1)
    return Graded(grade, queries), judgments


def test_points_are_the_means_of_ten_equal_bins() -> None:
    graded, judgments = drawn(1)
    found = reliability_points(graded, judgments)
    parts = np.array_split(np.argsort(judgments), 10)
    assert [one.n for one in found] == [60] * 10
    assert [one.judged for one in found] == pytest.approx([judgments[rows].mean() for rows in parts])
    means = [one.graded.value for one in found]
    assert means == pytest.approx([graded.grade[rows].mean() for rows in parts])
    assert all(one.graded.ci_low < one.graded.value < one.graded.ci_high for one in found)
    # the error in the table is that of the points
    error = np.mean([abs(one.judged - mean) for one, mean in zip(found, means, strict=True)])
    assert METRICS["ece"].values(graded, judgments).mean() == pytest.approx(error)


def test_pairs_of_one_judgment_are_in_one_bin() -> None:
    graded = Graded(np.zeros(100), np.arange(100) // 2)
    assert [one.n for one in reliability_points(graded, np.repeat([0.0, 1 / 3, 1.0], [5, 50, 45]))] == [5, 50, 45]
    assert [one.n for one in reliability_points(graded, np.zeros(100))] == [100]


def test_isotonic_regression_takes_the_error_away() -> None:
    graded, judgments = drawn(2)
    error, points = calibrated_reliability(graded, judgments)
    assert METRICS["ece"].values(graded, judgments).mean() > 0.12
    assert error is not None and error.value < 0.04 and len(points) == 10
    assert sum(one.n for one in points) == 600


def test_no_query_is_calibrated_by_its_own_grades() -> None:
    graded, judgments = drawn(3)
    own = graded.queries == 17
    once = crossfitted(graded, judgments)
    again = crossfitted(Graded(np.where(own, 1 - graded.grade, graded.grade), graded.queries), judgments)
    assert np.array_equal(once[own], again[own]) and not np.array_equal(once[~own], again[~own])


def test_few_queries_have_no_interval_and_are_not_calibrated() -> None:
    graded, judgments = Graded(np.array([0.0, 1.0]), np.zeros(2, np.intp)), np.array([0.2, 0.9])
    assert calibrated_reliability(graded, judgments) == (None, [])
    found = reliability_points(graded, judgments)
    assert [one.graded.value for one in found] == [0, 1] and found[0].graded.ci_low is None


@pytest.mark.slow
def test_the_interval_of_a_point_covers_with_queries_and_not_with_rows() -> None:
    def covering(runs: int, *, clustered: bool) -> int:
        inside = 0
        for seed in range(runs):
            rng = np.random.default_rng(seed)
            queries = np.repeat(np.arange(60), 10)
            grade = 0.5 + rng.normal(0, 0.1, 60)[queries] + rng.normal(0, 0.1, 600)
            graded = Graded(grade, queries if clustered else np.arange(600))
            point = reliability_points(graded, np.full(600, 0.5))[0].graded
            inside += point.ci_low <= 0.5 <= point.ci_high
        return inside

    assert binomtest(covering(1000, clustered=True), 1000, 0.95).pvalue > 0.01
    assert binomtest(covering(1000, clustered=False), 1000, 0.95).pvalue < 1e-6
