"""PSI, critical values and ranks against naive versions, SciPy, and simulated chance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sie_agent.drift.rank_window import RankWindow, ranks_in_quantiles, ranks_in_sample
from sie_agent.drift.statistics import (
    critical_change,
    critical_index,
    edges_of,
    group_variances,
    stability_index,
    standardised_spread,
)

COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12)
SCORES = st.lists(st.floats(-5, 5).map(lambda x: round(x, 1)), min_size=1, max_size=80)


def naive_index(live: list[int], expected: list[int]) -> float:
    n, m, k = sum(live), sum(expected), len(live)
    total = 0.0
    for a, b in zip(live, expected, strict=True):
        p, q = (a + 0.5) / (n + 0.5 * k), (b + 0.5) / (m + 0.5 * k)
        total += (p - q) * math.log(p / q)
    return total


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=2, max_size=12))
def test_the_index_is_the_sum_over_bins(pairs: list[tuple[int, int]]) -> None:
    live, expected = [a for a, _ in pairs], [b for _, b in pairs]
    found = stability_index(np.array(live, float), np.array(expected, float))
    assert found == pytest.approx(naive_index(live, expected), abs=1e-12)
    assert found >= 0


@given(COUNTS)
def test_the_index_of_a_distribution_with_itself_is_zero(counts: list[int]) -> None:
    assert stability_index(np.array(counts, float), np.array(counts, float)) == 0


def test_the_index_does_not_care_which_is_which() -> None:
    one, other = np.array([10.0, 60, 30]), np.array([30.0, 30, 40])
    assert stability_index(one, other) == pytest.approx(stability_index(other, one))


@settings(max_examples=60)
@given(st.lists(st.floats(-5, 5), min_size=101, max_size=101), st.integers(2, 20))
def test_shares_of_bins_are_those_of_the_quantiles(values: list[float], bins: int) -> None:
    quantiles = np.sort(np.array(values))
    edges, shares = edges_of(quantiles, bins)
    assert len(shares) == len(edges) + 1 <= bins
    assert shares.sum() == pytest.approx(1) and (shares >= 0).all()
    assert (np.diff(edges) > 0).all()


def test_bins_of_scores_without_ties_have_equal_shares() -> None:
    _, shares = edges_of(np.linspace(-1, 3, 101), 10)
    np.testing.assert_allclose(shares, 0.1)


def test_a_heap_of_ties_gets_a_bin_of_its_own() -> None:
    sample = np.concatenate([np.zeros(6000), np.random.default_rng(0).random(4000)])
    edges, shares = edges_of(np.quantile(sample, np.linspace(0, 1, 101)), 10)
    counted = np.bincount(np.searchsorted(edges, sample), minlength=len(shares)) / len(sample)
    np.testing.assert_allclose(shares, counted, atol=0.011)


def independent(rng: np.random.Generator, rows: int, shares: np.ndarray, groups: int = 200) -> np.ndarray:
    codes = rng.choice(len(shares), rows, p=shares)
    flat = rng.integers(groups, size=rows) * len(shares) + codes
    return np.bincount(flat, minlength=groups * len(shares)).reshape(groups, -1).astype(float)


def test_of_independent_rows_the_critical_value_is_that_of_chi_square() -> None:
    # many groups, hence a spread that is known well
    counts = independent(np.random.default_rng(1), 400_000, np.full(5, 0.2), groups=20_000)
    found = critical_index(counts, np.zeros((0, 5)), 10_000, 5, 0.01)
    assert found == pytest.approx((1 / 400_000 + 1 / 10_000) * stats.chi2.isf(0.01, 4), rel=0.05)


def test_the_spread_of_clusters_is_told_from_that_of_rows() -> None:
    # ten rows of a query in the same bin: the design effect is ten
    rng = np.random.default_rng(2)
    spread, _ = standardised_spread(10 * independent(rng, 5_000, np.full(5, 0.2)))
    assert np.trace(spread) / 4 == pytest.approx(10, rel=0.15)
    spread, _ = standardised_spread(independent(rng, 50_000, np.full(5, 0.2)))
    assert np.trace(spread) / 4 == pytest.approx(1, rel=0.15)


def clustered(rng: np.random.Generator, queries: int, edges: np.ndarray) -> np.ndarray:
    scores = np.sqrt(0.5) * (rng.normal(size=(queries, 1)) + rng.normal(size=(queries, 10)))
    flat = rng.integers(32, size=(queries, 1)) * 10 + np.searchsorted(edges, scores)
    return np.bincount(flat.ravel(), minlength=320).reshape(32, 10).astype(float)


@pytest.mark.parametrize("level", [0.05, 0.01])
def test_chance_exceeds_the_critical_value_as_seldom_as_said(level: float) -> None:
    rng = np.random.default_rng(3)
    edges = stats.norm.ppf(np.linspace(0, 1, 11)[1:-1])
    beyond = naive = 0
    for _ in range(1_500):
        live, old = clustered(rng, 300, edges), clustered(rng, 400, edges)
        index = stability_index(live.sum(axis=0), old.sum(axis=0))
        beyond += index > critical_index(live, old, old.sum(), 10, level)
        naive += index > (1 / live.sum() + 1 / old.sum()) * stats.chi2.isf(level, 9)
    assert stats.binomtest(beyond, 1_500, 1.5 * level, "greater").pvalue > 0.001
    # where rows of a query are taken to be independent, there are many times as many
    assert naive > 4 * beyond + 20


def test_where_all_rows_are_of_few_queries_nothing_can_be_told() -> None:
    counts = np.zeros((32, 4))
    counts[:5] = 100
    assert math.isnan(critical_index(counts, np.zeros((0, 4)), 1_000, 4, 0.01))
    assert math.isnan(critical_index(np.zeros((32, 4)), np.zeros((0, 4)), 1_000, 4, 0.01))
    assert math.isnan(critical_change(1.0, 3, 0.01))


def test_the_variance_of_a_mean_is_that_of_groups_drawn_again() -> None:
    rng = np.random.default_rng(4)

    def grouped() -> tuple[np.ndarray, np.ndarray]:
        values = rng.normal(size=(200, 1)) + rng.normal(size=(200, 8))
        groups = rng.integers(32, size=200)
        totals = np.bincount(groups, values.sum(axis=1), minlength=32)
        return totals[:, None], 8.0 * np.bincount(groups, minlength=32)

    draws = [grouped() for _ in range(600)]
    means = [float(totals.sum() / sizes.sum()) for totals, sizes in draws]
    estimated = np.mean([group_variances(*draw)[0][0] for draw in draws])
    assert estimated == pytest.approx(np.var(means), rel=0.15)


@given(SCORES, SCORES)
def test_ranks_in_a_sample_are_those_of_sorting(scores: list[float], sample: list[float]) -> None:
    found = ranks_in_sample(np.array(scores), np.sort(sample))
    for score, rank in zip(scores, found, strict=True):
        below, tied = sum(x < score for x in sample), sum(x == score for x in sample)
        assert rank == pytest.approx((below + tied / 2) / len(sample))


@given(SCORES)
def test_the_mean_rank_of_a_sample_in_itself_is_a_half(scores: list[float]) -> None:
    ranks = ranks_in_sample(np.array(scores), np.sort(scores))
    assert ranks.mean() == pytest.approx(0.5)
    np.testing.assert_allclose(ranks, (stats.rankdata(scores) - 0.5) / len(scores))


@given(SCORES.filter(lambda values: len(values) > 1), SCORES)
def test_ranks_in_quantiles_rise_from_0_to_1(values: list[float], scores: list[float]) -> None:
    quantiles = np.sort(np.array(values))
    ranks = ranks_in_quantiles(np.sort(np.array(scores)), quantiles)
    assert (np.diff(ranks) >= -1e-12).all()
    assert (ranks >= 0).all() and (ranks <= 1).all()


@settings(max_examples=50)
@given(st.lists(SCORES, min_size=1, max_size=12), st.integers(5, 60))
def test_the_window_holds_the_latest_scores(parts: list[list[float]], size: int) -> None:
    window = RankWindow(np.linspace(-5, 5, 101), size, 1)
    for part in parts:
        window.add(np.array([*part, math.nan]))
        window.refresh()
    latest = [score for part in parts for score in part][-size:]
    np.testing.assert_array_equal(window.ordered, np.sort(latest))
    weights = window.weights(np.array([*latest, math.nan]), 1.0, higher=True)
    expected = 2 * (stats.rankdata(latest) - 0.5) / len(latest)
    np.testing.assert_allclose(weights[:-1], expected)
    assert weights[-1] == 1
    np.testing.assert_allclose(window.weights(np.array(latest), 1.0, higher=False), 2 - expected, atol=1e-12)


@settings(max_examples=200)
@given(
    quantiles=st.lists(st.integers(-4, 4), min_size=2, max_size=12),
    seen=st.lists(st.integers(-5, 5), max_size=30),
    scores=st.lists(st.integers(-6, 6) | st.just(float("nan")), min_size=5, max_size=9),
    higher=st.booleans(),
)
def test_one_row_weighs_what_it_weighs_among_many(
    quantiles: list[int], seen: list[int], scores: list[float], higher: bool
) -> None:
    window = RankWindow(np.sort(np.array(quantiles, float)), 20, 15)
    window.add(np.array(seen, float))
    window.refresh()
    many = np.array(scores, float) / 1.0
    alone = [window.weights(many[[place]], 0.8, higher=higher)[0] for place in range(len(many))]
    np.testing.assert_allclose(alone, window.weights(many, 0.8, higher=higher), atol=1e-12)
