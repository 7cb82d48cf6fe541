"""``sie label`` from the command line: estimate before, account after, several servers, what is told."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.cli import main
from sie_agent.samples import load_samples

from ..judging.scripted_server import Reply, Scripted, completion, scripted_server

COUNT = 120
KEY = "sk-label-0123456789abcdef"


def reply(token: str, words: int = 100) -> Reply:
    body = completion(token, top={token: math.log(0.9), "x": math.log(0.1)})
    body["usage"] = {"prompt_tokens": words, "completion_tokens": 1, "total_tokens": words + 1}
    return Reply(body=body)


def graded(body: dict[str, Any], number: int) -> Reply:
    """Tokens as a real tokeniser counts them: about one for four characters."""
    length = sum(len(message["content"]) for message in body["messages"])
    return reply("2", length // 4)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr("sie_agent.judging.backends.http.pool.FIRST_COOLING", 0.2)
    path = tmp_path / "log.csv"
    rows = [
        f"s{number},query {number % 9},i{number},thing {number} {'of steel ' * (number % 8)},1"
        for number in range(COUNT)
    ]
    path.write_text("sample_id,query,item_id,title,label\n" + "\n".join(rows) + "\n")
    return path


def sie(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = main([*arguments, "--output", "json"])
    shown = capsys.readouterr()
    return code, json.loads(shown.out or shown.err)


def server_options(server: Scripted) -> list[str]:
    return ["--variant", "relevance/graded", "--backend", "openai", "--base-url", server.url, "--model", "m"]


@pytest.mark.slow
def test_the_estimate_before_is_the_account_after(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prices = ["--price-input", "2", "--price-output", "8"]
    out = ["--data", str(log), "--out", str(log.parent / "out")]
    with scripted_server(graded) as server:
        first = ["label", *out, *server_options(server), *prices]
        code, plan = sie(capsys, *first, "--dry-run")
        assert code == 0 and plan["to_ask"] == COUNT and plan["parts"][0]["tokens_from"] == "length"
        assert not server.bodies and not (log.parent / "out").exists()
        code, done = sie(capsys, *first, "--limit", "30")
        assert code == 0 and done["asked"] == 30
        code, plan = sie(capsys, *first, "--dry-run")
        assert (plan["to_ask"], plan["cached"], plan["parts"][0]["tokens_from"]) == (COUNT - 30, 30, "cache")
        code, done = sie(capsys, *first)
    assert done["asked"] == plan["to_ask"] and done["cached"] == 30
    assert done["tokens"]["input"] == pytest.approx(plan["tokens"]["input"], rel=0.05)
    assert done["cost"] == pytest.approx(plan["cost"], rel=0.05)
    manifest = json.loads((log.parent / "out" / "manifest.json").read_text())
    assert manifest["cost"]["amount"] == done["cost"] == pytest.approx(manifest["judge"]["servers"][0]["cost"])
    assert manifest["cost"]["amount"] == pytest.approx((done["tokens"]["input"] * 2 + done["asked"] * 8) / 1e6)


@pytest.mark.slow
def test_the_limit_on_cost_ends_the_run_cleanly(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_server(graded) as server:
        first = ["label", "--data", str(log), "--out", str(log.parent / "out"), *server_options(server)]
        first += ["--price-input", "100"]
        code, done = sie(capsys, *first, "--max-cost", "2")
        assert code == 3 and done["stopped"] == "cost" and 1.0 < done["cost"] <= 2.0
        assert done["failed_by_cause"] == {"not-asked": COUNT - len(server.bodies)}
        code, done = sie(capsys, *first)
        assert code == 0 and done["cached"] + done["asked"] == COUNT == len(server.bodies)


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (["--max-cost", "1"], "needs prices"),
        (["--price-input", "-1"], "--price-input"),
        (["--endpoints", "none.yaml"], "none.yaml"),
        (["--timeout", "0"], "timeout"),
    ],
)
def test_bad_options(log: Path, capsys: pytest.CaptureFixture[str], more: list[str], problem: str) -> None:
    with scripted_server(graded) as server:
        out = ["label", "--data", str(log), "--out", str(log.parent / "out")]
        code, told = sie(capsys, *out, *server_options(server), *more)
    assert code == 2 and problem in told["error"] and not server.bodies


def test_no_folder_to_write_into(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = sie(capsys, "label", "--data", str(log), "--variant", "relevance/lexical", "--backend", "lexical")
    assert code == 2 and "--out" in told["error"]


def two_servers(log: Path, first: str, second: str) -> Path:
    path = log.parent / "endpoints.yaml"
    path.write_text(
        f"endpoints:\n"
        f"  - {{name: mine, base_url: '{first}', model: good, concurrency: 4, price: {{input: 1, output: 1}}}}\n"
        f"  - {{name: hosted, base_url: '{second}', model: other, concurrency: 4, price: {{input: 5, output: 5}},"
        f" api_key_env: HOSTED_KEY}}\n"
        f"double_judged: 25\n"
    )
    return path


@pytest.mark.slow
def test_two_models_are_counted_and_compared(
    log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The preferred server breaks down after 40 answers; pairs judged by each show how far the two agree."""
    monkeypatch.setenv("HOSTED_KEY", KEY)
    down = [False]

    def shaky(body: dict[str, Any], number: int) -> Reply:
        down[0] = down[0] or number > 40
        # it is well again when the log is nearly done, for the pairs that are judged by each
        ill = down[0] and len(hosted.bodies) < COUNT - 45
        return Reply(500, {"error": {"message": "down"}}) if ill else reply("2", 10)

    with scripted_server(lambda *_: reply("1", 10)) as hosted, scripted_server(shaky) as mine:
        endpoints = two_servers(log, mine.url, hosted.url)
        arguments = ["label", "--data", str(log), "--out", str(log.parent / "out"), "--variant", "relevance/graded"]
        arguments += ["--backend", "openai", "--endpoints", str(endpoints)]
        code, done = sie(capsys, *arguments)
        found = pd.read_parquet(log.parent / "out" / "judgments.parquet")
        assert main(arguments) == 0
    shown = capsys.readouterr()
    assert code == 0 and set(done["models"]) == {"good", "other"} and sum(done["models"].values()) == COUNT
    assert found["model"].value_counts().to_dict() == done["models"]
    assert found.groupby("endpoint")["model"].unique().map(list).to_dict() == {"mine": ["good"], "hosted": ["other"]}
    between = done["mixture"]["between"][0]
    assert done["mixture"]["pairs"] == 25 and abs(between["difference"]) == pytest.approx(1 / 3, abs=0.001)
    manifest = json.loads((log.parent / "out" / "manifest.json").read_text())
    assert set(manifest["judge"]["models"]) == {"good", "other"}
    assert "several models" in shown.out and "pairs judged by each" in shown.out
    assert KEY not in json.dumps(manifest) + shown.out + shown.err + json.dumps(done)


