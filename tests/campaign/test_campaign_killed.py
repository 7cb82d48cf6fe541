"""A campaign killed at random moments goes on: nothing is asked twice but what was under way, nothing counted twice."""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from collections import Counter
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.commands.campaign import run_campaign

from ..judging.scripted_server import Reply, completion, scripted_server
from .conftest import write

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(
    [
        "sie_agent.commands.campaigning.run",
        "sie_agent.commands.label",
        "langgraph.graph",
        "sklearn.linear_model",
        "lightgbm",
    ]
)
KILLS, AT_ONCE, BUDGET, PER_ANSWER = 20, 2, 0.06, 0.0001


def question(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


def graded(body: dict[str, Any], number: int) -> Reply:
    token = str(sum(map(ord, question(body))) % 4)
    return Reply(body=completion(token, top={token: -0.1, "x": -3.0}), delay=0.1)


def begun(folder: Path) -> BaseProcess:
    """A campaign in a process of its own, forked from one in which all is imported."""
    process = SERVER.Process(target=run_campaign, args=(folder / "goal.yaml", folder / "out"), kwargs={"yes": BUDGET})
    process.start()
    return process


def progress(folder: Path, asked: int) -> tuple[float, int]:
    """What changes when a campaign gets on."""
    checkpoints = [folder / "out" / f"steps.sqlite{end}" for end in ("", "-wal")]
    return max((one.stat().st_mtime for one in checkpoints if one.exists()), default=0.0), asked


@pytest.mark.slow
def test_killed_at_twenty_random_moments(log: Path, tmp_path: Path) -> None:
    drawn = random.Random(3)
    with scripted_server(graded) as server:
        spec = f"big=openai,m,base_url={server.url},concurrency={AT_ONCE},price_input=1,price_output=0"
        two = ["relevance/graded", "relevance/rubric"]
        write(tmp_path / "goal.yaml", log="log.csv", judges=spec, variants=two, budget={"money": BUDGET})
        killed = 0
        while killed < KILLS:
            process = begun(tmp_path)
            before = progress(tmp_path, len(server.bodies))
            while process.is_alive() and progress(tmp_path, len(server.bodies)) == before:
                time.sleep(0.005)
            time.sleep(drawn.uniform(0.0, 0.4))
            if not process.is_alive():
                break
            process.kill()
            process.join()
            killed += 1
        assert process.exitcode == (-signal.SIGKILL if killed == KILLS else 0)
        result = run_campaign(tmp_path / "goal.yaml", tmp_path / "out", yes=BUDGET)
    assert killed >= KILLS // 2, "the campaign was over before it was killed often"
    assert result["exit_code"] == 0
    asked = Counter(map(question, server.bodies))
    again = sum(asked.values()) - len(asked)
    assert again <= killed * AT_ONCE
    total = next(one for one in result["spending"] if one["step"] == "total")
    # every answer that was kept counts once, and what was under way at its dearest
    assert total["judgments"] == len(asked)
    assert len(server.bodies) * PER_ANSWER - 1e-9 <= total["money"] <= BUDGET
    assert total["money"] <= (len(asked) + killed * AT_ONCE) * PER_ANSWER + 1e-9
    numbers = [one["number"] for one in result["decisions"]]
    assert numbers == list(range(1, len(numbers) + 1))
    steps = Counter(one["step"] for one in result["decisions"])
    assert all(steps[name] == 1 for name in ("plan", "pilot", "choose", "distill", "evaluate"))
    assert len(pd.read_parquet(tmp_path / "out" / "weights.parquet")) == 180
