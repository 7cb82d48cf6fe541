"""A twin knows nothing of the grade and keeps the judge's order where grades are equal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from sie_agent.evaluation import QueryPairs, knowledge_removed, simulate_judge
from sie_agent.evaluation.twin import Twin

from ..soak import seeds

RELEVANT_AT = 0.75


def graded(n_queries: int, items: int, levels: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Grades that differ between queries, and query codes."""
    rng = np.random.default_rng(seed)
    queries = rng.permutation(np.repeat(np.arange(n_queries), items))
    lift = rng.random(n_queries)[queries]
    return np.floor(levels * np.clip(0.6 * rng.random(len(queries)) + 0.4 * lift, 0, 0.999)) / (levels - 1), queries


def judges(grade: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Answers of judges that know all, something, nothing, and the opposite."""
    rng = np.random.default_rng(seed)
    return {
        "perfect": grade,
        "strong": simulate_judge(grade, 0.9, RELEVANT_AT, seed),
        # few values and many ties, as shares of words have
        "lexical": np.round(4 * np.clip(0.3 * grade + rng.random(len(grade)), 0, 1)) / 4,
        "random": rng.random(len(grade)),
        "backwards": 1 - grade + 0.1 * rng.normal(size=len(grade)),
    }


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["perfect", "strong", "lexical", "random", "backwards"])
def test_nothing_is_known_within_queries_or_between_them(kind: str) -> None:
    grade, queries = graded(60, 20, 3)
    accuracies = []
    for seed in seeds():
        twin = knowledge_removed(judges(grade, seed)[kind], queries, grade, RELEVANT_AT, seed)
        assert twin.cells == "grade" and twin.covered > 0.8
        means = np.bincount(queries, twin.relevance) / np.bincount(queries)
        np.testing.assert_allclose(means, 0.5, atol=1e-12)
        each = QueryPairs(grade, queries, 60).accuracy(twin.relevance)
        accuracies.append(each)
        np.testing.assert_allclose(each[~np.isnan(each)], 0.5, atol=1e-12)
    assert np.nanmean(accuracies) == pytest.approx(0.5)


@pytest.mark.parametrize("kind", ["perfect", "lexical", "backwards"])
def test_few_rows_a_grade_make_two_cells_a_query(kind: str) -> None:
    grade, queries = graded(80, 12, 13)
    twin = knowledge_removed(judges(grade, 0)[kind], queries, grade, RELEVANT_AT, 0)
    assert twin.cells == "relevant"
    each = QueryPairs((grade >= RELEVANT_AT).astype(float), queries, 80).accuracy(twin.relevance)
    np.testing.assert_allclose(each[~np.isnan(each)], 0.5, atol=1e-12)
    np.testing.assert_allclose(np.bincount(queries, twin.relevance) / np.bincount(queries), 0.5, atol=1e-12)


def test_two_cells_a_query_leave_what_is_known_on_one_side_of_the_threshold() -> None:
    """Why a twin of such cells may only be compared with relevant or not."""
    grade, queries = graded(80, 12, 13)
    twin = knowledge_removed(grade, queries, grade, RELEVANT_AT, 0)
    assert np.nanmean(QueryPairs(grade, queries, 80).accuracy(twin.relevance)) > 0.7


def test_the_order_within_cells_is_the_judges() -> None:
    grade, queries = graded(30, 25, 3)
    judge = np.random.default_rng(1).normal(size=len(grade))
    twin = knowledge_removed(judge, queries, grade, RELEVANT_AT, 0)
    for cell in np.unique(np.column_stack([queries, grade]), axis=0):
        rows = (queries == cell[0]) & (grade == cell[1])
        np.testing.assert_array_equal(twin.relevance[rows], (rankdata(judge[rows]) - 0.5) / rows.sum())


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.sampled_from([0.0, 0.5, 1.0, np.nan]))))
def test_answers_that_are_missing_stay_missing(rows: list[tuple[int, int, float]]) -> None:
    table = np.array(rows, float).reshape(-1, 3)
    queries, grade, judge = table[:, 0].astype(np.intp), table[:, 1] / 2, table[:, 2]
    twin = knowledge_removed(judge, queries, grade, RELEVANT_AT, 3)
    np.testing.assert_array_equal(np.isnan(twin.relevance), np.isnan(judge))
    judged = ~np.isnan(judge)
    alone = knowledge_removed(judge[judged], queries[judged], grade[judged], RELEVANT_AT, 3)
    np.testing.assert_array_equal(twin.relevance[judged], alone.relevance)
    known = twin.relevance[judged]
    assert ((known > 0) & (known < 1)).all()
    assert np.isnan(twin.covered) == (not judged.any())


def test_a_lone_row_becomes_a_half() -> None:
    twin = knowledge_removed(np.array([0.9, 0.1]), np.array([0, 1]), np.array([1.0, 0.0]), RELEVANT_AT, 0)
    assert isinstance(twin, Twin) and twin.relevance.tolist() == [0.5, 0.5]
    assert (twin.cells, twin.covered) == ("relevant", 0.0)


def test_seeds_order_equal_answers() -> None:
    grade, queries = graded(30, 20, 3)
    first, again, other = (knowledge_removed(grade, queries, grade, RELEVANT_AT, seed).relevance for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.15
