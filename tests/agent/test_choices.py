"""A model that chooses: it calls tools, and whatever it calls, the pair ends within its bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sie_agent.agent import TOOLS, AgentResult, AgentSettings, judge_hard_cases
from sie_agent.judging import ENOUGH, JudgmentCache, Session

from ..judging.scripted_server import Scripted, scripted_server
from .conftest import Call, asked_kinds, judge_script, judged_of, log_of, server_backend

UNSURE = ("3", 0.5)


def run(server: Scripted, cache: JudgmentCache, **settings: Any) -> AgentResult:
    log = log_of()
    given: dict[str, Any] = {
        "budget": 2,
        "order": "model",
        "tools": ("departments", "results", "neighbours"),
        **settings,
    }
    return judge_hard_cases(log, judged_of(log), server_backend(server), cache, AgentSettings(**given))


def choices(result: AgentResult) -> list[tuple[str, str]]:
    rows = result.traces[(result.traces["sample_id"] == "s19") & (result.traces["node"] == "choose")]
    return list(zip(rows["tool"], rows["why"], strict=True))


def test_the_model_is_shown_the_tools_and_its_choice_is_looked_up(cache: JudgmentCache) -> None:
    script = judge_script(lambda body: ("results", "{}"))
    with scripted_server(script) as server:
        result = run(server, cache)
        assert asked_kinds(server) == ["choice", "choice", "grade", "grade"]
        names = [tool["function"]["name"] for tool in server.bodies[0]["tools"]]
    assert names == ["departments", "results", "neighbours", ENOUGH]
    looked_up = result.traces[result.traces["node"] == "look_up"]
    assert set(looked_up["tool"]) == {"results"} and result.stopped == {"settled": 2}
    chosen = result.traces[(result.traces["node"] == "choose") & (result.traces["tool"] == "results")]
    assert (chosen["calls"] == 1).all() and (chosen["input_tokens"] == 100).all()


def test_words_of_the_model_are_looked_for(cache: JudgmentCache) -> None:
    words = json.dumps({"words": "copper kettle"})
    with scripted_server(judge_script(lambda body: ("neighbours", words))) as server:
        result = run(server, cache)
    row = result.traces[result.traces["node"] == "look_up"].iloc[0]
    assert json.loads(row["arguments"]) == {"words": "copper kettle"}
    assert "copper kettle" in row["evidence"]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (("open_door", "{}"), "is not one of"),
        (("results", "{not json"), "not JSON|unparsed|no choice"),
        (("results", "[1, 2]"), ""),
        (("results", json.dumps({"words": ["a"], "more": {"deep": 1}})), ""),
        (("neighbours", json.dumps({"words": "x" * 100_000})), ""),
        ((ENOUGH, "{}"), "wants nothing more"),
        (None, "wants nothing more"),
    ],
    ids=["unknown", "no JSON", "a list", "other arguments", "huge", "enough", "no call"],
)
def test_whatever_is_called_the_pair_ends(cache: JudgmentCache, call: Call, told: str) -> None:
    script = judge_script(lambda body: call, grade=lambda text: UNSURE)
    with scripted_server(script) as server:
        result = run(server, cache, settle=0.1)
        assert len(server.bodies) <= 2 * 8
    assert set(result.stopped) <= {"still unsure", "nothing was found"} or "limit" in next(iter(result.stopped))
    assert any(told.split("|")[0] in why or "no choice" in why for _, why in choices(result)) or not told
    assert result.traces["arguments"].str.len().max() < 1000


def test_a_model_that_calls_the_same_tool_for_ever_gets_no_further_than_the_tools(cache: JudgmentCache) -> None:
    with scripted_server(judge_script(lambda body: ("results", "{}"), grade=lambda text: UNSURE)) as server:
        result = run(server, cache, settle=0.1, max_calls_per_pair=100)
        assert len(server.bodies) <= 2 * 2 * 3, "a choice and a grade for each tool"
    assert [tool for tool, _ in choices(result)] == ["results", "results", "results"]
    assert choices(result)[1][1].startswith("results was looked up before")
    looked_up = result.traces[(result.traces["sample_id"] == "s19") & (result.traces["node"] == "look_up")]
    assert looked_up["tool"].tolist() == ["results", "departments", "neighbours"]


def test_a_model_that_looks_for_ever_other_words_meets_the_limit_on_calls(cache: JudgmentCache) -> None:
    asked = iter(range(10_000))

    def choose(body: dict[str, Any]) -> Call:
        return "neighbours", json.dumps({"words": f"kettle {next(asked)}"})

    with scripted_server(judge_script(choose, grade=lambda text: UNSURE)) as server:
        result = run(server, cache, settle=0.1, max_calls_per_pair=5)
        assert len(server.bodies) <= 10
    assert result.calls <= 10
    assert set(result.stopped) <= {"limit of calls per pair", "still unsure"}


def test_choices_are_answers_of_their_own_and_are_not_asked_again(cache: JudgmentCache) -> None:
    with scripted_server(judge_script(lambda body: ("results", "{}"))) as server:
        first = run(server, cache)
        asked = len(server.bodies)
        second = run(server, cache)
        assert len(server.bodies) == asked
        groups = {(one["variant"], one["count"]) for one in cache.stats()["groups"]}
    assert groups == {("agent/choose", 2), ("relevance/with-evidence", 2)}
    assert second.traces["cached"].any() and second.calls == first.calls
    same = [name for name in first.traces.columns if name not in ("seconds", "cached")]
    assert first.traces[same].equals(second.traces[same])


def test_every_tool_can_be_called_by_its_name(cache: JudgmentCache) -> None:
    for name in TOOLS:
        script = judge_script(lambda body, name=name: (name, "{}"))
        with scripted_server(script) as server:
            result = run(server, cache, tools=(name,), budget=1)
        assert (result.traces.loc[result.traces["node"] == "look_up", "tool"] == name).all()


def test_a_signal_stops_the_choices_as_well(cache: JudgmentCache) -> None:
    log, sessions = log_of(), list[Session]()

    def choose(body: dict[str, Any]) -> Call:
        sessions[0].stop("interrupted")
        return "results", "{}"

    with scripted_server(judge_script(choose)) as server:
        backend = server_backend(server, concurrency=1)
        sessions.append(Session(backend, cache))
        settings = AgentSettings(share=1.0, order="model")
        with pytest.raises(KeyboardInterrupt):
            judge_hard_cases(log, judged_of(log), backend, cache, settings, session=sessions[0])
        assert len(server.bodies) < 10
    assert cache.stats()["entries"] == len(server.bodies), "what was asked is kept"
