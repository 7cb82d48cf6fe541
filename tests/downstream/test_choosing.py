"""How a recipe is chosen: the judge's strength by the log and by grades, and the candidates on a small log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sie_agent.downstream import BenchData, choose_recipe, recipe_name, strength_on
from sie_agent.downstream.judged import strength_by_log
from sie_agent.evaluation import judge_within, simulate_judge
from sie_agent.pipeline import CANDIDATES, above_chance, distill_log, train_proxies
from sie_agent.pipeline.recipes import MILDEST
from sie_agent.selection import Recipe

RELEVANT_AT = 0.75


def shown(n_queries: int = 200, items: int = 8, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Queries, positions in random order, and clicks that only the position decides."""
    rng = np.random.default_rng(seed)
    queries = np.repeat(np.arange(n_queries), items)
    position = np.concatenate([rng.permutation(items) + 1.0 for _ in range(n_queries)])
    return queries, position, (rng.random(len(queries)) < 1 / position).astype(float)


def test_who_follows_positions_has_every_counted_pair_wrong() -> None:
    queries, position, label = shown()
    found = strength_by_log(1 / position, label, queries, position, 0)
    assert (found.mean, found.low, found.high) == (0.0, 0.0, 0.0) and found.n_queries > 100
    # without positions all pairs count, and a log of positions alone agrees with positions
    assert strength_by_log(1 / position, label, queries, None, 0).low > 0.6


def test_a_random_judge_has_a_half_with_positions_and_without() -> None:
    queries, position, label = shown(400)
    guess = np.random.default_rng(1).random(len(label))
    for place in (position, None):
        assert strength_by_log(guess, label, queries, place, 0).mean == pytest.approx(0.5, abs=0.04)


def test_only_pairs_in_which_a_higher_label_stood_lower_count() -> None:
    label, queries = np.array([1.0, 0.0, 0.5, 0.0]), np.zeros(4, int)
    position, judge = np.array([2.0, 1.0, 3.0, 4.0]), np.array([0.9, 0.1, 0.1, 0.8])
    # counted with positions: row 0 over 1 (right), row 2 over 1 (tied)
    assert strength_by_log(judge, label, queries, position, 0).mean == pytest.approx(0.75)
    # without: 0 over 1, 2 and 3 (right), 2 over 1 (tied), 2 over 3 (wrong)
    assert strength_by_log(judge, label, queries, None, 0).mean == pytest.approx(3.5 / 5)


def test_rows_that_were_not_judged_are_in_no_pair() -> None:
    queries, position, label = shown(50)
    judge = np.random.default_rng(2).random(len(label))
    known = np.arange(len(label)) % 3 > 0
    some = strength_by_log(np.where(known, judge, np.nan), label, queries, position, 0)
    assert some == strength_by_log(judge[known], label[known], queries[known], position[known], 0)


def test_a_log_without_an_order_tells_nothing() -> None:
    found = strength_by_log(np.arange(4.0), np.ones(4), np.zeros(4, int), None, 0)
    assert found.n_queries == 0 and np.isnan(found.mean) and not above_chance(found)


@pytest.mark.slow
def test_few_random_judges_are_taken_for_good_ones() -> None:
    """Nominal is one in forty: an interval of 95 % lies above a half."""
    rng = np.random.default_rng(0)
    queries = np.repeat(np.arange(40), 12)
    grade = rng.integers(0, 5, len(queries)) / 4
    passed = [above_chance(strength_on(rng.random(len(grade)), grade, queries, seed)) for seed in range(200)]
    assert np.mean(passed) <= 0.05


@pytest.mark.slow
def test_few_random_judges_are_backed_by_a_log() -> None:
    passed = []
    for seed in range(200):
        queries, position, label = shown(60, seed=seed)
        guess = np.random.default_rng(1000 + seed).random(len(label))
        passed.append(above_chance(strength_by_log(guess, label, queries, position, seed)))
    assert np.mean(passed) <= 0.06


Choose = Callable[..., Recipe]


@pytest.fixture(scope="module")
def log(toy: Callable[..., BenchData]) -> BenchData:
    return toy(120)


