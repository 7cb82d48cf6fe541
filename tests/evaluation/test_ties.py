"""Ties: each metric is its mean over all orders of tied rows, and no metric depends on the order of the rows."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.evaluation import QueryNdcg, QueryPairs, calibration, chances_of_top, query_auc, resampled_auc
from sie_agent.evaluation.metrics import METRICS, overlap

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=40)
SMALL = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=6)


def columns(rows: list[tuple[int, ...]]) -> list[np.ndarray]:
    return [np.array(side, float) for side in zip(*rows, strict=True)]


def ndcg_in_order(score: np.ndarray, grade: np.ndarray, depth: int) -> float:
    """What the metric was: ties in the order of the rows."""
    gains = np.exp2(3 * grade) - 1
    discount = 1 / np.log2(2 + np.arange(min(depth, len(score))))
    best = (np.sort(gains)[::-1][:depth] * discount).sum()
    ranked = gains[np.argsort(-score, kind="stable")][:depth]
    return float((ranked * discount).sum() / best) if best > 0 else float("nan")


def top_in_order(score: np.ndarray, count: int) -> set[int]:
    return set(np.argsort(-score, kind="stable")[:count].tolist())


@settings(max_examples=60)
@given(SMALL, st.integers(1, 7))
def test_ndcg_is_the_mean_over_all_orders_of_the_rows(rows: list[tuple[int, int]], depth: int) -> None:
    score, grade = columns(rows)
    grade = grade / 3
    orders = [np.array(order) for order in permutations(range(len(score)))]
    expected = np.mean([ndcg_in_order(score[order], grade[order], depth) for order in orders])
    queries = np.zeros(len(score), np.intp)
    assert QueryNdcg(grade, queries, 1, depth).ndcg(score)[0] == pytest.approx(expected, abs=1e-12, nan_ok=True)
    assert QueryNdcg(grade, queries, 1, depth).ndcg(score)[0] == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(max_examples=60)
@given(SMALL, st.sampled_from([0.1, 0.3, 0.5, 0.8]), st.booleans())
def test_overlap_is_the_mean_over_all_orders_of_both_sides(
    rows: list[tuple[int, int]], share: float, top: bool
) -> None:
    """The sides are ordered apart: that they are in one file is not an agreement."""
    score, reference = columns(rows[:5])
    sign, size = (1 if top else -1), len(score)
    count = max(1, round(share * size))
    orders = [np.array(order) for order in permutations(range(size))]
    # a set of rows in the file's numbers, of each order in which ties may stand
    sides = [
        [{int(order[place]) for place in top_in_order(sign * side[order], count)} for order in orders]
        for side in (score, reference)
    ]
    expected = np.mean([len(one & other) / count for one, other in product(*sides)])
    assert overlap(score, reference, share, top=top) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=6), st.integers(1, 6))
def test_chances_are_those_of_all_orders(values: list[int], count: int) -> None:
    score = np.array(values, float)
    count = min(count, len(score))
    orders = [np.array(order) for order in permutations(range(len(score)))]
    counts = np.zeros(len(score))
    for order in orders:
        counts[[order[place] for place in top_in_order(score[order], count)]] += 1
    np.testing.assert_allclose(chances_of_top(score, count), counts / len(orders), atol=1e-12)


def test_a_constant_score_reaches_what_chance_does() -> None:
    rng = np.random.default_rng(0)
    reference, constant = rng.normal(size=100), np.zeros(100)
    for metric in ("top10_overlap", "bottom10_overlap"):
        assert METRICS[metric](constant, reference) == pytest.approx(0.1)
        assert METRICS[metric](reference, constant) == pytest.approx(0.1)
        assert METRICS[metric](constant, constant) == pytest.approx(0.1)
    grade, queries = np.array([1.0, 0, 0, 0, 0]), np.zeros(5, np.intp)
    expected = np.mean(1 / np.log2(2 + np.arange(5)))
    for order in (slice(None), slice(None, None, -1)):
        assert QueryNdcg(grade[order], queries, 1).ndcg(np.ones(5))[0] == pytest.approx(expected)
        assert QueryNdcg(grade[order], queries, 1).ndcg(np.ones(5))[0] == pytest.approx(expected)


@settings(max_examples=80)
@given(ROWS, st.randoms(use_true_random=False), st.booleans())
def test_no_metric_depends_on_the_order_of_the_rows(rows: list[tuple[int, int, int]], random, gaps: bool) -> None:
    score, grade, codes = columns(rows)
    queries, grade = codes.astype(np.intp), grade / 3
    if gaps:
        score[::3] = np.nan
    order = np.array(random.sample(range(len(rows)), len(rows)), np.intp)
    ndcg = QueryNdcg(grade, queries, 3).ndcg(score)
    shuffled = grade[order], queries[order], 3
    np.testing.assert_array_equal(QueryNdcg(*shuffled).ndcg(score[order]), ndcg)
    np.testing.assert_allclose(QueryNdcg(*shuffled).ndcg(score[order]), ndcg, atol=1e-12)
    np.testing.assert_array_equal(
        QueryPairs(*shuffled).accuracy(score[order]), QueryPairs(grade, queries, 3).accuracy(score)
    )
    known = np.nan_to_num(score)
    for name, metric in METRICS.items():
        expected = pytest.approx(metric(known, grade), abs=1e-12, nan_ok=True)
        assert metric(known[order], grade[order]) == expected, name
    positive = grade > 0.5
    copies = np.ones((1, 3), int)
    for found, expected in (
        (
            query_auc(known[order][None], positive[order], queries[order], 3),
            query_auc(known[None], positive, queries, 3),
        ),
        (
            resampled_auc(known[order], positive[order], queries[order], copies),
            resampled_auc(known, positive, queries, copies),
        ),
    ):
        np.testing.assert_allclose(found, expected, atol=1e-12)
    told, same = (calibration(known[one] / 3, positive[one], 4) for one in (slice(None), order))
    assert told == pytest.approx(same, abs=1e-12)


@settings(max_examples=60)
@given(st.integers(1, 40), st.integers(0, 1_000), st.integers(1, 12))
def test_without_ties_nothing_changes(size: int, seed: int, depth: int) -> None:
    """To the last bit: the formulas as they were."""
    rng = np.random.default_rng(seed)
    score, grade, queries = rng.permutation(size) / 7, rng.integers(0, 4, size) / 3, np.zeros(size, np.intp)
    expected = ndcg_in_order(score, grade, depth)
    for found in (
        QueryNdcg(grade, queries, 1, depth).ndcg(score)[0],
        QueryNdcg(grade, queries, 1, depth).ndcg(score)[0],
    ):
        np.testing.assert_equal(found, expected)
    reference = rng.permutation(size) / 3
    count = max(1, round(0.1 * size))
    both = top_in_order(score, count) & top_in_order(reference, count)
    assert METRICS["top10_overlap"](score, reference) == len(both) / count
    right = rng.random(size) < 0.5
    parts = np.array_split(np.argsort(score, kind="stable"), min(10, size))
    error = sum(len(rows) * abs(score[rows].mean() - right.astype(float)[rows].mean()) for rows in parts) / size
    assert calibration(score, right)["error"] == error


@settings(max_examples=60)
@given(SMALL, st.integers(1, 7))
def test_a_score_in_small_steps_brings_less_than_one_that_orders_all(rows: list[tuple[int, int]], depth: int) -> None:
    _, grade = columns(rows)
    queries = np.zeros(len(grade), np.intp)
    best, none = (QueryNdcg(grade / 3, queries, 1, depth).ndcg(score)[0] for score in (grade, np.zeros(len(grade))))
    assert np.isnan(best) or (best == 1.0 and 0 <= none <= 1.0)


def test_rows_without_a_score_come_last_in_any_order() -> None:
    grade, queries = np.array([0.0, 1.0, 0.0]), np.zeros(3, np.intp)
    score = np.array([1.0, np.nan, np.nan])
    expected = (1 / np.log2(3) + 1 / np.log2(4)) / 2
    for order in permutations(range(3)):
        chosen = np.array(order)
        found = QueryNdcg(grade[chosen], queries, 1).ndcg(score[chosen])[0]
        assert found == pytest.approx(expected)
