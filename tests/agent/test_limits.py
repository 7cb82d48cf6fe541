"""Limits on calls, tokens and cost hold, for a pair and for a run, whatever the server says it took."""

from __future__ import annotations

from typing import Any

import pytest

from sie_agent.agent import TOOLS, AgentResult, AgentSettings, judge_hard_cases
from sie_agent.errors import InputError
from sie_agent.judging import JudgmentCache

from ..judging.scripted_server import Scripted, scripted_server
from .conftest import judge_script, judged_of, log_of, server_backend

UNSURE = ("3", 0.5)


def run(server: Scripted, cache: JudgmentCache, **settings: Any) -> AgentResult:
    log = log_of()
    given: dict[str, Any] = {"budget": 6, "settle": 0.05, "tools": tuple(TOOLS), **settings}
    return judge_hard_cases(log, judged_of(log), server_backend(server, price=True), cache, AgentSettings(**given))


def spent(result: AgentResult) -> Any:
    """Calls, tokens and cost of each pair."""
    traces = result.traces.assign(tokens=result.traces["input_tokens"] + result.traces["output_tokens"])
    return traces.groupby("sample_id")[["calls", "tokens", "cost"]].sum()


@pytest.mark.parametrize("order", ["fixed", "model"])
@pytest.mark.parametrize("most", [1, 2, 3])
def test_calls_of_a_pair(cache: JudgmentCache, order: str, most: int) -> None:
    with scripted_server(judge_script(lambda body: ("profile", "{}"), lambda text: UNSURE)) as server:
        result = run(server, cache, order=order, max_calls_per_pair=most)
        assert len(server.bodies) == result.calls <= 6 * most, "an item's profile is asked for and counted once"
    assert spent(result)["calls"].max() == most
    assert "limit of calls per pair" in result.stopped or most == 3


@pytest.mark.parametrize("order", ["fixed", "model"])
@pytest.mark.parametrize("most", [1, 4, 7])
def test_calls_of_the_run(cache: JudgmentCache, order: str, most: int) -> None:
    with scripted_server(judge_script(lambda body: ("departments", "{}"), lambda text: UNSURE)) as server:
        result = run(server, cache, order=order, max_calls=most)
        assert len(server.bodies) == result.calls == most
    assert "limit of calls of the run" in result.stopped


@pytest.mark.parametrize("per_byte", [0.25, 0.5, 1.0])
def test_tokens_of_a_pair_and_of_the_run(cache: JudgmentCache, per_byte: float) -> None:
    plain = judge_script(lambda body: ("departments", "{}"), lambda text: UNSURE)

    def script(body: dict[str, Any], number: int) -> Any:
        reply = plain(body, number)
        size = sum(len(message["content"].encode()) for message in body["messages"])
        reply.body["usage"] = {"prompt_tokens": int(per_byte * size), "completion_tokens": 4}
        return reply

    with scripted_server(script) as server:
        result = run(server, cache, max_tokens_per_pair=12_000, order="model")
        assert spent(result)["tokens"].max() <= 12_000 and result.calls > 0
    for most in (9_000, 20_000):
        with scripted_server(script) as server:
            again = run(server, cache, max_tokens=most, max_calls_per_pair=4)
            assert again.tokens <= most and again.calls > 0
            assert "limit of tokens of the run" in again.stopped or (per_byte, most) == (0.25, 20_000)


def test_a_server_that_counts_more_than_can_be_is_believed_from_then_on(cache: JudgmentCache) -> None:
    told = {"prompt_tokens": 50_000, "completion_tokens": 5_000}
    with scripted_server(judge_script(grade=lambda text: UNSURE, **told)) as server:
        result = run(server, cache, max_tokens=150_000)
    # the first question goes alone, and tells
    assert result.calls <= 2 and result.tokens <= 150_000


def test_cost_of_a_pair_and_of_the_run(cache: JudgmentCache) -> None:
    # a dollar per million tokens, in or out
    told = {"prompt_tokens": 2000, "completion_tokens": 10}
    with scripted_server(judge_script(grade=lambda text: UNSURE, **told)) as server:
        result = run(server, cache, max_cost_per_pair=0.012)
        assert 0 < spent(result)["cost"].max() <= 0.012
    with scripted_server(judge_script(grade=lambda text: UNSURE, **told)) as server:
        result = run(server, cache, max_cost=0.02, tools=("departments", "profile"))
        assert 0 < result.cost <= 0.02 and (result.account.cost or 0.0) <= 0.02
    assert any(reason.startswith("limit of cost of the run") for reason in result.stopped)


def test_answers_from_the_cache_count_as_if_they_were_asked(cache: JudgmentCache) -> None:
    script = judge_script(grade=lambda text: UNSURE)
    with scripted_server(script) as server:
        first = run(server, cache, max_calls=5)
        asked = len(server.bodies)
        second = run(server, cache, max_calls=5)
        assert len(server.bodies) == asked == 5, "a run that goes on ends where it would have ended"
    assert first.stopped == second.stopped and second.calls == 5 and second.account.asked == 0


def test_an_answer_without_usage_counts_at_its_dearest(cache: JudgmentCache) -> None:
    script = judge_script(lambda body: ("results", "[1]"), lambda text: UNSURE)
    with scripted_server(script) as server:
        result = run(server, cache, order="model", max_tokens=30_000, max_calls_per_pair=100)
    assert 0 < result.tokens <= 30_000


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"share": 0.1, "budget": 2}, "more than one"),
        ({"share": 1.5}, "--share"),
        ({"max_calls": 0}, "--max-calls"),
        ({"max_cost": -1.0}, "--max-cost"),
        ({"tools": ("results", "door")}, "unknown tool 'door'"),
        ({"tools": ("results", "results")}, "named twice"),
        ({"order": "random"}, "expected one of fixed, model"),
        ({"hand_over": float("nan")}, "--hand-over"),
    ],
)
def test_settings_that_cannot_be(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        AgentSettings(**given)
    assert told in str(caught.value)
