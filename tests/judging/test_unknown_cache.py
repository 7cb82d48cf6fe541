"""A judgment cache of unknown origin, and one that several threads share."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sie_agent.errors import InputError
from sie_agent.judging import JudgmentCache
from sie_agent.judging.answers import Answer

ANSWER = Answer(status="ok", method="lexical", number=0.5)
KEYS = [f"{number:064x}" for number in range(20)]
TABLE = (
    "CREATE TABLE judgments (key TEXT PRIMARY KEY, value TEXT NOT NULL, created REAL NOT NULL, variant TEXT NOT NULL, "
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with JudgmentCache(tmp_path / "judgments.sqlite") as cache:
        cache.put([(key, ANSWER) for key in KEYS], variant="v", model="m")
    return tmp_path / "judgments.sqlite"


def sql(*statements: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        for statement in statements:
            connection.execute(statement)
        connection.close()

    return change


def anew(*statements: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.unlink()
        sql(*statements, "PRAGMA user_version = 1")(path)

    return change


HOSTILE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a trigger": (
        sql("CREATE TRIGGER t AFTER INSERT ON judgments BEGIN DELETE FROM judgments; END"),
        "has the trigger 't'",
    ),
    "a view in its place": (
        anew(
            "CREATE VIEW judgments AS SELECT 1 AS key, 2 AS value, 3 AS created, 4 AS variant, 5 AS model, 6 AS status"
        ),
        "has the view 'judgments'",
    ),
    "a view without end": (
        sql("CREATE VIEW v AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"),
        "has the view 'v'",
    ),
    "a table of a module": (sql("CREATE VIRTUAL TABLE f USING fts5(x)"), "the table 'f' has rules"),
    "a column that is reckoned": (
        anew(TABLE + "model TEXT NOT NULL, status TEXT GENERATED ALWAYS AS (value || value))"),
        "has rules",
    ),
    "a check": (anew(TABLE + "model TEXT NOT NULL, status TEXT NOT NULL CHECK (length(status) < 3))"), "has rules"),
    "a column too few": (anew(TABLE + "model TEXT NOT NULL)"), "lacks the column 'status'"),
    "a column too many": (anew(TABLE + "model TEXT, status TEXT, more TEXT NOT NULL)"), "other columns or keys"),
    "no key": (anew((TABLE + "model TEXT, status TEXT)").replace(" PRIMARY KEY", "")), "other columns or keys"),
    "another order": (
        anew("CREATE TABLE judgments (value TEXT, key TEXT PRIMARY KEY, created, variant, model, status)"),
        "other columns or keys",
    ),
    "another database": (anew("CREATE TABLE people (name TEXT)"), "is a database, but not a judgment cache"),
    "a hundred tables": (anew(*(f"CREATE TABLE t{number} (x)" for number in range(100))), "many tables"),
    "a name with a line end": (sql('CREATE VIEW "a\nb\x1b[31m" AS SELECT 1'), "has the view 'a"),
    "a text": (lambda path: path.write_text("hello " * 1000), "not a usable judgment cache"),
    "a pipe": (lambda path: (path.unlink(), os.mkfifo(path)), "a pipe or a device"),
    "a device": (lambda path: (path.unlink(), path.symlink_to("/dev/zero")), "a pipe or a device"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "is a folder"),
}


@pytest.mark.parametrize(("change", "said"), HOSTILE.values(), ids=list(HOSTILE))
def test_a_file_that_is_no_cache_is_refused(path: Path, change: Callable[[Path], Any], said: str) -> None:
    change(path)
    begun = time.perf_counter()
    with pytest.raises(InputError) as caught:
        JudgmentCache(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and said in message and message.isprintable()
    assert time.perf_counter() - begun < 5


@pytest.mark.slow
def test_an_answer_of_a_hundred_megabytes_is_not_read(path: Path) -> None:
    sql(f"UPDATE judgments SET value = zeroblob(100000000) WHERE key = '{KEYS[3]}'")(path)
    with JudgmentCache(path) as cache, pytest.raises(InputError, match=r"judgments\.sqlite.*too big"):
        cache.get(KEYS)


def test_values_of_any_type_are_damaged_answers(path: Path) -> None:
    nest = "[" * 100_000
    for key, value in zip(KEYS, ("x'ff00'", "12", "'null'", "'[]'", "'{\"a\": NaN}'", f"'{nest}'", "''"), strict=False):
        sql(f"UPDATE judgments SET value = {value} WHERE key = '{key}'")(path)
    with JudgmentCache(path) as cache:
        assert set(cache.get(KEYS)) == set(KEYS[7:]) and cache.damaged == 7


def test_the_log_of_another_file_is_no_crash(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    opened = JudgmentCache(other)
    opened.put([(f"f{key[1:]}", ANSWER) for key in KEYS * 50], variant="v", model="m")
    shutil.copy(f"{other}-wal", f"{path}-wal")
    opened.close()
    said, found = str(path), {}
    try:
        with JudgmentCache(path) as cache:
            cache.reserve()
            found = cache.get(KEYS)
    except InputError as error:
        said = str(error)
    assert str(path) in said and "\n" not in said
    assert all(answer == ANSWER for answer in found.values())


def test_threads_share_a_cache(path: Path) -> None:
    failed: list[BaseException] = []
    with JudgmentCache(path) as cache:

        def work(number: int) -> None:
            try:
                for place in range(20):
                    key = f"{number:02x}{place:062x}"
                    cache.put([(key, ANSWER)], variant="v", model="m")
                    cache.note_alias("m", "", f"n{number}")
                    assert cache.get([key]) == {key: ANSWER} and cache.stats()["entries"] > 20
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=work, args=(number + 1,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not failed
        assert cache.stats()["entries"] == 20 + 4 * 20
        assert len(cache.aliases("m", "")) == 4