@pytest.fixture
def choose(log: BenchData) -> Choose:
    """Choose for a judge's answers: a third of the queries is graded, the rest is the log, a half of it judged."""

    def chosen(answers: np.ndarray, *, graded: bool = True, data: BenchData = log, **changes: Any) -> Recipe:
        tune, judged = data.queries % 3 == 0, data.queries % 2 == 0
        kept, relevance = data.rows.take(~tune), np.where(judged, answers, np.nan)[~tune]
        proxies = train_proxies(kept, data.settings, 0)
        distilled = distill_log(kept, proxies, relevance, data.settings, 0, by_rank=False)
        strength = strength_on(answers[tune], data.grade[tune], data.queries[tune], 0) if graded else None
        settings = data.settings.model_copy(update=changes)
        held, grade = data.rows.take(tune), data.grade[tune]
        return choose_recipe(
            kept, distilled, relevance, held, grade, strength, settings, 0, position=data.position[~tune]
        )

    return chosen


def strong(data: BenchData) -> np.ndarray:
    return simulate_judge(data.grade, 0.95, RELEVANT_AT, 5)


def test_a_strong_judge_is_given_a_recipe_that_was_tried(choose: Choose, log: BenchData) -> None:
    found = choose(strong(log))
    assert found.chosen == "tuned" and not found.is_log
    assert recipe_name(found) in {recipe_name(one) for one in CANDIDATES}
    assert found.mean_label == pytest.approx(log.rows.label[log.queries % 3 > 0].mean())
    assert f"clearly better than the mildest, of {len(CANDIDATES)} on 40 tuning queries" in found.why
    assert found == choose(strong(log)), "chosen anew, it is the same"


@pytest.mark.parametrize("kind", ["random", "backwards"])
def test_a_judge_without_knowledge_leaves_the_log_as_it_is(choose: Choose, log: BenchData, kind: str) -> None:
    guess = np.random.default_rng(3).random(len(log.grade))
    found = choose(guess if kind == "random" else 1 - strong(log))
    assert found.is_log and found.chosen == "log" and "better than chance" in found.why


def test_labels_of_the_graded_queries_are_not_read(choose: Choose, log: BenchData) -> None:
    label = np.where(log.queries % 3 == 0, 1 - log.rows.label, log.rows.label)
    turned = replace(log, rows=replace(log.rows, label=label))
    assert choose(strong(log), data=turned) == choose(strong(log))


def test_without_grades_the_log_has_to_back_the_judge(choose: Choose, log: BenchData) -> None:
    found = choose(strong(log), graded=False)
    assert (found.blend, found.by, found.strength) == (0.0, MILDEST.by, MILDEST.strength)
    assert found.chosen == "rule" and "the judge agrees with the log's labels" in found.why
    refused = choose(1 / log.position, graded=False)
    assert refused.is_log and "not agree with the log's labels" in refused.why
    # the same judge passes where nobody knows what stood where
    blind = replace(log, position=np.full(len(log.grade), np.nan))
    assert choose(1 / log.position, graded=False, data=blind).chosen == "rule"


def test_nothing_is_chosen_where_that_is_switched_off(choose: Choose, log: BenchData) -> None:
    found = choose(strong(log), recipe=log.settings.recipe.model_copy(update={"auto": False}))
    assert found.is_log and found.why == "recipe.auto is off"


def test_a_coin_on_few_queries_is_never_above_chance() -> None:
    """Two queries that are both right by luck have a bootstrap interval of [1, 1]."""
    for queries in (1, 2, 5, 11):
        right = np.arange(2 * queries) % 2.0
        codes = np.repeat(np.arange(queries), 2)
        assert not above_chance(judge_within(right, right, codes, 200, 0)), queries
    assert above_chance(judge_within(np.arange(24) % 2.0, np.arange(24) % 2.0, np.repeat(np.arange(12), 2), 200, 0))


def test_one_row_without_a_position_does_not_switch_the_others_off() -> None:
    rng = np.random.default_rng(0)
    queries, position = np.repeat(np.arange(60), 8), np.tile(np.arange(1.0, 9.0), 60)
    label = (rng.random(480) < 0.6 / position).astype(float)
    follows = 1 / position
    assert strength_by_log(follows, label, queries, position, 0).high < 0.5
    some = np.where(np.arange(480) == 3, np.nan, position)
    assert strength_by_log(follows, label, queries, some, 0).high < 0.5
