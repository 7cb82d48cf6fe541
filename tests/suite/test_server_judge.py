"""A suite judged over real HTTP: relevance per pair, clarity once per query, pairs without a grade."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.suite import load_suite, run_suite

from ..judging.scripted_server import Reply, completion, scripted_server
from .conftest import Workshop

pytestmark = pytest.mark.slow


def graded(body: dict[str, Any], number: int) -> Reply:
    """Surer of a 3 the longer the prompt is; a refusal for one look of item."""
    text = json.dumps(body["messages"])
    if "Vask tavit" in text.rsplit("user", 1)[-1]:
        return Reply(body=completion(None, top=None))
    high = 0.2 + 0.6 * (len(text) % 7) / 7
    top = {"3": math.log(high), "0": math.log(1 - high)}
    return Reply(body=completion("3", top=top))


def suite_for(workshop: Workshop, url: str) -> Any:
    judge = {"name": "server", "kind": "openai", "base_url": url, "model": "m"}
    return workshop.suite(judges=[judge], labels={"proxies": 2, "clarity": "judge"}, draws=[1], downstream={"draws": 0})


def test_relevance_per_pair_and_clarity_once_per_query(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-test")
    out = workshop.folder / "run"
    with scripted_server(graded) as server:
        summary = run_suite(suite_for(workshop, server.url), out, cache_path=workshop.cache)
        asked = len(server.bodies)
        again = run_suite(suite_for(workshop, server.url), out, cache_path=workshop.cache)
        table = pd.read_parquet(out / "judgments.parquet")
        pairs, clarity = table[table["aspect"] == "relevance"], table[table["aspect"] == "clarity"]
        failed = int(pairs["score"].isna().sum())
        assert set(clarity["model"]) == {"m"} and clarity["query"].is_unique
        assert clarity["query"].nunique() == pairs["query"].nunique()
        assert len(server.bodies) - asked <= 2 * failed, "what was answered must not be asked again"
    assert summary["exit_code"] == again["exit_code"] == (3 if failed else 0)
    assert pairs["score"].dropna().between(0, 1).all() and pairs["score"].notna().sum() > 20
    assert all(
        "sk-secret-of-the-test" not in path.read_text(errors="replace") for path in out.rglob("*") if path.is_file()
    )


def test_clarity_by_the_judge_needs_a_server(workshop: Workshop) -> None:
    path = workshop.suite(labels={"proxies": 2, "clarity": "judge"})
    with pytest.raises(InputError, match=r"labels\.clarity.*kind openai"):
        load_suite(path)


def test_a_judge_of_several_servers_says_who_answered_and_how_far_they_agree(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The preferred model goes away after 15 answers; another one stands in, and the report shows both."""
    monkeypatch.setattr("sie_agent.judging.backends.http.pool.FIRST_COOLING", 0.1)

    def shaky(body: dict[str, Any], number: int) -> Reply:
        ill = number > 15 and len(hosted.bodies) < 10
        return Reply(500, {"error": {"message": "down"}}) if ill else graded(body, number)

    out = workshop.folder / "run"
    with scripted_server(graded) as hosted, scripted_server(shaky) as mine:
        endpoints = [
            {
                "name": "mine",
                "base_url": mine.url,
                "model": "good",
                "concurrency": 2,
                "price": {"input": 1, "output": 1},
            },
            {"name": "hosted", "base_url": hosted.url, "model": "other", "concurrency": 2},
        ]
        judge = {"name": "servers", "kind": "openai", "endpoints": endpoints, "double_judged": 12}
        suite = workshop.suite(judges=[judge], labels={"proxies": 2}, draws=[1], downstream={"draws": 0})
        run_suite(suite, out, cache_path=workshop.cache)
    asked = json.loads((out / "manifest.json").read_text())
    said = asked["judges"]["servers"]
    table = pd.read_parquet(out / "judgments.parquet")
    graded_rows = table[(table["aspect"] == "relevance") & table["score"].notna() & (table["model"] != "lexical")]
    assert set(said["models"]) == {"good", "other"} == set(graded_rows["model"])
    assert sum(said["models"].values()) == len(graded_rows) and set(said["endpoints"]) == {"mine", "hosted"}
    assert said["mixture"]["between"][0]["spearman"] == pytest.approx(1.0) and said["mixture"]["pairs"] > 5
    assert said["cost"] == asked["cost"]["amount"] > 0
    report = (out / "report.html").read_text()
    assert "Who answered" in report and "Do the models that answered agree?" in report and "hosted" in report


def test_endpoints_stand_alone(workshop: Workshop) -> None:
    endpoints = [{"name": "a", "base_url": "http://127.0.0.1:9/v1", "model": "m"}]
    judge = {"name": "servers", "kind": "openai", "endpoints": endpoints, "model": "m"}
    with pytest.raises(InputError, match="`endpoints` say model"):
        load_suite(workshop.suite(judges=[judge]))
