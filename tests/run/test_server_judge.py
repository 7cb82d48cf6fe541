"""A suite judged over real HTTP: relevance per pair, clarity once per query, pairs without a grade."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.run import load_suite, run_suite

from ..judging.scripted_server import Reply, completion, scripted_server
from .conftest import Workshop


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
