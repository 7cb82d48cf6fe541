"""Judging in batches: which queries, what an arm that fails on the way costs, when it ends."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.commands.comparing.until import batches_of, judge_until_decided
from sie_agent.judging import Reasons
from sie_agent.suite.failed import ungraded

QUERIES, ITEMS = 120, 5


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    rng, count = np.random.default_rng(0), QUERIES * ITEMS
    grade = rng.choice([0.0, 1 / 3, 2 / 3, 1.0], count)
    names = [f"q{n // ITEMS}" for n in range(count)]
    table = {"sample_id": [f"s{n}" for n in range(count)], "query": names, "grade": grade}
    # nobody graded the last twenty queries
    return pd.DataFrame(table).assign(grade=np.where(np.arange(count) < 100 * ITEMS, grade, np.nan))


class Scripted:
    """Stands for what asks: an arm's noise by its name, and the call from which on it fails."""

    def __init__(self, noise: dict[str, float], lost: dict[str, int] | None = None, stop_after: int = 10**9) -> None:
        self.noise, self.lost, self.stop_after = noise, lost or {}, stop_after
        self.calls: dict[str, int] = dict.fromkeys(noise, 0)
        self.failures: dict[str, Any] = {}
        self.account = SimpleNamespace(cost=None)

    @property
    def stopped(self) -> bool:
        return max(self.calls.values()) >= self.stop_after

    def table(self, arm: Any, rows: pd.DataFrame) -> pd.DataFrame | None:
        self.calls[arm.name] += 1
        if self.calls[arm.name] >= self.lost.get(arm.name, 10**9):
            self.failures[arm.name] = ungraded(arm.name, Reasons(), len(rows))
            return None
        rng = np.random.default_rng([len(arm.name), self.calls[arm.name]])
        score = rows["grade"].to_numpy() + rng.normal(0, self.noise[arm.name], len(rows))
        return pd.DataFrame({"sample_id": rows["sample_id"], "score": score})


def judged(rows: pd.DataFrame, asked: Scripted, batch: int = 10) -> Any:
    arms: Any = [SimpleNamespace(name=name) for name in asked.noise]
    anyone: Any = asked
    return judge_until_decided(rows, arms, anyone, decide_by="within", margin=0.02, batch=batch, seed=1)


def test_batches_are_whole_graded_queries_each_once(rows: pd.DataFrame) -> None:
    parts = list(batches_of(rows, 30, 1))
    assert [part["query"].nunique() for part in parts] == [30, 30, 30, 10]
    joined = pd.concat(parts)
    assert len(joined) == 100 * ITEMS and joined["sample_id"].is_unique and joined["grade"].notna().all()
    assert [part["query"].tolist() for part in batches_of(rows, 30, 1)] == [part["query"].tolist() for part in parts]
    assert next(batches_of(rows, 30, 2))["query"].tolist() != parts[0]["query"].tolist()


def test_it_ends_when_one_is_better(rows: pd.DataFrame) -> None:
    found = judged(rows, Scripted({"poor": 3.0, "good": 0.1}))
    assert found.decision.choice == "good" and found.batches[-1]["decided"]
    assert found.batches[-1]["n_queries"] < 100 and found.batches[-1]["ci_low"] > 0
    assert len(found.samples) == len(found.tables["good"]) == found.batches[-1]["n_pairs"]


def test_an_arm_that_fails_on_the_way_is_left_out_with_all_it_said(rows: pd.DataFrame) -> None:
    asked = Scripted({"poor": 3.0, "good": 0.1, "gone": 0.05}, lost={"gone": 2})
    found = judged(rows, asked)
    assert list(found.tables) == ["poor", "good"] and list(asked.failures) == ["gone"] and asked.calls["gone"] == 2
    assert set(found.decision.means) == {"poor", "good"} and found.decision.choice == "good"
    alone = judged(rows, Scripted({"poor": 3.0, "good": 0.1}))
    assert found.decision.pairs == alone.decision.pairs


def test_it_ends_where_the_money_or_the_queries_end(rows: pd.DataFrame) -> None:
    same = {"one": 1.0, "two": 1.0}
    assert len(judged(rows, Scripted(same, stop_after=3)).batches) == 3
    whole = judged(rows, Scripted(same), batch=40)
    assert [row["n_queries"] for row in whole.batches] == [40, 80, 100] and not whole.batches[-1]["decided"]


def test_where_every_arm_fails_there_is_no_decision(rows: pd.DataFrame) -> None:
    found = judged(rows, Scripted({"a": 1.0, "b": 1.0}, lost={"a": 1, "b": 1}))
    assert found.decision is None and found.tables == {} and found.batches == []
