"""LangChain chat models as judges: LangChain's own fakes, and ChatOpenAI against a real server that misbehaves."""

from __future__ import annotations

import asyncio
import builtins
import json
import logging
import math
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from langchain_core.language_models.chat_models import BaseChatModel, SimpleChatModel
from langchain_core.language_models.fake_chat_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_openai import ChatOpenAI

from sie_agent.errors import EnvironmentFailure, InputError, MissingExtraError
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend
from sie_agent.judging.backends.chat_models import classify, identifying, identity, plain
from sie_agent.judging.backends.langchain import LangChainBackend

from .conftest import table
from .scripted_server import Reply, Script, completion, error, scripted_server

TOP = {"3": math.log(0.6), " 3": math.log(0.1), "2": math.log(0.2), "Well": math.log(0.1)}
GRADED = completion("3", top=TOP)
WRITTEN = json.dumps({"rationale": "it fits", "grade": "2"})
KEY = "sk-test-0123456789abcdef"


def one() -> pd.DataFrame:
    return table([("garden hose", "Rubber Garden Hose")])


def many(count: int) -> pd.DataFrame:
    return table([(f"query {number}", "thing") for number in range(count)])


def run(
    chat_model: BaseChatModel, cache: JudgmentCache, samples: pd.DataFrame, name: str = "relevance/graded", **more: Any
) -> pd.DataFrame:
    options = {"concurrency": 2, "max_retries": 1, **more}
    return judge(samples, load_variant(name), LangChainBackend(chat_model, **options), cache)


def chat_openai(url: str, **more: Any) -> ChatOpenAI:
    settings: dict[str, Any] = {"model": "m", "api_key": KEY, "temperature": 0.0, "max_retries": 0, **more}
    return ChatOpenAI(base_url=url, **settings)


class Answering(BaseChatModel):
    """A chat model with no asynchronous calls of its own, which answers as it is told."""

    say: Callable[[list[BaseMessage], dict[str, Any]], AIMessage]
    temperature: float = 0.0
    secret_token: str = ""

    @property
    def _llm_type(self) -> str:
        return "answering"

    def _generate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **sent: Any) -> Any:
        return ChatResult(generations=[ChatGeneration(message=self.say(messages, sent))])


def graded_message(logprobs: Any) -> AIMessage:
    usage: Any = {"input_tokens": 7, "output_tokens": 1, "total_tokens": 8}
    return AIMessage("3", response_metadata={"logprobs": logprobs}, usage_metadata=usage)


def test_graded_by_log_probabilities_over_http(cache: JudgmentCache, samples: pd.DataFrame) -> None:
    with scripted_server(lambda body, number: Reply(body=GRADED)) as server:
        found = run(chat_openai(server.url), cache, samples)
        again = run(chat_openai(server.url), cache, samples)
    assert list(found["status"]) == ["ok"] * 5
    assert found["score"][0] == pytest.approx((0.7 * 1.0 + 0.2 * 0.6667) / 0.9)
    assert set(found["variant"]) == {"relevance/graded"} and set(found["model"]) == {"m"}
    assert (found["input_tokens"][0], found["output_tokens"][0]) == (100, 1)
    assert len(server.bodies) == 4 and again["cached"].all()
    body = server.bodies[0]
    assert (body["max_completion_tokens"], body["logprobs"], body["top_logprobs"]) == (4, True, 20)
    assert body["messages"][0]["role"] == "system"


def test_written_over_http_with_a_schema(cache: JudgmentCache) -> None:
    with scripted_server(lambda body, number: Reply(body=completion(WRITTEN))) as server:
        found = run(chat_openai(server.url), cache, one(), "relevance/written")
    assert (found["status"][0], found["score"][0], found["detail"][0]) == ("ok", 0.6667, "it fits")
    assert server.bodies[0]["response_format"]["json_schema"]["schema"]["required"] == ["rationale", "grade"]


