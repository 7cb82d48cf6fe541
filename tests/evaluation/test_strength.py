"""Strength of a judge within queries, and the interval of a difference over queries and draws."""

from __future__ import annotations

import numpy as np
import pytest

from sie_agent.evaluation import (
    QueryPairs,
    interval,
    judge_within,
    paired_query_difference,
    query_copies,
    simulate_judge,
)


def graded(n_queries: int, items: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 4, n_queries * items) / 3, rng.permutation(np.repeat(np.arange(n_queries), items))


def test_the_interval_is_that_of_resampling_queries() -> None:
    grade, queries = graded(40, 8)
    judge = simulate_judge(grade, 0.8, 0.75, 1)
    found = judge_within(judge, grade, queries, 400, 5)
    each = QueryPairs(grade, queries, 40).accuracy(judge)
    assert found.n_queries == 40 and found.mean == pytest.approx(each.mean())

    slow = [each[np.repeat(np.arange(40), drawn)].mean() for drawn in query_copies(40, 400, 5)]
    assert (found.low, found.high) == pytest.approx(interval(slow))
    assert found.low < found.mean < found.high


def test_strong_and_random_judges() -> None:
    grade, queries = graded(200, 10)
    strong = judge_within(grade, grade, queries, 100, 0)
    assert (strong.mean, strong.low, strong.high) == (1, 1, 1)
    guess = judge_within(np.random.default_rng(3).random(len(grade)), grade, queries, 500, 0)
    assert guess.low < 0.5 < guess.high and guess.high - guess.low < 0.06


def test_only_what_was_judged_and_graded_counts() -> None:
    grade, queries = graded(20, 6)
    judge = np.where(queries < 5, grade, np.nan)
    assert judge_within(judge, grade, queries, 50, 0).n_queries == 5
    nothing = judge_within(np.full(len(grade), np.nan), grade, queries, 50, 0)
    assert nothing.n_queries == 0 and np.isnan([nothing.mean, nothing.low, nothing.high]).all()
    one = judge_within(np.where(queries == 0, grade, np.nan), grade, queries, 50, 0)
    assert (one.n_queries, one.mean) == (1, 1.0) and np.isnan(one.low)
    assert judge_within(np.empty(0), np.empty(0), np.empty(0, np.intp), 50, 0).n_queries == 0


def test_the_difference_is_averaged_over_draws_then_queries() -> None:
    left = np.array([[0.9, 0.5, np.nan], [0.7, np.nan, np.nan]])
    right = np.array([[0.5, 0.6, np.nan], [0.5, 0.1, 0.2]])
    found = paired_query_difference(left, right, query_copies(3, 500, 0))
    assert found["value"] == pytest.approx((0.3 - 0.1) / 2)
    assert list(found) == ["value", "ci_low", "ci_high", "p_below"]


def test_a_difference_for_certain_and_none() -> None:
    rng = np.random.default_rng(0)
    base, copies = rng.random((5, 160)), query_copies(160, 500, 0)
    better = paired_query_difference(base + 0.1 + 0.05 * rng.normal(size=base.shape), base, copies)
    assert better["ci_low"] > 0.08 and better["p_below"] < 1e-3
    turned = paired_query_difference(base, base + 0.1, copies)
    assert turned["ci_high"] < 0 and turned["p_below"] == pytest.approx(1)
    same = paired_query_difference(base, base, copies)
    assert same == pytest.approx({"value": 0, "ci_low": 0, "ci_high": 0, "p_below": 0.5})


def test_without_queries_or_with_one_nothing_is_certain() -> None:
    copies, nothing = query_copies(4, 50, 0), np.full((3, 4), np.nan)
    assert np.isnan(list(paired_query_difference(nothing, nothing, copies).values())).all()
    one = np.where(np.arange(4) == 2, 0.5, nothing)
    found = paired_query_difference(one, one - 0.25, copies)
    assert found["value"] == 0.25 and np.isnan([found["ci_low"], found["ci_high"], found["p_below"]]).all()


def test_queries_of_one_draw_each_say_nothing_of_draws() -> None:
    """Draws of disjoint queries: what they differ by is among what queries differ by."""
    values = np.full((4, 80), np.nan)
    values[np.arange(80) % 4, np.arange(80)] = np.random.default_rng(0).normal(size=80)
    copies = query_copies(80, 400, 0)
    found = paired_query_difference(values, np.zeros_like(values), copies)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx(interval(copies @ np.nansum(values, axis=0) / 80))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of_queries", "of_draws", "noise", "missing"),
    [
        (0.1, 0.0, 0.1, 0.0),
        (0.1, 0.004, 0.1, 0.0),
        (0.1, 0.018, 0.1, 0.0),
        (0.05, 0.01, 0.1, 0.0),
        (0.02, 0.05, 0.1, 0.0),
        (0.1, 0.015, 0.1, 0.4),
    ],
)
def test_the_interval_covers_the_truth_as_often_as_it_says(
    of_queries: float, of_draws: float, noise: float, missing: float
) -> None:
    """Five draws of 160 queries; a shift of all queries of a draw matters as much as queries do at about 0.018."""
    rng, copies = np.random.default_rng(1), query_copies(160, 500, 0)
    covered, below = 0, []
    for _ in range(800):
        common = of_queries * rng.normal(size=160) + of_draws * rng.normal(size=(5, 1))
        values = common + noise * rng.normal(size=(5, 160))
        values[rng.random(values.shape) < missing] = np.nan
        found = paired_query_difference(values, np.zeros_like(values), copies)
        covered += found["ci_low"] <= 0 <= found["ci_high"]
        below.append(found["p_below"])
    assert 0.925 <= covered / 800 <= 0.975
    # a true null: below 0.1 about once in ten
    assert 0.06 < np.mean(np.array(below) < 0.1) < 0.14


@pytest.mark.slow
def test_resampling_five_draws_covers_too_seldom_where_draws_matter_most() -> None:
    """Why the draws' part is not taken from a bootstrap of draws."""
    rng, copies = np.random.default_rng(1), query_copies(160, 500, 0)
    covered = 0
    for _ in range(400):
        values = 0.02 * rng.normal(size=160) + 0.05 * rng.normal(size=(5, 1)) + 0.1 * rng.normal(size=(5, 160))
        drawn = rng.multinomial(5, np.full(5, 0.2), size=500) / 5
        low, high = interval(((drawn @ values) * copies).sum(axis=1) / 160)
        covered += low <= 0 <= high
    assert covered / 400 < 0.9
