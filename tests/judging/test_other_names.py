"""A model that answers under another name: recorded under it, apart in the cache, and found again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.judging import (
    Endpoint,
    EndpointList,
    JudgmentCache,
    Session,
    Source,
    estimate,
    judge,
    judge_chunks,
    load_variant,
    make_backend,
    models_asked,
)
from sie_agent.judging.answers import Answer, Request
from sie_agent.judging.backends.base import Batch
from sie_agent.judging.cache.entries import MOST_ALIASES
from sie_agent.judging.questions import KeyMaker, known_names
from sie_agent.suite import DoubleJudging
from sie_agent.utils.progress import set_quiet

from .conftest import table
from .scripted_server import Reply, Scripted, completion, scripted_server

VARIANT = load_variant("relevance/graded")
TOP = {"3": math.log(0.9), "2": math.log(0.1)}


def reply(model: str, **more: Any) -> Reply:
    return Reply(body={**completion("3", top=TOP, **more), "model": model})


def backend(server: Scripted, **more: Any) -> Any:
    return make_backend("openai", model="m", base_url=server.url, concurrency=2, **more)


def test_names_are_remembered_in_order_and_at_most_sixteen(tmp_path: Path) -> None:
    path = tmp_path / "judgments.sqlite"
    with JudgmentCache(path) as cache:
        assert cache.aliases("m", "") == ()
        for name in ("x", "b", "x", "a"):
            cache.note_alias("m", "", name)
        cache.note_alias("m", "2", "y")
        cache.note_alias("other", "", "z")
    with JudgmentCache(path) as cache:
        assert cache.aliases("m", "") == ("x", "b", "a")
        assert (cache.aliases("m", "2"), cache.aliases("other", "")) == (("y",), ("z",))
        for number in range(30):
            cache.note_alias("m", "", f"name {number}")
        assert len(cache.aliases("m", "")) == MOST_ALIASES == 16 and cache.aliases("m", "")[:3] == ("x", "b", "a")
        cache.note_alias("\ud800", "\x00", "two\nlines" + "x" * 500)
        assert cache.aliases("\ud800", "\x00")[0].startswith("two lines")
        cache.prune(variant="v")
        assert cache.aliases("m", "")
        cache.prune()
        assert cache.aliases("m", "") == ()


def test_a_file_that_can_only_be_read_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "judgments.sqlite"
    with JudgmentCache(path) as cache:
        cache.note_alias("m", "", "x")
        cache._connection.execute("PRAGMA query_only = 1")
        cache.note_alias("m", "", "y")
        assert cache.aliases("m", "") == ("x",)
    with JudgmentCache(tmp_path / "new.sqlite") as cache:
        cache._connection.execute("PRAGMA query_only = 1")
        cache.note_alias("m", "", "y")
        assert cache.aliases("m", "") == ()


def test_a_file_of_an_earlier_version_opens(tmp_path: Path) -> None:
    path = tmp_path / "judgments.sqlite"
    with JudgmentCache(path) as cache:
        tables = cache._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        # made when it is first needed: what has no other names is as it was
        assert tables == [("judgments",)]
        cache.note_alias("m", "", "x")
        assert cache._connection.execute("PRAGMA user_version").fetchone() == (1,)


def test_an_answer_under_another_name_is_kept_apart_and_never_asked_again(
    tmp_path: Path, samples: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "judgments.sqlite"
    told = "asked for 'm', answered by 'x': recorded as 'x', apart in the cache"
    set_quiet(False)
    with scripted_server(lambda body, number: reply("x")) as server:
        with JudgmentCache(path) as cache:
            session = Session(backend(server), cache)
            chunks = [samples.iloc[:2], samples.iloc[2:]]
            found = pd.concat(judge_chunks(chunks, VARIANT, backend(server), cache, session=session))
            assert set(found["model"]) == {"x"} and (found["status"] == "ok").all()
            assert session.account.models == {"x": 5} and len(server.bodies) == 4
            assert cache.stats()["groups"] == [
                {"variant": VARIANT.name, "model": "x", "status": "ok", "count": 4},
            ]
        assert capsys.readouterr().err.count(told) == 1
        with JudgmentCache(path) as cache:
            again = judge(samples, VARIANT, backend(server), cache)
            assert again["cached"].all() and set(again["model"]) == {"x"}
            retried = judge(samples, VARIANT, backend(server), cache, retry_failed=True)
            assert retried["cached"].all()
            assert estimate([samples], VARIANT, backend(server), cache)["cached"] == 4
            # the name belongs to the model and revision that was asked, and to no other
            for more, known in (({"model": "n"}, 0), ({"revision": "2"}, 0), ({"model": "x"}, 4)):
                other = make_backend("openai", **{"model": "m", "base_url": server.url, **more})
                assert estimate([samples], VARIANT, other, cache)["cached"] == known
        assert len(server.bodies) == 4 and told not in capsys.readouterr().err


def test_a_model_that_changes_under_way_is_recorded_as_what_answered(cache: JudgmentCache) -> None:
    samples = table([(f"query {number}", f"thing {number}") for number in range(9)])
    with scripted_server(lambda body, number: reply("m" if number <= 3 else f"x{number % 2}")) as server:
        judges = make_backend("openai", model="m", base_url=server.url, concurrency=1)
        found = judge(samples, VARIANT, judges, cache)
        assert dict(found["model"].value_counts()) == {"m": 3, "x1": 3, "x0": 3}
        again = judge(samples, VARIANT, judges, cache)
        assert again["cached"].all() and again["model"].tolist() == found["model"].tolist()
        assert len(server.bodies) == 9


def test_a_grade_under_another_name_comes_before_a_failure(cache: JudgmentCache) -> None:
    """A lasting failure of the model that was asked, and after --retry-failed a grade under another name."""
    samples = table([("hose", "a hose")])
    failing = True

    def script(body: dict[str, Any], number: int) -> Reply:
        return reply("m", finish_reason="content_filter") if failing else reply("x")

    with scripted_server(script) as server:
        assert judge(samples, VARIANT, backend(server), cache)["status"].tolist() == ["refused"]
        assert judge(samples, VARIANT, backend(server), cache)["cached"].all()
        failing = False
        assert judge(samples, VARIANT, backend(server), cache, retry_failed=True)["model"].tolist() == ["x"]
        found = judge(samples, VARIANT, backend(server), cache)
        assert (found["status"].tolist(), found["model"].tolist()) == (["ok"], ["x"]) and found["cached"].all()
        assert len(server.bodies) == 2


class Renaming:
    """A backend of the user's own, which answers under ever other names, and passes on what it is given."""

    kind, methods = "mine", frozenset({"lexical"})

    def __init__(self, named: str = "m", **answer: Any) -> None:
        self.model = named
        self.answers = answer
        self.count = 0

    def sources(self, method: str) -> tuple[Source, ...]:
        return (Source(self.model, "1", method, "mine", {}),)

    def answer(self, variant: Any, requests: Iterator[Request]) -> Iterator[Batch]:
        for request in requests:
            self.count += 1
            given = {name: value(self.count) if callable(value) else value for name, value in self.answers.items()}
            yield [(request, Answer(**{"status": "ok", "method": "lexical", "number": 0.5, **given}))]

    def close(self) -> None:
        return None


