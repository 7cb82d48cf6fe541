"""Habits of servers, most of them of real ones: all is graded that can be, nothing wrongly, the rest has a cause."""

from __future__ import annotations

import json
import math
import re
import time
import zlib
from pathlib import Path

import pandas as pd
import pytest

from sie_agent.cli import main

from .habit import GRADED, PAIRS, VALUES, WRITTEN, Asked, Habit, grade_of, number_of, right, script_of
from .habits import FAULTS, HABITS
from .scripted_server import Reply, Scripted, scripted_server, spoken

pytestmark = [pytest.mark.slow, pytest.mark.soak]

KEY = "sk-habits-0123456789abcdef"
FORM_TOLD = re.compile(r"m answers (?:by|in) ")
MANY = 300
SHARE = 30


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr("sie_agent.judging.backends.http.openai.FIRST_BACKOFF", 0.005)
    monkeypatch.setattr("sie_agent.judging.backends.http.openai.LONGEST_BACKOFF", 1.0)
    for module in ("trouble", "attempt"):
        monkeypatch.setattr(f"sie_agent.judging.backends.http.{module}.LEAST_PAUSE", 0.02)
    monkeypatch.setattr("sie_agent.judging.backends.http.pool.FIRST_COOLING", 0.2)


def written_log(folder: Path, count: int = PAIRS) -> Path:
    """A log whose queries hold words that servers use when they refuse a part of a request."""
    path = folder / "log.csv"
    rows = [f"s{number},seed temperature {number % 5},i{number},thing {number},1" for number in range(count)]
    path.write_text("sample_id,query,item_id,title,label\n" + "\n".join(rows) + "\n")
    return path


def label(log: Path, variant: str, *options: str, backend: str = "openai") -> int:
    told = {"--timeout": "20", "--concurrency": "8"} | ({"--patience": "10"} if backend == "openai" else {})
    told |= dict(zip(options[::2], options[1::2], strict=True))
    if backend != "openai":
        told.pop("--patience", None)
    listed = [word for pair in told.items() for word in pair]
    fixed = ["--data", str(log), "--out", str(log.parent / "out"), "--variant", variant, "--backend", backend]
    return main(["label", *fixed, *listed])


def table(log: Path) -> pd.DataFrame:
    return pd.read_parquet(log.parent / "out" / "judgments.parquet")


def said_by(capfd: pytest.CaptureFixture[str]) -> str:
    shown = capfd.readouterr()
    assert KEY not in shown.out + shown.err
    return " ".join((shown.err + shown.out).split())


def check_rows(found: pd.DataFrame, variant: str) -> None:
    """None has a wrong grade, and what has none has a cause and a detail."""
    for row in found.to_dict("records"):
        number = int(str(row["sample_id"])[1:])
        if row["status"] == "ok":
            assert row["score"] == pytest.approx(VALUES[grade_of(number, variant)], abs=1e-3), row
        else:
            assert math.isnan(row["score"]) and row["detail"], row


def check(habit: Habit, log: Path) -> None:
    found = table(log)
    assert len(found) == PAIRS
    check_rows(found, habit.variant)
    shown = found[["status", "detail"]].value_counts().to_string()
    graded = found["status"] == "ok"
    assert int(graded.sum()) == habit.graded, shown
    assert set(found.loc[~graded, "status"]) == set(habit.others), shown
    assert found.loc[graded, "detail"].str.contains(habit.detail, regex=True).all(), shown
    assert set(found.loc[graded, "model"]) == (set(habit.model) if habit.graded else set())


def check_kept(habit: Habit, server: Scripted) -> None:
    """The parts that no pair may lose are in all requests, but for those of pairs that met a fault of their own."""
    asked = [body for body in server.bodies if (number := number_of(body)) >= 0 and number % 4 != 1]
    for part in habit.keeps:
        assert all(part in body for body in asked), f"a request without {part}"


