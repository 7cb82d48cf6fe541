"""The SQLite file of the judgment cache: how it is opened and checked, and what its errors mean."""

from __future__ import annotations

import random
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.judging.cache.stored import plain_line

VERSION = 1
TABLE = (
    "CREATE TABLE IF NOT EXISTS judgments (key TEXT PRIMARY KEY, value TEXT NOT NULL, created REAL NOT NULL, "
    "variant TEXT NOT NULL, model TEXT NOT NULL, status TEXT NOT NULL) WITHOUT ROWID"
)
# in the order in which rows are written
COLUMNS = ("key", "value", "created", "variant", "model", "status")
MOST_OBJECTS = 50
# an answer has some hundred characters
MOST_OF_A_ROW = 16 * 1024 * 1024
RULES = re.compile(r"\b(CHECK|GENERATED|AS|REFERENCES|COLLATE|DEFAULT)\b")
# looked through before the first question, in a fifth of a second
LOOKED_THROUGH_BYTES = 256 * 1024 * 1024


def open_file(address: str, path: Path, busy_seconds: float) -> sqlite3.Connection:
    """A connection to the file, which is made if it is absent.

    Raises
    ------
    InputError : the file is not a judgment cache, or was written by a newer version.
    sqlite3.Error : it cannot be opened.
    """
    connection = sqlite3.connect(
        address,
        timeout=busy_seconds,
        isolation_level=None,
        uri=address.startswith("file:"),
        # the cache has a lock of its own
        check_same_thread=False,
    )
    try:
        # what SQLite advises for files of unknown origin: nothing in the schema runs, and nothing is too large
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_OF_A_ROW)
        for setting in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
            connection.execute(f"PRAGMA {setting}")
        connection.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
        prepare(connection, path, busy_seconds)
    except BaseException:
        connection.close()
        raise
    return connection


def check_schema(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file has the table of judgments; False where it is empty.

    Raises
    ------
    InputError : it has other tables and not this one, or something that runs by itself: triggers, views, tables of
        modules.
    """

    def other(problem: str) -> InputError:
        return InputError(problem, where=path, hint="Name another file")

    found = connection.execute(
        "SELECT CAST(type AS BLOB), CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_master LIMIT ?",
        (MOST_OBJECTS + 1,),
    ).fetchall()
    if len(found) > MOST_OBJECTS:
        raise other("is a database of many tables, but not a judgment cache")
    objects = [tuple(str(part or b"", "utf-8", "replace") for part in row) for row in found]
    for kind, name, sql in objects:
        if kind not in ("table", "index"):
            raise other(f"has the {plain_line(kind, 20)} '{plain_line(name, 40)}', as no judgment cache has")
        made = " ".join(sql.upper().split())
        if made.startswith("CREATE VIRTUAL") or (name == "judgments" and RULES.search(made)):
            raise other(f"the table '{plain_line(name, 40)}' has rules, as in no judgment cache")
    tables = {name for kind, name, _ in objects if kind == "table"}
    if not tables:
        return False
    columns = connection.execute("PRAGMA table_xinfo(judgments)").fetchall()
    names = tuple(str(column[1]) for column in columns)
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        lacking = "" if "judgments" not in tables else f": it lacks the column '{missing[0]}'"
        raise other(f"is a database, but not a judgment cache{lacking}")
    if names != COLUMNS or [column[1] for column in columns if column[5]] != ["key"]:
        raise other("is a database, but not a judgment cache: it has other columns or keys")
    return True


def prepare(connection: sqlite3.Connection, path: Path, busy_seconds: float) -> None:
    """Check what the file holds, and make the table if it holds nothing."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise InputError(
            f"was written by a newer version (format {version}, this one knows {VERSION})",
            where=path,
            hint="Upgrade sie-agent, or set SIE_CACHE_DIR to another folder",
        )
    if check_schema(connection, path) and version == VERSION:
        return
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            # two processes may make the file at once, and this one statement fails instead of waiting for the other
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(random.uniform(0.005, 0.05))
    connection.execute(TABLE)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def look_through(connection: sqlite3.Connection, path: Path) -> None:
    """Find damage in pages that no look-up has met; a large file is left to :meth:`JudgmentCache.put`.

    Raises
    ------
    sqlite3.DatabaseError : the file is damaged.
    """
    if path.stat().st_size <= LOOKED_THROUGH_BYTES:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(" ".join(str(found).split()))


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's and the system's errors into one line that says what to do."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        of_machine = isinstance(error, sqlite3.OperationalError | OSError)
        if of_machine and getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR:
            raise EnvironmentFailure(
                f"the judgment cache cannot be used: {error}",
                where=path,
                hint="Check free space and permissions, or set SIE_CACHE_DIR to another folder",
            ) from error
        # what SQLite says may quote the file
        problem = f"is not a usable judgment cache: {plain_line(str(error), 200)}"
        raise InputError(problem, where=path, hint=repair(path)) from error


def repair(path: Path) -> str:
    """What to do about a damaged file."""
    rescued = rescue_path(path)
    if not rescued.exists():
        return "Move it away or name another file; sqlite3's .recover saves what can be read"
    # a log left from the damaged file would be written into the other
    both = f"{path.name} (and {path.name}-wal, if it is there)"
    return f"Move {both} away, give {rescued.name} its name and run the same command again"


def rescue_path(path: Path) -> Path:
    """Where answers go when the file turns out to be damaged while they come."""
    return path.with_name(path.name + ".rescued")


def _code(error: BaseException) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def is_busy(error: BaseException) -> bool:
    """Whether SQLite says that another process holds the file."""
    return _code(error) == sqlite3.SQLITE_BUSY


def is_full(error: sqlite3.Error) -> bool:
    """Whether SQLite says that there is no room; on some file systems that shows as an input/output error."""
    return _code(error) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def is_damaged(error: sqlite3.Error) -> bool:
    """Whether SQLite says that what is in the file cannot be right."""
    return _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
