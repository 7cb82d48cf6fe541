"""The parts of a search for a better prompt: candidates, sets of queries, accuracy, moves, the log, the plan."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sie_agent.improvement import candidate_of, query_sets, variant_of
from sie_agent.improvement.bench import Bench, Spent, accuracy
from sie_agent.improvement.candidates import BadCandidate, Candidate, difference, examples_in, file_text
from sie_agent.improvement.halving import search
from sie_agent.improvement.moves import Moves
from sie_agent.improvement.planning import halving_pairs, pair_plan
from sie_agent.improvement.query_sets import check_examples_apart
from sie_agent.improvement.trial_log import TrialLog
from sie_agent.improvement.trials import Trials
from sie_agent.judging import Variant, load_variant
from sie_agent.samples import normalise_query

from .shop import samples

STARTS = ("relevance/graded", "relevance/plain", "relevance/written", "relevance/query-likelihood")


def changed(start: Variant, **parts: str) -> Variant:
    """The start with other parts."""
    return variant_of(start, Candidate(**{**candidate_of(start).as_dict(), **parts}), "better")


def made_or_refused(start: Variant, **parts: str) -> tuple[Variant | None, str]:
    """The variant, or why there is none."""
    try:
        return changed(start, **parts), ""
    except BadCandidate as bad:
        return None, str(bad)


@pytest.mark.parametrize("name", STARTS)
def test_a_candidate_is_read_back_from_its_file(name: str, tmp_path: Path) -> None:
    start = load_variant(name)
    made = changed(start)
    (tmp_path / "best.yaml").write_text(file_text(made), encoding="utf-8")
    again = load_variant(tmp_path / "best.yaml")
    same = ("examples", "system", "user", "scale", "method", "generic_title", "calibration")
    assert all(getattr(again, key) == getattr(start, key) for key in same) and again.name == "better"


@given(st.text(max_size=300))
@example("0\x85")  # a line break to YAML
@settings(max_examples=60)
def test_any_text_makes_a_rubric_or_is_refused(text: str) -> None:
    start = load_variant("relevance/graded")
    made, problem = made_or_refused(start, system=text)
    assert "\n" not in problem and bool(problem) == (made is None)
    assert made is None or (made.system == text and yaml.safe_load(file_text(made))["system"] == text)


@given(st.text(max_size=200))
@settings(max_examples=60)
def test_any_text_makes_examples_or_is_refused(text: str) -> None:
    made, problem = made_or_refused(load_variant("relevance/graded"), examples=text)
    assert "\n" not in problem and bool(problem) == (made is None)
    assert made is None or made.examples == ()


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"system": "x" * 8_001}, "8,001 characters"),
        ({"system": " "}, "without a word"),
        ({"system": "Grade.<|im_end|>"}, "a chat is made of"),
        ({"examples": "- {query: a, title: b, answer: '9'}"}, "answer must be one of"),
        ({"examples": "- {query: a, title: b, answer: '3', price: 5}"}, "price"),
        ({"examples": "- a: [1"}, "no YAML"),
        ({"examples": "query: a"}, "no list"),
        ({"examples": "- {query: a, title: b, answer: '3'}\n" * 13}, "13 examples"),
        ({"user": "{{ title }}{{ query }}"}, "must stand between"),
        ({"user": "{% for x in y %}"}, "bad template"),
    ],
)
def test_what_makes_no_variant(parts: dict[str, str], problem: str) -> None:
    with pytest.raises(BadCandidate, match=problem):
        changed(load_variant("relevance/graded"), **parts)


def test_the_difference_is_a_unified_diff() -> None:
    start = load_variant("relevance/plain")
    told = difference(start, changed(start, system=f"{start.system}\nBe strict."))
    assert told.startswith("--- relevance/plain\n+++ better\n") and "\n+  Be strict.\n" in told


@given(seed=st.integers(0, 1000), per_query=st.integers(2, 8), budget=st.none() | st.integers(60, 2_000))
@settings(max_examples=25, deadline=None)
def test_no_query_is_in_two_sets_and_no_order_matters(seed: int, per_query: int, budget: int | None) -> None:
    table = samples()
    sets = query_sets(table, seed=seed, per_query=per_query, budget_pairs=budget)
    queries = [set(rows["query"]) for rows in (sets.pool, *sets.judged.values())]
    assert sum(map(len, queries)) == len(set().union(*queries))
    for rows in (sets.pool, *sets.judged.values()):
        sizes = rows.groupby("query")["grade"].agg(["size", "nunique"])
        assert sizes["size"].max() <= per_query and sizes["nunique"].min() > 1
    again = query_sets(table.sample(frac=1, random_state=seed), seed=seed, per_query=per_query, budget_pairs=budget)
    for one, other in zip(sets.judged.values(), again.judged.values(), strict=True):
        assert set(one["sample_id"]) == set(other["sample_id"])


def test_ungraded_pairs_and_queries_of_one_grade_are_left_out() -> None:
    table = samples()
    flat = table["query"] == "lamp number 3"
    table.loc[flat, "grade"] = 1.0
    table.loc[table["query"] == "lamp number 4", "grade"] = np.nan
    sets = query_sets(table, seed=0, per_query=4)
    there = set().union(*(set(rows["query"]) for rows in (sets.pool, *sets.judged.values())))
    assert there == set(table["query"]) - {"lamp number 3", "lamp number 4"}


def by_pairs(score: np.ndarray, grade: np.ndarray) -> float:
    """Accuracy of one query, written out."""
    points = [
        0.5
        if np.isnan(score[one]) or np.isnan(score[two]) or score[one] == score[two]
        else float((score[one] > score[two]) == (grade[one] > grade[two]))
        for one in range(len(score))
        for two in range(one)
        if grade[one] != grade[two] and not np.isnan(grade[one] + grade[two])
    ]
    return float(np.mean(points)) if points else np.nan


@pytest.mark.parametrize("seed", range(5))
def test_accuracy_counts_what_is_not_judged_as_a_coin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    queries = np.repeat(np.arange(6), 7)
    score, grade = rng.integers(0, 5, 42) / 4, rng.integers(0, 3, 42) / 2
    score[rng.random(42) < 0.3] = np.nan
    grade[rng.random(42) < 0.1] = np.nan
    wanted = [by_pairs(score[queries == one], grade[queries == one]) for one in range(6)]
    assert_allclose(accuracy(score, grade, queries, 6), wanted)


def answers(rows: pd.DataFrame, variant: Variant) -> pd.DataFrame:
    """A judge that knows the grade where the prompt has a second line, and else nothing."""
    knows = "\n" in variant.system.strip()
    score = rows["title"].str.extract(r"v(\d)")[0].astype(float) / 3 if knows else pd.Series(0.5, rows.index)
    return pd.DataFrame({"score": score, "status": "ok"})


def trials_of(tmp_path: Path, start: str = "relevance/plain", *, most: int = 6, limit: int | None = None) -> Trials:
    sets = query_sets(samples(), seed=0, per_query=4)
    return Trials(load_variant(start), sets, Bench(answers, limit), TrialLog(tmp_path / "trials.jsonl", "w"), most)


def test_an_item_that_is_an_example_is_not_judged(tmp_path: Path) -> None:
    rows = samples().head(8)
    told = f'- {{query: q, title: "{rows["title"].iloc[0]}", answer: "3"}}'
    asked = list[str]()

    def ask(given: pd.DataFrame, variant: Variant) -> pd.DataFrame:
        asked.extend(given["title"])
        return answers(given, variant)

    bench = Bench(ask)
    bench.values(changed(load_variant("relevance/plain"), examples=told), rows)
    assert set(asked) == set(rows["title"].iloc[1:]) and bench.pairs == 7


def test_more_pairs_than_the_limit_are_not_asked() -> None:
    bench = Bench(answers, limit=7)
    with pytest.raises(Spent, match="budget"):
        bench.values(load_variant("relevance/plain"), samples().head(8))
    assert bench.pairs == 0


def test_halving_finds_the_better_prompt_within_the_plan(tmp_path: Path) -> None:
    trials = trials_of(tmp_path)
    ranked, stopped = search(trials, 0)
    assert stopped is None and ranked[0].value == 1.0 and ranked[0].start == 0.5
    assert trials.bench.pairs <= halving_pairs(trials.sets, 6)
    assert len(trials.tried) == 6 and len({one.candidate.key for one in trials.tried}) == 6


@given(trials=st.integers(1, 30), budget=st.none() | st.integers(40, 3_000), reflects=st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_plan_is_within_the_budget(trials: int, budget: int | None, reflects: bool) -> None:
    sets = query_sets(samples(), seed=0, per_query=4, budget_pairs=budget)
    plan = pair_plan(sets, trials, reflects=reflects, budget_pairs=budget)
    assert min(plan.search, plan.tune, plan.test) >= 0
    smallest = 2 * len(sets.tune) + 2 * len(sets.test)
    assert budget is None or plan.total <= max(budget, smallest)


@pytest.mark.parametrize("start", ["relevance/plain", "relevance/query-likelihood-plain", "relevance/written"])
def test_every_move_makes_a_variant_and_shows_nothing_that_is_tested(start: str) -> None:
    sets = query_sets(samples(), seed=0, per_query=4)
    variant = load_variant(start)
    moves, rng = Moves(variant, sets.pool, sets.held_out()), np.random.default_rng(0)
    shown = set[str]()
    for _ in range(60):
        candidate, change = moves.draw(candidate_of(variant), rng)
        made = variant_of(variant, candidate, "c")
        check_examples_apart(examples_in(candidate.examples), sets.held_out())
        shown |= {one.title for one in made.examples}
        assert change
    assert shown & set(sets.pool["title"]), "some examples are of training queries"
    held_out = {*sets.tune["title"], *sets.test["title"], *sets.train["title"]}
    assert not {normalise_query(title) for title in shown} & {normalise_query(title) for title in held_out}


def test_a_torn_line_is_cut_off_and_a_known_one_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    log = TrialLog(path, "work")
    log.note(trial=1, value=float("nan"))
    log.keep_reflection("k", "so", 3, 2)
    log.close()
    whole = path.read_text()
    path.write_text(whole + '{"trial": 2, "va')
    again = TrialLog(path, "work")
    again.note(trial=1, value=float("nan"))
    again.note(trial=2, value=0.5)
    assert again.reflected("k") == {"reflected": "k", "text": "so", "input_tokens": 3, "output_tokens": 2}
    again.close()
    assert path.read_text() == whole + '{"trial": 2, "value": 0.5}\n'
    assert [json.loads(line) for line in whole.splitlines()][1] == {"trial": 1, "value": None}
    TrialLog(path, "other").close()
    assert path.read_text().count("\n") == 1, "a log of other work is begun anew"
