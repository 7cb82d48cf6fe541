"""Several servers: who is asked, who is left alone, who comes back, and that nothing is mixed in silence."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.event_log import log_events
from sie_agent.judging import (
    Endpoint,
    EndpointList,
    JudgmentCache,
    Session,
    judge,
    judge_by_each,
    load_endpoints,
    load_variant,
    make_backend,
)

from .conftest import table
from .scripted_server import Reply, completion, error, scripted_server

VARIANT = load_variant("relevance/graded")
HIGH = Reply(body=completion("3", top={"3": math.log(0.9), "2": math.log(0.1)}))
LOW = Reply(body=completion("1", top={"1": math.log(0.9), "0": math.log(0.1)}))
DOWN = Reply(500, error("down"))


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sie_agent.judging.backends.http.pool.FIRST_COOLING", 0.2)
    monkeypatch.setattr("sie_agent.judging.backends.http.openai.FIRST_BACKOFF", 0.05)


def pairs(count: int) -> pd.DataFrame:
    return table([(f"query {number % 7}", f"thing {number}") for number in range(count)])


def endpoint(url: str, name: str, model: str = "m", **more: Any) -> Endpoint:
    return Endpoint(base_url=url, name=name, model=model, **more)


def backend(*endpoints: Endpoint, **options: Any) -> Any:
    settings = {"timeout": 5.0, "patience": 10.0, **options}
    return make_backend("openai", endpoints=EndpointList(endpoints=endpoints), options=settings)


def is_test(body: dict[str, Any]) -> bool:
    return "thing" not in str(body["messages"])


@pytest.mark.slow
def test_servers_of_one_model_share_the_work(cache: JudgmentCache) -> None:
    slow = Reply(body=HIGH.body, delay=0.02)
    with scripted_server(lambda *_: slow) as one, scripted_server(lambda *_: slow) as two:
        found = judge(pairs(100), VARIANT, backend(endpoint(one.url, "one"), endpoint(two.url, "two")), cache)
    assert (found["status"] == "ok").all() and set(found["model"]) == {"m"}
    counts = found["endpoint"].value_counts()
    assert set(counts.index) == {"one", "two"} and counts.min() > 20


@pytest.mark.slow
def test_another_model_steps_in_and_the_first_comes_back(cache: JudgmentCache, tmp_path: Path) -> None:
    """The preferred server breaks down after 20 answers and is well again a second later."""
    fell: list[float] = []

    def shaky(body: dict[str, Any], number: int) -> Reply:
        if number > 20 and not fell:
            fell.append(time.monotonic())
        ill = bool(fell) and time.monotonic() - fell[0] < 1.0
        return DOWN if ill else Reply(body=HIGH.body, delay=0.01)

    with (
        scripted_server(shaky) as first,
        scripted_server(lambda *_: Reply(body=LOW.body, delay=0.02)) as second,
        log_events(tmp_path / "events.jsonl"),
    ):
        judges = backend(
            endpoint(first.url, "first", "good", concurrency=4), endpoint(second.url, "second", "other", concurrency=4)
        )
        found = judge(pairs(500), VARIANT, judges, cache)
    assert (found["status"] == "ok").all()
    by_model = found.groupby("model")["score"].agg(["count", "mean"])
    assert by_model.loc["good", "mean"] > 0.9 and by_model.loc["other", "mean"] < 0.4
    assert by_model.loc["good", "count"] > 40 and by_model.loc["other", "count"] > 20
    assert set(zip(found["model"], found["endpoint"], strict=True)) == {("good", "first"), ("other", "second")}
    report = {one["name"]: one for one in judges.report()}
    assert report["first"]["outages"] >= 1 and report["second"]["outages"] == 0
    events = (tmp_path / "events.jsonl").read_text()
    assert "endpoint-away" in events and "endpoint-back" in events
    again = judge(pairs(500), VARIANT, judges, cache)
    assert again["cached"].all() and again["model"].tolist() == found["model"].tolist()


@pytest.mark.slow
def test_the_other_model_is_not_asked_while_the_first_can_be(cache: JudgmentCache) -> None:
    with scripted_server(lambda *_: HIGH) as first, scripted_server(lambda *_: LOW) as second:
        judges = backend(endpoint(first.url, "first", "good", concurrency=2), endpoint(second.url, "second", "other"))
        found = judge(pairs(60), VARIANT, judges, cache)
    assert set(found["model"]) == {"good"} and not second.bodies


def test_a_server_asking_for_a_long_pause_is_stood_in_for(cache: JudgmentCache) -> None:
    busy = Reply(429, error("quota"), headers={"Retry-After": "3600"})
    with scripted_server(lambda *_: busy) as first, scripted_server(lambda *_: LOW) as second:
        judges = backend(endpoint(first.url, "first", "good"), endpoint(second.url, "second", "other"))
        found = judge(pairs(20), VARIANT, judges, cache)
    assert set(found["model"]) == {"other"} and (found["status"] == "ok").all()
    with (
        scripted_server(lambda *_: busy) as first,
        pytest.raises(EnvironmentFailure, match=r"left alone for 3,\d\d\d s"),
    ):
        judge(pairs(21), VARIANT, backend(endpoint(first.url, "first", "good")), cache)


@pytest.mark.slow
def test_an_outage_makes_no_failures(cache: JudgmentCache) -> None:
    """The only server is gone for a second and a half: everything waits, nothing fails."""
    fell: list[float] = []

    def shaky(body: dict[str, Any], number: int) -> Reply:
        if number > 30 and not fell:
            fell.append(time.monotonic())
        return DOWN if fell and time.monotonic() - fell[0] < 1.5 else HIGH

    with scripted_server(shaky) as server:
        found = judge(pairs(200), VARIANT, backend(endpoint(server.url, "only"), max_retries=1), cache)
    assert (found["status"] == "ok").all()


@pytest.mark.slow
def test_patience_ends(cache: JudgmentCache) -> None:
    with scripted_server(lambda _, number: HIGH if number <= 10 else DOWN) as server:
        impatient = backend(endpoint(server.url, "only", concurrency=2), patience=0.5)
        with pytest.raises(EnvironmentFailure, match="no server has answered"):
            judge(pairs(100), VARIANT, impatient, cache)
    assert cache.stats()["entries"] == 10


def test_a_refused_key_leaves_the_others_at_work(cache: JudgmentCache) -> None:
    with (
        scripted_server(lambda *_: Reply(401, error("bad key"))) as first,
        scripted_server(lambda *_: LOW) as second,
    ):
        judges = backend(endpoint(first.url, "first", "good"), endpoint(second.url, "second", "other"))
        found = judge(pairs(20), VARIANT, judges, cache)
    assert set(found["endpoint"]) == {"second"} and (found["status"] == "ok").all()


@pytest.mark.slow
def test_one_that_is_down_at_the_start_joins_later(cache: JudgmentCache) -> None:
    with scripted_server(lambda *_: Reply(body=LOW.body, delay=0.01)) as second:
        judges = backend(endpoint("http://127.0.0.1:9/v1", "first", "good"), endpoint(second.url, "second", "other"))
        found = judge(pairs(30), VARIANT, judges, cache)
    assert set(found["endpoint"]) == {"second"}


def test_keys_of_models_and_revisions_are_apart(cache: JudgmentCache) -> None:
    with scripted_server(lambda *_: HIGH) as server:
        for revision in ("", "2026-11"):
            judge(pairs(5), VARIANT, backend(endpoint(server.url, "a", revision=revision)), cache)
        judge(pairs(5), VARIANT, backend(endpoint(server.url, "b")), cache)
        assert len(server.bodies) == 10, "another revision is asked anew, another name of the server is not"


def test_pairs_judged_by_each_model_show_how_far_they_agree(cache: JudgmentCache) -> None:
    from sie_agent.evaluation import agreement_of_models

    def graded(shift: int) -> Any:
        def script(body: dict[str, Any], number: int) -> Reply:
            thing = int(str(body["messages"][-1]["content"]).split("thing ")[1].split("<")[0])
            token = str(min(thing % 3 + shift, 3))
            return Reply(body=completion(token, top={token: 0.0}))

        return script

    with scripted_server(graded(0)) as first, scripted_server(graded(1)) as second:
        judges = backend(endpoint(first.url, "first", "good"), endpoint(second.url, "second", "other"))
        tables, _ = judge_by_each(pairs(30), VARIANT, judges, cache, ["good", "other"])
        assert len(first.bodies) == len(second.bodies) == 30
    agreed = agreement_of_models(tables)
    assert agreed is not None and agreed["pairs"] == 30
    between = agreed["between"][0]
    assert between["spearman"] == pytest.approx(1.0)
    assert between["difference"] == pytest.approx(1 / 3, abs=0.001)
    assert between["difference_low"] == pytest.approx(1 / 3, abs=0.001)


@pytest.mark.slow
def test_a_limit_on_cost_is_never_passed(cache: JudgmentCache) -> None:
    price = {"input": 1000.0, "output": 0.0}
    with scripted_server(lambda *_: Reply(body=HIGH.body, delay=0.005)) as server:
        # nothing is to be asked twice here, not even on a machine that stands still for seconds
        judges = backend(endpoint(server.url, "paid", price=price), timeout=60.0)
        session = Session(judges, cache, max_cost=4.0)
        found = judge(pairs(200), VARIANT, judges, cache, session=session)
        asked = len(server.bodies)
        # a request has 100 tokens by the server's count, which is a tenth of a dollar
        assert session.stopped == "cost" and session.account.cost == pytest.approx(asked * 0.1)
        assert 2.5 < session.account.cost <= 4.0
        assert found["status"].value_counts().to_dict() == {"not-asked": 200 - asked, "ok": asked}
        more = Session(judges, cache, max_cost=100.0)
        found = judge(pairs(200), VARIANT, judges, cache, session=more)
        # a server that has just gone silent is asked a question of its own, which is not a pair
        assert (found["status"] == "ok").all() and sum(not is_test(body) for body in server.bodies) == 200
        assert more.account.cost == pytest.approx((200 - asked) * 0.1)


def test_a_limit_on_cost_needs_a_price(cache: JudgmentCache) -> None:
    with pytest.raises(InputError, match="--price-input"):
        Session(make_backend("lexical"), cache, max_cost=1.0)


@pytest.mark.slow
def test_concurrency_shrinks_and_grows_again(cache: JudgmentCache) -> None:
    """A server that takes six at once and refuses the rest: all pairs get through."""

    def script(body: dict[str, Any], number: int) -> Reply:
        if server.at_once > 6:
            return Reply(429, error("too many"), headers={"Retry-After": "0"})
        return Reply(body=HIGH.body, delay=0.01)

    with scripted_server(script) as server:
        judges = backend(endpoint(server.url, "only", concurrency=64))
        found = judge(pairs(600), VARIANT, judges, cache)
    assert (found["status"] == "ok").all()
    facts = judges.report()[0]
    assert facts["failures"].get("rate-limited", 0) < 0.15 * 600
    assert facts["concurrency"] < 20


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("endpoints:\n  - base_url: http://a\n    modle: x\n", r"endpoints\.0\.modle: unknown key"),
        ("endpoints:\n  - base_url: ftp://a\n", "not an http or https address"),
        ("endpoints: []\n", "endpoints"),
        ("double: 3\n", "endpoints"),
        ("endpoints:\n  - base_url: http://a\n    price: {input: -1, output: 0}\n", r"price\.input"),
        ("endpoints:\n  - {base_url: http://a, model: m}\n  - {base_url: http://b}\n", "names no model"),
        ("endpoints:\n  - {base_url: http://a, model: m}\n  - {base_url: http://a, model: n}\n", "are called"),
        ("endpoints:\n  - base_url: http://a\n    base_url: http://b\n", "occurs twice"),
        ("endpoints:\n  - base_url: http://a\n    api_key_env: NO_SUCH_KEY\n", "NO_SUCH_KEY is not set"),
        ("just text\n", "holds no list"),
        ("a: [\n", "not valid YAML"),
    ],
)
def test_bad_endpoint_files(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "endpoints.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=problem) as caught:
        load_endpoints(path)
    assert "endpoints.yaml" in str(caught.value)


def test_keys_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: JudgmentCache) -> None:
    monkeypatch.setenv("SHOP_KEY", "sk-shop-0123456789")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other-0123456789")
    path = tmp_path / "endpoints.yaml"
    with scripted_server(lambda *_: HIGH) as server:
        path.write_text(
            f"- {{base_url: '{server.url}', model: m, api_key_env: SHOP_KEY, name: a}}\n"
            f"- {{base_url: '{server.url}', model: m, name: b, requests_per_minute: 60}}\n"
        )
        judges = make_backend("openai", endpoints=load_endpoints(path))
        judge(pairs(20), VARIANT, judges, cache)
        sent = {headers["authorization"] for headers in server.headers}
    # a key is for the server it was given for, and for no other
    assert sent == {"Bearer sk-shop-0123456789", "Bearer none"}
    assert "sk-" not in repr(judges) and "sk-" not in str(judges.report())
