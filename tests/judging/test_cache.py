"""The judgment cache: what is put in comes back, and what is wrong with it is said in one line."""

from __future__ import annotations

import json
import multiprocessing
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.judging import JudgmentCache
from sie_agent.judging.answers import TRANSIENT_STATUSES, Answer

OK = Answer("ok", "graded", probabilities={"0": 0.4, "1": 0.6}, input_tokens=7)


def test_put_and_get(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "judgments.sqlite"
    with JudgmentCache(path) as cache:
        assert cache.put([("a", OK), ("b", Answer("unparsed", "written"))], variant="v", model="m") == 2
    with JudgmentCache(path) as cache:
        assert cache.get(["a", "b", "c"]) == {"a": OK, "b": Answer("unparsed", "written")}
        assert cache.get([]) == {}


def test_a_put_is_on_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "judgments.sqlite"
    with JudgmentCache(path) as writer, JudgmentCache(path) as reader:
        writer.put([("a", OK)], variant="v", model="m")
        assert reader.get(["a"]) == {"a": OK}


def test_transient_failures_are_left_out(tmp_path: Path) -> None:
    with JudgmentCache(tmp_path / "judgments.sqlite") as cache:
        failures = [(status, Answer(status, "graded")) for status in TRANSIENT_STATUSES]
        assert cache.put(failures, variant="v", model="m") == 0
        assert cache.get(list(TRANSIENT_STATUSES)) == {}


def test_thousands_of_keys(tmp_path: Path) -> None:
    with JudgmentCache(tmp_path / "judgments.sqlite") as cache:
        cache.put([(str(number), OK) for number in range(2500)], variant="v", model="m")
        assert len(cache.get([str(number) for number in range(3000)])) == 2500


def test_stats_prune_and_export(tmp_path: Path) -> None:
    with JudgmentCache(tmp_path / "judgments.sqlite") as cache:
        cache.put([("a", OK), ("b", Answer("refused", "graded"))], variant="v", model="m")
        cache.put([("c", OK)], variant="w", model="m")
        stats = cache.stats()
        assert stats["entries"] == 3 and stats["bytes"] > 0
        assert {"variant": "v", "model": "m", "status": "refused", "count": 1} in stats["groups"]
        assert cache.export(tmp_path / "all.jsonl") == 3
        lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
        assert {line["key"] for line in lines} == {"a", "b", "c"} and lines[0]["answer"]["method"] == "graded"
        assert cache.prune(variant="w", before=1.0) == 0
        assert cache.prune(variant="w") == 1
        assert cache.prune(status="refused") == 1
        assert cache.prune() == 1
        assert cache.stats()["entries"] == 0


def test_a_damaged_entry_counts_as_absent(tmp_path: Path) -> None:
    path = tmp_path / "judgments.sqlite"
    with JudgmentCache(path) as cache:
        cache.put([("a", OK), ("b", OK)], variant="v", model="m")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE judgments SET value = '{\"status\"' WHERE key = 'a'")
    connection.close()
    with JudgmentCache(path) as cache:
        assert list(cache.get(["a", "b"])) == ["b"]


def test_a_newer_cache_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "judgments.sqlite"
    JudgmentCache(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InputError, match=r"newer version .format 99"):
        JudgmentCache(path)


def test_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "judgments.sqlite"
    path.write_text("this is a text that is long enough to be taken for something else" * 20)
    with pytest.raises(InputError, match=r"judgments\.sqlite"):
        JudgmentCache(path)


def test_another_programs_database(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
    connection.close()
    with pytest.raises(InputError, match="not a judgment cache"):
        JudgmentCache(path)


def test_a_truncated_cache(tmp_path: Path) -> None:
    path = tmp_path / "judgments.sqlite"
    with JudgmentCache(path) as cache:
        cache.put([(str(number), OK) for number in range(500)], variant="v", model="m")
        cache.prune(variant="none")
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises((InputError, EnvironmentFailure)), JudgmentCache(path) as cache:
        cache.get([str(number) for number in range(500)])


def test_a_folder_is_no_cache(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="folder"):
        JudgmentCache(tmp_path)


def test_a_place_that_cannot_be_written() -> None:
    with pytest.raises(EnvironmentFailure, match="SIE_CACHE_DIR"):
        JudgmentCache("/proc/nowhere/judgments.sqlite")


def test_a_full_disk(tmp_path: Path) -> None:
    with JudgmentCache(tmp_path / "judgments.sqlite") as cache:
        pages = cache._connection.execute("PRAGMA page_count").fetchone()[0]
        cache._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(EnvironmentFailure, match="full"):
            cache.put([(str(number), OK) for number in range(5000)], variant="v", model="m")
        assert cache.get(["1"]) == {}


def test_a_cache_that_may_only_be_read(tmp_path: Path) -> None:
    with JudgmentCache(tmp_path / "judgments.sqlite") as cache:
        cache._connection.execute("PRAGMA query_only = 1")
        with pytest.raises(EnvironmentFailure, match="readonly"):
            cache.put([("a", OK)], variant="v", model="m")


def fill(path: Path, start: int) -> None:
    with JudgmentCache(path) as cache:
        for number in range(start, start + 40):
            cache.put([(str(number), OK)], variant="v", model="m")


def test_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "judgments.sqlite"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=fill, args=(path, start)) for start in (0, 100, 200)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with JudgmentCache(path) as cache:
        assert cache.stats()["entries"] == 120


@pytest.mark.slow
def test_several_make_the_file_at_once(tmp_path: Path) -> None:
    """The step to write-ahead mode is refused, not delayed, where two take it together."""
    together = threading.Barrier(4)

    def make(path: Path) -> bool:
        together.wait()
        with JudgmentCache(path) as cache:
            cache.reserve()
            return cache.put([("a", OK)], variant="v", model="m") == 1

    with ThreadPoolExecutor(4) as threads:
        for number in range(100):
            assert all(threads.map(make, [tmp_path / f"{number}.sqlite"] * 4))


def test_a_file_that_another_process_keeps_is_said(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "cache.sqlite", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM sqlite_master").fetchall()
    with pytest.raises(EnvironmentFailure, match="locked"):
        JudgmentCache(tmp_path / "cache.sqlite", busy_seconds=0.1)
    other.close()


def test_the_default_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "here"))
    with JudgmentCache() as cache:
        assert cache.path == tmp_path / "here" / "judgments.sqlite"


def test_how_fast_answers_came_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty a second for ten seconds, an hour after slower times; other variants and models do not count."""
    clock = [1_000_000.0]
    monkeypatch.setattr("sie_agent.judging.cache.database.time.time", lambda: clock[0])
    with JudgmentCache(tmp_path / "judgments.sqlite") as cache:
        assert cache.recent_rate("v", "m") is None
        for step in range(30):
            clock[0] += 1.0 if step < 20 else 0.5
            clock[0] += 3600.0 if step == 20 else 0.0
            count = 2 if step < 20 else 10
            cache.put([(f"{step}-{number}", OK) for number in range(count)], variant="v", model="m")
            cache.put([(f"other-{step}-{number}", OK) for number in range(100)], variant="w", model="m")
        assert cache.recent_rate("v", "m") == pytest.approx(20.0)
        assert cache.recent_rate("v", "n") is None