def test_a_server_without_schemas_is_asked_without(cache: JudgmentCache) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        if "response_format" in body:
            return Reply(400, error("response_format json_schema is not supported"))
        return Reply(body=completion(WRITTEN))

    with scripted_server(script) as server:
        assert run(chat_openai(server.url), cache, one(), "relevance/written")["status"][0] == "ok"


@pytest.mark.parametrize("refuses", [True, False])
def test_without_logprobs_the_rest_is_written(cache: JudgmentCache, samples: pd.DataFrame, refuses: bool) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        if "logprobs" in body:
            return Reply(400, error("logprobs is not supported")) if refuses else Reply(body=completion("2"))
        return Reply(body=completion('{"grade": "2"}'))

    with scripted_server(script) as server:
        found = run(chat_openai(server.url), cache, samples, concurrency=1)
        again = run(chat_openai(server.url), cache, samples)
    assert len(server.bodies) == 5
    assert set(found["variant"]) == {"relevance/graded+written"}
    assert found["score"].tolist() == [0.6667] * 5
    assert found["detail"].str.contains("answered in writing").all()
    assert again["cached"].all() and set(again["variant"]) == {"relevance/graded+written"}


def test_a_plain_chat_model_writes(cache: JudgmentCache) -> None:
    model = GenericFakeChatModel(messages=iter(['{"grade": "1"}'] * 20))
    found = run(model, cache, one())
    assert (found["variant"][0], found["score"][0]) == ("relevance/graded+written", 0.3333)
    assert found["model"][0] == "GenericFakeChatModel"
    found = run(FakeListChatModel(responses=[WRITTEN]), cache, one(), "relevance/written")
    assert (found["status"][0], found["detail"][0]) == ("ok", "it fits")


def test_a_model_that_takes_no_such_arguments(cache: JudgmentCache) -> None:
    class Bare(SimpleChatModel):
        @property
        def _llm_type(self) -> str:
            return "bare"

        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, *, known: int = 0) -> Any:
            return ChatResult(generations=[ChatGeneration(message=AIMessage('{"grade": "3"}'))])

        def _call(self, messages: Any, stop: Any = None, run_manager: Any = None, **more: Any) -> str:
            raise NotImplementedError

        async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **sent: Any) -> Any:
            for name in sent:
                raise TypeError(f"chat() got an unexpected keyword argument '{name}'")
            return self._generate(messages)

    found = run(Bare(), cache, one())
    assert (found["status"][0], found["variant"][0], found["score"][0]) == ("ok", "relevance/graded+written", 1.0)


def test_log_probabilities_as_a_list_and_many_at_once(cache: JudgmentCache) -> None:
    listed = [{"token": "3", "logprob": -0.1, "top_logprobs": [{"token": "3", "logprob": -0.1}]}]
    model = Answering(say=lambda messages, sent: graded_message(listed))
    found = run(model, cache, many(30), concurrency=8)
    assert set(found["status"]) == {"ok"} and set(found["score"]) == {1.0}
    assert found["input_tokens"].tolist() == [7] * 30


REFUSAL = completion(None)
REFUSAL["choices"][0]["message"]["refusal"] = "I cannot rate this"
LASTING = [
    ("graded", completion("A", top={"A": -0.01, "3": -6.0}), "out-of-scale"),
    ("graded", completion("3", top={"3": 2.0}), "bad-logprobs"),
    ("graded", REFUSAL, "refused"),
    ("written", REFUSAL, "refused"),
    ("written", completion(None, finish_reason="content_filter"), "refused"),
    ("written", completion("the grade is 2"), "unparsed"),
    ("written", completion('{"rationale": "cut', finish_reason="length"), "unparsed"),
    ("written", completion('{"rationale": "x", "grade": "9"}'), "out-of-scale"),
    ("written", completion(""), "empty"),
]


