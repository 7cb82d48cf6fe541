"""The HTTP backend against a real server that behaves, misbehaves and breaks off."""

from __future__ import annotations

import json
import logging
import math
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend

from .conftest import table
from .scripted_server import Reply, completion, error, scripted_server

TOP = {"3": math.log(0.6), " 3": math.log(0.1), "2": math.log(0.2), "Well": math.log(0.1)}
GRADED = completion("3", top=TOP)
WRITTEN = json.dumps({"rationale": "it fits", "grade": "2"})
QUICK = {"max_retries": 1, "timeout": 0.5}
KEY = "sk-test-0123456789abcdef"


def run(
    url: str, cache: JudgmentCache, samples: pd.DataFrame, name: str = "relevance/graded", **more: Any
) -> pd.DataFrame:
    options = {"concurrency": 2, "options": QUICK, "model": "m", **more}
    return judge(samples, load_variant(name), make_backend("openai", base_url=url, **options), cache)


def one() -> pd.DataFrame:
    return table([("garden hose", "Rubber Garden Hose")])


def test_expectation_over_the_grade_tokens(cache: JudgmentCache, samples: pd.DataFrame) -> None:
    with scripted_server(lambda body, number: Reply(body=GRADED)) as server:
        found = run(server.url, cache, samples)
    assert list(found["sample_id"]) == list(samples["sample_id"])
    assert list(found["status"]) == ["ok"] * 5
    assert found["score"][0] == pytest.approx((0.7 * 1.0 + 0.2 * 0.6667) / 0.9)
    assert json.loads(found["probabilities"][0])["3"] == pytest.approx(0.7 / 0.9)
    assert found["input_tokens"][0] == 100
    assert len(server.bodies) == 4
    body = server.bodies[0]
    assert (body["max_tokens"], body["logprobs"], body["top_logprobs"]) == (4, True, 20)
    assert body["messages"][0]["role"] == "system"
    assert list(found["cached"]) == [False, False, False, False, True]


def test_requests_of_a_query_follow_each_other(cache: JudgmentCache, samples: pd.DataFrame) -> None:
    with scripted_server(lambda body, number: Reply(body=GRADED)) as server:
        run(server.url, cache, samples, concurrency=1)
    asked = [body["messages"][-1]["content"].split("</query>")[0] for body in server.bodies]
    assert asked == sorted(asked)


def test_nothing_is_asked_twice_and_no_server_is_needed_then(cache: JudgmentCache, samples: pd.DataFrame) -> None:
    with scripted_server(lambda body, number: Reply(body=GRADED)) as server:
        first = run(server.url, cache, samples)
    again = run(server.url, cache, samples)
    assert again["cached"].all()
    pd.testing.assert_frame_equal(first.drop(columns="cached"), again.drop(columns="cached"))


def test_clarity_is_asked_once_per_query(cache: JudgmentCache, samples: pd.DataFrame) -> None:
    with scripted_server(lambda body, number: Reply(body=GRADED)) as server:
        found = run(server.url, cache, samples, "clarity/graded")
    assert list(found["query"]) == ["garden hose", "office chair", "kettle"]
    assert len(server.bodies) == 3
    assert set(found["sample_id"]) == set(found["item_id"]) == {""}
    assert "Rubber" not in json.dumps(server.bodies)


def test_without_logprobs_the_rest_is_written(cache: JudgmentCache, samples: pd.DataFrame) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        return Reply(body=completion("2" if "logprobs" in body else '{"grade": "2"}'))

    with scripted_server(script) as server:
        found = run(server.url, cache, samples, concurrency=1)
    assert len(server.bodies) == 5
    assert set(found["variant"]) == {"relevance/graded+written"}
    assert found["detail"].str.contains("answered in writing").all()
    assert found["score"].tolist() == [0.6667] * 5
    assert found["probabilities"].isna().all() and found["entropy"].isna().all()
    written = server.bodies[-1]
    assert written["response_format"]["json_schema"]["schema"]["required"] == ["grade"]
    assert json.loads(written["messages"][2]["content"]) == {"grade": "3"}
    again = run(server.url, cache, samples)
    assert again["cached"].all() and set(again["variant"]) == {"relevance/graded+written"}


