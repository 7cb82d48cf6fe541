"""``sie agent`` from end to end: its files, exit codes and plan, and who can read what it wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import sie_agent as sie
from sie_agent.agent import TOOLS, TRACE_COLUMNS
from sie_agent.errors import InputError, MissingExtraError
from sie_agent.grading import read_sheet
from sie_agent.judging import JudgmentCache
from sie_agent.pipeline.judged_log import read_judgments, relevance_of
from sie_agent.utils import extras

from ..judging.scripted_server import scripted_server
from .conftest import judge_script, judged_of, log_of

Made = Callable[..., dict[str, Any]]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Runs the agent on the small log with a scripted judge."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "cache"))
    log = log_of(20)
    log.to_parquet("log.parquet")
    judged_of(log).to_parquet("judgments.parquet")

    def run(script: Any = None, out: str | None = "out", **given: Any) -> dict[str, Any]:
        given = {"tools": ",".join(TOOLS), **given}
        with scripted_server(script or judge_script()) as server:
            judge = sie.Judge("openai", model="m", base_url=server.url, price_input=1.0, price_output=2.0)
            result: dict[str, Any] = sie.run_agent("log.parquet", "judgments.parquet", out, judge=judge, **given)
        return {**result, "requests": len(server.bodies)}

    return run


def test_it_writes_all_judgments_every_step_and_what_it_cost(made: Made) -> None:
    result = made(share=0.2)
    table, before = pd.read_parquet("out/judgments.parquet"), pd.read_parquet("judgments.parquet")
    agents = table["variant"].str.endswith("+agent").to_numpy()
    assert (len(table), int(agents.sum()), result["agent"], result["exit_code"]) == (20, 4, 4, 0)
    pd.testing.assert_frame_equal(table[~agents], before[~agents], check_dtype=False)
    traces = pd.read_parquet("out/traces.parquet")
    assert tuple(traces.columns) == TRACE_COLUMNS and traces["sample_id"].nunique() == 4
    manifest = json.loads(Path("out/manifest.json").read_text())
    assert manifest["counts"]["hard"] == 4 and manifest["counts"]["asked"] == result["requests"] == 4
    assert result["cost"] == pytest.approx(4 * 102e-6) and result["cost_counted"] == pytest.approx(result["cost"])
    assert made(share=0.2)["requests"] == 0, "the same command goes on from the cache"


def test_pairs_for_people_are_a_sheet_and_exit_code_3(made: Made) -> None:
    result = made(judge_script(grade=lambda text: ("3", 0.5)), budget=2, settle=0.1, hand_over=0.2, tools="departments")
    assert (result["exit_code"], result["handed"], result["sheet"]) == (3, 2, "out/to-grade.csv")
    sheet = Path("out/to-grade.csv").read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in sheet] == ["sample_id", "s19", "s18"]
    filled = pd.read_csv("out/to-grade.csv").assign(grade=1)
    filled.to_csv("filled.csv", index=False)
    assert read_sheet("filled.csv")["grade"].tolist() == [1.0, 1.0]


def test_a_dry_run_asks_nothing_and_says_what_would_be_asked(made: Made) -> None:
    plan = made(out=None, budget=5, dry_run=True)
    assert plan["requests"] == 0 and not Path("out").exists()
    assert plan["hard"] == 5 and plan["parts"][0]["to_ask"] == 5
    assert plan["cost"] > 0 and plan["most_calls"] == 15
    assert made(budget=5)["requests"] == 5
    assert made(out=None, budget=5, dry_run=True)["parts"][0]["cached"] == 5
    model = made(out=None, budget=5, dry_run=True, order="model", max_calls=7)
    assert model["parts"][0]["variant"] == "agent/choose" and model["most_calls"] == 7


def test_the_variants_of_a_pair_are_kept_and_their_disagreement_counts(made: Made) -> None:
    both = pd.concat(
        [judged_of(log_of(20)), judged_of(log_of(20)).assign(variant="relevance/other")], ignore_index=True
    )
    both.loc[20, "score"] = 0.0  # of s0, of which the first variant is the surest
    both.to_parquet("judgments.parquet")
    made(budget=1, settle=0.3)
    table = pd.read_parquet("out/judgments.parquet")
    assert len(table) == 40 and table.index[table["variant"].str.endswith("+agent")].tolist() == [0]
    assert table.loc[20, "variant"] == "relevance/other"


def test_mixed_judgments_are_read_as_one_only_by_their_name(made: Made) -> None:
    made(share=0.5)
    table, where = read_judgments(["out"])
    samples = log_of(20)
    with pytest.raises(InputError, match="--variant relevance/graded\\+agent"):
        relevance_of(table, samples, where)
    one = relevance_of(table, samples, where, variant="relevance/graded")
    assert int(np.isnan(one.relevance).sum()) == 10
    mixed = relevance_of(table, samples, where, variant="relevance/graded+agent")
    assert mixed.known.all() and mixed.variant == "relevance/graded+agent" and not mixed.by_rank


def test_answers_are_cached_apart_from_those_of_one_pass(made: Made, tmp_path: Path) -> None:
    made(budget=3, order="model")
    with JudgmentCache(tmp_path / "cache" / "judgments.sqlite") as cache:
        groups = {one["variant"]: one["count"] for one in cache.stats()["groups"]}
    assert groups.keys() == {"agent/choose"}, "a model that wants nothing judges nothing again"


def test_without_the_extra_it_says_how_to_get_it(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "is_installed", lambda module: module != "langgraph")
    with pytest.raises(MissingExtraError, match="langgraph"):
        made()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tools": "neighbours,door"}, "unknown tool 'door'"),
        ({"order": "random"}, "expected one of fixed, model"),
        ({"share": 0.1, "budget": 3}, "more than one of"),
        ({"variant": "relevance/graded"}, "shows no evidence"),
        ({"stronger": ["big"]}, "expected name=backend"),
        ({"stronger": ["a=lexical", "a=lexical"]}, "two judges are named 'a'"),
    ],
)
def test_what_is_given_wrongly_is_told_before_anything_is_asked(made: Made, given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        made(**given)
    assert told in str(caught.value) and not list(Path().glob("out/*.parquet"))


def test_judgments_that_do_not_fit_are_told(made: Made) -> None:
    judged_of(log_of(20)).assign(raw_score=0.5, mode="zero-shot").to_parquet("judgments.parquet")
    with pytest.raises(InputError, match="calibrated"):
        made()
    judged_of(log_of(20)).assign(sample_id=[f"x{number}" for number in range(20)]).to_parquet("judgments.parquet")
    with pytest.raises(InputError, match="no judgment of relevance is of these data"):
        made()
    judged_of(log_of(20)).drop(columns="entropy").to_parquet("judgments.parquet")
    with pytest.raises(InputError, match="the column 'entropy' is missing"):
        made()
