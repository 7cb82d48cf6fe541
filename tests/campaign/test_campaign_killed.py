"""A campaign killed at random moments goes on: nothing is asked twice but what was under way, nothing counted twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ..judging.scripted_server import Reply, completion, scripted_server
from .conftest import write

ROOT = Path(__file__).resolve().parents[2]
KILLS, AT_ONCE, BUDGET, PER_ANSWER = 20, 2, 0.06, 0.0001


def question(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


def graded(body: dict[str, Any], number: int) -> Reply:
    token = str(sum(map(ord, question(body))) % 4)
    return Reply(body=completion(token, top={token: -0.1, "x": -3.0}), delay=0.1)


def start(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sie_agent", "--output", "json", "--quiet", "campaign", "goal.yaml"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*command, "--out", "out", "--yes", str(BUDGET)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


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
            process = start(tmp_path)
            before = progress(tmp_path, len(server.bodies))
            while process.poll() is None and progress(tmp_path, len(server.bodies)) == before:
                time.sleep(0.005)
            if process.poll() is not None:
                break
            time.sleep(drawn.uniform(0.0, 0.4))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
        shown, told = start(tmp_path).communicate(timeout=600)
    assert killed >= KILLS // 2, "the campaign was over before it was killed often"
    result = json.loads(shown)
    assert result["exit_code"] == 0, told
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
    assert all(steps[name] == 1 for name in ("check", "plan", "pilot", "choose", "distill", "evaluate"))
    assert len(pd.read_parquet(tmp_path / "out" / "weights.parquet")) == 180
