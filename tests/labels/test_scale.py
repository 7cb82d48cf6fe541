"""The judge's relevance on the log's scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sie_agent.evaluation import roc_auc
from sie_agent.labels.scale import joint_with_proxies, match_log, mean_of_others


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0, 0.3])), min_size=2, max_size=40), st.booleans())
def test_the_mean_is_the_logs_and_the_order_is_kept(rows: list[tuple[float, float]], by_rank: bool) -> None:
    relevance, label = (np.array(side) for side in zip(*rows, strict=True))
    assume(0.002 < label.mean() < 0.998)
    matched = match_log(relevance, label, by_rank=by_rank)
    assert matched.mean() == pytest.approx(label.mean(), abs=1e-6)
    assert ((matched > 0) & (matched < 1)).all()
    order = np.argsort(relevance, kind="stable")
    assert (np.diff(matched[order]) >= -1e-12).all()


@pytest.mark.parametrize("bend", [np.sqrt, lambda r: r**3, lambda r: 0.2 + 0.1 * r])
def test_by_rank_knows_only_the_order(bend) -> None:
    rng = np.random.default_rng(0)
    relevance, label = rng.random(50), (rng.random(50) < 0.3).astype(float)
    plain, bent = match_log(relevance, label, by_rank=True), match_log(bend(relevance), label, by_rank=True)
    np.testing.assert_allclose(plain, bent, atol=1e-9)
    assert not np.allclose(match_log(relevance, label), match_log(bend(relevance), label), atol=1e-3)


def test_unjudged_rows_stay_unjudged_and_do_not_count() -> None:
    relevance = np.array([0.9, np.nan, 0.2, 0.6])
    matched = match_log(relevance, np.array([1.0, 1.0, 0.0, 0.0]))
    np.testing.assert_array_equal(np.isnan(matched), np.isnan(relevance))
    # the mean of the log's labels is taken over the judged rows
    assert np.nanmean(matched) == pytest.approx(1 / 3, abs=1e-6)
    assert np.isnan(match_log(np.full(3, np.nan), np.ones(3))).all()


def test_a_rare_click_does_not_make_every_relevant_row_wrong() -> None:
    """A click rate is not a relevance."""
    rng = np.random.default_rng(1)
    label = (rng.random(1000) < 0.05).astype(float)
    matched = match_log(np.full(1000, 0.8), label)
    np.testing.assert_allclose(matched, label.mean(), atol=1e-6)


def noisy_log(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True relevance of 4,000 rows, labels of which 30 % are flipped, and which are."""
    rng = np.random.default_rng(seed)
    relevant = rng.random(4000) < 0.5
    flipped = rng.random(4000) < 0.3
    return relevant, (relevant != flipped).astype(float), flipped


@pytest.mark.parametrize("by_rank", [False, True])
def test_judge_and_proxies_together_find_more_wrong_labels_than_either(by_rank: bool) -> None:
    relevant, label, flipped = noisy_log(0)
    rng = np.random.default_rng(1)
    judge = np.clip(0.5 + 0.15 * (2 * relevant - 1) + 0.2 * rng.normal(size=4000), 0, 1)
    proxies = 1 / (1 + np.exp(-(0.4 * (2 * relevant - 1) + 0.6 * rng.normal(size=4000))))
    expected = joint_with_proxies(judge, label, proxies, np.arange(len(label)), by_rank=by_rank)

    def found(probability: np.ndarray) -> float:
        return roc_auc(np.abs(label - probability), flipped)

    alone = max(found(match_log(judge, label)), found(match_log(proxies, label)))
    assert found(expected) > alone + 0.02
    assert expected.mean() == pytest.approx(label.mean(), abs=0.01), "a probability of the log's own label"


def test_a_judge_that_knows_nothing_gets_no_weight() -> None:
    relevant, label, _ = noisy_log(2)
    rng = np.random.default_rng(3)
    proxies = 1 / (1 + np.exp(-(0.4 * (2 * relevant - 1) + 0.6 * rng.normal(size=4000))))
    first, second = (joint_with_proxies(rng.random(4000), label, proxies, np.arange(4000)) for _ in range(2))
    assert np.corrcoef(first, second)[0, 1] > 0.97
    assert np.abs(first - second).max() < 0.15


def test_joint_leaves_unjudged_rows_out() -> None:
    relevance = np.array([0.9, np.nan, 0.2, 0.6, 0.1])
    found = joint_with_proxies(relevance, np.array([1.0, 1.0, 0.0, 0.0, 0.0]), np.full(5, 0.5), np.arange(5))
    np.testing.assert_array_equal(np.isnan(found), np.isnan(relevance))
    assert np.isnan(joint_with_proxies(np.full(3, np.nan), np.ones(3), np.full(3, 0.5), np.arange(3))).all()


def test_joint_reads_what_the_querys_other_rows_say() -> None:
    """Queries that differ in their share of relevant rows: the others' labels tell of a row's own."""
    rng = np.random.default_rng(5)
    queries = np.repeat(np.arange(400), 10)
    relevant = rng.random(4000) < np.repeat(rng.choice([0.1, 0.9], 400), 10)
    flipped = rng.random(4000) < 0.3
    label, judge = (relevant != flipped).astype(float), np.clip(relevant + rng.standard_normal(4000), 0, 1)
    nothing = np.full(4000, 0.5)
    alone, together = (
        roc_auc(np.abs(label - joint_with_proxies(judge, label, nothing, codes)), flipped)
        for codes in (np.arange(4000), queries)
    )
    assert together > alone + 0.05


def test_the_mean_of_others_leaves_the_row_itself_out() -> None:
    values, codes = np.array([1.0, 0.0, 0.5, 0.25]), np.array([0, 0, 0, 1])
    np.testing.assert_allclose(mean_of_others(values, codes), [0.25, 0.75, 0.5, values.mean()])
