"""A damaged row of the cache is one answer that is asked again; a damaged file loses nothing that was paid for."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.commands.cache import cache_export
from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.judging import JudgmentCache, estimate, judge, judge_chunks, load_variant, make_backend
from sie_agent.judging.answers import Answer
from sie_agent.judging.cache.stored import answer_to_json
from sie_agent.utils.progress import set_quiet

from .conftest import table
from .scripted_server import Reply, scripted_server
from .test_openai import GRADED

VARIANT = load_variant("relevance/graded")
OK = Answer("ok", "graded", probabilities={"0": 0.4, "1": 0.6}, input_tokens=7, model="m")


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        yield connection
    finally:
        connection.close()


def put_value(path: Path, key: str, value: object) -> None:
    """Write a value as it is, of whatever type, past all checks."""
    with opened(path) as connection:
        if connection.execute("SELECT sql LIKE '%NOT NULL%' FROM sqlite_master WHERE name = 'judgments'").fetchone()[0]:
            connection.execute("ALTER TABLE judgments RENAME TO old")
            connection.execute("CREATE TABLE judgments (key PRIMARY KEY, value, created, variant, model, status)")
            connection.execute("INSERT INTO judgments SELECT * FROM old")
            connection.execute("DROP TABLE old")
        given = "CAST(? AS TEXT)" if isinstance(value, bytes) and value.startswith(b"text") else "?"
        connection.execute(f"UPDATE judgments SET value = {given} WHERE key = ?", (value, key))


ROWS: list[object] = [
    None,
    7,
    2.5,
    b"\xff\xfe\x00",
    b"text\xff\xfe",
    "",
    "{",
    "[" * 100_000,
    answer_to_json(OK).replace("7", "1e20"),
    answer_to_json(OK).replace("7", "9" * 5000),
    answer_to_json(OK).replace('"m"', '"\\ud800"'),
    answer_to_json(OK).replace("0.6", "NaN"),
]


@pytest.mark.parametrize("value", ROWS, ids=range(len(ROWS)))
def test_a_damaged_row_is_absent_and_counted(value: object, tmp_path: Path) -> None:
    path = tmp_path / "judgments.sqlite"
    with JudgmentCache(path) as cache:
        cache.put([("a", OK), ("b", OK), ("c", OK)], variant="v", model="m")
    put_value(path, "b", value)
    with JudgmentCache(path) as cache:
        assert cache.get(["a", "b", "c"]) == {"a": OK, "c": OK}
        assert cache.damaged == 1
        assert cache.stats()["entries"] == 3
        assert cache.recent_rate("v", "m") is None
    told = cache_export(tmp_path / "all.jsonl", cache_path=path)
    assert (told["exported"], told["damaged"]) == (2, 1)
    assert [json.loads(line)["key"] for line in (tmp_path / "all.jsonl").read_text().splitlines()] == ["a", "c"]
    with JudgmentCache(path) as cache:
        assert cache.put([("b", OK)], variant="v", model="m") == 1
        assert len(cache.get(["a", "b", "c"])) == 3 and cache.damaged == 0
        assert cache.prune(model="m") == 3


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary() | st.text(st.characters(exclude_categories=["Cs"])) | st.integers(-(2**63), 2**63 - 1) | st.floats())
def test_no_value_ends_a_look_up(tmp_path: Path, value: object) -> None:
    path = tmp_path / "judgments.sqlite"
    with JudgmentCache(path) as cache:
        cache.put([("a", OK), ("b", OK)], variant="v", model="m")
    put_value(path, "b", value)
    with JudgmentCache(path) as cache:
        assert cache.get(["a", "b"]) == {"a": OK} and cache.damaged == 1


@pytest.mark.parametrize("junk", [b"\xff\x00", None, 5, "\x1b[2Jname\nnext", "x" * 5000])
def test_names_and_times_that_are_none(junk: object, tmp_path: Path) -> None:
    path = tmp_path / "judgments.sqlite"
    with JudgmentCache(path) as cache:
        cache.put([("a", OK), ("b", OK)], variant="v", model="m")
    put_value(path, "b", answer_to_json(OK))
    with opened(path) as connection:
        for column in ("created", "variant", "model", "status"):
            connection.execute(f"UPDATE judgments SET {column} = ? WHERE key = 'b'", (junk,))
    with JudgmentCache(path) as cache:
        json.dumps(cache.stats(), allow_nan=False).encode("ascii")
        assert cache.recent_rate("v", "m") is None
        assert cache.export(tmp_path / "all.jsonl") == 2
        assert all(json.loads(line)["answer"] for line in (tmp_path / "all.jsonl").read_text("utf-8").splitlines())
        assert cache.get(["a", "b"]) == {"a": OK, "b": OK}
        assert cache.prune(before=1e12) >= 1


def answered(url: str, cache: JudgmentCache, samples: pd.DataFrame) -> pd.DataFrame:
    return judge(samples, VARIANT, make_backend("openai", model="m", base_url=url, concurrency=2), cache)


MISFITS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no JSON": lambda answer: "{",
    "other tokens": lambda answer: {**answer, "probabilities": {"7": 1.0}},
    "no probabilities": lambda answer: {**answer, "probabilities": None},
    "another method": lambda answer: {**answer, "method": "written", "grade": "2", "probabilities": None},
    "a passing status": lambda answer: {**answer, "status": "timeout", "probabilities": None},
    "tokens": lambda answer: {**answer, "input_tokens": 1e20},
}


@pytest.mark.parametrize("kind", MISFITS)
def test_what_is_no_answer_to_the_question_is_asked_again_and_said_once(
    kind: str, tmp_path: Path, samples: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "judgments.sqlite"
    with scripted_server(lambda body, number: Reply(body=GRADED)) as server:
        with JudgmentCache(path) as cache:
            before = answered(server.url, cache, samples)
        with opened(path) as connection:
            rows = connection.execute("SELECT key, value FROM judgments ORDER BY key LIMIT 3").fetchall()
            for key, value in rows:
                damaged = MISFITS[kind](json.loads(value))
                text = damaged if isinstance(damaged, str) else json.dumps(damaged)
                connection.execute("UPDATE judgments SET value = ? WHERE key = ?", (text, key))
        server.bodies.clear()
        set_quiet(False)
        with JudgmentCache(path) as cache:
            backend = make_backend("openai", model="m", base_url=server.url)
            assert estimate([samples], VARIANT, backend, cache)["to_ask"] == 3
            assert capsys.readouterr().err.count("3 damaged answers in the cache: asked again") == 1
            chunks = [samples.iloc[[place]] for place in range(len(samples))]
            tables = list(judge_chunks(chunks, VARIANT, backend, cache))
            assert capsys.readouterr().err.count("3 damaged answers in the cache: asked again") == 1
        assert len(server.bodies) == 3
        assert pd.concat(tables)["score"].tolist() == before["score"].tolist()
        with JudgmentCache(path) as cache:
            assert answered(server.url, cache, samples)["cached"].all()
        assert "damaged" not in capsys.readouterr().err


def damaged_page(path: Path, samples: pd.DataFrame, url: str, *, rows: int) -> int:
    """A cache of some pages, one of which is overwritten; its size."""
    with JudgmentCache(path) as cache:
        answered(url, cache, samples)
        cache.put([(f"{number:064x}", OK) for number in range(rows)], variant="v", model="m")
        cache.prune(variant="none")
    size = path.stat().st_size
    assert size >= 5 * 4096
    return size


def test_a_damaged_page_is_told_before_anything_is_paid_for(tmp_path: Path, samples: pd.DataFrame) -> None:
    path = tmp_path / "judgments.sqlite"
    with scripted_server(lambda body, number: Reply(body=GRADED)) as server:
        size = damaged_page(path, samples, server.url, rows=300)
        asked = len(server.bodies)
        whole = path.read_bytes()
        ends = []
        for page in range(1, size // 4096):
            path.write_bytes(whole[: page * 4096] + b"\xff" * 4096 + whole[(page + 1) * 4096 :])
            more = table([("desk lamp", "Lamp"), ("garden hose", "Rubber Garden Hose 50 ft with Brass Fittings")])
            with pytest.raises(InputError, match=r"judgments\.sqlite.*Move it away"), JudgmentCache(path) as cache:
                answered(server.url, cache, more)
            ends.append(len(server.bodies) == asked)
    assert len(ends) > 3 and all(ends)


@pytest.mark.slow
def test_damage_that_only_writing_meets_loses_no_answer(
    tmp_path: Path, samples: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file too large to be looked through, whose free page, which the next answers take, is damaged."""
    monkeypatch.setattr("sie_agent.judging.cache.sqlite_file.LOOKED_THROUGH_BYTES", 0)
    path = tmp_path / "judgments.sqlite"
    more = table([(f"query {number}", f"thing {number}") for number in range(30)])
    with scripted_server(lambda body, number: Reply(body=GRADED)) as server:
        with JudgmentCache(path) as cache:
            cache.note_alias("m", "", "x")
            cache.put([(f"{number:064x}", OK) for number in range(300)], variant="v", model="m")
            cache._connection.execute("DELETE FROM judgments WHERE variant = 'v'")
            cache._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cache._connection.execute("PRAGMA journal_mode = DELETE")
        raw = path.read_bytes()
        first_free = int.from_bytes(raw[32:36], "big")
        assert first_free > 1
        start = (first_free - 1) * 4096
        path.write_bytes(raw[:start] + b"\xff" * 4096 + raw[start + 4096 :])
        told = r"are in judgments\.sqlite\.rescued\. Move judgments\.sqlite "
        with JudgmentCache(path) as cache, pytest.raises(EnvironmentFailure, match=told):
            answered(server.url, cache, more)
        saved = path.with_name("judgments.sqlite.rescued")
        assert len(server.bodies) < 30
        # as the message says
        os.replace(path, path.with_name("damaged"))
        for beside in ("-wal", "-shm"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        os.replace(saved, path)
        with JudgmentCache(path) as cache:
            assert cache.aliases("m", "") == ("x",)
            found = answered(server.url, cache, more)
        assert (found["status"] == "ok").all() and len(server.bodies) == 30