@pytest.mark.parametrize("message", ["logprobs is not supported", "Unknown parameter: 'top_logprobs'"])
def test_a_server_that_refuses_logprobs_is_asked_in_writing(cache: JudgmentCache, message: str) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        return Reply(400, error(message)) if "logprobs" in body else Reply(body=completion('{"grade": "1"}'))

    with scripted_server(script) as server:
        found = run(server.url, cache, one())
    assert found["variant"][0] == "relevance/graded+written" and found["status"][0] == "ok"


def test_a_single_answer_without_logprobs_does_not_change_the_method(cache: JudgmentCache) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        return Reply(body=GRADED if number != 2 else completion("3"))

    pairs = table([("a", "1"), ("b", "2"), ("c", "3")])
    with scripted_server(script) as server:
        found = run(server.url, cache, pairs, concurrency=1)
    # asked again, in the same form
    assert list(found["status"]) == ["ok"] * 3 and len(server.bodies) == 4
    assert set(found["variant"]) == {"relevance/graded"}


def test_a_server_without_schemas_is_asked_without(cache: JudgmentCache) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        if "response_format" in body:
            return Reply(400, error("response_format json_schema is not supported"))
        return Reply(body=completion(WRITTEN))

    with scripted_server(script) as server:
        found = run(server.url, cache, one(), "relevance/written")
    assert (found["status"][0], found["score"][0], found["detail"][0]) == ("ok", 0.6667, "it fits")


def test_newer_servers_name_the_limit_otherwise(cache: JudgmentCache) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        if "max_tokens" in body:
            return Reply(400, error("Unsupported parameter: use 'max_completion_tokens' instead"))
        return Reply(body=GRADED)

    with scripted_server(script) as server:
        assert run(server.url, cache, one())["status"][0] == "ok"


REFUSAL = completion(None)
REFUSAL["choices"][0]["message"]["refusal"] = "I cannot rate this"
NAN = completion("3", top={"3": math.nan})
NO_NUMBER: dict[str, Any] = completion("3", top={"3": 0.0})
NO_NUMBER["choices"][0]["logprobs"]["content"][0]["top_logprobs"] = [{"token": "3", "logprob": "high"}]
NO_TOKEN: dict[str, Any] = completion("", top={"3": 0.0})
NO_TOKEN["choices"][0]["logprobs"]["content"] = []

LASTING = [
    ("graded", completion("A", top={"A": -0.01, "3": -6.0}), "out-of-scale"),
    ("graded", NAN, "bad-logprobs"),
    ("graded", NO_NUMBER, "bad-logprobs"),
    ("graded", NO_TOKEN, "empty"),
    ("graded", REFUSAL, "refused"),
    ("written", REFUSAL, "refused"),
    ("written", completion(None, finish_reason="content_filter"), "refused"),
    ("written", completion("the grade is 2"), "unparsed"),
    ("written", completion('{"rationale": "cut', finish_reason="length"), "unparsed"),
    ("written", completion('{"rationale": "x", "grade": "9"}'), "out-of-scale"),
    ("written", completion(""), "empty"),
]


@pytest.mark.parametrize(("method", "body", "status"), LASTING)
def test_lasting_failures_are_kept_and_can_be_retried(
    cache: JudgmentCache, method: str, body: Any, status: str
) -> None:
    with scripted_server(lambda _, number: Reply(body=body)) as server:
        found = run(server.url, cache, one(), f"relevance/{method}")
        assert found["status"][0] == status and math.isnan(found["score"][0])
        asked = len(server.bodies)
        # what is not a grade is asked once more in writing, what is cut off for a longer answer
        assert asked <= 3
        assert run(server.url, cache, one(), f"relevance/{method}")["cached"][0]
        assert len(server.bodies) == asked
        variant, backend = (
            load_variant(f"relevance/{method}"),
            make_backend("openai", model="m", base_url=server.url),
        )
        judge(one(), variant, backend, cache, retry_failed=True)
        assert len(server.bodies) == 2 * asked


