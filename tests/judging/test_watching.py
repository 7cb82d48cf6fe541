"""What a person sees while a judge fails: how often, why, and in a log file a line now and then, whatever happens."""

from __future__ import annotations

import math
import time
from typing import Any

import pandas as pd
import pytest

from sie_agent.judging import JudgmentCache, Session, judge, judge_chunks, load_variant, make_backend
from sie_agent.judging.backends.base import Backend
from sie_agent.utils import progress

from .scripted_server import Reply, completion, error, scripted_server

VARIANT = load_variant("relevance/graded")


@pytest.fixture(autouse=True)
def a_log_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars of a log file, their half minutes shortened."""
    progress.set_quiet(False)
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.05)
    monkeypatch.setattr("sie_agent.judging.backends.http.openai.FIRST_BACKOFF", 0.02)


def right() -> Reply:
    return Reply(body=completion("3", top={"3": math.log(0.9), "0": math.log(0.1)}))


def backend(url: str) -> Backend:
    return make_backend("openai", base_url=url, model="m", concurrency=2, options={"max_retries": 3})


def is_test_question(body: dict[str, Any]) -> bool:
    return len(body["messages"]) == 1


@pytest.mark.slow
def test_failing_tries_are_told_before_any_pair_is_finished(
    samples: pd.DataFrame, cache: JudgmentCache, capfd: pytest.CaptureFixture[str]
) -> None:
    def script(body: dict[str, Any], number: int) -> Reply:
        if is_test_question(body) or number > 24:
            return right()
        return Reply(429, error("slow down, please"), headers={"Retry-After": "0.05"})

    with scripted_server(script) as server:
        judge(samples, VARIANT, backend(server.url), cache)
    # one of the pairs occurs twice
    lines = [line for line in capfd.readouterr().err.splitlines() if "1 of 5" in line]
    assert any("tries failed: rate-limited" in line and '"slow down, please"' in line for line in lines), lines


def test_pairs_without_a_grade_are_told_with_their_cause(samples: pd.DataFrame, cache: JudgmentCache) -> None:
    """The note of the bar, which a terminal shows too."""
    notes: list[str] = []

    class Seen:
        def advance(self, amount: int = 1, note: str = "") -> None:
            notes.append(note)

    def script(body: dict[str, Any], number: int) -> Reply:
        return Reply(422, error(f"temperature must be > 0 (request {number})"))

    with scripted_server(script) as server:
        asked = backend(server.url)
        session = Session(asked, cache, shown=Seen())
        list(judge_chunks([samples], VARIANT, asked, cache, session=session))
    assert "without a judgment (rejected)" in notes[-1]
    (reason,) = session.account.reasons.as_list()
    assert reason["status"] == "rejected" and reason["count"] == 5 and "temperature must be > 0" in reason["detail"]


def test_a_line_comes_while_nothing_is_heard(capfd: pytest.CaptureFixture[str]) -> None:
    with progress.bar("Waiting", 3) as shown:
        shown.advance(0, note="a note")
        time.sleep(0.2)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) >= 2 and set(lines) == {"Waiting: 0 of 3 · a note"}


def test_no_line_comes_where_it_is_to_be_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    progress.set_quiet(True)
    with progress.bar("Waiting", 3) as shown:
        shown.advance(1)
        time.sleep(0.15)
    assert capfd.readouterr().err == ""


def test_a_terminal_shows_what_was_said_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Square brackets are not markup, in whatever a server says or a model is called."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    with progress.bar("Judging with m[/b]", 3) as shown:
        shown.advance(1, note='tries failed: server-error 1: "[/INST] is [bold]not closed"')
    said = capfd.readouterr().err
    assert "m[/b]" in said and "[/INST] is [bold]not closed" in said
