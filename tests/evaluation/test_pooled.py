"""Pooled AUC by query: its mean is the area under the curve, its spread that of the jackknife over queries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.evaluation import query_auc, roc_auc

from ..soak import seeds


def example(seed: int, n_queries: int = 60, levels: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores that know something, relevance that differs between queries, and codes of unequal queries."""
    rng = np.random.default_rng(seed)
    queries = rng.permutation(np.repeat(np.arange(n_queries), rng.integers(2, 14, n_queries)))
    lift = rng.random(n_queries)[queries]
    positive = rng.random(len(queries)) < 0.15 + 0.6 * lift
    scores = 0.6 * positive + 0.8 * lift + rng.normal(size=len(queries))
    return np.round(levels * scores) if levels else scores, positive, queries


def jackknife(scores: np.ndarray, positive: np.ndarray, queries: np.ndarray, n_queries: int) -> float:
    """Standard error of the area, each query left out in turn (Efron & Stein 1981)."""
    areas = [roc_auc(scores[queries != one], positive[queries != one]) for one in range(n_queries)]
    return float(np.sqrt((n_queries - 1) / n_queries * np.sum((areas - np.mean(areas)) ** 2)))


@pytest.mark.parametrize("levels", [0, 1], ids=["all distinct", "many ties"])
@pytest.mark.soak
@pytest.mark.parametrize("seed", seeds())
def test_the_mean_over_queries_is_the_area(seed: int, levels: int) -> None:
    scores, positive, queries = example(seed, levels=levels)
    several = np.stack([scores, -scores, np.zeros(len(scores))])
    found = query_auc(several, positive, queries, 60)
    assert found.shape == (3, 60)
    np.testing.assert_allclose(found.mean(axis=1), [roc_auc(one, positive) for one in several], atol=1e-12)
    assert found[2] == pytest.approx(np.full(60, 0.5))


@pytest.mark.parametrize("levels", [0, 1], ids=["all distinct", "many ties"])
@pytest.mark.parametrize("n_queries", [60, 200])
def test_the_spread_over_queries_is_the_jackknifes(n_queries: int, levels: int) -> None:
    scores, positive, queries = example(4, n_queries, levels)
    each = query_auc(scores[None], positive, queries, n_queries)[0]
    error = each.std(ddof=1) / np.sqrt(n_queries)
    assert error == pytest.approx(jackknife(scores, positive, queries, n_queries), rel=4 / n_queries + 0.005)


def test_the_spread_is_not_that_of_single_rows() -> None:
    """Rows that come twelve at a time and are alike are worth one row each."""
    scores, positive, queries = (np.repeat(part, 12) for part in example(5, 40))
    clustered = query_auc(scores[None], positive, queries, 40)[0]
    alone = query_auc(scores[None], positive, np.arange(len(scores)), len(scores))[0]
    errors = [each.std(ddof=1) / np.sqrt(len(each)) for each in (clustered, alone)]
    assert errors[0] > 2.5 * errors[1]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 4)), min_size=1))
def test_ties_count_half_and_one_class_has_no_area(rows: list[tuple[int, bool, int]]) -> None:
    table = np.array(rows)
    scores, positive = table[:, 0].astype(float), table[:, 1].astype(bool)
    codes = np.unique(table[:, 2], return_inverse=True)[1].ravel()
    found = query_auc(scores[None], positive, codes, int(codes.max()) + 1)[0]
    if positive.all() or not positive.any():
        assert np.isnan(found).all()
    else:
        assert found.mean() == pytest.approx(roc_auc(scores, positive))