TRANSIENT = [
    (Reply(429, error("slow down")), "rate-limited"),
    (Reply(500, error("oops")), "server-error"),
    (Reply(503, b"<html>busy</html>"), "server-error"),
    (Reply(body=GRADED, delay=1.5), "timeout"),
    (Reply(body=GRADED, cut=True), "connection"),
    (Reply(body=b'{"choices": [{"mess'), "malformed"),
    (Reply(body=b"<html>a proxy's page</html>"), "malformed"),
    (Reply(body={"unexpected": True}), "malformed"),
    (Reply(body={"choices": []}), "malformed"),
    (Reply(422, error("no such field")), "rejected"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("reply", "status"), TRANSIENT)
def test_passing_failures_are_not_kept(cache: JudgmentCache, reply: Reply, status: str) -> None:
    with scripted_server(lambda _, number: reply) as server:
        found = run(server.url, cache, one())
    assert found["status"][0] == status and math.isnan(found["score"][0])
    assert found["detail"][0]
    assert cache.stats()["entries"] == 0
    with scripted_server(lambda _, number: Reply(body=GRADED)) as server:
        assert run(server.url, cache, one())["status"][0] == "ok"


@pytest.mark.slow
@pytest.mark.parametrize("reply", [case[0] for case in TRANSIENT[:5]])
def test_passing_failures_are_tried_again(cache: JudgmentCache, reply: Reply) -> None:
    with scripted_server(lambda _, number: reply if number == 1 else Reply(body=GRADED)) as server:
        found = run(server.url, cache, one())
    assert found["status"][0] == "ok" and len(server.bodies) == 2


@pytest.mark.slow
def test_retry_after_is_heeded(cache: JudgmentCache) -> None:
    busy = Reply(429, error("slow down"), headers={"Retry-After": "1"})
    started = time.monotonic()
    with scripted_server(lambda _, number: busy if number == 1 else Reply(body=GRADED)) as server:
        found = run(server.url, cache, one())
    assert found["status"][0] == "ok" and time.monotonic() - started > 0.9


def test_a_too_long_prompt_is_that_pairs_failure(cache: JudgmentCache) -> None:
    reply = Reply(400, error("This model's maximum context length is 2048 tokens"))
    with scripted_server(lambda _, number: reply) as server:
        assert run(server.url, cache, one())["status"][0] == "too-long"


def test_a_server_that_is_not_there(cache: JudgmentCache) -> None:
    with pytest.raises(EnvironmentFailure, match="cannot be reached") as caught:
        run("http://127.0.0.1:9/v1", cache, one())
    assert "--base-url" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_server_that_dies_stops_the_run_and_keeps_what_came(cache: JudgmentCache) -> None:
    many = table([(f"query {number}", "thing") for number in range(200)])

    def script(body: dict[str, Any], number: int) -> Reply:
        return Reply(body=GRADED) if number <= 30 else Reply(500, error("down"))

    impatient = {"max_retries": 1, "timeout": 5.0, "patience": 1.5}
    with scripted_server(script) as server, pytest.raises(EnvironmentFailure, match="run again"):
        run(server.url, cache, many, options=impatient, concurrency=4)
    assert cache.stats()["entries"] == 30
    assert len(server.bodies) < 120


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key(cache: JudgmentCache, status: int) -> None:
    reply = Reply(status, error(f"Incorrect API key provided: {KEY}"))
    with (
        scripted_server(lambda _, number: reply) as server,
        pytest.raises(EnvironmentFailure, match="OPENAI_API_KEY") as caught,
    ):
        run(server.url, cache, one(), api_key=KEY)
    assert KEY not in str(caught.value) and KEY not in repr(caught.value.__cause__)


def test_a_wrong_model_names_those_that_are_served(cache: JudgmentCache) -> None:
    reply = Reply(404, error("The model `m` does not exist"))
    with (
        scripted_server(lambda _, number: reply, models=("alpha", "beta")) as server,
        pytest.raises(EnvironmentFailure, match="alpha, beta"),
    ):
        run(server.url, cache, one())


def test_the_only_model_need_not_be_named(cache: JudgmentCache) -> None:
    with scripted_server(lambda _, number: Reply(body=GRADED), models=("sole",)) as server:
        assert run(server.url, cache, one(), model=None)["model"][0] == "sole"
    with (
        scripted_server(lambda _, number: Reply(body=GRADED), models=("a", "b")) as server,
        pytest.raises(InputError, match="a, b"),
    ):
        run(server.url, cache, one(), model=None)


def test_the_key_is_sent_and_written_nowhere(
    cache: JudgmentCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    reply = Reply(400, error(f"bad request of {KEY}"))
    with scripted_server(lambda _, number: reply if number == 1 else Reply(body=completion(KEY))) as server:
        run(server.url, cache, one())
        found = run(server.url, cache, one(), "relevance/written")
    assert all(headers["authorization"] == f"Bearer {KEY}" for headers in server.headers)
    path: Path = cache.path
    stored = "".join(str(row) for row in sqlite3.connect(path).execute("SELECT * FROM judgments"))
    shown = "".join(capfd.readouterr())
    for place in (found.to_json(), stored, caplog.text, shown, repr(make_backend("openai", api_key=KEY))):
        assert KEY not in place


@pytest.mark.slow
def test_concurrency_is_bounded_and_used(cache: JudgmentCache) -> None:
    many = table([(f"query {number}", "thing") for number in range(40)])
    with scripted_server(lambda _, number: Reply(body=GRADED, delay=0.03)) as server:
        run(server.url, cache, many, concurrency=5, options={"timeout": 10.0})
    assert 2 <= server.most_at_once <= 5


def test_requests_are_drawn_as_they_are_needed() -> None:
    from sie_agent.judging.answers import Answer, Request
    from sie_agent.judging.backends.http.concurrent import answers_as_they_come

    drawn: list[int] = []

    def endless() -> Any:
        for number in range(1_000_000):
            drawn.append(number)
            yield Request((str(number),), "q", {}, ())

    class Worker:
        async def open(self) -> None:
            return None

        async def admit(self, request: Request) -> None:
            return None

        async def answer(self, request: Request) -> Answer:
            return Answer("ok", "graded")

        async def close(self) -> None:
            return None

    answers = answers_as_they_come(Worker(), endless(), 3)
    assert next(answers)
    answers.close()
    assert len(drawn) < 10_000
    assert not [thread for thread in threading.enumerate() if thread.name == "judging"]


@pytest.mark.parametrize("url", ["ftp://host/v1", "localhost:8000", "http://", "http://host:notaport/v1"])
def test_bad_addresses(url: str) -> None:
    with pytest.raises(InputError, match="address"):
        make_backend("openai", base_url=url)


def test_where_the_address_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="VLLM_BASE_URL"):
        make_backend("openai")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://second:1/v1")
    assert "second:1/v1" in repr(make_backend("openai"))
    monkeypatch.setenv("VLLM_BASE_URL", "http://first:1")
    assert "first:1/v1" in repr(make_backend("openai"))
    assert "given:1/v1" in repr(make_backend("openai", base_url="http://given:1"))


BAD_SETTINGS: list[dict[str, Any]] = [
    {"kind": "oracle"},
    {"kind": "openai", "concurrency": 0},
    {"kind": "local", "batch_size": 0},
    {"kind": "openai", "options": {"temperature": 1}},
    {"kind": "openai", "options": {"timeout": "long"}},
    {"kind": "openai", "options": {"timeout": float("inf")}},
    {"kind": "openai", "options": {"max_retries": 1.5}},
    {"kind": "local", "options": {"precision": "int4"}},
    {"kind": "lexical", "options": {"precision": "bfloat16"}},
]


@pytest.mark.parametrize("settings", BAD_SETTINGS)
def test_bad_settings(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        make_backend(**({"base_url": "http://host/v1"} if settings["kind"] == "openai" else {}), **settings)


@pytest.mark.parametrize(("kind", "name"), [("openai", "lexical"), ("lexical", "graded"), ("local", "written")])
def test_a_variant_the_backend_cannot_do(cache: JudgmentCache, kind: str, name: str) -> None:
    given = {"base_url": "http://host/v1", "model": "m"} if kind == "openai" else {}
    backend = make_backend(kind, **given)
    with pytest.raises(InputError, match="Use backend"):
        judge(one(), load_variant(f"relevance/{name}"), backend, cache)
