"""The experiment on the agent: its figures against libraries and known truth, what it reads, and a smoke run."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from sie_agent.evaluation import simulate_judge

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "experiments" / "agent" / "measure.py"
KEPT = ROOT / "eval" / "results" / "agent.json"


def module(monkeypatch: pytest.MonkeyPatch, name: str) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module(f"scripts.experiments.agent.{name}")


@pytest.fixture
def population(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return module(monkeypatch, "population")


@pytest.fixture
def curves(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return module(monkeypatch, "curves")


def some_pairs(population: ModuleType, queries: int = 60, each: int = 10, seed: int = 0) -> Any:
    """Pairs of queries, a third of them for tuning, with four grades."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(queries), each)
    grade = rng.choice([0.0, 1 / 3, 2 / 3, 1.0], len(codes), p=[0.2, 0.2, 0.2, 0.4])
    return population.Population(grade, codes, codes % 3 == 0, 4)


def test_kappa_is_that_of_scikit_learn(population: ModuleType) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        left, right = rng.integers(0, 4, 50), rng.integers(0, 4, 50)
        table = np.zeros((4, 4))
        np.add.at(table, (left, right), 1)
        expected = cohen_kappa_score(left, right, labels=range(4), weights="quadratic")
        assert population.kappa_of(table) == pytest.approx(expected)


