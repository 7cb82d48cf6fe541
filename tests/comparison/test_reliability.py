"""Reliability: the closed form of the error, equal bins, intervals by query, calibration on other queries alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binomtest

from sie_agent.comparison import reliability
from sie_agent.comparison.reliability import bins_of, calibrated, crossfitted, reliability_of


def drawn(seed: int, n_queries: int = 50) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Judgments in [0, 1], grades that are their square on average, queries."""
    rng = np.random.default_rng(seed)
    queries = np.repeat(np.arange(n_queries), 12)
    judgments = rng.random(len(queries))
    shift = rng.normal(0, 0.1, n_queries)[queries]
    return judgments, np.clip(judgments**2 + shift + rng.normal(0, 0.1, len(queries)), 0, 1), queries


def test_the_error_is_the_mean_distance_over_ten_equal_bins() -> None:
    judgments, grade, queries = drawn(1)
    found = reliability_of(judgments, grade, queries).before
    assert found is not None and found.error is not None
    parts = np.array_split(np.argsort(judgments), 10)
    distances = [abs(judgments[rows].mean() - grade[rows].mean()) for rows in parts]
    assert found.error.value == pytest.approx(np.mean(distances))
    assert [one.n_pairs for one in found.points] == [60] * 10
    assert [one.judged for one in found.points] == pytest.approx([judgments[rows].mean() for rows in parts])
    assert [one.graded for one in found.points] == pytest.approx([grade[rows].mean() for rows in parts])


def test_pairs_of_one_judgment_are_in_one_bin() -> None:
    said = np.repeat([0.0, 1 / 3, 1.0], [5, 50, 45])
    assert len(np.unique(bins_of(said))) == 3
    assert bins_of(np.zeros(7)).tolist() == [0] * 7


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1)))
def test_bins_rise_with_the_judgment(judgments: np.ndarray) -> None:
    found = bins_of(judgments)
    order = np.argsort(judgments, kind="stable")
    assert found.min() == 0 and (np.diff(found[order]) >= 0).all() and found.max() < 10
    assert all(len(set(found[judgments == one])) == 1 for one in judgments)


def test_isotonic_regression_takes_the_error_away() -> None:
    found = reliability_of(*drawn(2))
    assert found.before is not None and found.after is not None
    assert found.before.error.ci_low > 0.1 and found.after.error.value < 0.04
    assert found.before.error.ci_low <= found.before.error.value <= found.before.error.ci_high


def test_no_query_is_calibrated_by_its_own_grades() -> None:
    judgments, grade, queries = drawn(3)
    once = crossfitted(judgments, grade, queries)
    own = queries == 17
    again = crossfitted(judgments, np.where(own, 1 - grade, grade), queries)
    assert np.array_equal(once[own], again[own]) and not np.array_equal(once[~own], again[~own])


def test_rows_without_grade_or_judgment_are_left_out() -> None:
    judgments, grade, queries = drawn(4)
    lacking, ungraded = judgments.copy(), grade.copy()
    lacking[:30], ungraded[30:60] = np.nan, np.nan
    assert reliability_of(lacking, ungraded, queries) == reliability_of(judgments[60:], grade[60:], queries[60:])
    nothing = reliability_of(np.full(3, np.nan), np.zeros(3), np.arange(3))
    assert nothing.before is None and nothing.after is None


def test_few_queries_have_no_interval_and_are_not_calibrated() -> None:
    found = reliability_of(np.array([0.2, 0.4, 0.9]), np.array([0.0, 1.0, 1.0]), np.array([0, 1, 1]))
    assert found.after is None and found.before is not None
    assert found.before.error.ci_low is None and found.before.points[0].graded_low is None


@pytest.mark.slow
def test_the_interval_of_a_point_covers_with_queries_and_not_with_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reliability, "REPLICATES", 200)

    def covering(runs: int, *, clustered: bool) -> int:
        inside = 0
        for seed in range(runs):
            rng = np.random.default_rng(seed)
            queries = np.repeat(np.arange(80), 10)
            judgments = np.full(800, 0.5)
            grade = 0.5 + rng.normal(0, 0.1, 80)[queries] + rng.normal(0, 0.1, 800)
            point = calibrated(judgments, grade, queries if clustered else np.arange(800)).points[0]
            inside += point.graded_low <= 0.5 <= point.graded_high
        return inside

    assert binomtest(covering(200, clustered=True), 200, 0.95).pvalue > 0.01
    assert binomtest(covering(200, clustered=False), 200, 0.95).pvalue < 1e-6
