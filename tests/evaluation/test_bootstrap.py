"""The bootstrap resamples queries, not rows."""

from __future__ import annotations

import numpy as np
import pytest

from sie_agent.evaluation import interval, query_copies, resampled_rows, widen
from sie_agent.evaluation.bootstrap import bootstrap_mean


def test_each_replicate_draws_as_many_queries_as_there_are() -> None:
    copies = query_copies(30, 200, 1)
    assert copies.shape == (200, 30)
    assert (copies.sum(axis=1) == 30).all() and (copies >= 0).all()
    assert copies.mean(axis=0) == pytest.approx(1, abs=0.35)
    np.testing.assert_array_equal(copies, query_copies(30, 200, 1))
    assert not np.array_equal(copies, query_copies(30, 200, 2))


def test_a_drawn_query_comes_with_all_its_rows() -> None:
    queries = np.array([2, 0, 2, 1])
    assert resampled_rows(queries, np.array([1, 0, 2])).tolist() == [0, 0, 1, 2, 2]


def test_rows_that_come_in_clusters_give_a_wider_interval() -> None:
    rng = np.random.default_rng(0)
    queries = np.repeat(np.arange(60), 10)
    values = rng.normal(size=60)[queries] + 0.2 * rng.normal(size=600)

    def statistic(rows: np.ndarray) -> float:
        return float(values[rows].mean())

    by_query = bootstrap_mean([statistic], [queries], query_copies(60, 300, 0))
    by_row = bootstrap_mean([statistic], [np.arange(600)], query_copies(600, 300, 0))
    assert by_query.std() > 2 * by_row.std()
    # the truth for 60 independent queries
    assert by_query.std() == pytest.approx(values.reshape(60, 10).mean(axis=1).std() / np.sqrt(60), rel=0.2)


def test_draws_of_one_log_share_their_resamples() -> None:
    """Two equal draws tell no more than one: their mean's interval must not shrink."""
    values, queries = np.random.default_rng(0).normal(size=50), np.arange(50)
    copies = query_copies(50, 200, 0)

    def statistic(rows: np.ndarray) -> float:
        return float(values[rows].mean())

    one = bootstrap_mean([statistic], [queries], copies)
    two = bootstrap_mean([statistic, statistic], [queries, queries], copies)
    np.testing.assert_allclose(one, two)


def test_interval_covers_its_share() -> None:
    low, high = interval(np.arange(1001.0))
    assert (low, high) == pytest.approx((25, 975))
    assert interval(np.arange(101.0), level=0.9) == pytest.approx((5, 95))
    assert np.isnan(interval([1.0] * 9)).all()
    assert interval([np.nan, *np.arange(101.0)]) == pytest.approx((2.5, 97.5))


def test_interval_of_a_mean_holds_the_truth_about_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(5)
    queries, copies, held = np.repeat(np.arange(80), 3), query_copies(80, 200, 9), 0
    for _ in range(100):
        values = rng.normal(size=80)[queries] + rng.normal(size=240)
        sums = np.bincount(queries, values)
        low, high = interval(copies @ sums / (3 * 80))
        held += low <= 0 <= high
    assert 88 <= held <= 100


def test_widen_adds_in_quadrature() -> None:
    assert widen(-0.3, 0.4, 0.0, 0.0) == pytest.approx((-0.3, 0.4))
    low, high = widen(0.2, 0.8, 0.5, 0.4 / 1.959964)
    assert (low, high) == pytest.approx((0.0, 1.0))
