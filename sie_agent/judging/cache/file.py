"""The SQLite file of the judgment cache: how it is opened, what is wrong with it, and how damaged rows are read."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.judging.cache.kept import NAME_CHARS, plain_line

VERSION = 1
MOST_ALIASES = 16
RATE_COUNT = 2000
PAUSE_SECONDS = 10.0
# a time after this (seconds since 1970) is none
LATEST = 1e11
TABLE = (
    "CREATE TABLE IF NOT EXISTS judgments (key TEXT PRIMARY KEY, value TEXT NOT NULL, created REAL NOT NULL, "
    "variant TEXT NOT NULL, model TEXT NOT NULL, status TEXT NOT NULL) WITHOUT ROWID"
)
# earlier versions of this package open a file with this table as well, and leave it alone
ALIAS_TABLE = (
    "CREATE TABLE IF NOT EXISTS aliases (number INTEGER PRIMARY KEY, asked TEXT NOT NULL, fingerprint TEXT NOT NULL, "
    "named TEXT NOT NULL, UNIQUE (asked, fingerprint, named))"
)
# rows are written by their place in this order
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
    InputError : the file is no judgment cache, or was written by a newer version.
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
        distrust(connection)
        prepare(connection, path, busy_seconds)
    except BaseException:
        connection.close()
        raise
    return connection


def check_kind(path: Path) -> None:
    """Raise InputError where a path is there and no file: a pipe would be waited for without end."""
    if path.exists() and not path.is_file():
        raise InputError("is no file, but a pipe or a device", where=path, hint="Name another file")


def distrust(connection: sqlite3.Connection) -> None:
    """What SQLite advises for files of unknown origin: nothing in the schema runs, and nothing is too large."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_OF_A_ROW)
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.execute("PRAGMA mmap_size = 0")


def check_schema(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file has the table of judgments; False where it has nothing.

    Raises
    ------
    InputError : it has other tables and not this one, or what runs by itself: triggers, views, tables of modules.
    """
    hint = "Name another file"
    found = connection.execute(
        "SELECT CAST(type AS BLOB), CAST(name AS BLOB), CAST(sql AS BLOB) FROM sqlite_master LIMIT ?",
        (MOST_OBJECTS + 1,),
    ).fetchall()
    if len(found) > MOST_OBJECTS:
        raise InputError("is a database of many tables, but no judgment cache", where=path, hint=hint)
    objects = [tuple(str(part or b"", "utf-8", "replace") for part in row) for row in found]
    for kind, name, sql in objects:
        shown = plain_line(name, 40)
        if kind not in ("table", "index"):
            raise InputError(
                f"has the {plain_line(kind, 20)} '{shown}', as no judgment cache has", where=path, hint=hint
            )
        made = " ".join(sql.upper().split())
        if made.startswith("CREATE VIRTUAL") or (name == "judgments" and RULES.search(made)):
            raise InputError(f"the table '{shown}' has rules, as in no judgment cache", where=path, hint=hint)
    tables = {name for kind, name, _ in objects if kind == "table"}
    if not tables:
        return False
    columns = connection.execute("PRAGMA table_xinfo(judgments)").fetchall()
    names = [str(column[1]) for column in columns]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        lacking = "" if "judgments" not in tables else f": it lacks the column '{missing[0]}'"
        raise InputError(f"is a database, but no judgment cache{lacking}", where=path, hint=hint)
    if tuple(names) != COLUMNS or [column[1] for column in columns if column[5]] != ["key"]:
        raise InputError("is a database, but no judgment cache: it has other columns or keys", where=path, hint=hint)
    return True


def prepare(connection: sqlite3.Connection, path: Path, busy_seconds: float) -> None:
    """Check what the file holds, and make the table if it holds nothing."""
    connection.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise InputError(
            f"was written by a newer version (format {version}, this one knows {VERSION})",
            where=path,
            hint="Upgrade sie-agent, or set SIE_CACHE_DIR to another folder",
        )
    if check_schema(connection, path) and version == VERSION:
        return
    # two processes may make the file at once, and this one statement fails instead of waiting for the other
    for attempt in Retrying(
        retry=retry_if_exception(is_busy),
        stop=stop_after_delay(busy_seconds),
        wait=wait_random(0.005, 0.05),
        reraise=True,
    ):
        with attempt:
            connection.execute("PRAGMA journal_mode = WAL")
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
    except (sqlite3.OperationalError, OSError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
            # what is wrong is in the file, not in the machine
            raise InputError(
                f"is no usable judgment cache: {one_line(error)}", where=path, hint=repair(path)
            ) from error
        raise EnvironmentFailure(
            f"the judgment cache cannot be used: {error}",
            where=path,
            hint="Check free space and permissions, or set SIE_CACHE_DIR to another folder",
        ) from error
    except sqlite3.DatabaseError as error:
        raise InputError(f"is no usable judgment cache: {one_line(error)}", where=path, hint=repair(path)) from error


def one_line(error: Exception) -> str:
    """What SQLite says, which may quote the file."""
    return plain_line(str(error), 200)


def repair(path: Path) -> str:
    """What to do about a damaged file."""
    if not rescue_path(path).exists():
        return "Move it away or name another file; sqlite3's .recover saves what can be read"
    # a log left from the damaged file would be written into the other
    both = f"{path.name} (and {path.name}-wal, if it is there)"
    return f"Move {both} away, give {rescue_path(path).name} its name and run the same command again"


def rescue_path(path: Path) -> Path:
    """Where answers go when the file turns out to be damaged while they come."""
    return path.with_name(path.name + ".rescued")


def is_busy(error: BaseException) -> bool:
    """Whether SQLite says that another process holds the file."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def is_full(error: sqlite3.Error) -> bool:
    """Whether SQLite says that there is no room; on some file systems that shows as an input/output error."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def is_damaged(error: sqlite3.Error) -> bool:
    """Whether SQLite says that what is in the file cannot be right."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def plain(value: object) -> str:
    """A name as it is written into the file, and as it is read where the file holds anything else."""
    return plain_line(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value), NAME_CHARS)