@pytest.mark.slow
def test_clarity_and_relevance_in_one_file(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_server(graded) as server:
        arguments = ["label", "--data", str(log), "--out", str(log.parent / "out"), *server_options(server)]
        code, done = sie(capsys, *arguments, "--variant", "clarity/graded")
    assert code == 0 and (done["pairs"], done["queries"], done["asked"]) == (COUNT, 9, COUNT + 9)
    found = pd.read_parquet(log.parent / "out" / "judgments.parquet")
    assert found["aspect"].value_counts().to_dict() == {"relevance": COUNT, "clarity": 9}


@pytest.mark.slow
def test_cache_verbs(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_server(graded) as server:
        sie(capsys, "label", "--data", str(log), "--out", str(log.parent / "out"), *server_options(server))
    code, told = sie(capsys, "cache", "export", "--out", str(log.parent / "answers.jsonl"))
    lines = [json.loads(line) for line in (log.parent / "answers.jsonl").read_text().splitlines()]
    assert code == 0 and told["exported"] == len(lines) == COUNT and lines[0]["answer"]["endpoint"]
    assert sie(capsys, "cache", "prune", "--yes")[0] == 2
    assert sie(capsys, "cache", "prune", "--older-than", "1", "--yes")[1]["deleted"] == 0
    assert sie(capsys, "cache", "prune", "--model", "m", "--yes")[1]["deleted"] == COUNT
    assert sie(capsys, "cache", "stats")[1]["entries"] == 0


def test_profiles_and_preferences(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        if "JSON object" in body["messages"][0]["content"]:
            return Reply(body=completion('{"type": "thing", "brand": "", "grade": "2"}'))
        return Reply(body=completion("A", top={"A": math.log(0.75), "B": math.log(0.25)}))

    out = log.parent / "out"
    with scripted_server(script) as server:
        options = ["--data", str(log), *server_options(server)[2:], "--limit", "18", "--out", str(out)]
        code, result = sie(capsys, "label", "--variant", "profile/item", "--variant", "relevance/pairwise", *options)
    assert (code, result["aspects"], result["failed"]) == (0, ["profile", "relevance"], 0)
    # a profile for each item, and two items of nine queries meet in both orders
    assert result["asked"] == len(server.bodies) == 18 + 18
    judged = pd.read_parquet(out / "judgments.parquet").set_index(["aspect", "item_id"])
    assert judged.loc["profile", "detail"].unique().tolist() == ["type: thing"]
    # who stands first gains by it in one order and loses in the other
    assert judged.loc["relevance", "score"].round(9).unique().tolist() == [0.5]


def test_profiles_alone_are_planned_asked_once_and_gone_on_with(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = {"thing 3 "}

    def script(body: dict[str, Any], number: int) -> Reply:
        lost = any(text in body["messages"][-1]["content"] for text in broken)
        return Reply(body=completion("no idea" if lost else '{"type": "thing", "brand": "", "grade": "2"}'))

    out = log.parent / "out"
    with scripted_server(script) as server:
        options = ["--data", str(log), *server_options(server)[2:], "--limit", "18", "--variant", "profile/item"]
        _, planned = sie(capsys, "label", *options, "--dry-run")
        assert (planned["to_ask"], planned["cached"], len(server.bodies)) == (18, 0, 0)
        options += ["--out", str(out)]
        code, result = sie(capsys, "label", *options)
        asked = len(server.bodies)
        assert (code, result["aspects"], result["ok"], result["failed"]) == (3, ["profile"], 17, 1)
        _, again = sie(capsys, "label", *options)
        assert again["asked"] == 0 and again["cached"] == 18 and len(server.bodies) == asked
        broken.clear()
        code, healed = sie(capsys, "label", *options, "--retry-failed")
        assert code == 0 and healed["asked"] == 1 and healed["failed"] == 0
    judged = pd.read_parquet(out / "judgments.parquet")
    assert judged["aspect"].unique().tolist() == ["profile"] and judged["item_id"].is_unique
    assert judged["sample_id"].unique().tolist() == judged["query"].unique().tolist() == [""]
    assert judged["detail"].unique().tolist() == ["type: thing"] and judged["score"].unique().tolist() == [1.0]


def test_preference_is_asked_by_history_and_titles_come_from_the_log(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = load_samples(log).head(12)
    items = rows["item_id"].tolist()
    rows["history"] = [json.dumps(items[:2]) if number % 2 else "[]" for number in range(12)]
    data = log.parent / "shoppers.parquet"
    rows.to_parquet(data)

    def script(body: dict[str, Any], number: int) -> Reply:
        shown = body["messages"][-1]["content"]
        assert rows["title"][0] in shown and rows["title"][1] in shown
        return Reply(body=completion("3", top={"3": math.log(0.9), "0": math.log(0.1)}))

    out = log.parent / "out"
    with scripted_server(script) as server:
        options = ["--data", str(data), *server_options(server)[2:], "--variant", "preference/graded"]
        _, planned = sie(capsys, "label", *options, "--dry-run")
        code, result = sie(capsys, "label", *options, "--out", str(out))
        assert planned["to_ask"] == len(server.bodies) == result["asked"] == 6
    assert (code, result["ok"], result["failed_by_cause"]) == (3, 6, {"no-history": 6})
    judged = pd.read_parquet(out / "judgments.parquet")
    assert judged["status"].tolist() == ["no-history", "ok"] * 6 and judged["sample_id"].tolist() == [
        *rows["sample_id"]
    ]


def test_titles_of_a_history_come_from_rows_behind_the_limit(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = load_samples(log).head(4)
    last, unknown = rows["item_id"].tolist()[3], "of no row"
    rows["history"] = [json.dumps([last]), json.dumps([unknown]), "[]", json.dumps([last])]
    data, out = log.parent / "shoppers.parquet", log.parent / "out"
    rows.to_parquet(data)
    given = ["label", "--data", str(data), "--backend", "lexical", "--variant", "preference/words", "--out", str(out)]
    code, result = sie(capsys, *given, "--limit", "1")
    assert (code, result["ok"]) == (0, 1)
    code, result = sie(capsys, *given, "--limit", "3")
    assert code == 3 and result["failed_by_cause"] == {"no-titles": 1, "no-history": 1}


def test_a_log_without_any_history_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    given = ["--data", "sample", "--backend", "lexical", "--variant", "preference/words", "--out", str(tmp_path / "o")]
    assert main(["label", *given]) == 3
    assert "sample: none of its rows has a history" in capsys.readouterr().err
