"""Killed, full, locked and read-only: nothing that was answered is lost, nothing is paid for twice."""

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
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.errors import EnvironmentFailure
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend

from ..soak import times
from .conftest import table
from .scripted_server import Reply, Scripted, completion, scripted_server

GRADED = completion("2", top={"2": 0.0})
ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 8


def number_of(body: dict[str, Any]) -> int:
    text = body["messages"][-1]["content"]
    return int(text.split("thing ")[1].split("<")[0])


def write_log(path: Path, count: int) -> Path:
    rows = [f"s{number},query {number % 50},i{number},thing {number},1" for number in range(count)]
    path.write_text("sample_id,query,item_id,title,label\n" + "\n".join(rows) + "\n")
    return path


def start(log: Path, server: Scripted, *more: str, out: str = "out") -> subprocess.Popen[str]:
    """``sie label`` in a process of its own."""
    command = [sys.executable, "-m", "sie_agent", "label", "--data", str(log), "--out", str(log.parent / out)]
    command += ["--variant", "relevance/graded", "--backend", "openai", "--base-url", server.url, "--model", "m"]
    command += ["--concurrency", str(AT_ONCE), *more]
    environment = {**os.environ, "SIE_CACHE_DIR": str(log.parent / "cache"), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=log.parent
    )


def ask_one(server: Scripted, cache: JudgmentCache) -> pd.DataFrame:
    backend = make_backend("openai", base_url=server.url, model="m")
    return judge(table([("hose", "a hose")]), load_variant("relevance/graded"), backend, cache)


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


def wait_for(condition: Any, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.002)


@pytest.mark.slow
@pytest.mark.soak
def test_killed_at_random_moments(tmp_path: Path) -> None:
    kills = times()
    count = 400 + 120 * kills
    log, drawn = write_log(tmp_path / "log.csv", count), random.Random(7)
    repeated = 0
    with scripted_server(lambda body, number: Reply(body=GRADED, delay=0.02)) as server:
        for _ in range(kills):
            before, had = len(server.bodies), kept(log)
            process = start(log, server, "--quiet")
            wait_for(lambda start=before: len(server.bodies) > start)
            time.sleep(drawn.uniform(0.0, 0.25))
            process.send_signal(signal.SIGKILL)
            process.wait()
            time.sleep(0.1)
            lost = (len(server.bodies) - before) - (kept(log) - had)
            # what was sent and is not on disk: never more than were under way
            assert 0 <= lost <= AT_ONCE
            repeated += lost
        assert kept(log) < count, "the last life was to have work left"
        last = start(log, server, "--output", "json")
        shown, _ = last.communicate(timeout=300)
        assert last.returncode == 0
    asked = Counter(map(number_of, server.bodies))
    assert set(asked) == set(range(count))
    assert sum(asked.values()) - count == repeated <= kills * AT_ONCE
    found = pd.read_parquet(tmp_path / "out" / "judgments.parquet")
    assert (found["status"] == "ok").all() and sorted(found["sample_id"]) == sorted(f"s{n}" for n in range(count))
    assert kept(log) == count and json.loads(shown)["ok"] == count


@pytest.mark.slow
def test_a_polite_signal_lets_what_was_asked_arrive(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", 2000)
    with scripted_server(lambda body, number: Reply(body=GRADED, delay=0.05)) as server:
        process = start(log, server)
        wait_for(lambda: len(server.bodies) > 50)
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=30)
        assert process.returncode == 130 and "goes on from there" in told
        assert kept(log) == len(server.bodies) < 2000
    assert not list((tmp_path / "out").glob("*"))


@pytest.mark.slow
def test_two_processes_share_a_cache(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.csv", 600)
    with scripted_server(lambda body, number: Reply(body=GRADED, delay=0.005)) as server:
        both = [start(log, server, "--quiet", out=f"out{number}") for number in range(2)]
        told = [process.communicate(timeout=120)[1] for process in both]
        assert [process.returncode for process in both] == [0, 0], told
    assert kept(log) == 600
    for number in range(2):
        assert (pd.read_parquet(tmp_path / f"out{number}" / "judgments.parquet")["status"] == "ok").all()


def test_a_writer_that_never_ends_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "judgments.sqlite"
    JudgmentCache(path).close()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        with (
            scripted_server(lambda body, number: Reply(body=GRADED)) as server,
            JudgmentCache(path, busy_seconds=0.2) as cache,
            pytest.raises(EnvironmentFailure, match="locked"),
        ):
            ask_one(server, cache)
        assert not server.bodies, "nothing may be paid for that cannot be kept"
    finally:
        holder.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 7 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=7m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.slow
def test_a_disk_that_gets_full_loses_no_answer(small_disk: Path) -> None:
    # an answer of 6 kB each, so that a small disk is full soon
    long = completion(json.dumps({"rationale": "r" * 300, "grade": "2"}))
    many = table([(f"query {number}", f"thing {number}") for number in range(6000)])
    path = small_disk / "judgments.sqlite"
    with scripted_server(lambda body, number: Reply(body=long)) as server:
        with JudgmentCache(path) as cache:
            backend = make_backend("openai", base_url=server.url, model="m", concurrency=AT_ONCE)
            with pytest.raises(EnvironmentFailure, match=r"disk is full.*run the same command again"):
                judge(many, load_variant("relevance/written"), backend, cache)
        with JudgmentCache(path) as cache:
            assert cache.stats()["entries"] == len(server.bodies) > 200


def test_no_room_at_all_is_said_before_anything_is_paid(small_disk: Path) -> None:
    path = small_disk / "judgments.sqlite"
    JudgmentCache(path).close()
    with pytest.raises(OSError):
        (small_disk / "stuff").write_bytes(bytes(16 * 1024 * 1024))
    with (
        scripted_server(lambda body, number: Reply(body=GRADED)) as server,
        JudgmentCache(path) as cache,
        pytest.raises(EnvironmentFailure, match="free space"),
    ):
        ask_one(server, cache)
    assert not server.bodies


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere; the read-only mount below stands in for it")
def test_a_cache_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "judgments.sqlite"
    JudgmentCache(path).close()
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    with JudgmentCache(path) as cache, pytest.raises(EnvironmentFailure):
        cache.reserve()


def test_a_read_only_cache_serves_what_it_has_and_pays_for_nothing(small_disk: Path) -> None:
    path = small_disk / "judgments.sqlite"
    variant, two = load_variant("relevance/graded"), table([("hose", "a hose"), ("hose", "a reel")])
    with scripted_server(lambda body, number: Reply(body=GRADED)) as server:
        backend = make_backend("openai", base_url=server.url, model="m")
        with JudgmentCache(path) as cache:
            judge(two.head(1), variant, backend, cache)
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        with JudgmentCache(path) as cache:
            assert judge(two.head(1), variant, backend, cache)["cached"].all()
            with pytest.raises(EnvironmentFailure, match="SIE_CACHE_DIR"):
                judge(two, variant, backend, cache)
        assert len(server.bodies) == 1
