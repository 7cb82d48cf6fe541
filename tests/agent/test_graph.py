"""One graph for a fixed order and for a model's: what is asked, in which order, and what becomes of a pair."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from sie_agent.agent import TOOLS, TRACE_COLUMNS, AgentResult, AgentSettings, judge_hard_cases
from sie_agent.agent.run import usable_tools
from sie_agent.errors import InputError
from sie_agent.judging import JudgmentCache, load_variant, make_backend

from ..judging.scripted_server import Scripted, scripted_server
from .conftest import asked_kinds, judge_script, judged_of, log_of, server_backend

FREE = ("neighbours", "results", "departments")


def run(server: Scripted, cache: JudgmentCache, count: int = 20, **settings: Any) -> AgentResult:
    log = log_of(count)
    given = {"share": 0.2, **settings}
    return judge_hard_cases(log, judged_of(log), server_backend(server), cache, AgentSettings(**given))


@pytest.mark.parametrize(
    ("backend", "order", "tools"),
    [
        ("openai", "fixed", ["profile"]),
        ("openai", "model", list(TOOLS)),
        ("lexical", "fixed", [name for name in TOOLS if name != "profile"]),
    ],
)
def test_tools_that_nobody_named(backend: str, order: str, tools: list[str]) -> None:
    address = {"model": "m", "base_url": "http://127.0.0.1:9/v1"} if backend == "openai" else {}
    judge = make_backend(backend, **address)
    assert [tool.name for tool in usable_tools(judge, AgentSettings(order=order))] == tools


def nodes(result: AgentResult, sample_id: str) -> list[str]:
    return result.traces.loc[result.traces["sample_id"] == sample_id, "node"].tolist()


def test_what_costs_nothing_is_looked_up_first_and_a_sure_pair_is_settled(cache: JudgmentCache) -> None:
    with scripted_server(judge_script()) as server:
        result = run(server, cache, tools=(*FREE, "profile"))
        assert asked_kinds(server) == ["grade"] * 4, "no profile is asked for where the free evidence settles it"
    assert result.chosen == [19, 18, 17, 16], "the least sure first"
    looked_up = ["look_up"] * len(FREE)
    assert nodes(result, "s19") == ["assess", "choose", *looked_up, "judge", "decide"]
    assert result.stopped == {"settled": 4} and result.calls == 4


def test_every_row_has_its_judgment_and_the_agents_are_told_apart(cache: JudgmentCache) -> None:
    log = log_of()
    with scripted_server(judge_script()) as server:
        result = run(server, cache)
    agents = result.judgments["variant"] == "relevance/with-evidence+agent"
    assert result.judgments["sample_id"].tolist() == log["sample_id"].tolist()
    assert agents.to_numpy().nonzero()[0].tolist() == [16, 17, 18, 19]
    assert (result.judgments.loc[~agents, "variant"] == "relevance/graded").all()
    pd.testing.assert_frame_equal(result.judgments[~agents], judged_of(log)[~agents])
    assert (result.judgments.loc[agents, "score"] > 0.9).all()
    assert result.judgments.loc[agents, "detail"].str.startswith("settled: uncertainty").all()
    assert tuple(result.traces.columns) == TRACE_COLUMNS


def test_what_asks_comes_after_and_once_an_item(cache: JudgmentCache) -> None:
    log = log_of()
    log["item_id"], log["title"], log["attributes"] = "i", "Brass Desk Lamp", '{"department": "lamps"}'
    sure_of_profiles = judge_script(grade=lambda text: ("3", 0.97) if "item: type: kettle" in text else ("3", 0.5))
    with scripted_server(sure_of_profiles) as server:
        settings = AgentSettings(share=0.2, tools=("profile", "departments"), settle=0.3)
        result = judge_hard_cases(log, judged_of(log), server_backend(server, concurrency=1), cache, settings)
        kinds = asked_kinds(server)
    assert kinds.count("profile") == 1 and kinds.index("profile") > 0
    assert result.stopped == {"settled": 4}
    assert nodes(result, "s19")[-4:] == ["choose", "look_up", "judge", "decide"]


def test_what_stays_unsure_goes_to_the_stronger_judge_then_to_people(cache: JudgmentCache) -> None:
    unsure = judge_script(grade=lambda text: ("3", 0.5))
    log = log_of()
    settings = AgentSettings(budget=3, tools=("departments",), settle=0.2, hand_over=0.4)
    with scripted_server(unsure) as small, scripted_server(unsure, models=("big",)) as large:
        big = make_backend("openai", base_url=large.url, model="big")
        judges: dict[str, Any] = {"stronger": {"big": big}}
        result = judge_hard_cases(log, judged_of(log), server_backend(small), cache, settings, **judges)
        assert len(small.bodies) == len(large.bodies) == 3
    assert nodes(result, "s19")[-4:] == ["decide", "escalate", "decide", "hand_over"]
    assert result.handed == [19, 18, 17]
    assert set(result.judgments.loc[17:, "model"]) == {"big"}
    assert result.judgments.loc[19, "detail"].startswith("handed to people")
    with scripted_server(unsure) as small, scripted_server(judge_script(), models=("big",)) as large:
        judges = {"stronger": {"big": make_backend("openai", base_url=large.url, model="big", revision="2")}}
        backend = server_backend(small, revision="2")
        result = judge_hard_cases(log, judged_of(log), backend, cache, settings, **judges)
    assert result.handed == [] and result.stopped == {"settled": 3}


def test_a_pair_without_a_judgment_is_the_least_sure(cache: JudgmentCache) -> None:
    log = log_of(6)
    judged = judged_of(log)
    judged.loc[0, ["score", "entropy", "status"]] = [float("nan"), float("nan"), "unparsed"]
    with scripted_server(judge_script()) as server:
        result = judge_hard_cases(log, judged, server_backend(server), cache, AgentSettings(budget=1))
    assert result.chosen == [0] and result.judgments.loc[0, "status"] == "ok"


def test_a_failed_answer_leaves_the_one_pass_judgment_and_says_why(cache: JudgmentCache) -> None:
    def script(body: dict[str, Any], number: int) -> Any:
        reply = judge_script()(body, number)
        reply.body["choices"][0]["logprobs"] = None
        reply.body["choices"][0]["message"]["content"] = "no grade at all"
        return reply

    with scripted_server(script) as server:
        result = run(server, cache, tools=("departments",))
    assert (result.judgments["variant"] == "relevance/graded").all()
    assert all(reason.startswith("no judgment with evidence") for reason in result.stopped)


def test_the_embedded_model_and_others_without_writing_have_no_profile(cache: JudgmentCache) -> None:
    log = log_of()
    lexical = make_backend("lexical")
    result = judge_hard_cases(
        log, judged_of(log), lexical, cache, AgentSettings(share=0.2, tools=("profile", "results"))
    )
    assert set(result.traces["tool"]) == {"", "results"}
    assert set(result.judgments.loc[result.chosen, "variant"]) == {"relevance/lexical-evidence+agent"}


def test_what_cannot_be_is_told_before_anything_is_asked(cache: JudgmentCache) -> None:
    log = log_of()
    lexical = make_backend("lexical")
    with pytest.raises(InputError, match="shows no evidence"):
        judge_hard_cases(log, judged_of(log), lexical, cache, AgentSettings(variant="relevance/lexical"))
    with pytest.raises(InputError, match="cannot choose tools"):
        judge_hard_cases(log, judged_of(log), lexical, cache, AgentSettings(order="model"))
    with pytest.raises(InputError, match="has no judgment"):
        judge_hard_cases(log, judged_of(log).head(3), lexical, cache, AgentSettings())
    with pytest.raises(InputError, match="none is known"):
        judge_hard_cases(log, judged_of(log), lexical, cache, AgentSettings(max_cost_per_pair=1.0))
    with pytest.raises(InputError, match="cannot judge with evidence"):
        judge_hard_cases(log, judged_of(log), make_backend("embedding"), cache, AgentSettings())
    assert cache.stats()["entries"] == 0


def test_evidence_reaches_the_question_between_its_fences(cache: JudgmentCache) -> None:
    with scripted_server(judge_script()) as server:
        run(server, cache, tools=("departments",))
        asked = server.bodies[0]["messages"][-1]["content"]
    assert "<evidence>departments: " in asked and asked.count("<evidence>") == asked.count("</evidence>") == 1
    assert load_variant("relevance/with-evidence").max_evidence_chars > 0
