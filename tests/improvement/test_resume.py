"""Killed at any moment, the same command goes on: the same end, and nothing is asked twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ..judging.scripted_server import Reply, scripted_server
from .shop import PLANTED, about_examples, instructions, knows_when, written

KEPT = ("trials", "decision", "test", "accepted", "finalists", "sentence", "pairs")


def better(asked: str, number: int) -> str:
    """A proposal that differs for each question, and depends on nothing else."""
    told = instructions(asked)
    return "```\n[]\n```" if about_examples(asked) else f"```\n{told}\n{PLANTED} {len(told)}\n```"


def command(folder: Path, url: str, out: str) -> list[str]:
    """The verb, one request at a time."""
    files = written(folder, queries=24)
    typed = ["improve-prompt", "--data", files["data"], "--map", files["column_map"], "--variant", "relevance/plain"]
    typed += ["--backend", "openai", "--base-url", url, "--model", "m", "--concurrency", "1", "--out", folder / out]
    typed += ["--reflect-with", f"big=openai,m,base_url={url}", "--trials", "4", "--per-query", "4", "--quiet"]
    return [sys.executable, "-m", "sie_agent", *map(str, typed)]


def environment(folder: Path, cache: str) -> dict[str, str]:
    return {**os.environ, "SIE_CACHE_DIR": str(folder / cache)}


def told(folder: Path, out: str) -> dict[str, Any]:
    """What is the same however often a run was killed."""
    result = json.loads((folder / out / "improvement.json").read_text())
    return {name: result[name] for name in KEPT}


@pytest.mark.slow
@pytest.mark.parametrize("moment", [15, 35, 60])
def test_a_killed_run_goes_on(tmp_path: Path, moment: int) -> None:
    script = knows_when(lambda prompt, query: PLANTED in prompt, better)
    reached = threading.Event()

    def watched(body: dict[str, Any], number: int) -> Reply:
        if number == moment:
            reached.set()
        return replace(script(body, number), delay=0.2 if number == moment else 0.0)

    with scripted_server(watched) as server:
        whole = subprocess.run(
            command(tmp_path, server.url, "whole"), env=environment(tmp_path, "one"), capture_output=True, timeout=300
        )
        assert whole.returncode == 0, whole.stderr
        asked = len(server.bodies)
        assert asked > moment
        server.bodies.clear()
        reached.clear()
        typed, how = command(tmp_path, server.url, "killed"), environment(tmp_path, "two")
        process = subprocess.Popen(typed, env=how, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert reached.wait(300)
        process.send_signal(signal.SIGKILL)
        process.wait()
        before = len(server.bodies)
        ran = subprocess.run(typed, env=how, capture_output=True, timeout=300)
        assert ran.returncode == 0, ran.stderr
        counts = Counter(json.dumps(body, sort_keys=True) for body in server.bodies)
    assert before < asked
    assert told(tmp_path, "killed") == told(tmp_path, "whole")
    # the one that was under way, and one that had been answered and not been written
    assert sum(count - 1 for count in counts.values()) <= 2
    trials = (tmp_path / "killed" / "trials.jsonl").read_text().splitlines()
    assert len(trials) == len(set(trials)) and all(isinstance(json.loads(line), dict) for line in trials)