def note_alias(connection: sqlite3.Connection, asked: str, fingerprint: str, named: str) -> None:
    """Write down the name by which a model answered; nothing where there are as many as a model may have."""
    known = aliases(connection, asked, fingerprint)
    if plain(named) in known or len(known) >= MOST_ALIASES:
        return
    connection.execute(ALIAS_TABLE)
    row = (plain(asked), plain(fingerprint), plain(named))
    connection.execute("INSERT OR IGNORE INTO aliases (asked, fingerprint, named) VALUES (?, ?, ?)", row)


def aliases(connection: sqlite3.Connection, asked: str, fingerprint: str) -> tuple[str, ...]:
    """The names by which a model answered, in the order in which they came up."""
    if not has_aliases(connection):
        return ()
    rows = connection.execute(
        "SELECT CAST(named AS BLOB) FROM aliases WHERE asked = ? AND fingerprint = ? ORDER BY number LIMIT ?",
        (plain(asked), plain(fingerprint), MOST_ALIASES),
    )
    return tuple(plain(named) for (named,) in rows)


def has_aliases(connection: sqlite3.Connection) -> bool:
    """Whether the file has the table of other names; it is made when the first comes up."""
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'aliases'")
    return found.fetchone() is not None


def copy_readable(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Take along into another file what can be read of a damaged one; what the other has stays as it is."""
    target.execute("BEGIN IMMEDIATE")
    # keys are hexadecimal: a damaged page costs the parts of the file that lie on it, and no more
    for prefix in (f"{number:03x}" for number in range(16**3)):
        try:
            rows = source.execute(
                "SELECT * FROM judgments WHERE key >= ? AND key < ?", (prefix, prefix + "g")
            ).fetchall()
        except sqlite3.Error:
            continue
        target.executemany("INSERT OR IGNORE INTO judgments VALUES (?, ?, ?, ?, ?, ?)", rows)
    if has_aliases(source):
        named = source.execute("SELECT asked, fingerprint, named FROM aliases ORDER BY number").fetchall()
        target.execute(ALIAS_TABLE)
        target.executemany("INSERT OR IGNORE INTO aliases (asked, fingerprint, named) VALUES (?, ?, ?)", named)
    target.execute("COMMIT")


def groups(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """How many answers there are by ``variant``, ``model`` and ``status``: a mapping for each, with ``count``."""
    found = connection.execute(
        "SELECT CAST(variant AS BLOB), CAST(model AS BLOB), CAST(status AS BLOB), COUNT(*) FROM judgments "
        "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    ).fetchall()
    names = ("variant", "model", "status", "count")
    return [dict(zip(names, (*map(plain, said), count), strict=True)) for *said, count in found]


def recent_rate(connection: sqlite3.Connection, variant: str, model: str) -> float | None:
    """Answers per second when a model last answered for a second without a pause; None if it never did."""
    found = connection.execute(
        "SELECT created FROM judgments WHERE variant = ? AND model = ? AND created BETWEEN 0 AND ? "
        "ORDER BY created DESC LIMIT ?",
        (variant, model, LATEST, RATE_COUNT),
    )
    times = [float(created) for (created,) in found]
    pauses = (place for place in range(1, len(times)) if times[place - 1] - times[place] > PAUSE_SECONDS)
    steady = times[: next(pauses, len(times))]
    if not steady or steady[0] - steady[-1] < 1.0:
        return None
    # answers of one commit share its time: those of the first came before the clock was looked at
    return (len(steady) - steady.count(steady[-1])) / (steady[0] - steady[-1])
