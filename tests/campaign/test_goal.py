"""The goal: three lines are enough, mistakes name file, line and key, what is written is read again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.campaign import Goal, load_goal, write_goal
from sie_agent.errors import InputError

SMALLEST = "log: sample\njudges: words=lexical\nbudget: {judgments: 500}\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "goal.yaml"
    path.write_text(text)
    return path


def test_three_lines_are_a_goal(tmp_path: Path) -> None:
    goal = load_goal(written(tmp_path, SMALLEST))
    assert goal.log.data == "sample" and goal.judges == ("words=lexical",)
    assert goal.budget.unit == "judgments" and goal.budget.total == 500


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("log: sample\nbudget: {judgements: 5}\n", ["line 2", "budget.judgements", "did you mean 'judgments'"]),
        ("log: sample\nbudget: {}\n", ["line 2", "give a limit"]),
        ("budget: {money: 1}\n", ["'log' is missing"]),
        ("log: sample\nbudget: {money: -1}\n", ["budget.money", "above 0"]),
        ("log: {data: sample, simulate: clocks}\nbudget: {money: 1}\n", ["line 1", "no simulated log 'clocks'"]),
        ("log: sample\nbudget: {money: 1}\nstrategy: best\n", ["line 3", "no strategy 'best'"]),
        ("log: sample\nbudget: {money: 1}\nseed: lots\n", ["line 3", "seed", "a whole number"]),
        (
            "log: sample\nbudget: {money: 1}\npilot: {decide_by: best}\n",
            ["line 3", "pilot.decide_by", "within", "'best'"],
        ),
        ('log: {data: "a\\0b"}\nbudget: {money: 1}\n', ["line 1", "log.data", "U+0000"]),
        ("- a\n", ["a goal is a mapping of keys"]),
    ],
)
def test_mistakes_name_file_line_and_key(text: str, says: list[str], tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        load_goal(written(tmp_path, text))
    assert "goal.yaml" in str(error.value)
    assert all(part in str(error.value) for part in says), str(error.value)


def test_the_goal_that_ships_is_read_by_its_name() -> None:
    goal = load_goal("sample")
    assert goal.log.data == "sample" and len(goal.judges) == 3
    with pytest.raises(InputError, match=r"no such goal.*sample"):
        load_goal("no-such-goal")


def test_paths_count_from_the_goals_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "log.csv").write_text("x")
    monkeypatch.chdir(tmp_path)
    goal = load_goal(written(tmp_path / "shop", SMALLEST.replace("sample", "log.csv")))
    assert goal.log.data == str(tmp_path / "shop" / "log.csv")


@settings(max_examples=25)
@given(
    money=st.none() | st.floats(0.01, 1e6),
    judgments=st.integers(1, 10**9),
    seed=st.integers(0, 2**31 - 1),
    pairs=st.integers(10, 1000),
    name=st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=20),
)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, money: float | None, judgments: int, seed: int, pairs: int, name: str
) -> None:
    budget = {"money": money, "judgments": judgments}
    goal = Goal.model_validate({"log": {"data": name}, "budget": budget, "seed": seed, "pilot": {"pairs": pairs}})
    path = write_goal(tmp_path_factory.mktemp("goal") / "goal.yaml", goal)
    assert load_goal(path) == goal