LEXICAL = load_variant("relevance/lexical")


def test_ever_other_names_are_recorded_as_what_was_asked(cache: JudgmentCache) -> None:
    samples = table([(f"query {number}", f"thing {number}") for number in range(40)])
    mine = Renaming(model=lambda number: f"name {number}", asked="m")
    found = judge(samples, LEXICAL, mine, cache)
    assert len(set(found["model"])) == MOST_ALIASES + 1 and (found["model"] == "m").sum() == 40 - MOST_ALIASES
    again = judge(samples, LEXICAL, mine, cache)
    assert again["cached"].all() and again["model"].tolist() == found["model"].tolist()


def test_what_is_no_answer_has_no_say_in_names(cache: JudgmentCache) -> None:
    mine = Renaming(status="timeout", model=lambda number: f"name {number}", asked="m")
    found = judge(table([("a", "a"), ("b", "b")]), LEXICAL, mine, cache)
    assert set(found["status"]) == {"timeout"} and cache.aliases("m", "1") == ()


def test_a_name_without_a_word_on_what_was_asked_counts_as_another(cache: JudgmentCache) -> None:
    found = judge(table([("a", "a")]), LEXICAL, Renaming(model="x"), cache)
    assert found["model"].tolist() == ["x"] and cache.aliases("m", "1") == ("x",)


