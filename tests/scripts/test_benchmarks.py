"""The figures of the benchmarks: blocks, intervals, grades, AUC; and that the recorded requests are the real ones."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.judging import load_variant
from sie_agent.utils.progress import set_quiet

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    monkeypatch.syspath_prepend(str(SCRIPTS.parent))
    names = ("shared", "scripted_server", "throughput", "against_langchain")
    for name in names:
        monkeypatch.delitem(sys.modules, f"scripts.benchmarks.{name}", raising=False)
    set_quiet(True)
    return {name: importlib.import_module(f"scripts.benchmarks.{name}") for name in names}


def samples(queries: int, per_query: int = 3) -> pd.DataFrame:
    rows = [
        (f"q{query}", f"title {query} {item}", query, item) for query in range(queries) for item in range(per_query)
    ]
    return pd.DataFrame(
        {
            "sample_id": [f"s{query}-{item}" for _, _, query, item in rows],
            "query": [row[0] for row in rows],
            "item_id": [f"i{query}-{item}" for _, _, query, item in rows],
            "title": [row[1] for row in rows],
            "description": "",
            "attributes": "{}",
            "grade": [(item + query % 2) / per_query for _, _, query, item in rows],
        }
    )


def test_blocks_share_no_query(scripts: dict[str, ModuleType]) -> None:
    blocks = scripts["shared"].query_blocks(samples(40), 10, 5, seed=1)
    assert [len(block) for block in blocks] == [10] * 5
    seen = [set(block["query"]) for block in blocks]
    assert sum(len(one) for one in seen) == len(set.union(*seen))
    longer = scripts["shared"].query_blocks(samples(40), 10, 6, seed=1)
    assert all(one.equals(other) for one, other in zip(blocks, longer[:5], strict=True))
    with pytest.raises(InputError, match="fewer"):
        scripts["shared"].query_blocks(samples(4), 10, 5, seed=1)


def test_the_median_lies_in_its_interval(scripts: dict[str, ModuleType]) -> None:
    found = scripts["shared"].median_with_interval([0.9, 1.0, 1.1, 0.95, 1.05])
    assert (found["low"], found["median"], found["high"]) == (0.9, 1.0, 1.1)
    assert np.isnan(scripts["shared"].median_with_interval([1.0, np.nan])["median"])


@pytest.mark.parametrize(
    ("answer", "grade"),
    [
        ({"grade": 2}, 2.0),
        ({"grade": "3", "rationale": "x"}, 3.0),
        ({"grade": 2.5}, 2.5),
        ({"grade": 7}, None),
        ({"grade": True}, None),
        ({"grade": "high"}, None),
        ({"rating": 2}, None),
        ([2], None),
        (ValueError("no JSON"), None),
    ],
)
def test_grades_of_the_plain_judge(scripts: dict[str, ModuleType], answer: object, grade: float | None) -> None:
    module = scripts["against_langchain"]
    assert module.usable_grade(answer) == grade
    expected = "ValueError" if isinstance(answer, ValueError) else "no-grade" if grade is None else "ok"
    assert module.status_of(answer, grade) == expected


def test_quality_of_both_judges(scripts: dict[str, ModuleType]) -> None:
    judged = samples(30)
    rng = np.random.default_rng(0)
    judged["ours"] = judged["grade"]
    judged["langchain"] = np.where(rng.random(len(judged)) < 0.2, np.nan, rng.random(len(judged)))
    found = scripts["against_langchain"].quality(judged)
    assert found["answered_by_both"]["pairs"] == judged["langchain"].notna().sum() < found["all_pairs"]["pairs"] == 90
    for part in found.values():
        assert part["ours"]["value"] == 1.0
        assert part["difference"]["low"] < part["difference"]["value"] < part["difference"]["high"]
        assert part["difference"]["value"] == pytest.approx(1.0 - part["langchain"]["value"])


def test_nothing_of_the_data_but_ids_is_kept(scripts: dict[str, ModuleType]) -> None:
    judged = samples(3).assign(round=1, ours=0.5, ours_status="ok", langchain=0.5, langchain_status="ok")
    kept = scripts["against_langchain"].per_pair(judged)
    assert not {"query", "title", "grade"} & set(kept.columns)
    assert kept["query_number"].nunique() == 3


@pytest.mark.parametrize("client", ["httpx", "sockets"])
def test_both_clients_send_what_was_recorded(scripts: dict[str, ModuleType], client: str) -> None:
    module = scripts["throughput"]
    task = module.Task(samples(5), load_variant("relevance/graded"), "", "m", 3, client)
    bodies = module.recorded(task, task.variant)
    assert len(bodies) == 15 and {json.loads(body)["max_tokens"] for body in bodies} == {4}
    server = scripts["scripted_server"].ScriptedServer("m", keep=True)
    with module.serving(server) as port:
        url = f"http://127.0.0.1:{port}/v1"
        assert asyncio.run(module.BARE_CLIENTS[client](bodies, url, 3)) == 15
        assert sorted(server.bodies) == sorted(bodies)
        server.bodies.clear()
        assert module.ours(module.replace(task, base_url=url), task.variant) == 15
        assert sorted(server.bodies) == sorted(bodies)


def test_a_cache_that_cannot_be_emptied(scripts: dict[str, ModuleType]) -> None:
    assert not scripts["shared"].reset_prefix_cache("http://127.0.0.1:9/v1")
