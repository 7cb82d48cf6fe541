"""``sie campaign`` from the goal to the weights: approval, budget, people's grades, a planner that is a model."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from sie_agent.campaign import load_goal
from sie_agent.commands.campaign import run_campaign
from sie_agent.commands.campaigning.context import arms_of_goal, named_judges
from sie_agent.errors import InputError
from sie_agent.results.campaign import CampaignFile

from ..judging.scripted_server import Reply, completion, scripted_server
from .conftest import graded_log, write

ROOT = Path(__file__).resolve().parents[2]
# of an answer of the scripted server: 100 tokens in, 1 out
PRICES = "price_input=1,price_output=0"
PER_ANSWER = 0.0001
# something to choose between, without a server
TWO = {"judges": "words=lexical", "variants": ["relevance/lexical", "mine.yaml"]}


def shared_words(body: dict[str, Any]) -> str:
    """A grade from 0 to 3 by what a question holds, the same for the same question."""
    return str(sum(map(ord, body["messages"][-1]["content"])) % 4)


def graded(body: dict[str, Any], number: int) -> Reply:
    """A server that grades."""
    token = shared_words(body)
    return Reply(body=completion(token, top={token: -0.1, "x": -3.0}))


def kept(folder: Path) -> CampaignFile:
    return CampaignFile.model_validate(json.loads((folder / "campaign.json").read_text()))


def spent(result: dict[str, Any], step: str = "total") -> dict[str, Any]:
    return next(one for one in result["spending"] if one["step"] == step)


@pytest.mark.slow
def test_two_approvals_lead_to_weights_and_nothing_is_spent_before(log: Path, tmp_path: Path) -> None:
    goal = write(tmp_path / "goal.yaml", log="log.csv", **TWO, budget={"judgments": 150})
    first = run_campaign(goal, "out")
    assert first["exit_code"] == 3 and first["waits_for"]["step"] == "pilot"
    assert spent(first)["judgments"] == 0
    assert (
        f"sie campaign {goal} --out" in first["waits_for"]["command"] and "--approve" in first["waits_for"]["command"]
    )
    again = run_campaign(goal, "out")
    assert again["waits_for"] == first["waits_for"] and again["decisions"] == first["decisions"]
    second = run_campaign(goal, "out", approve=True)
    assert second["waits_for"]["step"] == "label" and 0 < spent(second)["judgments"] <= 30
    last = run_campaign(goal, "out", approve=True)
    assert last["exit_code"] == 0 and last["status"] == "done" and last["waits_for"] is None
    assert spent(last)["judgments"] <= 150
    assert len(pd.read_parquet(last["weights"])) == 180 and Path(last["scorer"]).is_dir()
    assert last["outcome"]["verdict"] in ("use", "no-better", "log-as-it-is")
    assert not (tmp_path / "out" / "running").exists()
    assert last["outcome"]["mode"].startswith("gold (")
    assert kept(tmp_path / "out").status == "done"
    # over is over: nothing is asked or written anew
    assert run_campaign(goal, "out", approve=True)["decisions"] == last["decisions"]


@pytest.mark.slow
@pytest.mark.parametrize("money", [0.014, 0.017])
def test_the_budget_in_money_holds_over_all_steps(money: float, log: Path, tmp_path: Path) -> None:
    with scripted_server(graded) as server:
        spec = f"=openai,m,base_url={server.url},concurrency=4,{PRICES}"
        two = {"judges": f"big{spec}", "variants": ["relevance/graded", "relevance/rubric"]}
        goal = write(tmp_path / "goal.yaml", log="log.csv", budget={"money": money}, **two)
        result = run_campaign(goal, "out", yes=money)
        asked = len(server.bodies)
    assert result["exit_code"] == 0
    assert asked * PER_ANSWER <= money + 1e-9
    total = spent(result)
    assert total["judgments"] == asked and total["money"] == pytest.approx(asked * PER_ANSWER)
    assert spent(result, "left")["money"] == pytest.approx(money - total["money"])
    assert spent(result, "pilot")["money"] <= 0.2 * money + 1e-9


@pytest.mark.slow
def test_yes_approves_up_to_a_sum_only(log: Path, tmp_path: Path) -> None:
    goal = write(tmp_path / "goal.yaml", log="log.csv", **TWO, budget={"judgments": 150})
    result = run_campaign(goal, "out", yes=40)
    assert result["exit_code"] == 3 and result["waits_for"]["step"] == "label"
    assert spent(result)["judgments"] <= 40
    assert run_campaign(goal, "out", yes=150)["exit_code"] == 0


@pytest.mark.slow
def test_one_judge_and_one_prompt_need_no_pilot(log: Path, tmp_path: Path) -> None:
    goal = write(tmp_path / "goal.yaml", log="log.csv", judges="words=lexical", budget={"judgments": 60})
    waits = run_campaign(goal, "out")
    assert waits["waits_for"]["step"] == "label" and spent(waits)["judgments"] == 0 and not waits["arms"]
    assert "no pilot" in [one["decided"] for one in waits["decisions"]]
    result = run_campaign(goal, "out", approve=True)
    # the recipe is switched off: the log is not compared with itself
    outcome = result["outcome"]
    assert outcome["verdict"] == "log-as-it-is" and outcome["gain"] is None and outcome["target"] is None
    assert "not used, because recipe.auto is off" in outcome["sentence"] and "+0.000" not in outcome["sentence"]


def test_a_log_without_labels_leaves_no_folder(log: Path, tmp_path: Path) -> None:
    pd.read_csv(log).drop(columns="label").to_csv(tmp_path / "bare.csv", index=False)
    goal = write(tmp_path / "goal.yaml", log="bare.csv", judges="words=lexical", budget={"judgments": 60})
    with pytest.raises(InputError, match="label"):
        run_campaign(goal, "out")
    assert not (tmp_path / "out").exists()


MONEY = {"judges": "b=openai,m,base_url=http://127.0.0.1:9/v1,price_input=1,price_output=1", "budget": {"money": 1}}


@pytest.mark.parametrize(
    ("field", "given", "says"),
    [
        ("distill", {"distill": "recipe.foo=1"}, "unknown key 'recipe.foo'"),
        ("judges", {"judges": ["a=lexical", "a=lexical"]}, "two judges are named 'a'"),
        ("judges", {"judges": "a=words"}, "unknown backend 'words'"),
        ("variants", {"variants": "relevance/graded"}, "no judge can answer 'relevance/graded'"),
        ("variants", {"variants": ["relevance/lexical"], "judges": ["a=lexical", "b=embedding"]}, "judge 'b'"),
        ("variants", {"variants": "preference/words"}, "a campaign judges relevance alone"),
        ("planner", {"planner": "foo"}, "expected name=backend"),
        ("planner", {"planner": "p=lexical"}, "no chat server"),
        ("planner", {"planner": "p=openai,m,base_url=http://127.0.0.1:9/v1", **MONEY}, "the planner has no price"),
    ],
)
def test_a_wrong_name_is_told_with_file_line_and_field_before_anything_is_kept(
    field: str, given: dict[str, Any], says: str, log: Path, tmp_path: Path
) -> None:
    plain = {"log": log.name, "judges": "words=lexical", "budget": {"judgments": 60}}
    goal = write(tmp_path / "goal.yaml", **{**plain, **given})
    with pytest.raises(InputError, match=rf"goal\.yaml, line \d+, field '{field}'") as error:
        run_campaign(goal, "out")
    assert says in str(error.value) and not (tmp_path / "out").exists()


def test_variants_that_nobody_named_are_left_out_silently(capsys: pytest.CaptureFixture[str]) -> None:
    goal = load_goal("sample")
    judges = named_judges(goal)
    own = arms_of_goal(goal, judges)
    assert len(own) == 3 and "left out" not in capsys.readouterr().err
    named = goal.model_copy(update={"variants": tuple(arm.prompt for arm in own)})
    assert arms_of_goal(named, judges) == own and "left out" in capsys.readouterr().err


@pytest.mark.slow
def test_people_grade_a_sheet_and_the_campaign_goes_on(tmp_path: Path) -> None:
    log = graded_log(tmp_path / "log.csv", grades=False)
    truth = pd.read_csv(graded_log(tmp_path / "graded.csv")).set_index("sample_id")["grade"]
    goal = write(
        tmp_path / "goal.yaml",
        log=log.name,
        judges="words=lexical",
        budget={"judgments": 120},
        people={"pairs": 48},
        pilot={"pairs": 24},
    )
    first = run_campaign(goal, "out", yes=120)
    assert first["exit_code"] == 3 and first["waits_for"]["kind"] == "grades"
    sheet = pd.read_csv(first["waits_for"]["sheet"])
    assert 24 <= len(sheet) <= 48 and spent(first)["judgments"] == 0
    empty = tmp_path / "empty.csv"
    sheet.to_csv(empty, index=False)
    with pytest.raises(InputError, match="no grade is filled in"):
        run_campaign(goal, "out", yes=120, grades=empty)
    sheet["grade"] = sheet["sample_id"].map(truth).round(2)
    sheet.to_csv(tmp_path / "filled.csv", index=False)
    result = run_campaign(goal, "out", yes=120, grades=tmp_path / "filled.csv")
    assert result["exit_code"] == 0 and result["outcome"]["mode"].startswith("gold (")
    # grades of test queries are in no file that a verb reads before the test
    log_of_steps = pd.read_parquet(tmp_path / "out" / "log.parquet")
    test = pd.read_parquet(tmp_path / "out" / "test-grades.parquet")
    assert len(test) and not set(test["sample_id"]) & set(log_of_steps.dropna(subset="grade")["sample_id"])


@pytest.mark.slow
def test_a_budget_in_seconds_ends_the_judging(log: Path, tmp_path: Path) -> None:
    goal = write(tmp_path / "goal.yaml", log="log.csv", judges="words=lexical", budget={"seconds": 0.01})
    waits = run_campaign(goal, "out", yes=0.01)
    assert waits["exit_code"] == 3 and waits["waits_for"]["seconds"] == pytest.approx(0.002)
    result = run_campaign(goal, "out", approve=True)
    assert result["exit_code"] == 0 and result["scorer"] is None and result["outcome"] is None
    assert spent(result)["judgments"] == 12 and spent(result, "left")["seconds"] == 0
    assert "the budget allows 0 more pairs" in result["decisions"][-1]["why"]


def planner(says: str) -> Any:
    """A server that grades, and that plans as it is told."""

    def script(body: dict[str, Any], number: int) -> Reply:
        if "You plan a campaign" in body["messages"][-1]["content"]:
            return Reply(body=completion(says))
        return graded(body, number)

    return script


@pytest.mark.slow
@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("I would rather not.", "no JSON object"),
        ('{"step": "judge", "pairs": 1000000, "why": "all of it"}', "more than the"),
        ('{"step": "buy", "pairs": 3}', "is not a move"),
        ('{"step": "stop", "pairs": 0, "why": "enough"}', "too few to distill"),
        ('Sure: {"step": "judge", "pairs": 21, "why": "small steps"}', "the model: small steps"),
    ],
)
def test_a_model_proposes_and_the_rules_hold(says: str, told: str, log: Path, tmp_path: Path) -> None:
    money = 0.018
    with scripted_server(planner(says)) as server:
        spec = f"openai,m,base_url={server.url},concurrency=2,{PRICES}"
        goal = write(
            tmp_path / "goal.yaml",
            log="log.csv",
            judges=f"big={spec}",
            variants="relevance/graded",
            budget={"money": money},
            planner=f"plan={spec}",
        )
        result = run_campaign(goal, "out", yes=money)
        asked = len(server.bodies)
        planned = sum("You plan a campaign" in one["messages"][-1]["content"] for one in server.bodies)
    assert result["exit_code"] == 0 and planned >= 1
    assert asked * PER_ANSWER <= money + 1e-9
    assert spent(result)["money"] == pytest.approx(asked * PER_ANSWER)
    assert told in " ".join(one["why"] for one in result["decisions"])
    by = Counter(one["by"] for one in result["decisions"] if one["step"] == "decide")
    # "stop" is refused until there is enough to distill from, and "buy" always
    assert (by["model"] > 0) == ("small steps" in told or "too few" in told)


@pytest.mark.slow
def test_a_prompt_with_a_problem_is_told_before_anything_is_approved(log: Path, tmp_path: Path) -> None:
    row = pd.read_csv(log).iloc[0]
    variant = yaml.safe_load((ROOT / "prompts" / "relevance" / "graded.yaml").read_text())
    variant["examples"] = [{"query": str(row["query"]), "title": str(row["title"]), "answer": "3"}]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(variant))
    nobody = "big=openai,m,base_url=http://127.0.0.1:9/v1"
    goal = write(tmp_path / "goal.yaml", log="log.csv", judges=nobody, variants="mine.yaml", budget={"judgments": 150})
    result = run_campaign(goal, "out")
    assert result["exit_code"] == 3
    told = next(one for one in result["decisions"] if "prompt variant" in one["decided"])
    assert "1 problem" in told["decided"] and "mine.yaml" in told["why"], told


@pytest.mark.slow
def test_a_dry_run_asks_nothing_and_writes_nothing(log: Path, tmp_path: Path) -> None:
    goal = write(tmp_path / "goal.yaml", log="log.csv", judges="words=lexical", budget={"judgments": 150})
    before = sorted(tmp_path.iterdir())
    planned = run_campaign(goal, dry_run=True)
    assert planned["exit_code"] == 0 and planned["budget"]["judgments"] == 150
    assert any("pilot" in line for line in planned["planned"])
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_what_is_wrong_is_told_before_anything_is_done(log: Path, tmp_path: Path) -> None:
    free = write(tmp_path / "goal.yaml", log="log.csv", judges="words=lexical", budget={"money": 5})
    with pytest.raises(InputError, match="no judge has a price"):
        run_campaign(free, "out")
    goal = write(tmp_path / "goal.yaml", log="log.csv", judges="words=lexical", budget={"judgments": 50})
    with pytest.raises(InputError, match="--out"):
        run_campaign(goal)
    run_campaign(goal, "out")
    with pytest.raises(InputError, match="does not wait for grades"):
        run_campaign(goal, "out", grades=log)
    other = write(tmp_path / "goal.yaml", log="log.csv", judges="words=lexical", budget={"judgments": 60})
    with pytest.raises(InputError, match=r"budget\.judgments"):
        run_campaign(other, "out")
    assert run_campaign(other, "out", overwrite=True)["exit_code"] == 3