@pytest.mark.parametrize("habit", [pytest.param(habit, id=habit.name) for habit in HABITS])
def test_a_habit(habit: Habit, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = written_log(tmp_path)
    script = script_of(habit.behaviour(), habit.variant)
    with scripted_server(script) as server, scripted_server(script_of(right, habit.variant)) as behind:
        where = ("--base-url", server.url, "--model", "m")
        if habit.second:
            where = ("--endpoints", str(endpoints(tmp_path, server, behind)))
        started = time.monotonic()
        assert label(log, habit.variant, *where, *habit.options) == habit.exit_code, said_by(capfd)
        assert time.monotonic() - started < habit.seconds
        said = said_by(capfd)
        assert re.search(habit.line, said), said
        if habit.code == 1:
            return
        check(habit, log)
        check_kept(habit, server)
        if not habit.second and habit.graded:
            assert len(FORM_TOLD.findall(said)) == 1, said
        asked = len(server.bodies) + len(behind.bodies)
        if habit.twice:
            assert label(log, habit.variant, *where, *habit.options) == habit.exit_code
            check(habit, log)
        if habit.twice and habit.graded == PAIRS:
            assert len(server.bodies) + len(behind.bodies) == asked, "what is in the cache was asked again"


def endpoints(folder: Path, first: Scripted, second: Scripted) -> Path:
    path = folder / "endpoints.yaml"
    path.write_text(
        f"- {{name: first, base_url: '{first.url}', model: m, api_key_env: OPENAI_API_KEY}}\n"
        f"- {{name: second, base_url: '{second.url}', model: n}}\n"
    )
    return path


@pytest.mark.parametrize("habit", [pytest.param(habit, id=habit.name) for habit in HABITS if habit.langchain])
def test_the_same_through_langchain(habit: Habit, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = written_log(tmp_path)
    with scripted_server(script_of(habit.behaviour(), habit.variant)) as server:
        where = ("--base-url", server.url, "--model", "openai:m")
        code = label(log, habit.variant, *where, *habit.options, backend="langchain")
        said = said_by(capfd)
        assert code == habit.exit_code and re.search(habit.line, said), said
        check(habit, log)
        asked = len(server.bodies)
        if habit.twice:
            assert label(log, habit.variant, *where, backend="langchain") == habit.exit_code
            assert habit.graded < PAIRS or len(server.bodies) == asked


@pytest.mark.parametrize("variant", [GRADED, WRITTEN])
def test_faults_of_all_kinds_at_once(variant: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """30 % of the requests meet a fault, drawn from all that are of this variant or of any."""
    drawn_from = [habit for habit in FAULTS if habit.variant in (variant, GRADED)]
    met: set[str] = set()

    def behave(asked: Asked) -> Reply:
        drawn = zlib.crc32(f"request {asked.count} of {variant}".encode())
        if asked.number < 0 or drawn % 100 >= SHARE:
            return right(asked)
        habit = drawn_from[drawn // 100 % len(drawn_from)]
        met.add(habit.name)
        assert habit.fault is not None
        return habit.fault(asked)

    log = written_log(tmp_path, MANY)
    with scripted_server(script_of(behave, variant)) as server:
        settings = ("--base-url", server.url, "--model", "m", "--timeout", "2", "--concurrency", "16")
        code = label(log, variant, *settings, "--patience", "60")
    assert code in (0, 3), said_by(capfd)
    found = table(log)
    assert len(found) == MANY and len(met) > len(drawn_from) / 2
    check_rows(found, variant)
    assert (found["status"] == "ok").mean() > 0.8, found["status"].value_counts().to_string()


def test_a_scale_in_which_one_grade_begins_another_is_refused_before_anything_is_asked(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    levels = "\n".join(f'  - {{token: "{n}", value: {n / 10}, meaning: "{n} of 10"}}' for n in range(11))
    path = tmp_path / "ten.yaml"
    path.write_text(
        f"about: 0 to 10\naspect: relevance\nmethod: graded\nscale:\n{levels}\nsystem: rate\n"
        "user: '<query>{{ query }}</query><item>{{ title }}</item>'\n"
    )
    with scripted_server(script_of(right, GRADED)) as server:
        assert label(written_log(tmp_path), str(path), "--base-url", server.url, "--model", "m") == 2
        assert not server.bodies
    assert "'1' begins '10'" in said_by(capfd)


def cost_of(log: Path) -> float:
    manifest = json.loads((log.parent / "out" / "manifest.json").read_text())
    return float(manifest["judge"]["servers"][0]["cost"])


def test_the_cost_of_answers_that_are_none_is_told_and_limited(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Each try costs 100,000 tokens and brings nothing; a dollar is enough for three of them."""
    empty = {"choices": [], "usage": {"prompt_tokens": 100_000, "completion_tokens": 0}}
    log = written_log(tmp_path)
    with scripted_server(lambda body, count: Reply(body=empty)) as server:
        money = ("--max-cost", "1", "--price-input", "3", "--price-output", "0")
        assert label(log, GRADED, "--base-url", server.url, "--model", "m", *money) in (1, 3)
        asked = len(server.bodies)
    assert 1 <= asked <= 3
    said = said_by(capfd)
    assert f"${0.3 * asked:.2f}" in said and "--max-cost" in said, said
    assert cost_of(log) == pytest.approx(0.3 * asked)
    check_rows(table(log), GRADED)


@pytest.mark.parametrize("variant", [GRADED, WRITTEN])
def test_a_tokenizer_of_more_than_a_token_a_character_passes_no_limit(variant: str, tmp_path: Path) -> None:
    """1.2 tokens a character: the first answer tells, and the limit holds all the same."""
    spent: list[float] = []

    def behave(asked: Asked) -> Reply:
        reply = right(asked, 0.05)
        length = sum(len(message["content"]) for message in asked.body["messages"])
        reply.body["usage"] = {"prompt_tokens": int(1.2 * length), "completion_tokens": 150}
        spent.append(reply.body["usage"]["prompt_tokens"] * 2e-5 + 150 * 4e-5)
        return reply

    log = written_log(tmp_path, 60)
    with scripted_server(script_of(behave, variant)) as server:
        money = ("--max-cost", "1", "--price-input", "20", "--price-output", "40")
        assert label(log, variant, "--base-url", server.url, "--model", "m", *money) == 3
    assert 0.3 < sum(spent) <= 1.0
    assert cost_of(log) == pytest.approx(sum(spent))
    found = table(log)
    check_rows(found, variant)
    assert set(found["status"]) == {"ok", "not-asked"}


@pytest.mark.parametrize(("limit", "enough"), [(0.16, True), (0.04, False), (0.01, False)])
def test_a_model_that_thinks_is_asked_as_long_as_there_is_money(
    limit: float, enough: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """An answer costs 0.003 and may cost 0.0205, so that there is money for few at a time."""
    log = written_log(tmp_path)
    thinking = script_of(lambda asked: right(asked, 0.05, thoughts=300), WRITTEN)
    with scripted_server(thinking) as server:
        where = ("--base-url", server.url, "--model", "m", "--price-input", "0", "--price-output", "10")
        code = label(log, WRITTEN, *where, "--max-cost", str(limit))
        said, found = said_by(capfd), table(log)
        check_rows(found, WRITTEN)
        assert cost_of(log) <= limit
        if enough:
            assert code == 0, said
            return
        assert code == 3 and set(found["status"]) <= {"ok", "not-asked"} and "may cost $0.02" in said, said
        assert cost_of(log) > limit - 0.0205 - 0.003, "stopped with money left for another answer"
        # what is missing is asked when there is more money
        assert label(log, WRITTEN, *where, "--max-cost", "1") == 0


def test_a_server_that_takes_long_is_not_given_up(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers, and that to a test question, take longer than such a question is given at first."""
    monkeypatch.setattr("sie_agent.judging.backends.http.pool.TEST_SECONDS", 0.2)
    log = written_log(tmp_path)

    def behave(asked: Asked) -> Reply:
        return Reply(502, b"bad gateway") if 2 < asked.count <= 10 else right(asked, 1.0)

    with scripted_server(script_of(behave, GRADED)) as server:
        where = ("--base-url", server.url, "--model", "m", "--patience", "4")
        assert label(log, GRADED, *where) == 0, said_by(capfd)
    check_rows(table(log), GRADED)


@pytest.mark.parametrize("later", ["no log-probabilities", "thoughts"])
def test_a_habit_that_changes_in_the_middle_costs_no_pair(
    later: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """After eight answers the log-probabilities are gone, or the model begins to think."""
    log = written_log(tmp_path)

    def behave(asked: Asked) -> Reply:
        if asked.count <= 8 or "logprobs" not in asked.body:
            return right(asked)
        if later == "thoughts":
            return Reply(body=spoken(asked.body, "<think> Okay, so the shopper wants", finish_reason="length"))
        return right(asked, logprobs=None)

    with scripted_server(script_of(behave, GRADED)) as server:
        where = ("--base-url", server.url, "--model", "m")
        assert label(log, GRADED, *where) == 0, said_by(capfd)
        # each pair once, a second try of some, and those that were asked in writing instead
        assert len(server.bodies) <= 3 * PAIRS
        asked = len(server.bodies)
        assert label(log, GRADED, *where) == 0 and len(server.bodies) == asked
    found = table(log)
    check_rows(found, GRADED)
    assert found["variant"].str.endswith("+written").sum() == PAIRS - 8


def test_there_are_enough_habits_and_each_has_a_name_of_its_own() -> None:
    names = [habit.name for habit in HABITS]
    assert len(names) == len(set(names)) and len(names) >= 150 and len(FAULTS) >= 60
    assert sum(habit.langchain for habit in HABITS) >= 20
