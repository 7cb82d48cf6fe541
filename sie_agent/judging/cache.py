"""Judgments on disk, as they arrive: one SQLite file in write-ahead mode."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from ..errors import EnvironmentFailure, InputError
from ..paths import cache_dir
from .answers import Answer
from .kept import answer_from_json, answer_to_json

VERSION = 1
BUSY_SECONDS = 30.0
BALLAST_BYTES = 4 * 1024 * 1024
RATE_COUNT = 2000
PAUSE_SECONDS = 10.0
LOOKUP_CHUNK = 500
TABLE = (
    "CREATE TABLE IF NOT EXISTS judgments (key TEXT PRIMARY KEY, value TEXT NOT NULL, created REAL NOT NULL, "
    "variant TEXT NOT NULL, model TEXT NOT NULL, status TEXT NOT NULL) WITHOUT ROWID"
)


class JudgmentCache:
    """What judges said, by cache key. A context manager; safe for several processes at once.

    Parameters
    ----------
    path : the SQLite file; ``judgments.sqlite`` in the cache folder if not given. Made if absent.
    busy_seconds : how long to wait for another process that is writing.

    Attributes
    ----------
    ballast_used : whether the disk got full and the space that :meth:`reserve` had set aside was used.

    Raises
    ------
    InputError : the file is no judgment cache, or was written by a newer version.
    EnvironmentFailure : it cannot be opened.
    """

    def __init__(self, path: str | Path | None = None, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.ballast_used = False
        self._busy_seconds = busy_seconds
        self.path = Path(path) if path is not None else cache_dir() / "judgments.sqlite"
        if self.path.is_dir():
            raise InputError("is a folder, not a judgment cache", where=self.path, mend="Name a file in it")
        self._unwritable = ""
        with self._explained():
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = self._opened(str(self.path))
            except (sqlite3.OperationalError, OSError) as error:
                # a full disk, a read-only folder: what is there can still be read
                if not self.path.is_file() or is_busy(error):
                    raise
                self._unwritable = str(error)
                self._connection = self._opened(f"{self.path.resolve().as_uri()}?immutable=1")

    def _opened(self, address: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            address, timeout=self._busy_seconds, isolation_level=None, uri=address.startswith("file:")
        )
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA busy_timeout = {int(self._busy_seconds * 1000)}")
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise InputError(
                f"was written by a newer version (format {version}, this one knows {VERSION})",
                where=self.path,
                mend="Upgrade sie-agent, or set SIE_CACHE_DIR to another folder",
            )
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = {name for (name,) in found}
        if tables and "judgments" not in tables:
            mend = "Name another file"
            raise InputError("is a database, but no judgment cache", where=self.path, mend=mend)
        if version == VERSION and tables:
            return
        # two processes may make the file at once, and this one statement fails instead of waiting for the other
        for attempt in Retrying(
            retry=retry_if_exception(is_busy),
            stop=stop_after_delay(self._busy_seconds),
            wait=wait_random(0.005, 0.05),
            reraise=True,
        ):
            with attempt:
                connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(TABLE)
        connection.execute(f"PRAGMA user_version = {VERSION}")

    def __enter__(self) -> JudgmentCache:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def get(self, keys: Sequence[str]) -> dict[str, Answer]:
        """The answers that are there, by key. An entry that cannot be read counts as absent."""
        found: dict[str, Answer] = {}
        with self._explained():
            # in the order of the file, where neighbours share their pages
            ordered = sorted(keys)
            for start in range(0, len(ordered), LOOKUP_CHUNK):
                chunk = ordered[start : start + LOOKUP_CHUNK]
                marks = ",".join("?" * len(chunk))
                rows = self._connection.execute(f"SELECT key, value FROM judgments WHERE key IN ({marks})", chunk)
                for key, value in rows:
                    try:
                        found[key] = answer_from_json(value)
                    except ValueError:
                        continue
        return found

    def reserve(self) -> None:
        """Make sure that answers can be written, before anybody pays for one.

        Tries the lock, and sets 4 MiB aside in a file beside the cache, which are given up when the disk is full:
        the answers that are under way then can still be written.

        Raises
        ------
        EnvironmentFailure : the cache cannot be written to, or the disk has no room.
        """
        with self._explained():
            if self._unwritable:
                raise OSError(f"it can be read only ({self._unwritable})")
            self._connection.execute("BEGIN IMMEDIATE")
            # a read-only file lets a transaction begin; only a write shows it
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
            self._connection.execute("COMMIT")
            ballast = self._ballast()
            if not ballast.exists() or ballast.stat().st_size < BALLAST_BYTES:
                ballast.write_bytes(bytes(BALLAST_BYTES))

    def _ballast(self) -> Path:
        return self.path.with_name(self.path.name + ".ballast")

    def full(self) -> EnvironmentFailure:
        """What to tell the user when the ballast had to be used."""
        return EnvironmentFailure(
            "the disk is full; all answers that came were kept",
            where=self.path,
            mend="Free some space and run the same command again, or set SIE_CACHE_DIR to another folder",
        )

    def put(self, answers: Iterable[tuple[str, Answer]], *, variant: str, model: str) -> int:
        """Commit answers; they are on disk when this returns. Transient failures are left out.

        Parameters
        ----------
        answers : (key, answer) pairs.
        variant, model : what they came from, for :meth:`stats` and :meth:`prune`.

        Returns
        -------
        How many were kept.
        """
        now = time.time()
        rows = [
            (key, answer_to_json(answer), now, variant, model, answer.status)
            for key, answer in answers
            if answer.lasting
        ]
        if not rows:
            return 0
        with self._explained():
            try:
                self._insert(rows)
            except sqlite3.OperationalError as error:
                if not is_full(error) or not self._ballast().exists():
                    raise
                self._ballast().unlink()
                self.ballast_used = True
                self._insert(rows)
        return len(rows)

    def _insert(self, rows: Sequence[tuple[object, ...]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany("INSERT OR REPLACE INTO judgments VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def recent_rate(self, variant: str, model: str) -> float | None:
        """Answers per second to a variant when a model last answered for a second without a pause; None if never."""
        with self._explained():
            found = self._connection.execute(
                "SELECT created FROM judgments WHERE variant = ? AND model = ? ORDER BY created DESC LIMIT ?",
                (variant, model, RATE_COUNT),
            )
            times = [float(created) for (created,) in found]
        pauses = (place for place in range(1, len(times)) if times[place - 1] - times[place] > PAUSE_SECONDS)
        steady = times[: next(pauses, len(times))]
        if not steady or steady[0] - steady[-1] < 1.0:
            return None
        # answers of one commit share its time: those of the first came before the clock was looked at
        return (len(steady) - steady.count(steady[-1])) / (steady[0] - steady[-1])

    def stats(self) -> dict[str, Any]:
        """Where it lies, how large it is, how many answers by variant, model and status."""
        with self._explained():
            groups = self._connection.execute(
                "SELECT variant, model, status, COUNT(*) FROM judgments GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
            ).fetchall()
        names = ("variant", "model", "status", "count")
        return {
            "path": str(self.path),
            "bytes": self.path.stat().st_size,
            "entries": sum(group[3] for group in groups),
            "groups": [dict(zip(names, group, strict=True)) for group in groups],
        }

    def prune(
        self,
        *,
        variant: str | None = None,
        model: str | None = None,
        status: str | None = None,
        before: float | None = None,
    ) -> int:
        """Delete the answers that meet all that is given, and give their space back; without anything, all.

        Parameters
        ----------
        variant, model, status : of the answers to delete.
        before : only those written before this time (seconds since 1970).

        Returns
        -------
        How many there were.
        """
        with self._explained():
            cursor = self._connection.execute(
                "DELETE FROM judgments WHERE (?1 IS NULL OR variant = ?1) AND (?2 IS NULL OR model = ?2) "
                "AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR created < ?4)",
                (variant, model, status, before),
            )
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute("VACUUM")
        return cursor.rowcount

    def export(self, path: str | Path) -> int:
        """Write every entry as JSON lines (key, variant, model, created, answer); gives the count."""
        count = 0
        target = Path(path)
        partial = target.with_name(target.name + ".partial")
        with self._explained():
            rows = self._connection.execute(
                "SELECT key, variant, model, created, value FROM judgments ORDER BY created, key"
            )
            with _writing(partial) as write:
                for key, variant, model, created, value in rows:
                    entry = {"key": key, "variant": variant, "model": model, "created": created}
                    write(json.dumps({**entry, "answer": json.loads(value)}, ensure_ascii=False) + "\n")
                    count += 1
            partial.replace(target)
        return count

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn SQLite's and the system's errors into one line that says what to do."""
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            raise EnvironmentFailure(
                f"the judgment cache cannot be used: {error}",
                where=self.path,
                mend="Check free space and permissions, or set SIE_CACHE_DIR to another folder",
            ) from error
        except sqlite3.DatabaseError as error:
            mend = "Move it away or name another file"
            raise InputError(f"is no usable judgment cache: {error}", where=self.path, mend=mend) from error


def is_busy(error: BaseException) -> bool:
    """Whether SQLite says that another process holds the file."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def is_full(error: sqlite3.Error) -> bool:
    """Whether SQLite says that there is no room; on some file systems that shows as an input/output error."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


@contextmanager
def _writing(path: Path) -> Iterator[Any]:
    with path.open("w", encoding="utf-8") as stream:
        yield stream.write
