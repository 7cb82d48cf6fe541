"""Ctrl-C while a Python function judges, as in a notebook: what was answered is kept, and handlers are as before."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent import Judge, JudgmentCache, compare_prompts, judge, label, load_variant, make_backend

from .conftest import table
from .scripted_server import Reply, completion, scripted_server

GRADED = completion("3", top={"3": math.log(0.6), " 3": math.log(0.1), "2": math.log(0.2), "Well": math.log(0.1)})
PAIRS = [(f"query {number}", f"Title {number}") for number in range(60)]
INTERRUPT_AT = 20


@pytest.fixture(autouse=True)
def signals_are_heard() -> Iterator[None]:
    """Where tests run in the background of a shell, the signal is ignored to begin with."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupting(times: int = 1) -> Callable[[dict[str, Any], int], Reply]:
    """A server's script that presses Ctrl-C while it answers, once or twice."""

    def press() -> None:
        for _ in range(times):
            signal.raise_signal(signal.SIGINT)
            time.sleep(0.05)

    def script(body: dict[str, Any], number: int) -> Reply:
        if number == INTERRUPT_AT:
            # the handler runs in the main thread, whoever raised the signal
            threading.Thread(target=press).start()
        return Reply(body=GRADED, delay=0.02 if number < INTERRUPT_AT else 0.3)

    return script


def answered(cache: Path) -> int:
    """How many answers a cache file holds."""
    with JudgmentCache(cache) as opened:
        return int(opened.stats()["entries"])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["judge", "label"])
def test_what_was_answered_is_kept_and_not_asked_again(kind: str, tmp_path: Path) -> None:
    samples, path = table(PAIRS), tmp_path / "cache.sqlite"
    samples.to_parquet(tmp_path / "log.parquet")
    handler = signal.getsignal(signal.SIGINT)

    def ask(url: str) -> pd.DataFrame:
        if kind == "label":
            who = Judge("openai", model="m", base_url=url, concurrency=2)
            label(tmp_path / "log.parquet", tmp_path / "out", variant="relevance/graded", judge=who, cache_path=path)
            return pd.read_parquet(tmp_path / "out" / "judgments.parquet")
        backend = make_backend("openai", model="m", base_url=url, concurrency=2)
        with JudgmentCache(path) as cache:
            return judge(samples, load_variant("relevance/graded"), backend, cache)

    with scripted_server(interrupting()) as server:
        with pytest.raises(KeyboardInterrupt):
            ask(server.url)
        kept = answered(path)
        assert signal.getsignal(signal.SIGINT) is handler
    # all but the few that were under way when the key was pressed
    assert INTERRUPT_AT - 6 <= kept < len(PAIRS)
    with scripted_server(lambda body, number: Reply(body=GRADED)) as server:
        judgments = ask(server.url)
        assert len(server.bodies) <= len(PAIRS) - kept + 1
    assert (judgments["status"] == "ok").all() and int(judgments["cached"].sum()) == kept


@pytest.mark.slow
def test_a_second_key_stops_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    table(PAIRS).to_parquet(tmp_path / "log.parquet")
    path, handler = tmp_path / "cache.sqlite", signal.getsignal(signal.SIGINT)
    with scripted_server(interrupting(2)) as server:
        who = Judge("openai", model="m", base_url=server.url, concurrency=2)
        with pytest.raises(KeyboardInterrupt):
            label(tmp_path / "log.parquet", tmp_path / "out", variant="relevance/graded", judge=who, cache_path=path)
    assert answered(path) >= INTERRUPT_AT - 6 and signal.getsignal(signal.SIGINT) is handler
    # nothing that only looks finished is left
    assert not (tmp_path / "out" / "judgments.parquet").exists()


@pytest.mark.slow
def test_prompts_that_are_compared_are_kept_too(tmp_path: Path) -> None:
    table(PAIRS).to_parquet(tmp_path / "log.parquet")
    path = tmp_path / "cache.sqlite"
    with scripted_server(interrupting()) as server:
        who = Judge("openai", model="m", base_url=server.url, concurrency=2)
        variants = ["relevance/graded", "relevance/esci"]
        with pytest.raises(KeyboardInterrupt):
            compare_prompts(tmp_path / "log.parquet", variants, tmp_path / "out", judge=who, cache_path=path)
    assert answered(path) >= INTERRUPT_AT - 6
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_in_another_thread_signals_are_left_alone(tmp_path: Path) -> None:
    table(PAIRS).to_parquet(tmp_path / "log.parquet")
    before, found = signal.getsignal(signal.SIGINT), []

    def work(url: str) -> None:
        who = Judge("openai", model="m", base_url=url)
        out, cache = tmp_path / "out", tmp_path / "cache.sqlite"
        found.append(
            label(tmp_path / "log.parquet", out, variant="relevance/graded", judge=who, cache_path=cache)["ok"]
        )

    with scripted_server(lambda body, number: Reply(body=GRADED)) as server:
        thread = threading.Thread(target=work, args=(server.url,))
        thread.start()
        thread.join(60)
    assert found == [len(PAIRS)] and signal.getsignal(signal.SIGINT) is before