@pytest.mark.parametrize(("method", "body", "status"), LASTING)
def test_lasting_failures_are_statuses_and_kept(cache: JudgmentCache, method: str, body: Any, status: str) -> None:
    with scripted_server(lambda _, number: Reply(body=body)) as server:
        found = run(chat_openai(server.url), cache, one(), f"relevance/{method}")
        assert found["status"][0] == status and math.isnan(found["score"][0])
        asked = len(server.bodies)
        assert found["input_tokens"][0] == 100 * asked and asked <= 2
        assert run(chat_openai(server.url), cache, one(), f"relevance/{method}")["cached"][0]
    assert len(server.bodies) == asked


TRANSIENT = [
    (Reply(429, error("slow down")), "rate-limited"),
    (Reply(500, error("oops")), "server-error"),
    (Reply(body=GRADED, delay=1.0), "timeout"),
    (Reply(body=GRADED, cut=True), "connection"),
    (Reply(body=b"<html>a proxy's page</html>"), "malformed"),
    (Reply(body={"unexpected": True}), "malformed"),
    (Reply(422, error("no such field")), "rejected"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("reply", "status"), TRANSIENT)
def test_passing_failures_are_not_kept(cache: JudgmentCache, reply: Reply, status: str) -> None:
    with scripted_server(lambda _, number: reply) as server:
        found = run(chat_openai(server.url), cache, one(), max_retries=0, timeout=0.5)
    assert found["status"][0] == status and math.isnan(found["score"][0]) and found["detail"][0]
    assert cache.stats()["entries"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("reply", [case[0] for case in TRANSIENT[:5]])
def test_passing_failures_are_tried_again(cache: JudgmentCache, reply: Reply) -> None:
    with scripted_server(lambda _, number: reply if number == 1 else Reply(body=GRADED)) as server:
        found = run(chat_openai(server.url), cache, one(), timeout=0.5)
    assert found["status"][0] == "ok" and len(server.bodies) == 2


def test_a_too_long_prompt_is_that_pairs_failure(cache: JudgmentCache) -> None:
    reply = Reply(400, error("This model's maximum context length is 2048 tokens, logprobs and max_tokens included"))
    with scripted_server(lambda _, number: reply) as server:
        found = run(chat_openai(server.url), cache, many(8))
    assert set(found["status"]) == {"too-long"} and len(server.bodies) == 8


def ending(script: Script, cache: JudgmentCache, **more: Any) -> tuple[str, int]:
    """What ended a run over many pairs, and after how many requests."""
    with scripted_server(script) as server, pytest.raises(EnvironmentFailure) as caught:
        run(chat_openai(server.url), cache, many(400), concurrency=4, max_retries=0, **more)
    assert KEY not in str(caught.value) and caught.value.__cause__ is None
    return str(caught.value), len(server.bodies)


def test_a_refused_key_ends_the_run(cache: JudgmentCache) -> None:
    message, asked = ending(lambda _, number: Reply(401, error(f"Incorrect API key: {KEY}")), cache)
    assert "OPENAI_API_KEY" in message and asked <= 8


def test_a_wrong_model_ends_the_run(cache: JudgmentCache) -> None:
    message, asked = ending(lambda _, number: Reply(404, error("The model does not exist")), cache)
    assert "no such model" in message and asked <= 8


def test_a_model_that_never_answers_ends_the_run_early(cache: JudgmentCache) -> None:
    message, asked = ending(lambda _, number: Reply(500, error(f"broken, says {KEY}")), cache)
    assert "broken" in message and asked <= 12


def test_a_model_that_takes_no_pair_says_why(cache: JudgmentCache) -> None:
    with scripted_server(lambda _, number: Reply(400, error(f"unknown argument of {KEY}"))) as server:
        found = run(chat_openai(server.url), cache, many(20), concurrency=4)
    assert set(found["status"]) == {"rejected"} and found["detail"].str.contains("unknown argument").all()
    assert len(server.bodies) < 20 + 24


def test_a_wall_that_dislikes_one_pair_does_not_end_the_run(cache: JudgmentCache) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        walled = "query 7<" in body["messages"][-1]["content"]
        return Reply(403, b"<html>Forbidden</html>") if walled else Reply(body=GRADED)

    with scripted_server(script) as server:
        found = run(chat_openai(server.url), cache, many(20), concurrency=4)
    assert found["status"].value_counts().to_dict() == {"ok": 19, "rejected": 1}


@pytest.mark.slow
def test_a_model_that_stops_answering_ends_the_run_and_keeps_what_came(cache: JudgmentCache) -> None:
    message, asked = ending(lambda _, number: Reply(body=GRADED) if number <= 30 else Reply(500, error("down")), cache)
    assert "run again" in message and asked < 120
    assert cache.stats()["entries"] == 30


@pytest.mark.slow
def test_one_model_in_several_event_loops(cache: JudgmentCache) -> None:
    with scripted_server(lambda _, number: Reply(body=GRADED)) as server:
        model = chat_openai(server.url)
        for name in ("relevance/graded", "clarity/graded"):
            found = run(model, cache, many(6), name, max_retries=0)
            assert set(found["status"]) == {"ok"}
    with scripted_server(lambda _, number: Reply(body=GRADED)) as server:
        model = chat_openai(server.url)
        asyncio.run(model.ainvoke("hello"))
        found = run(model, cache, table([("another", "thing")]))
        assert found["status"][0] == "ok"


def test_the_key_is_sent_and_written_nowhere(
    cache: JudgmentCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    odd = "no-usual-form-of-a-key"
    monkeypatch.setenv("OPENAI_API_KEY", odd)
    caplog.set_level(logging.INFO)
    reply = Reply(400, error(f"maximum context length, says {odd} and {KEY}"))
    with scripted_server(lambda _, number: reply if number == 1 else Reply(body=completion(odd))) as server:
        model = chat_openai(server.url, api_key=None)
        found = run(model, cache, one())
        assert found["detail"][0].count("[key]") == 2
        run(chat_openai(server.url), cache, one(), "relevance/written")
        named = make_backend("langchain", model="openai:m", base_url=server.url, api_key=KEY)
    assert [headers["authorization"] for headers in server.headers] == [f"Bearer {odd}", f"Bearer {KEY}"]
    stored = "".join(str(row) for row in sqlite3.connect(cache.path).execute("SELECT * FROM judgments"))
    shown = "".join(capfd.readouterr())
    sources = repr([LangChainBackend(model).sources("graded"), named.sources("graded")])
    for place in (found.to_json(), stored, caplog.text, shown, repr(named), repr(named.chat_model), sources):
        assert KEY not in place and odd not in place


def keys_of(backend: Any) -> Any:
    return [(source.model, source.method, source.settings) for source in backend.sources("graded")]


def test_what_is_in_the_cache_key() -> None:
    plain_one = keys_of(LangChainBackend(chat_openai("http://a:1/v1")))
    assert [method for _, method, _ in plain_one] == ["graded", "written"]
    same = chat_openai("http://b:2/v1", api_key="another", max_retries=5, timeout=3.0, organization="o")
    assert keys_of(LangChainBackend(same, concurrency=3)) == plain_one
    assert keys_of(LangChainBackend(chat_openai("http://a:1/v1", temperature=0.7))) != plain_one
    assert keys_of(LangChainBackend(chat_openai("http://a:1/v1", reasoning_effort="low"))) != plain_one
    assert keys_of(LangChainBackend(chat_openai("http://a:1/v1"), top_logprobs=5)) != plain_one
    text = json.dumps(plain_one)
    assert "http" not in text and KEY not in text


def test_parameters_that_the_class_does_not_name_count_as_well() -> None:
    def say(messages: Any, sent: Any) -> AIMessage:
        return AIMessage("")

    assert identity(Answering(say=say)) == {"class": "Answering", "parameters": {}}
    found = identity(Answering(say=say, temperature=0.5, secret_token="x"))
    assert found == {"class": "Answering", "parameters": {"temperature": 0.5}}


def test_names_and_values_of_parameters() -> None:
    kept = ("temperature", "max_tokens", "stop", "top_k", "base_model", "maxOutputTokens", "logit_bias")
    dropped = ("api_key", "apiKey", "openai_api_base", "base_url", "azure_endpoint", "default_headers", "max_retries")
    assert all(identifying(name) for name in kept) and not any(identifying(name) for name in dropped)
    assert plain({"a": 1, "nested": {"password": "x", "b": [1, "http://h"]}, "c": object()}) == {
        "a": 1,
        "nested": {"b": [1, None]},
    }
    assert plain("sk-abcdefgh") is None and plain(math.nan) == "nan"


@pytest.mark.parametrize("wanted", ["ResourceExhausted", "wrapped"])
def test_status_codes_of_other_providers(wanted: str) -> None:
    class ResourceExhausted(Exception):
        code = 429

    failure: Exception = ResourceExhausted("quota")
    if wanted == "wrapped":
        failure = RuntimeError("it failed")
        failure.__cause__ = ResourceExhausted("quota")
    assert classify(failure, "graded", ()).kind == "rate"


def test_named_on_the_command_line(cache: JudgmentCache) -> None:
    with scripted_server(lambda _, number: Reply(body=GRADED)) as server:
        options = {"max_retries": 1, "seed": 5}
        backend = make_backend("langchain", model="openai:m", base_url=server.url, api_key=KEY, options=options)
        assert backend.model == "m"
        found = judge(one(), load_variant("relevance/graded"), backend, cache)
    assert found["status"][0] == "ok" and found["model"][0] == "m"
    assert (server.bodies[0]["temperature"], server.bodies[0]["seed"]) == (0.0, 5)


def test_a_chat_model_object() -> None:
    backend = make_backend("langchain", chat_model=FakeListChatModel(responses=["a"]))
    assert backend.model == "FakeListChatModel"
    assert repr(backend) == "LangChainBackend(chat_model='FakeListChatModel', model='FakeListChatModel')"


BAD: list[dict[str, Any]] = [
    {"kind": "langchain"},
    {"kind": "langchain", "chat_model": "openai:m"},
    {"kind": "langchain", "chat_model": FakeListChatModel(responses=["a"]).bind(stop=["x"])},
    {"kind": "langchain", "chat_model": FakeListChatModel(responses=["a"]), "model": "m"},
    {"kind": "langchain", "chat_model": FakeListChatModel(responses=["a"]), "options": {"temperature": 1.0}},
    {"kind": "langchain", "model": "openai:m", "options": {"timeout": -1}},
    {"kind": "langchain", "model": "openai:m", "options": {"patience": 9.0}},
    {"kind": "lexical", "chat_model": FakeListChatModel(responses=["a"])},
]


@pytest.mark.parametrize("settings", BAD)
def test_bad_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        make_backend(**settings)


def test_unknown_provider_missing_package_and_missing_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="provider:model") as caught:
        _ = make_backend("langchain", model="nosuch:m").model
    assert "\n" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "langchain_anthropic", None)
    with pytest.raises(EnvironmentFailure, match="pip install langchain-anthropic"):
        _ = make_backend("langchain", model="anthropic:m").model
    with pytest.raises(EnvironmentFailure, match="OPENAI_API_KEY"):
        _ = make_backend("langchain", model="openai:m").model


def test_without_langchain(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def absent(name: str, *more: Any, **others: Any) -> Any:
        if name.split(".")[0] in ("langchain", "langchain_core"):
            raise ImportError(name)
        return real(name, *more, **others)

    monkeypatch.setattr(builtins, "__import__", absent)
    backend = make_backend("langchain", model="openai:m")
    with pytest.raises(MissingExtraError, match=r"sie-agent\[langchain\]"):
        _ = backend.model
