"""Strategies: no pair twice, the same for a seed, a larger budget goes on, and each finds what it is meant to find."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from sie_agent.attribution import FeatureRows, TrainingSettings, cross_entropy_slopes, row_influence, train
from sie_agent.budget import STRATEGIES, Candidates, Known, round_sizes, spend, strategy_named
from sie_agent.budget.disagreement import log_model
from sie_agent.budget.influence import reach
from sie_agent.budget.strategy import draw_by_score
from sie_agent.budget.student import variance_of_trees
from sie_agent.errors import InputError

NAMES = tuple(STRATEGIES)


def pairs(count: int, seed: int = 0) -> Candidates:
    """Candidates with a log that goes by the first feature."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 5)).astype(np.float32)
    label = (rng.random(count) < expit(2 * features[:, 0])).astype(float)
    return Candidates(features, label, np.arange(count) // 4, rng.random(count))


def answers(candidates: Candidates) -> np.ndarray:
    return np.asarray(expit(candidates.features[:, 0].astype(float)))


def chosen(candidates: Candidates, name: str, budget: int, seed: int = 1) -> list[int]:
    told = answers(candidates)
    return [
        int(row) for rows in spend(candidates, STRATEGIES[name], budget, seed, lambda rows: told[rows]) for row in rows
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_and_a_larger_budget_goes_on(name: str) -> None:
    candidates = pairs(200)
    small, large = chosen(candidates, name, 60), chosen(candidates, name, 110)
    assert chosen(candidates, name, 110) == large
    assert len(set(large)) == 110 and large[:60] == small
    if name != "random":  # the order of the pool is its draw
        assert chosen(candidates, name, 110, seed=2) != large


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [1, 2, 3, 60])
def test_a_small_log_is_judged_whole_and_no_pair_twice(name: str, count: int) -> None:
    assert sorted(chosen(pairs(count), name, 1000)) == list(range(count))


@pytest.mark.parametrize("name", NAMES)
def test_a_judge_that_never_answers_stops_no_strategy(name: str) -> None:
    rounds = spend(pairs(150), STRATEGIES[name], 120, 0, lambda rows: np.full(len(rows), np.nan))
    assert len(set(np.concatenate(rounds).tolist())) == 120


@pytest.mark.parametrize("name", NAMES)
def test_what_was_asked_without_an_answer_is_not_asked_again(name: str) -> None:
    candidates, asked = pairs(80), np.arange(80) % 2 == 0
    known = Known(asked, np.full(80, np.nan))
    rows = STRATEGIES[name].choose(candidates, known, 100, np.random.default_rng(0))
    assert sorted(rows.tolist()) == list(range(1, 80, 2))


def test_equal_features_and_answers_stop_no_strategy() -> None:
    alike = Candidates(np.ones((90, 5), np.float32), np.zeros(90), np.arange(90), np.ones(90))
    for strategy in STRATEGIES.values():
        rounds = spend(alike, strategy, 70, 0, lambda rows: np.full(len(rows), 0.5))
        assert len(set(np.concatenate(rounds).tolist())) == 70


@given(st.integers(1, 5_000))
def test_rounds_spend_the_budget_and_do_not_depend_on_it(budget: int) -> None:
    sizes, larger = (list(round_sizes(STRATEGIES["uncertain"], one)) for one in (budget, 10_000))
    assert sum(sizes) == budget and sizes[:-1] == larger[: len(sizes) - 1] and sizes[-1] <= larger[len(sizes) - 1]
    assert list(round_sizes(STRATEGIES["random"], budget)) == [budget]


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.integers(0, 50), st.integers(0, 99))
def test_draws_by_score_are_distinct_and_zeros_come_last(scores: list[float], count: int, seed: int) -> None:
    given_scores = np.array(scores)
    known = Known(np.zeros(len(scores), bool), np.full(len(scores), np.nan))
    rows = draw_by_score(given_scores, known, count, np.random.default_rng(seed))
    assert len(set(rows.tolist())) == len(rows) == min(count, len(scores))
    worthless = given_scores[rows] == 0
    assert not (worthless[:-1] & (given_scores[rows][1:] > 1e-3)).any()


def test_draws_are_in_proportion_to_the_scores() -> None:
    known, scores = Known(np.zeros(3, bool), np.full(3, np.nan)), np.array([1.0, 2.0, 5.0])
    first = [int(draw_by_score(scores, known, 1, np.random.default_rng(seed))[0]) for seed in range(4_000)]
    shares = np.bincount(first) / 4_000
    # four standard errors
    np.testing.assert_allclose(shares, scores / 8, atol=4 * np.sqrt(0.25 / 4_000))


