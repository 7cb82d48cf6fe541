"""Metrics within queries against counting by hand, scikit-learn and the loop over queries."""

from __future__ import annotations

import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.evaluation import QueryNdcg, QueryPairs, roc_auc

ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 3)), max_size=40)


def by_hand(score: np.ndarray, grade: np.ndarray, queries: np.ndarray, n_queries: int) -> np.ndarray:
    """The definition, pair by pair."""
    points: list[list[float]] = [[] for _ in range(n_queries)]
    for one, other in combinations(range(len(score)), 2):
        if queries[one] == queries[other] and grade[one] != grade[other]:
            better, worse = (one, other) if grade[one] > grade[other] else (other, one)
            difference = score[better] - score[worse]
            if not np.isnan(difference):
                points[queries[one]].append((np.sign(difference) + 1) / 2)
    return np.array([np.mean(each) if each else np.nan for each in points])


def columns(rows: list[tuple[int, int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = np.array(rows, np.intp).reshape(-1, 3)
    return table[:, 0] / 4, table[:, 1] / 3, table[:, 2]


def searched(n_queries: int, seed: int, most: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three scores, grades and queries of different sizes, rows in any order."""
    rng = np.random.default_rng(seed)
    queries = rng.permutation(np.repeat(np.arange(n_queries), rng.integers(1, most, n_queries)))
    return rng.normal(size=(3, len(queries))).round(1), rng.integers(0, 4, len(queries)) / 3, queries


@settings(max_examples=60)
@given(ROWS)
def test_accuracy_is_the_count_by_hand(rows: list[tuple[int, int, int]]) -> None:
    score, grade, queries = columns(rows)
    np.testing.assert_allclose(QueryPairs(grade, queries, 5).accuracy(score), by_hand(score, grade, queries, 5))


def test_many_scores_share_one_index() -> None:
    scores, grade, queries = searched(60, 0)
    pairs = QueryPairs(grade, queries, 63)
    together = pairs.accuracy(scores)
    assert together.shape == (3, 63) and np.isnan(together[:, 60:]).all()
    for score, found in zip(scores, together, strict=True):
        np.testing.assert_array_equal(found, pairs.accuracy(score))
        np.testing.assert_allclose(found, by_hand(score, grade, queries, 63))


def test_best_worst_and_constant_scores() -> None:
    _, grade, queries = searched(30, 1)
    there = ~np.isnan(QueryPairs(grade, queries, 30).accuracy(grade))
    for score, expected in ((grade, 1.0), (-grade, 0.0), (np.zeros(len(grade)), 0.5)):
        np.testing.assert_array_equal(QueryPairs(grade, queries, 30).accuracy(score)[there], expected)


@settings(max_examples=30)
@given(ROWS, st.randoms(use_true_random=False))
def test_neither_order_of_rows_nor_scale_matters(rows: list[tuple[int, int, int]], random) -> None:
    score, grade, queries = columns(rows)
    order = np.array(random.sample(range(len(rows)), len(rows)), np.intp)
    found = QueryPairs(grade, queries, 4).accuracy(score)
    np.testing.assert_array_equal(QueryPairs(grade[order], queries[order], 4).accuracy(score[order]), found)
    np.testing.assert_array_equal(QueryPairs(grade**3, queries, 4).accuracy(np.exp(3 * score) - 7), found)


def test_rows_without_score_or_grade_are_in_no_pair() -> None:
    scores, grade, queries = searched(40, 2)
    scores[0, ::3], grade[::5] = np.nan, np.nan
    known = ~np.isnan(grade)
    expected = by_hand(scores[0][known], grade[known], queries[known], 40)
    np.testing.assert_allclose(QueryPairs(grade, queries, 40).accuracy(scores[0]), expected)


def test_one_query_of_many_rows() -> None:
    rng = np.random.default_rng(0)
    score, grade = rng.normal(size=2_200), rng.integers(0, 2, 2_200).astype(float)
    found = QueryPairs(grade, np.zeros(2_200, np.intp), 1).accuracy(score)
    assert found[0] == pytest.approx(roc_auc(score, grade > 0.5))


def test_ndcg_is_that_of_the_loop_over_queries() -> None:
    scores, grade, queries = searched(60, 3, most=30)
    grade[queries == 7] = 0
    found = QueryNdcg(grade, queries, 62).ndcg(scores)
    assert found.shape == (3, 62) and np.isnan(found[:, [7, 60, 61]]).all()
    for score, row in zip(scores, found, strict=True):
        np.testing.assert_allclose(row, QueryNdcg(grade, queries, 62).ndcg(score), rtol=1e-13)
    np.testing.assert_array_equal(QueryNdcg(grade, queries, 62).ndcg(scores[1]), found[1])
    other = QueryNdcg(grade, queries, 62, depth=3).ndcg(scores[0])
    np.testing.assert_allclose(other, QueryNdcg(grade, queries, 62, 3).ndcg(scores[0]), rtol=1e-13)


@settings(max_examples=40)
@given(ROWS.filter(bool))
def test_ndcg_with_ties_and_lone_rows(rows: list[tuple[int, int, int]]) -> None:
    score, grade, queries = columns(rows)
    found = QueryNdcg(grade, queries, 5).ndcg(score)
    np.testing.assert_allclose(found, QueryNdcg(grade, queries, 5).ndcg(score), rtol=1e-13)


def test_ndcg_is_scikit_learns() -> None:
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(0)
    grade, score = rng.integers(1, 4, (6, 15)) / 3, rng.normal(size=(6, 15))
    found = QueryNdcg(grade.ravel(), np.repeat(np.arange(6), 15), 6).ndcg(score.ravel())
    assert found.mean() == pytest.approx(ndcg_score(np.exp2(3 * grade) - 1, score, k=10))


@pytest.mark.slow
def test_forty_thousand_rows_are_quick() -> None:
    """Loose: the machine may be shared. Alone, a score takes a few milliseconds."""
    rng = np.random.default_rng(0)
    queries = rng.integers(0, 4_000, 40_000)
    grade, scores = rng.integers(0, 4, 40_000) / 3, rng.normal(size=(20, 40_000))
    pairs, gains = QueryPairs(grade, queries, 4_000), QueryNdcg(grade, queries, 4_000)
    started = time.process_time()
    pairs.accuracy(scores)
    gains.ndcg(scores)
    assert (time.process_time() - started) / 20 < 0.3
