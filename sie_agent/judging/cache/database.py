"""Judgments on disk, as they arrive: one SQLite file in write-ahead mode."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.paths import cache_dir, user_path
from sie_agent.judging.answers import Answer
from sie_agent.judging.cache import entries, sqlite_file
from sie_agent.judging.cache.entries import EndpointTokens, plain
from sie_agent.judging.cache.sqlite_file import VERSION, explained, is_busy, is_damaged, is_full
from sie_agent.judging.cache.stored import answer_from_json, answer_to_json
from sie_agent.utils.shown import shown
from sie_agent.utils.signatures import checked

BUSY_SECONDS = 30.0
BALLAST_BYTES = 4 * 1024 * 1024
LOOKUP_CHUNK = 500


class JudgmentCache:
    """What judges said, by cache key. A context manager; safe for several processes and threads at once.

    Parameters
    ----------
    path : the SQLite file; ``judgments.sqlite`` in the cache folder if not given. Made if absent.
    busy_seconds : how long to wait for another process that is writing.

    Attributes
    ----------
    ballast_used : whether the disk got full and the space that :meth:`reserve` had set aside was used.
    damaged : how many answers were met that cannot be read, or cannot be answers to what was asked.

    Raises
    ------
    InputError : the file is not a judgment cache, or was written by a newer version.
    EnvironmentFailure : it cannot be opened.

    Examples
    --------
    >>> import sie_agent as sie
    >>> with sie.JudgmentCache("answers.sqlite") as cache:
    ...     print(cache)
    JudgmentCache(path='answers.sqlite', entries=0)
    """

    @checked
    def __init__(self, path: str | Path | None = None, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self.ballast_used = False
        self.damaged = 0
        self._looked_through = False
        self._rescue: JudgmentCache | None = None
        self._lock = threading.RLock()
        self._busy_seconds = busy_seconds
        self.path = user_path(path) if path is not None else cache_dir() / "judgments.sqlite"
        if self.path.is_dir():
            raise InputError("is a folder, not a judgment cache", where=self.path, hint="Name a file in it")
        self._ballast = self.path.with_name(self.path.name + ".ballast")
        self._unwritable = ""
        if self.path.exists() and not self.path.is_file():
            # opening a pipe would wait for ever
            raise InputError("is a pipe or a device, not a file", where=self.path, hint="Name another file")
        if self.path.parent.exists() and not self.path.parent.is_dir():
            hint = "Set SIE_CACHE_DIR to a folder" if path is None else "Name a file in a folder"
            raise InputError("is a file, and the judgment cache needs a folder", where=self.path.parent, hint=hint)
        with self._used():
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = sqlite_file.open_file(str(self.path), self.path, busy_seconds)
            except (sqlite3.OperationalError, OSError) as error:
                # a full disk, a read-only folder: what is there can still be read
                if not self.path.is_file() or is_busy(error):
                    raise
                self._unwritable = str(error)
                address = f"{self.path.resolve().as_uri()}?immutable=1"
                self._connection = sqlite_file.open_file(address, self.path, busy_seconds)

    @contextmanager
    def _used(self) -> Iterator[None]:
        """One thread at a time: a connection has one transaction, whoever began it."""
        with self._lock, explained(self.path):
            yield

    def __repr__(self) -> str:
        try:
            (count,) = self._connection.execute("SELECT COUNT(*) FROM judgments").fetchone()
        except sqlite3.Error as error:
            return shown(self, path=self.path, trouble=str(error))
        return shown(self, path=self.path, entries=count)

    def __enter__(self) -> JudgmentCache:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
            if self._rescue is not None:
                self._rescue.close()

    @checked
    def get(self, keys: Sequence[str]) -> dict[str, Answer]:
        """The answers that are there, by key. An entry that cannot be read counts as absent, and as damaged.

        Parameters
        ----------
        keys : of the answers.

        Returns
        -------
        Those that are there.
        """
        found: dict[str, Answer] = {}
        with self._used():
            # in the order of the file, where neighbours share their pages
            ordered = sorted(keys)
            for start in range(0, len(ordered), LOOKUP_CHUNK):
                chunk = ordered[start : start + LOOKUP_CHUNK]
                marks = ",".join("?" * len(chunk))
                # as bytes: SQLite would end the whole look-up at the first text that is not UTF-8
                asked = f"SELECT key, CAST(value AS BLOB) FROM judgments WHERE key IN ({marks})"
                for key, value in self._connection.execute(asked, chunk):
                    try:
                        found[key] = answer_from_json(str(value or b"", "utf-8"))
                    except ValueError:
                        self.damaged += 1
        return found

    def reserve(self) -> None:
        """Make sure that answers can be written, before anybody pays for one.

        Tries the lock, looks a file of up to 256 MiB through for damage, and sets 4 MiB aside in a file beside the
        cache, which are given up when the disk is full: the answers that are under way then can still be written.

        Raises
        ------
        InputError : the file is damaged.
        EnvironmentFailure : the cache cannot be written to, or the disk has no room.
        """
        with self._used():
            if self._unwritable:
                raise OSError(f"it can be read only ({self._unwritable})")
            if not self._looked_through:
                sqlite_file.look_through(self._connection, self.path)
                self._looked_through = True
            self._connection.execute("BEGIN IMMEDIATE")
            # a read-only file lets a transaction begin; only a write shows it
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
            self._connection.execute("COMMIT")
            if not self._ballast.exists() or self._ballast.stat().st_size < BALLAST_BYTES:
                self._ballast.write_bytes(bytes(BALLAST_BYTES))

    @property
    def trouble(self) -> EnvironmentFailure | None:
        """What to tell the user when answers could be kept in another way only; None while all is well."""
        if self._rescue is not None:
            saved = self._rescue.path
            return EnvironmentFailure(
                f"the judgment cache is damaged; the last answers and all that can be read are in {saved.name}",
                where=self.path,
                hint=sqlite_file.repair(self.path),
            )
        if self.ballast_used:
            return EnvironmentFailure(
                "the disk is full; all answers that came were kept",
                where=self.path,
                hint="Free some space and run the same command again, or set SIE_CACHE_DIR to another folder",
            )
        return None

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
        now, names = time.time(), (plain(variant), plain(model))
        rows = [(key, answer_to_json(answer), now, *names, answer.status) for key, answer in answers if answer.lasting]
        if not rows:
            return 0
        with self._used():
            try:
                (self._rescue or self)._insert(rows)
            except sqlite3.DatabaseError as error:
                if is_damaged(error) and self._rescue is None:
                    self._save_elsewhere(rows)
                elif is_full(error) and self._ballast.exists():
                    self._ballast.unlink()
                    self.ballast_used = True
                    (self._rescue or self)._insert(rows)
                else:
                    raise
        return len(rows)

    def _save_elsewhere(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Into another file, with all that can be read of this one, which turned out to be damaged."""
        saved = JudgmentCache(sqlite_file.rescue_path(self.path), busy_seconds=self._busy_seconds)
        saved._insert(rows)
        self._rescue = saved
        with suppress(sqlite3.Error):
            entries.copy_readable(self._connection, saved._connection)

    def _insert(self, rows: Sequence[tuple[object, ...]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany("INSERT OR REPLACE INTO judgments VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def note_alias(self, asked: str, fingerprint: str, named: str) -> None:
        """Remember that a model answers under another name, so that its answers are found under that name.

        Does nothing where that is known, where 16 names of the model are, or where the file cannot be written to.

        Parameters
        ----------
        asked, fingerprint : the model that was asked for, and its revision.
        named : the name that the answer gives.
        """
        with self._lock, suppress(sqlite3.Error, OSError):
            entries.note_alias((self._rescue or self)._connection, asked, fingerprint, named)

    def aliases(self, asked: str, fingerprint: str) -> tuple[str, ...]:
        """The other names under which a model has answered, in the order in which they came up; at most 16."""
        with self._used():
            return entries.aliases((self._rescue or self)._connection, asked, fingerprint)

    def recent_rate(self, variant: str, model: str) -> float | None:
        """Answers per second to a variant when a model last answered for a second without a pause; None if never."""
        with self._used():
            return entries.recent_rate(self._connection, variant, model)

    def tokens_by_endpoint(self) -> list[EndpointTokens]:
        """Of each endpoint, how many answers are kept, and the tokens of all and of the longest of them."""
        with self._used():
            return entries.tokens_by_endpoint(self._connection)

    def stats(self) -> dict[str, Any]:
        """Where it lies, how large it is, how many answers by variant, model and status.

        Returns
        -------
        ``path``, ``bytes``, ``entries``, and ``groups`` (``variant, model, status, count`` of each).
        """
        with self._used():
            groups = entries.groups(self._connection)
        count = sum(group["count"] for group in groups)
        return {"path": str(self.path), "bytes": self.path.stat().st_size, "entries": count, "groups": groups}

    @checked
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
        with self._used():
            cursor = self._connection.execute(
                "DELETE FROM judgments WHERE (?1 IS NULL OR variant = ?1) AND (?2 IS NULL OR model = ?2) "
                "AND (?3 IS NULL OR status = ?3) AND (?4 IS NULL OR created < ?4)",
                (variant, model, status, before),
            )
            if (variant, model, status, before) == (None, None, None, None):
                self._connection.execute("DROP TABLE IF EXISTS aliases")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute("VACUUM")
        return cursor.rowcount

    @checked
    def holds_export(self, path: str | Path) -> bool:
        """Whether a file is an export whose answers are all still here."""
        with explained(self.path):
            return all(self.get(keys).keys() >= set(keys) for keys in entries.exported_keys(Path(path)))

    @checked
    def export(self, path: str | Path) -> int:
        """Write every entry as JSON lines (key, variant, model, created, answer); gives the count.

        Entries that cannot be read are left out and counted in ``damaged``.

        Parameters
        ----------
        path : of the file to write.

        Returns
        -------
        How many entries were written.
        """
        with self._used():
            count, damaged = entries.write_entries(self._connection, Path(path))
        self.damaged += damaged
        return count