def test_the_figures_are_of_test_queries_and_of_an_oracle_the_best(population: ModuleType) -> None:
    pairs = some_pairs(population)
    assert len(pairs.test_queries) == 40
    for score, expected in ((pairs.grade, 1.0), (-pairs.grade, 0.0)):
        assert population.figures_of(pairs, [score]).within[0] == expected
    told = population.figures_of(pairs, [pairs.grade]).told()
    assert told["kappa"]["value"] > 0.95 and told["within"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert population.figures_of(pairs, [np.full(len(pairs.grade), 0.5)]).within[0] == 0.5


def test_grades_of_test_queries_reach_neither_maps_nor_cuts(population: ModuleType) -> None:
    pairs = some_pairs(population)
    score = np.random.default_rng(2).random(len(pairs.grade))
    shuffled = np.where(pairs.test, 1 - pairs.grade, pairs.grade)
    other = population.Population(shuffled, pairs.queries, pairs.tuning, 4)
    for mode in ("gold", "free"):
        np.testing.assert_array_equal(pairs.scaled(score, mode), other.scaled(score, mode))
    np.testing.assert_array_equal(pairs.confusion(score).sum(axis=(0, 1)), other.confusion(score).sum(axis=(0, 1)))
    # the other way round: grades of tuning queries change the gold map, and never the label-free one
    tuned = population.Population(np.where(pairs.tuning, 1 - pairs.grade, pairs.grade), pairs.queries, pairs.tuning, 4)
    np.testing.assert_array_equal(pairs.scaled(score, "free"), tuned.scaled(score, "free"))
    assert not np.allclose(pairs.scaled(score, "gold"), tuned.scaled(score, "gold"))


@pytest.mark.parametrize("mode", ["gold", "free"])
def test_a_map_keeps_the_order(population: ModuleType, mode: str) -> None:
    pairs = some_pairs(population)
    score = simulate_judge(pairs.grade, 0.8, 0.75, 3)
    order = np.argsort(score, kind="stable")
    assert (np.diff(pairs.scaled(score, mode)[order]) >= 0).all()


def test_money_is_spent_in_order_and_never_more_than_there_is(curves: ModuleType) -> None:
    rng = np.random.default_rng(4)
    order, tokens, test = rng.random(200), rng.uniform(1, 9, 200), rng.random(200) < 0.7
    for budget in (0.0, 0.5, 2.0, 100.0):
        taken = curves.chosen(order, tokens, budget, test)
        for part in (test, ~test):
            assert tokens[part & taken].sum() <= budget * part.sum() + 1e-6
            left = order[part & ~taken].max(initial=-1)
            assert order[part & taken].min(initial=2) >= left
        assert budget < 100 or taken.all()


def chain_of(population: ModuleType, curves: ModuleType, pairs: Any) -> Any:
    """Simulated judges: a weak one that knows of which pairs it knows nothing, and a strong one behind it."""
    rng = np.random.default_rng(5)
    lost = rng.random(len(pairs.grade)) < 0.4
    weak = np.where(lost, rng.random(len(pairs.grade)), pairs.grade)
    made = {"first": (weak, 0.0), "strong": (simulate_judge(pairs.grade, 0.95, 0.75, 6), 1.0)}
    judges = {
        name: population.Judged(score, np.full(len(score), cost), np.ones(len(score)))
        for name, (score, cost) in made.items()
    }
    return curves.Chain(judges["first"], lost.astype(float), {"one pass": judges["strong"]}, 1.0)


def test_at_equal_cost_what_is_unsure_is_worth_more_than_chance(population: ModuleType, curves: ModuleType) -> None:
    pairs = some_pairs(population)
    told = curves.Curves(pairs, chain_of(population, curves, pairs), "gold").told()
    rows = {(one["less"], one["budget"]): one["within"] for one in told["differences"]}
    assert rows["random to one pass", 0.3]["low"] > 0.02 and rows["none", 0.3]["low"] > 0.02
    assert rows["random to one pass", 1.0]["value"] == 0.0
    by = {(one["strategy"], one["budget"]): one for one in told["points"]}
    assert by["unsure to one pass", 0.3]["tokens"] == pytest.approx(by["random to one pass", 0.3]["tokens"], abs=0.01)
    controls = {one["control"]: one["real_less"]["within"]["low"] for one in told["controls"]}
    assert controls["twin"] > 0 and controls["random answers"] > 0


def test_what_is_escalated_without_an_answer_keeps_the_first_one(curves: ModuleType) -> None:
    mixed = curves.mixed(np.array([0.1, 0.2, 0.3]), np.array([0.9, np.nan, 0.8]), np.array([True, True, False]))
    assert mixed.tolist() == [0.9, 0.2, 0.3]


@pytest.mark.parametrize(
    ("without", "only", "on"),
    [
        ((-0.05, -0.01), (-0.02, 0.03), True),
        ((-0.05, 0.01), (0.01, 0.03), True),
        ((-0.05, 0.01), (-0.01, 0.03), False),
        ((-0.05, -0.01), (-0.03, -0.01), False),
        ((0.01, 0.02), (0.01, 0.03), False),
        (None, None, False),
    ],
)
def test_a_tool_has_to_earn_its_place(monkeypatch: pytest.MonkeyPatch, without: Any, only: Any, on: bool) -> None:
    rows = [None if one is None else {"value": sum(one) / 2, "low": one[0], "high": one[1]} for one in (without, only)]
    assert module(monkeypatch, "analysis").earns(*rows) is on


def test_what_is_asked_first_and_of_whole_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    asking = module(monkeypatch, "asking")
    names = [one.name for one in asking.configurations(["lexical", "minilm"], 300, 100)]
    assert names[:2] == ["agent-own", "agent-minilm"] and len(set(names)) == len(names)
    assert {f"{kind}-{tool}" for kind in ("only", "without") for tool in asking.MEASURED} < set(names)
    rows = pd.DataFrame({"query": list("aabbbcc"), "tuning": [True, True, False, False, False, False, False]})
    assert asking.test_pairs(rows, 4)["query"].tolist() == ["b", "b", "b"]


@pytest.mark.slow
def test_smoke(tmp_path: Path) -> None:
    out = tmp_path / "some.json"
    command = [sys.executable, str(SCRIPT), "--smoke", "--work", str(tmp_path / "work"), "--out", str(out)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=True)
    found = json.loads(out.read_text())
    about = found["data"]["generated:40"]
    assert set(about["chains"]) == {"lexical", "own"} and about["simulated"]["judges"]["agent"] == "simulated, AUC 0.95"
    assert about["tools"]["only-results"]["found"]["results"] > 0.9
    assert "on by default" in ran.stdout
    # no text of the data gets into what is kept
    rows = pd.read_parquet(tmp_path / "work" / "generated:40" / "rows.parquet")
    assert not any(title in out.read_text() for title in rows["title"])
    assert "grade" not in rows.columns
    ElementTree.fromstring(out.with_suffix(".svg").read_text())


def test_what_is_kept_says_on_where_the_rule_does(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = json.loads(KEPT.read_text())
    assert set(kept["data"]) == {"crowdflower", "homedepot"}
    for row in kept["tools"].values():
        assert row["on"] is module(monkeypatch, "analysis").earns(row.get("without"), row.get("only"))
    # figures alone: no id and no text
    assert max(len(part) for part in KEPT.read_text().split('"')) < 200
