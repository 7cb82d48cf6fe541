"""Panels: ranks, weights and latent grades, and how many judges a panel is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit
from scipy.stats import rankdata, spearmanr

from sie_agent.errors import InputError, MissingExtraError
from sie_agent.evaluation import QueryPairs
from sie_agent.panels import (
    PANELS,
    answer_correlation,
    combined,
    effective_judges,
    error_correlation,
    mean_correlation,
    member_weights,
)
from sie_agent.utils import extras
from sie_agent.utils.arrays import Doubles

LEVELS = 5


def planted(n: int, right: list[float], seed: int = 0) -> tuple[Doubles, list[Doubles]]:
    """Levels of n rows, and answers of members that say the true level so often, else any of the others."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(LEVELS), n // LEVELS)
    answers = []
    for share in right:
        wrong = (truth + rng.integers(1, LEVELS, len(truth))) % LEVELS
        answers.append(np.where(rng.random(len(truth)) < share, truth, wrong).astype(float))
    return truth.astype(float), answers


def test_mean_rank_is_the_mean_of_ranks_on_rows_that_all_judged() -> None:
    rng = np.random.default_rng(0)
    answers = [rng.random(50), rng.random(50)]
    answers[0][3] = np.nan
    rows = np.arange(50) < 40
    found = combined("mean-rank", answers, rows)
    known = rows & (np.arange(50) != 3)
    expected = np.mean([(rankdata(one[known]) - 0.5) / 39 for one in answers], axis=0)
    np.testing.assert_allclose(found[known], expected)
    assert np.isnan(found[~known]).all()


@pytest.mark.slow
def test_dawid_skene_finds_planted_confusion_better_than_the_majority() -> None:
    truth, answers = planted(1500, [0.95, 0.8, 0.3, 0.3, 0.3])
    found = np.rint(combined("dawid-skene", answers) * (LEVELS - 1))
    votes = np.array([[(one == level) for one in answers] for level in range(LEVELS)]).sum(axis=1)
    majority = votes.argmax(axis=0)
    assert (found == truth).mean() > (majority == truth).mean() + 0.08


@pytest.mark.parametrize("kind", sorted(PANELS))
def test_scores_are_in_bounds_and_follow_members_that_agree(kind: str) -> None:
    truth, answers = planted(500, [0.9, 0.9, 0.9])
    grades, queries = truth / 4, np.arange(500) % 20
    found = combined(kind, answers, grades=grades, queries=queries)
    assert ((found >= 0) & (found <= 1)).all() and spearmanr(found, truth).statistic > 0.9
    nobody = (
        combined(kind, [np.full(500, np.nan), answers[0]], grades=grades, queries=queries)
        if kind != "weighted"
        else None
    )
    assert nobody is None or np.isnan(nobody).all()


def test_weights_are_log_odds_of_accuracy_and_never_negative() -> None:
    rng = np.random.default_rng(0)
    grades, queries = rng.integers(0, 3, 600) / 2, np.arange(600) // 10
    good, noise, wrong = grades + rng.normal(0, 0.4, 600), rng.random(600), 1 - grades + rng.normal(0, 0.2, 600)
    found = member_weights([good, noise, wrong], grades, queries)
    pairs = QueryPairs(grades, queries, 60)
    raw = [max(logit(np.nanmean(pairs.accuracy(one))), 0) for one in (good, noise, wrong)]
    np.testing.assert_allclose(found, np.array(raw) / sum(raw))
    assert found[2] == 0 and found[0] > 0.8 and found.sum() == pytest.approx(1)
    np.testing.assert_allclose(member_weights([wrong, wrong], grades, queries), [0.5, 0.5])


def test_weights_come_from_tuning_rows_alone() -> None:
    rng = np.random.default_rng(0)
    grades, queries = rng.integers(0, 3, 600) / 2, np.arange(600) // 10
    answers = [grades + rng.normal(0, 0.4, 600), rng.random(600)]
    tuning = np.where(queries < 30, grades, np.nan)
    changed = [np.where(queries < 30, one, rng.random(600)) for one in answers]
    np.testing.assert_array_equal(member_weights(answers, tuning, queries), member_weights(changed, tuning, queries))


def test_errors_have_nothing_to_do_with_the_grade() -> None:
    """Judges with nothing in common but the grade have correlation 0, though their answers agree."""
    rng = np.random.default_rng(0)
    grades = rng.integers(0, 4, 20_000) / 3
    judges = [grades + rng.normal(0, 0.5, 20_000) for _ in range(4)]
    errors = mean_correlation(error_correlation(judges, grades))
    assert abs(errors) < 0.03 and mean_correlation(answer_correlation(judges)) > 0.2
    assert effective_judges(4, errors) == pytest.approx(4, abs=0.3)
    random = [rng.random(20_000) for _ in range(4)]
    assert effective_judges(4, mean_correlation(error_correlation(random, grades))) == pytest.approx(4, abs=0.3)


def test_judges_of_one_opinion_are_worth_one() -> None:
    rng = np.random.default_rng(0)
    grades = rng.integers(0, 4, 500) / 3
    one = grades + rng.normal(0, 0.5, 500)
    # another scale of the same order is the same judge
    matrix = error_correlation([one, np.exp(one), 3 * one], grades)
    np.testing.assert_allclose(matrix, 1.0)
    assert effective_judges(3, mean_correlation(matrix)) == pytest.approx(1.0)


def test_a_shared_error_lies_in_between() -> None:
    rng = np.random.default_rng(0)
    grades, shared = rng.integers(0, 4, 20_000) / 3, rng.normal(0, 1, 20_000)
    judges = [grades + shared + rng.normal(0, 1, 20_000) for _ in range(3)]
    # half of the error's variance is shared
    assert mean_correlation(error_correlation(judges, grades)) == pytest.approx(0.5, abs=0.04)


@settings(max_examples=40)
@given(st.integers(1, 50), st.floats(-1, 1))
def test_a_panel_is_worth_one_to_all_of_its_judges(count: int, correlation: float) -> None:
    assert 1 - 1e-9 <= effective_judges(count, correlation) <= count + 1e-9


def test_the_number_is_what_the_variance_of_a_mean_says() -> None:
    rng = np.random.default_rng(0)
    covariance = np.full((6, 6), 0.3) + 0.7 * np.eye(6)
    means = rng.multivariate_normal(np.zeros(6), covariance, 40_000).mean(axis=1)
    assert 1 / means.var() == pytest.approx(effective_judges(6, 0.3), rel=0.03)


def test_what_is_not_known_is_nan() -> None:
    assert np.isnan(effective_judges(3, float("nan")))
    assert np.isnan(mean_correlation(error_correlation([np.ones(9), np.arange(9.0)], np.zeros(9))))
    assert np.isnan(mean_correlation(answer_correlation([np.ones(2), np.ones(2)])))


def test_wrong_kinds_and_missing_grades_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [np.arange(9.0), np.arange(9.0)]
    with pytest.raises(InputError, match=r"no panel 'vote'.*mean-rank"):
        combined("vote", answers)
    with pytest.raises(InputError, match="needs human grades"):
        combined("weighted", answers)
    with pytest.raises(InputError, match="no two judged rows"):
        combined("weighted", answers, grades=np.ones(9), queries=np.zeros(9))
    monkeypatch.setattr(extras, "is_installed", lambda module: module != "crowdkit")
    with pytest.raises(MissingExtraError, match="panels"):
        combined("dawid-skene", answers)
