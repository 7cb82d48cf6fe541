"""The same pairs, answers and limits give the same judgments and traces; what was answered is not asked again."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.agent import TOOLS, AgentResult, AgentSettings, judge_hard_cases
from sie_agent.judging import JudgmentCache, judge, load_variant

from ..judging.scripted_server import Reply, Scripted, scripted_server
from ..soak import scale
from .conftest import Call, judge_script, judged_of, log_of, query_in, server_backend

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 4
# how long it took says nothing about what came out; whether it was cached, of the run alone
FACTS = ("seconds", "cached")


def choose(body: dict[str, Any]) -> Call:
    """By the query, so that pairs go different ways."""
    tools = {"garden hose": "results", "office chair": "departments", "copper kettle": "profile"}
    name = tools.get(query_in(body))
    return None if name is None else (name, "{}")


def grade(text: str) -> tuple[str, float]:
    """By what was looked up."""
    return ("3", 0.97) if "departments" in text or "item:" in text else ("3", 0.55)


def run(server: Scripted, cache: JudgmentCache, concurrency: int, **more: Any) -> AgentResult:
    log = log_of(20)
    settings = AgentSettings(share=0.8, settle=0.3, hand_over=0.5, tools=tuple(TOOLS), **more)
    return judge_hard_cases(log, judged_of(log), server_backend(server, concurrency=concurrency), cache, settings)


def facts(traces: pd.DataFrame) -> Any:
    return json.loads(traces.drop(columns=list(FACTS)).to_json(orient="records"))


@pytest.mark.slow
@pytest.mark.parametrize("order", ["fixed", "model"])
def test_any_concurrency_and_any_wave_give_the_same(tmp_path: Path, order: str) -> None:
    found: list[AgentResult] = []
    for number, (concurrency, wave) in enumerate([(1, 1000), (16, 1000), (16, 3)]):
        with (
            JudgmentCache(tmp_path / f"{number}.sqlite") as cache,
            scripted_server(judge_script(choose, grade)) as server,
        ):
            found.append(run(server, cache, concurrency, wave=wave, order=order))
    for other in found[1:]:
        assert facts(other.traces) == facts(found[0].traces)
        told = ["latency_ms", "endpoint", "cached"]
        pd.testing.assert_frame_equal(other.judgments.drop(columns=told), found[0].judgments.drop(columns=told))
        assert (other.handed, other.stopped, other.calls) == (found[0].handed, found[0].stopped, found[0].calls)
    assert len(found[0].stopped) > 1 or order == "fixed", "pairs end in different ways"


def test_judgments_with_evidence_are_never_those_of_one_pass(cache: JudgmentCache) -> None:
    log = log_of(4)
    with scripted_server(judge_script()) as server:
        backend = server_backend(server)
        judge_hard_cases(log, judged_of(log), backend, cache, AgentSettings(tools=("departments",)))
        asked = len(server.bodies)
        table = judge(log, load_variant("relevance/with-evidence"), backend, cache)
        # the same variant without evidence is another question
        assert len(server.bodies) == asked + 4 and not table["cached"].any()


# imports what the verb needs, then runs it in a fork of its own for each line that it reads
WARM = """
import os, sys
import bm25s, langchain_openai, langgraph.graph
import sie_agent.agent, sie_agent.commands.agent_cases
from sie_agent.cli import main
for line in sys.stdin:
    child = os.fork()
    if not child:
        # what it prints is not for those who read the ids
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 9
        try:
            code = main(sys.argv[1:])
        finally:
            os._exit(code)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@contextmanager
def lives(log: Path, server: Scripted) -> Iterator[Callable[[], tuple[int, Callable[[], int]]]]:
    """``sie agent`` in processes that begin at once: a call gives the id of one, and what waits for its exit code."""
    command = [sys.executable, "-c", WARM, "agent", "--data", str(log), "--judgments", str(log.parent / "j.parquet")]
    command += ["--out", str(log.parent / "out"), "--backend", "openai", "--base-url", server.url, "--model", "m"]
    command += ["--concurrency", str(AT_ONCE), "--share", "1", "--settle", "0.3", "--order", "model", "--quiet"]
    environment = {**os.environ, "SIE_CACHE_DIR": str(log.parent / "cache"), "PYTHONPATH": str(ROOT)}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, cwd=log.parent, **pipes) as parent:
        given, told = parent.stdin, parent.stdout
        assert given is not None and told is not None

        def begin() -> tuple[int, Callable[[], int]]:
            given.write("go\n")
            given.flush()
            return int(told.readline()), lambda: int(told.readline())

        yield begin
        given.close()


def kept(log: Path) -> int:
    path = log.parent / "cache" / "judgments.sqlite"
    if not path.exists():
        return 0
    connection = sqlite3.connect(path, timeout=10)
    try:
        return int(connection.execute("SELECT COUNT(*) FROM judgments").fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # killed before the table was made
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.soak
def test_killed_at_twenty_random_moments_it_goes_on(tmp_path: Path) -> None:
    kills, drawn = 20 * scale(), random.Random(11)
    log, path = log_of(20 * 12 * scale()), tmp_path / "log.parquet"
    log["title"] = [f"{title} {number}" for number, title in enumerate(log["title"])]
    log.to_parquet(path)
    judged_of(log).to_parquet(tmp_path / "j.parquet")
    plain = judge_script(choose, grade)

    def slow(body: dict[str, Any], number: int) -> Reply:
        reply = plain(body, number)
        reply.delay = 0.02
        return reply

    repeated = 0
    with scripted_server(slow) as server, lives(path, server) as begin:
        for _ in range(kills):
            before, had = len(server.bodies), kept(path)
            child, code = begin()
            deadline = time.monotonic() + 120
            while len(server.bodies) == before:
                assert time.monotonic() < deadline, "nothing was asked"
                time.sleep(0.002)
            time.sleep(drawn.uniform(0.0, 0.6))
            os.kill(child, signal.SIGKILL)
            assert code() == -signal.SIGKILL, "the last life was to have work left"
            time.sleep(0.1)
            lost = (len(server.bodies) - before) - (kept(path) - had)
            assert 0 <= lost <= AT_ONCE, "nothing is asked twice beyond what was under way"
            repeated += lost
        _, code = begin()
        assert code() == 0
        asked = Counter(json.dumps([one["messages"], one.get("tools")], sort_keys=True) for one in server.bodies)
        assert sum(asked.values()) - len(asked) == repeated <= kills * AT_ONCE
    found = pd.read_parquet(tmp_path / "out" / "judgments.parquet")
    assert (found["status"] == "ok").all() and found["sample_id"].tolist() == log["sample_id"].tolist()
    with JudgmentCache(tmp_path / "whole.sqlite") as cache, scripted_server(plain) as server:
        settings = AgentSettings(share=1.0, settle=0.3, order="model")
        whole = judge_hard_cases(log, judged_of(log), server_backend(server), cache, settings)
    traces = pd.read_parquet(tmp_path / "out" / "traces.parquet")
    assert facts(traces) == facts(whole.traces)
