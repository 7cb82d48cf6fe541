"""The losses and their slopes against slow loops and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.attribution import cross_entropy, cross_entropy_slopes, fitted_temperature, pairs_within, ranking_slopes
from sie_agent.attribution.losses import ranking_loss, sigmoid


def slow_ranking_loss(scores: np.ndarray, relevance: np.ndarray, queries: np.ndarray) -> float:
    """Mean over queries with two rows or more of the mean over ordered pairs, by two loops."""
    by_query = []
    for query in sorted(set(queries.tolist())):
        rows = [int(row) for row in np.flatnonzero(queries == query)]
        terms = [
            max(float(relevance[i] - relevance[j]), 0.0) * math.log1p(math.exp(-float(scores[i] - scores[j])))
            for i in rows
            for j in rows
            if i != j
        ]
        if terms:
            by_query.append(sum(terms) / len(terms))
    return sum(by_query) / len(by_query) if by_query else 0.0


@pytest.fixture
def ranked() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, relevance and unequal, interleaved queries; one query has a single row."""
    rng = np.random.default_rng(5)
    queries = np.array([3, 0, 3, 7, 0, 3, 3, 9, 0, 7], np.intp)
    return rng.normal(size=10), rng.random(10), queries


def test_ranking_loss_equals_the_double_loop(ranked: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    scores, relevance, queries = ranked
    found = ranking_loss(scores, relevance, pairs_within(queries))
    assert found == pytest.approx(slow_ranking_loss(scores, relevance, queries), rel=1e-6)


def test_ranking_slopes_are_the_derivative(ranked: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    scores, relevance, queries = ranked
    slopes = ranking_slopes(scores, relevance, pairs_within(queries))
    for row in range(len(scores)):
        ahead, behind = scores.copy(), scores.copy()
        ahead[row] += 1e-5
        behind[row] -= 1e-5
        slope = (slow_ranking_loss(ahead, relevance, queries) - slow_ranking_loss(behind, relevance, queries)) / 2e-5
        assert slopes[row] == pytest.approx(slope, abs=1e-6)


def test_ranking_loss_pulls_the_more_relevant_row_up() -> None:
    slopes = ranking_slopes(
        np.zeros(2, np.float32), np.array([1.0, 0.0], np.float32), pairs_within(np.zeros(2, np.intp))
    )
    assert slopes[0] < 0 < slopes[1]


def test_a_shift_of_a_querys_scores_changes_nothing(ranked: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    scores, relevance, queries = ranked
    pairs = pairs_within(queries)
    moved = scores + np.where(queries == 3, 4.0, -2.0)
    assert ranking_loss(moved, relevance, pairs) == pytest.approx(ranking_loss(scores, relevance, pairs), rel=1e-6)


def test_cross_entropy_and_slopes() -> None:
    scores = np.array([-2.0, 0.0, 3.0], np.float32)
    targets = np.array([0.0, 0.3, 1.0], np.float32)
    p = 1 / (1 + np.exp(-scores.astype(np.float64)))
    np.testing.assert_allclose(
        cross_entropy(scores, targets), -(targets * np.log(p) + (1 - targets) * np.log(1 - p)), rtol=1e-5
    )
    np.testing.assert_allclose(cross_entropy_slopes(scores, targets), (p - targets) / 3, rtol=1e-5, atol=1e-7)
    far = np.array([-500.0, 500.0], np.float32)
    assert np.isfinite(cross_entropy(far, np.array([1.0, 0.0], np.float32))).all()
    np.testing.assert_allclose(sigmoid(far), [0, 1])


@settings(max_examples=60)
@given(st.lists(st.integers(0, 6), max_size=25))
def test_pairs_within_are_all_ordered_pairs_of_a_query(codes: list[int]) -> None:
    queries = np.array(codes, np.intp)
    pairs = pairs_within(queries)
    found = list(zip(pairs.better.tolist(), pairs.worse.tolist(), strict=True))
    wanted = {(i, j) for i in range(len(codes)) for j in range(len(codes)) if i != j and codes[i] == codes[j]}
    assert set(found) == wanted and len(found) == len(wanted)
    if wanted:
        assert pairs.share.sum() == pytest.approx(1, abs=1e-5)
        totals = {q: pairs.share[queries[pairs.better] == q].sum() for q in set(queries[pairs.better].tolist())}
        assert np.ptp(list(totals.values())) < 1e-5


def test_fitted_temperature_leaves_no_slope_along_the_scale() -> None:
    rng = np.random.default_rng(0)
    queries = np.repeat(np.arange(20), 6)
    relevance = rng.random(120)
    scores = relevance * 3 + rng.normal(size=120)
    pairs = pairs_within(queries)
    factor = fitted_temperature(scores, relevance, pairs)
    assert factor > 0
    scaled = factor * scores
    assert abs(float(ranking_slopes(scaled, relevance, pairs) @ scaled)) < 1e-5
    losses = [slow_ranking_loss(b * scores, relevance, queries) for b in (0.97 * factor, factor, 1.03 * factor)]
    assert losses[1] < min(losses[0], losses[2])


def test_fitted_temperature_of_reversed_scores_is_negative() -> None:
    rng = np.random.default_rng(1)
    queries = np.repeat(np.arange(20), 6)
    relevance = rng.random(120)
    scores = relevance * 3 + rng.normal(size=120)
    pairs = pairs_within(queries)
    forwards, backwards = (fitted_temperature(sign * scores, relevance, pairs) for sign in (1, -1))
    assert backwards == pytest.approx(-forwards, rel=1e-4)


def test_fitted_temperature_without_pairs_or_with_separable_scores_is_finite() -> None:
    none = pairs_within(np.arange(3))
    assert fitted_temperature(np.ones(3), np.ones(3), none) == 0
    pairs = pairs_within(np.zeros(3, np.intp))
    assert 0 < fitted_temperature(np.array([3.0, 2.0, 1.0]), np.array([1.0, 0.5, 0.0]), pairs) <= 50