def test_uncertain_finds_where_the_judge_contradicts_itself() -> None:
    """Where the first feature is large the judge's answers are noise, elsewhere they are all 0."""
    candidates, rng = pairs(600), np.random.default_rng(5)
    noisy = candidates.features[:, 0] > 0.5
    told = np.where(noisy, rng.integers(2, size=600), 0.0)
    rounds = spend(candidates, STRATEGIES["uncertain"], 200, 0, lambda rows: told[rows])
    assert noisy[np.concatenate(rounds[1:])].mean() > 1.5 * noisy.mean() > noisy[rounds[0]].mean()


def test_the_variance_of_trees_is_that_of_the_forest() -> None:
    from sklearn.ensemble import RandomForestRegressor

    candidates = pairs(120)
    relevance = np.where(np.arange(120) < 50, answers(candidates), np.nan)
    found = variance_of_trees(candidates, Known(~np.isnan(relevance), relevance), np.random.default_rng(3))
    seed = int(np.random.default_rng(3).integers(2**31))
    forest = RandomForestRegressor(50, min_samples_leaf=2, max_features=1 / 3, random_state=seed)
    forest.fit(candidates.features[:50], relevance[:50])
    expected = np.var([tree.predict(candidates.features) for tree in forest.estimators_], axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-7)


def test_diverse_visits_every_cluster_first() -> None:
    rng = np.random.default_rng(0)
    # nine of ten pairs are in the first cluster
    cluster = np.where(np.arange(400) % 10, 0, np.arange(400) // 10 % 8)
    features = (50 * np.eye(8)[cluster] + rng.normal(size=(400, 8))).astype(np.float32)
    candidates = Candidates(features, np.zeros(400), np.arange(400), np.zeros(400))
    assert len(set(cluster[chosen(candidates, "diverse", 8)].tolist())) >= 7
    assert len(set(cluster[:8].tolist())) < 4, "random would not have found them"


def test_disagreement_finds_what_the_log_and_the_words_tell_apart() -> None:
    candidates = pairs(400)
    odd = np.arange(400) % 4 == 1
    agreed = candidates.features[:, 0].astype(float)
    mixed = replace(candidates, text_score=np.where(odd, -agreed, agreed))
    rows = chosen(mixed, "disagreement", 60)
    assert odd[rows].mean() > 0.6


def test_the_model_of_the_log_saw_no_pair_of_the_query() -> None:
    candidates = pairs(200)
    before = log_model(candidates)
    turned = replace(candidates, label=np.where(candidates.queries == 7, 1 - candidates.label, candidates.label))
    np.testing.assert_array_equal(log_model(turned)[candidates.queries == 7], before[candidates.queries == 7])
    assert np.corrcoef(before, candidates.features[:, 0])[0, 1] > 0.9


def test_reach_is_how_far_a_judgment_moves_the_value_of_the_log() -> None:
    """By the machinery of `value`: influence of each row along the pool's gradient, before and after a move."""
    candidates = pairs(120)
    log = FeatureRows(candidates.features, candidates.label.astype(np.float32), candidates.queries)
    # a linear proxy at the optimum that `reach` takes
    linear = TrainingSettings(hidden=0, epochs=400, batch_size=120, learning_rate=0.05, weight_decay=0.0, checkpoints=1)
    proxy = train(log.features, log.targets, linear, 0)[-1]
    judged = answers(candidates).astype(np.float32)

    def values(relevance: np.ndarray) -> np.ndarray:
        slopes = cross_entropy_slopes(proxy.scores(log.features), relevance)
        return np.asarray(row_influence(proxy, log, proxy.backward(log.features, slopes)), float)

    moved = []
    for row in range(0, 120, 10):
        other = judged.copy()
        other[row] += 0.5
        moved.append(float(np.sqrt(np.mean((values(other) - values(judged)) ** 2))))
    expected = reach(candidates)[::10]
    assert np.corrcoef(moved, expected)[0, 1] > 0.99


def test_influence_finds_the_pairs_that_reach_far() -> None:
    candidates = pairs(400)
    far = np.arange(400) % 5 == 2
    stretched = replace(candidates, features=np.where(far[:, None], 8, 1).astype(np.float32) * candidates.features)
    rounds = spend(stretched, STRATEGIES["influence"], 100, 0, lambda rows: answers(stretched)[rows])
    assert far[rounds[1]].mean() > 2 * far.mean()


def test_no_grade_is_within_reach() -> None:
    assert {field.name for field in fields(Candidates)} == {"features", "label", "queries", "text_score"}
    assert {field.name for field in fields(Known)} == {"asked", "relevance"}


def test_strategies_that_need_no_labels_do_not_read_them() -> None:
    candidates = pairs(200)
    without = replace(candidates, label=np.full(200, np.nan))
    for name, strategy in STRATEGIES.items():
        if not strategy.reads_label:
            assert chosen(without, name, 120) == chosen(candidates, name, 120)


def test_an_unknown_strategy_is_named() -> None:
    with pytest.raises(InputError, match=r"no strategy 'clever'.*random, uncertain, diverse, disagreement, influence"):
        strategy_named("clever")