@pytest.mark.parametrize(
    "answer",
    [
        {"input_tokens": 10**400, "output_tokens": 1e20},
        {"latency_ms": math.inf},
        {"detail": "\x1b[2J\ud800" * 400},
        {"model": "\ud800\x1b[31m" * 100},
        {"endpoint": "\x00" * 300},
        {"number": math.nan},
        {"number": 10**400},
        {"method": "graded", "probabilities": {"\ud800": 1.0}},
        {"status": "\ud800"},
        {"model": ["m"], "asked": {}, "endpoint": 7},
    ],
    ids=range(10),
)
def test_no_answer_ends_a_run_or_comes_back_as_a_fault(
    answer: dict[str, Any], cache: JudgmentCache, tmp_path: Path
) -> None:
    samples = table([("hose", "a hose"), ("chair", "a chair")])
    for _ in range(2):
        found = judge(samples, LEXICAL, Renaming(**answer), cache)
        found.to_parquet(tmp_path / "judgments.parquet")
        assert set(found["status"]) <= {"ok", "malformed"} and cache.damaged == 0
        assert pd.read_parquet(tmp_path / "judgments.parquet")["status"].tolist() == found["status"].tolist()


def test_the_name_of_a_model_that_cannot_be_written_is_refused(cache: JudgmentCache) -> None:
    with pytest.raises(InputError, match="not UTF-8"):
        judge(table([("a", "a")]), LEXICAL, Renaming("m\udcff"), cache)


def test_a_model_with_a_long_path_for_a_name_is_known_by_it(cache: JudgmentCache) -> None:
    path = "/models/" + "deep/" * 100
    mine = Renaming(path, model=path)
    assert judge(table([("a", "a")]), LEXICAL, mine, cache)["model"].tolist() == [path]
    assert judge(table([("a", "a")]), LEXICAL, mine, cache)["cached"].all()
    assert cache.aliases(path, "1") == ()


def test_the_sources_of_a_key_maker_grow(cache: JudgmentCache) -> None:
    judges = make_backend("openai", model="m", base_url="http://127.0.0.1:9/v1")
    cache.note_alias("m", "", "x")
    keys = KeyMaker(VARIANT, judges.sources("graded"), known_names(cache))
    assert [(one.model, one.method) for one in keys.sources] == [
        ("m", "graded"),
        ("x", "graded"),
        ("m", "written"),
        ("x", "written"),
    ]
    fields = {"query": "hose", "title": "a", "description": "", "attributes": ""}
    plain = KeyMaker(VARIANT, judges.sources("graded"))
    assert keys.all(fields, keys.make(fields)) == plain.all(fields, plain.make(fields))
    assert keys.all(fields, "first") == ("first", plain.maker(plain.own[1])(fields))
    added = keys.add_name(keys.own[0], "y")
    assert added == replace(keys.own[0], model="y") and len(keys.sources) == 6
    assert keys.maker(added)(fields) not in keys.all(fields, keys.make(fields))


def test_names_in_judgments_lead_to_models_that_can_be_asked(cache: JudgmentCache) -> None:
    judges = make_backend("openai", model="m", base_url="http://127.0.0.1:9/v1")
    cache.note_alias("m", "", "x")
    cache.note_alias("n", "", "z")
    assert models_asked(["x", "m", "z", "unknown"], VARIANT, judges, cache) == ["m"]


def test_models_are_compared_by_the_names_that_can_be_asked(cache: JudgmentCache) -> None:
    """Judgments of "x", which is what "good" calls itself, and of "other": "good" and "other" judge the same pairs."""
    samples = table([(f"query {number}", f"thing {number}") for number in range(8)])
    with scripted_server(lambda body, number: reply("x")) as mine, scripted_server(lambda *_: reply("other")) as hosted:
        listed = EndpointList(
            endpoints=(
                Endpoint(base_url=mine.url, name="mine", model="good"),
                Endpoint(base_url=hosted.url, name="hosted", model="other"),
            ),
            double_judged=6,
        )
        judges = make_backend("openai", endpoints=listed)
        judge(samples.head(4), VARIANT, judges.only("other"), cache)
        mixture, session = DoubleJudging(listed), Session(judges, cache)
        tables = judge_chunks(mixture.watch(iter([samples])), VARIANT, judges, cache, session=session)
        assert pd.concat(tables)["model"].tolist() == ["other"] * 4 + ["x"] * 4
        found = mixture.measure([VARIANT], judges, cache, session)
    assert found is not None and found["pairs"] == 6
    assert {body["model"] for body in mine.bodies} == {"good"} and len(mine.bodies) <= 8
    assert {body["model"] for body in hosted.bodies} == {"other"}
