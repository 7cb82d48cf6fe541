"""One fold: every way on every ranker, twins given their judge's recipe, nothing of test queries trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from sie_agent.downstream import (
    AUC,
    AUTO,
    BASELINES,
    JUDGED_ONLY,
    LOG,
    RULE,
    SAME_RECIPE,
    WITHIN,
    BenchData,
    Fold,
    JudgeAnswers,
    Way,
    make_folds,
    measure_fold,
    recipe_name,
    run_bench,
)
from sie_agent.downstream.fold import run_fold
from sie_agent.downstream.measuring import NDCG
from sie_agent.evaluation import QueryPairs, knowledge_removed, roc_auc, simulate_judge
from sie_agent.pipeline import CANDIDATES

RELEVANT_AT = 0.75
RECIPES = {recipe_name(one) for one in CANDIDATES[1:]}
Ran = tuple[dict[Way, np.ndarray], dict[Way, str]]


def answers_of(data: BenchData, **judges: np.ndarray) -> list[JudgeAnswers]:
    """Judges by name, each with its twin behind it."""
    found = []
    for name, relevance in judges.items():
        twin = knowledge_removed(relevance, data.queries, data.grade, RELEVANT_AT, 3)
        found += [JudgeAnswers(name, relevance, False), JudgeAnswers(name, twin.relevance, True, twin=True)]
    return found


def folds_of(data: BenchData) -> list[Fold]:
    return make_folds(data.queries, data.query_names, folds=3, judged=0.5, tune=0.25, seed=data.seed)


@pytest.fixture(scope="module")
def data(toy: Callable[..., BenchData]) -> BenchData:
    return toy(90)


@pytest.fixture(scope="module")
def judges(data: BenchData) -> list[JudgeAnswers]:
    guess = np.random.default_rng(1).random(len(data.grade))
    return answers_of(data, strong=simulate_judge(data.grade, 0.97, RELEVANT_AT, 1), guess=guess)


@pytest.fixture(scope="module")
def fold(data: BenchData) -> Fold:
    return folds_of(data)[0]


@pytest.fixture(scope="module")
def ran(data: BenchData, fold: Fold, judges: list[JudgeAnswers]) -> Ran:
    return run_fold(data, fold, judges, ("target", "linear"), 1)


@pytest.mark.parametrize("ranker", ["target", "linear"])
def test_every_way_is_there(ran: Ran, fold: Fold, ranker: str) -> None:
    found, chosen = ran
    alone = {way.strategy for way in found if way.ranker == ranker and not way.judge}
    assert alone == {*BASELINES, "noise"}
    for judge in ("strong", "guess"):
        own = {way.strategy for way in found if way[:1] == (ranker,) and way[2:] == (judge, False)}
        assert own == {*RECIPES, AUTO, RULE, JUDGED_ONLY}
        twin = {way.strategy for way in found if way[:1] == (ranker,) and way[2:] == (judge, True)}
        assert twin >= {AUTO, RULE, SAME_RECIPE} and JUDGED_ONLY not in twin
    assert {(way.judge, way.twin, way.strategy) for way in chosen if way.ranker == ranker} == {
        (judge, twin, strategy) for judge in ("strong", "guess") for twin in (False, True) for strategy in (AUTO, RULE)
    }
    assert all(len(one) == fold.test.sum() and np.isfinite(one).all() for one in found.values())


def test_auto_is_the_recipe_that_it_chose(ran: Ran) -> None:
    found, chosen = ran
    for way, name in chosen.items():
        if not way.twin:
            same = Way(way.ranker, LOG) if name == "log" else way._replace(strategy=name)
            np.testing.assert_array_equal(found[way], found[same])
    assert chosen[Way("target", AUTO, "strong")] in RECIPES
    assert chosen[Way("target", AUTO, "guess")] == "log", "its answers do not pass the gate"


def test_a_twin_has_its_judges_recipe_though_every_rule_refuses_it(ran: Ran) -> None:
    """By its own rules it would leave the log alone, and so would be beaten by whatever gains."""
    found, chosen = ran
    own, twin = (Way("target", AUTO, "strong", twin) for twin in (False, True))
    assert chosen[own] != "log" and chosen[twin] == "log"
    np.testing.assert_array_equal(found[twin], found[Way("target", LOG)])
    given = found[twin._replace(strategy=SAME_RECIPE)]
    assert np.abs(given - found[twin]).max() > 1e-4 and np.abs(given - found[own]).max() > 1e-4


def test_the_twin_of_a_refused_judge_is_given_the_log(ran: Ran) -> None:
    found, _ = ran
    np.testing.assert_array_equal(found[Way("target", SAME_RECIPE, "guess", True)], found[Way("target", LOG)])


def test_a_twins_recipe_is_trained_on_its_own_scores(data: BenchData, fold: Fold, judges: list[JudgeAnswers]) -> None:
    """A twin that is the judge itself gets what the judge gets."""
    own = replace(judges[0], twin=True)
    found, chosen = run_fold(data, fold, [judges[0], own], ("target",), 1)
    assert chosen[Way("target", AUTO, "strong")] != "log"
    np.testing.assert_array_equal(
        found[Way("target", SAME_RECIPE, "strong", True)], found[Way("target", AUTO, "strong")]
    )


def test_what_the_log_cannot_give_is_left_out(toy: Callable[..., BenchData]) -> None:
    data = toy(60, positions=False)
    found, _ = run_fold(data, folds_of(data)[0], [], ("target",), 1)
    assert {way.strategy for way in found} == {*BASELINES, "noise"} - {"true propensities", "estimated propensities"}


def test_grades_and_labels_of_test_queries_train_nothing(
    data: BenchData, fold: Fold, judges: list[JudgeAnswers], ran: Ran
) -> None:
    rng = np.random.default_rng(2)
    label = np.where(fold.test, rng.random(len(data.grade)), data.rows.label)
    grade = np.where(fold.test, rng.random(len(data.grade)), data.grade)
    other = replace(data, grade=grade, rows=replace(data.rows, label=label))
    blind = [replace(one, relevance=np.where(fold.test, np.nan, one.relevance)) for one in judges]
    found, chosen = run_fold(other, fold, blind, ("target",), 1)
    assert chosen == {way: name for way, name in ran[1].items() if way.ranker == "target"}
    for way, predictions in found.items():
        np.testing.assert_array_equal(predictions, ran[0][way])


def test_a_judge_is_read_on_judged_and_tuning_rows_alone(
    data: BenchData, fold: Fold, judges: list[JudgeAnswers], ran: Ran
) -> None:
    read = fold.judged | fold.tune
    less = [replace(one, relevance=np.where(read, one.relevance, np.nan)) for one in judges]
    for way, predictions in run_fold(data, fold, less, ("target",), 1)[0].items():
        np.testing.assert_array_equal(predictions, ran[0][way])


def test_figures_of_each_query_are_those_of_its_rows(data: BenchData, fold: Fold, ran: Ran) -> None:
    table = measure_fold(data, fold, ran[0])
    way = Way("target", AUTO, "strong")
    mine = table[(table[list(Way._fields)] == list(way)).all(axis=1)].set_index("query_code")
    assert sorted(mine.index) == sorted(set(data.queries[fold.test]))
    scores, grade = ran[0][way].astype(float), data.grade[fold.test]
    codes = data.queries[fold.test]
    expected = QueryPairs(grade, codes, len(data.query_names)).accuracy(scores)
    np.testing.assert_allclose(mine[WITHIN], expected[mine.index])
    assert mine[AUC].mean() == pytest.approx(roc_auc(scores, grade >= RELEVANT_AT))
    assert mine[NDCG].dropna().between(0, 1).all()
    assert len(table) == len(ran[0]) * len(mine)


@pytest.mark.slow
def test_a_bench_repeats_itself_and_tests_every_query_once(data: BenchData, judges: list[JudgeAnswers]) -> None:
    (first, choices), (again, same) = (run_bench(data, folds_of(data), judges[:2], ("target",), 1) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    assert choices == same and {one["fold"] for one in choices} == {0, 1, 2}
    # a twin that is refused in a fold is not tried there
    kept = first[~first["twin"] | first["strategy"].isin([AUTO, RULE, SAME_RECIPE])]
    for _, rows in kept.groupby(list(Way._fields)):
        assert sorted(rows["query_code"]) == list(range(90))
