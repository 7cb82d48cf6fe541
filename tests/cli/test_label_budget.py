"""``sie label --budget``: as many pairs as paid for, the same ones again, from the cache after a stop, by no grade."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.cli import main

from ..judging.scripted_server import Reply, Scripted, completion, scripted_server

ROOT = Path(__file__).resolve().parents[2]
COUNT, STRATEGIES = 260, ("random", "uncertain", "diverse", "disagreement", "influence")
WORDS = ("steel", "garden", "hose", "lamp", "red", "oak", "chair", "kettle")


def number_of(body: dict[str, Any]) -> int:
    return int(body["messages"][-1]["content"].split("thing ")[1].split()[0].rstrip("<"))


def graded(body: dict[str, Any], number: int) -> Reply:
    """A grade that depends on the pair alone."""
    said = str(number_of(body) % 3)
    answer = completion(said, top={said: math.log(0.9), "1" if said == "0" else "0": math.log(0.1)})
    answer["usage"] = {"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101}
    return Reply(body=answer, delay=0.01)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return write_log(tmp_path / "log.csv")


def write_log(path: Path, grade: int = 0, repeats: int = 1) -> Path:
    words = np.random.default_rng(0).choice(WORDS, (COUNT, 3))
    rows = [
        f"s{number}-{again},{WORDS[number % 8]} {WORDS[number // 8 % 8]},i{number},"
        f"thing {number} {' '.join(words[number])},{number % 2},{(number % 2 + grade) % 2}"
        for number in range(COUNT)
        for again in range(repeats)
    ]
    path.write_text("sample_id,query,item_id,title,label,grade\n" + "\n".join(rows) + "\n")
    return path


def arguments(log: Path, server: Scripted, *more: str, out: str = "out") -> list[str]:
    asked = ["--variant", "relevance/graded", "--backend", "openai", "--base-url", server.url, "--model", "m"]
    return ["label", "--data", str(log), "--out", str(log.parent / out), *asked, *more, "--output", "json"]


def sie(capsys: pytest.CaptureFixture[str], *typed: str) -> tuple[int, Any]:
    code = main([*typed])
    shown = capsys.readouterr()
    return code, json.loads(shown.out or shown.err)


def judged(log: Path, out: str = "out") -> list[str]:
    return list(pd.read_parquet(log.parent / out / "judgments.parquet")["sample_id"])


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_as_many_pairs_as_asked_for_and_the_same_ones_for_nothing(
    log: Path, capsys: pytest.CaptureFixture[str], strategy: str
) -> None:
    with scripted_server(graded) as server:
        typed = ["--budget", "120", "--strategy", strategy, "--seed", "5"]
        code, first = sie(capsys, *arguments(log, server, *typed))
        assert (code, first["pairs"], first["ok"], first["asked"]) == (0, 120, 120, 120)
        assert max(Counter(map(number_of, server.bodies)).values()) == 1
        _, planned = sie(capsys, *arguments(log, server, *typed, "--dry-run"))
        assert (planned["to_ask"], planned["cached"], planned["budget"]["not_known_yet"]) == (0, 120, 0)
        before = judged(log)
        code, second = sie(capsys, *arguments(log, server, *typed))
        assert (code, second["asked"], second["cached"]) == (0, 0, 120) and judged(log) == before
        # a larger budget goes on where this one ended
        code, third = sie(capsys, *arguments(log, server, *typed[2:], "--budget", "150"))
        assert (third["asked"], third["cached"]) == (30, 120) and judged(log)[:120] == before
        assert len(server.bodies) == 150
    manifest = json.loads((log.parent / "out" / "manifest.json").read_text())
    assert manifest["budget"] == third["budget"] and manifest["seeds"] == [5]
    rounds = [50, 50, 50] if strategy in ("uncertain", "influence") else [150]
    assert manifest["budget"]["strategy"] == strategy and manifest["budget"]["rounds"] == rounds
    assert (third["rows_read"], third["rows_used"], manifest["budget"]["pairs_in_log"]) == (COUNT, COUNT, COUNT)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["uncertain", "influence"])
def test_grades_choose_nothing_and_reach_nobody(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], strategy: str
) -> None:
    other = write_log(tmp_path / "other.csv", grade=1)
    with scripted_server(graded) as server:
        for place, (path, out) in enumerate(((log, "out"), (other, "other"))):
            typed = ["--budget", "110", "--strategy", strategy]
            _, result = sie(capsys, *arguments(path, server, *typed, out=out))
            assert result["asked"] == (0 if place else 110)
    assert judged(log) == judged(log, "other")


@pytest.mark.slow
def test_repeated_pairs_count_once_and_a_small_log_is_judged_whole(
    tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    repeated = write_log(tmp_path / "repeated.csv", repeats=3)
    with scripted_server(graded) as server:
        _, result = sie(capsys, *arguments(repeated, server, "--budget", "100", "--strategy", "diverse"))
        assert (result["pairs"], result["rows"], len(server.bodies)) == (100, 100, 100)
        assert (result["rows_read"], result["budget"]["pairs_in_log"]) == (3 * COUNT, COUNT)
        _, result = sie(capsys, *arguments(log, server, "--budget", "5000", "--strategy", "influence", out="all"))
        assert result["pairs"] == COUNT == len(server.bodies)


@pytest.mark.slow
def test_a_dry_run_says_what_is_not_known_yet(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_server(graded) as server:
        prices = ["--price-input", "1", "--price-output", "1"]
        typed = ["--budget", "120", "--strategy", "uncertain", *prices]
        _, planned = sie(capsys, *arguments(log, server, *typed, "--dry-run"))
        assert (planned["to_ask"], planned["budget"]["not_known_yet"]) == (120, 70) and not server.bodies
        assert planned["cost"] > 0 and not (log.parent / "out").exists()
        assert main([*arguments(log, server, *typed, "--dry-run")[:-2]]) == 0
        assert "70 pairs: answers will choose them" in capsys.readouterr().out


@pytest.mark.slow
def test_the_limit_on_cost_ends_the_rounds(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted_server(graded) as server:
        # room for about 75 answers at 100 tokens each
        prices = ["--price-input", "100", "--price-output", "0", "--max-cost", "0.75", "--concurrency", "1"]
        code, result = sie(capsys, *arguments(log, server, "--budget", "200", "--strategy", "uncertain", *prices))
        assert code == 3 and result["stopped"] == "cost" and result["cost"] <= 0.75
        assert result["budget"]["rounds"] == [50, 50][: len(result["budget"]["rounds"])]
        assert result["asked"] == result["ok"] <= 75
        code, rest = sie(capsys, *arguments(log, server, "--budget", "200", "--strategy", "uncertain"))
        assert (code, rest["ok"], rest["asked"]) == (0, 200, 200 - result["asked"])
    assert max(Counter(map(number_of, server.bodies)).values()) == 1


@pytest.mark.slow
def test_killed_between_and_within_rounds_it_goes_on_with_the_same_pairs(log: Path) -> None:
    typed = ["--budget", "200", "--strategy", "uncertain", "--concurrency", "4"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    repeated, undisturbed = 0, log.parent / "alone"
    with scripted_server(graded) as server:

        def start(out: str, **more: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "sie_agent", *arguments(log, server, *typed, out=out)]
            pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            return subprocess.Popen(command, env={**environment, **more}, cwd=log.parent, **pipes)

        for heard in (20, 70, 130):
            process = start("out")
            deadline = time.monotonic() + 120
            while len(server.bodies) < heard:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert start("out").wait(timeout=120) == 0
        asked = Counter(map(number_of, server.bodies))
        repeated = sum(asked.values()) - len(asked)
        assert len(asked) == 200 and repeated <= 3 * 4, "at most what was under way is asked again"
        assert start("alone", SIE_CACHE_DIR=str(undisturbed)).wait(timeout=120) == 0
    assert judged(log) == judged(log, "alone")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("--strategy", "uncertain"), "--strategy: chooses pairs for a budget, and none was given. Add --budget N."),
        (
            ("--budget", "5", "--strategy", "clever"),
            "--strategy: no strategy 'clever'. Choose one of random, uncertain",
        ),
        (("--budget", "0"), "--budget: expected a whole number from 1 upwards, of 64 bits, found 0"),
        (("--budget", "5", "--seed", "-1"), "--seed: expected a whole number from 0"),
        (("--budget", "5", "--strategy", ""), "--strategy: expected a text that is not empty, found ''"),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_wrong_values(
    log: Path, capsys: pytest.CaptureFixture[str], typed: tuple[str, ...], said: str, dry: tuple[str, ...]
) -> None:
    asked = ("--variant", "relevance/lexical", "--backend", "lexical", "--out", str(log.parent / "out"))
    assert main(["label", "--data", str(log), *asked, *typed, *dry]) == 2
    assert said in capsys.readouterr().err and not (log.parent / "out" / "judgments.parquet").exists()


def test_a_strategy_that_reads_labels_needs_some(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.read_csv(log).drop(columns=["label", "grade"])
    table.to_csv(log, index=False)
    asked = ("--variant", "relevance/lexical", "--backend", "lexical", "--out", str(log.parent / "out"))
    assert main(["label", "--data", str(log), *asked, "--budget", "20", "--strategy", "disagreement"]) == 2
    assert "--strategy: 'disagreement' reads the log's labels, and it has none" in capsys.readouterr().err


def test_clarity_alone_takes_no_budget(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = (
        "--variant",
        "clarity/graded",
        "--backend",
        "openai",
        "--base-url",
        "http://127.0.0.1:9/v1",
        "--model",
        "m",
    )
    assert main(["label", "--data", str(log), *asked, "--out", str(log.parent / "out"), "--budget", "20"]) == 2
    assert "--budget: a budget is spent on pairs, and 'clarity/graded' asks about queries" in capsys.readouterr().err
