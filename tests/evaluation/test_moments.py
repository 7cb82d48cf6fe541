"""Fast resampling against plain resampling, NDCG against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.evaluation import (
    QueryNdcg,
    interval,
    partial_spearman,
    query_copies,
    query_moments,
    resampled_auc,
    resampled_correlation,
    resampled_rows,
    roc_auc,
    spearman,
)


def clustered(n_queries: int, items: int, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """Score, reference and control that share a part within each query."""
    rng = np.random.default_rng(seed)
    queries = np.repeat(np.arange(n_queries), items)
    common = rng.normal(size=n_queries)[queries]
    control = rng.normal(size=len(queries))
    score = common + 0.5 * control + rng.normal(size=len(queries))
    reference = 0.8 * common + 0.6 * control + rng.normal(size=len(queries))
    order = rng.permutation(len(queries))
    return [score[order], reference[order], control[order]], queries[order]


@pytest.mark.parametrize("n_given", [0, 1])
def test_every_query_once_is_the_plain_value(n_given: int) -> None:
    columns, queries = clustered(50, 6)
    columns = columns[: 2 + n_given]
    plain = partial_spearman(columns[0], columns[1], columns[2:]) if n_given else spearman(*columns)
    moments = query_moments(columns, queries, 53)  # three queries of the data have no row here
    found = resampled_correlation(moments, np.ones((1, 53), np.intp))
    assert found[0] == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize("n_given", [0, 1])
def test_the_interval_is_that_of_ranking_every_resample_anew(n_given: int) -> None:
    columns, queries = clustered(200, 10)
    columns = columns[: 2 + n_given]
    copies = query_copies(200, 250, 3)
    fast = resampled_correlation(query_moments(columns, queries, 200), copies)
    exact = []
    for drawn in copies:
        rows = resampled_rows(queries, drawn)
        score, reference, *others = (column[rows] for column in columns)
        exact.append(partial_spearman(score, reference, others) if others else spearman(score, reference))
    assert np.corrcoef(fast, exact)[0, 1] > 0.98
    np.testing.assert_allclose(interval(fast), interval(exact), atol=0.02)


def test_a_resample_without_variation_has_no_correlation() -> None:
    moments = query_moments([np.array([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])], np.array([0, 0, 1]), 2)
    assert np.isnan(resampled_correlation(moments, np.array([[2, 0]]))).all()


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 3)), min_size=2, max_size=30),
    st.randoms(use_true_random=False),
)
def test_resampled_auc_is_the_auc_of_the_resampled_rows(rows: list[tuple[int, bool, int]], random) -> None:
    score, positive, queries = (np.array(side) for side in zip(*rows, strict=True))
    copies = np.array([[random.randint(0, 3) for _ in range(4)] for _ in range(5)])
    found = resampled_auc(score.astype(float), positive, queries, copies)
    for value, drawn in zip(found, copies, strict=True):
        chosen = resampled_rows(queries, drawn)
        if len(chosen) == 0 or positive[chosen].all() or not positive[chosen].any():
            assert np.isnan(value)
        else:
            assert value == pytest.approx(roc_auc(score[chosen].astype(float), positive[chosen]))


def test_resampled_auc_over_more_queries_than_are_counted_at_once() -> None:
    rng = np.random.default_rng(0)
    queries, positive = rng.permutation(np.repeat(np.arange(600), 3)), rng.random(1800) < 0.3
    score = rng.normal(size=1800).round(1)
    copies = query_copies(650, 4, 0)  # fifty queries of the data have no row here
    expected = [roc_auc(score[chosen], positive[chosen]) for chosen in (resampled_rows(queries, one) for one in copies)]
    assert resampled_auc(score, positive, queries, copies) == pytest.approx(expected)


def test_two_guesses_differ_for_certain_about_once_in_twenty() -> None:
    """Paired difference of two AUCs on 50 queries, as `compare-prompts` takes it."""
    positive, queries = np.random.default_rng(0).random(300) < 0.3, np.arange(300) // 6
    copies = query_copies(50, 400, 7)
    certain = 0
    for seed in range(150):
        left, right = np.random.default_rng(seed).random((2, 300))
        sides = [resampled_auc(side, positive, queries, copies) for side in (left, right)]
        low, high = interval(sides[0] - sides[1])
        certain += low > 0 or high < 0
    assert certain <= 0.11 * 150


def test_query_ndcg_is_scikit_learns() -> None:
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(0)
    queries = rng.permutation(np.repeat([0, 2, 3], [4, 15, 9]))
    grade, score = rng.integers(0, 4, 28) / 3, rng.normal(size=28)
    found = QueryNdcg(grade, queries, 5).ndcg(score)
    assert np.isnan(found[[1, 4]]).all()
    for query in (0, 2, 3):
        rows = queries == query
        expected = ndcg_score([np.exp2(3 * grade[rows]) - 1], [score[rows]], k=10)
        assert found[query] == pytest.approx(expected)


def test_query_ndcg_of_best_and_worst_order() -> None:
    grade, queries = np.array([1.0, 0.0, 0.0]), np.zeros(3, np.intp)
    assert QueryNdcg(grade, queries, 1).ndcg(grade)[0] == 1
    assert QueryNdcg(grade, queries, 1).ndcg(-grade)[0] == pytest.approx(0.5)
    assert np.isnan(QueryNdcg(np.zeros(3), queries, 1).ndcg(grade)[0])
