"""What is read from and written to the tables of the judgment cache, beside answers by their key."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sie_agent.files.writing import Unfinished
from sie_agent.judging.cache.stored import NAME_CHARS, answer_from_json, answer_of, loaded_json, plain_line

MOST_ALIASES = 16
RATE_COUNT = 2000
PAUSE_SECONDS = 10.0
# later times (seconds since 1970) are damage
LATEST = 1e11
# earlier versions of this package open a file with this table as well, and leave it alone
ALIAS_TABLE = (
    "CREATE TABLE IF NOT EXISTS aliases (number INTEGER PRIMARY KEY, asked TEXT NOT NULL, fingerprint TEXT NOT NULL, "
    "named TEXT NOT NULL, UNIQUE (asked, fingerprint, named))"
)
NEW_ALIAS = "INSERT OR IGNORE INTO aliases (asked, fingerprint, named) VALUES (?, ?, ?)"
KEYS_AT_ONCE = 10_000
EXPORTED = {"key", "variant", "model", "created", "answer"}
ENTRIES = (
    "SELECT CAST(key AS BLOB), CAST(variant AS BLOB), CAST(model AS BLOB), "
    "CASE WHEN created BETWEEN 0 AND ? THEN created END, CAST(value AS BLOB) FROM judgments ORDER BY created, key"
)


class EndpointTokens(NamedTuple):
    """The answers of one endpoint: how many, their tokens, and those of the longest question and answer."""

    endpoint: str
    answers: int
    input_tokens: int
    output_tokens: int
    most_input: int
    most_output: int


def tokens_by_endpoint(connection: sqlite3.Connection) -> list[EndpointTokens]:
    """The answers by endpoint; one that cannot be read counts without tokens."""
    found: dict[str, list[int]] = {}
    for (value,) in connection.execute("SELECT CAST(value AS BLOB) FROM judgments"):
        try:
            answer = answer_from_json(str(value or b"", "utf-8"))
            place, sent, received = answer.endpoint, answer.input_tokens, answer.output_tokens
        except ValueError:
            place, sent, received = "", 0, 0
        total = found.setdefault(place, [0, 0, 0, 0, 0])
        total[0] += 1
        total[1] += sent
        total[2] += received
        total[3:] = [max(total[3], sent), max(total[4], received)]
    return [EndpointTokens(place, *total) for place, total in sorted(found.items())]


def plain(value: object) -> str:
    """A name as it is written into the file, and as it is read where the file holds anything else."""
    return plain_line(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value), NAME_CHARS)


def note_alias(connection: sqlite3.Connection, asked: str, fingerprint: str, named: str) -> None:
    """Write down the name by which a model answered; nothing where there are as many as a model may have."""
    known = aliases(connection, asked, fingerprint)
    if plain(named) not in known and len(known) < MOST_ALIASES:
        connection.execute(ALIAS_TABLE)
        connection.execute(NEW_ALIAS, (plain(asked), plain(fingerprint), plain(named)))


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
    """Copy what can be read of a damaged file into another one; what the other has stays as it is."""
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
        target.executemany(NEW_ALIAS, named)
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
        (plain(variant), plain(model), LATEST, RATE_COUNT),
    )
    times = [float(created) for (created,) in found]
    pauses = (place for place in range(1, len(times)) if times[place - 1] - times[place] > PAUSE_SECONDS)
    steady = times[: next(pauses, len(times))]
    if not steady or steady[0] - steady[-1] < 1.0:
        return None
    # answers of one commit share its time: those of the first came before the clock was looked at
    return (len(steady) - steady.count(steady[-1])) / (steady[0] - steady[-1])


def write_entries(connection: sqlite3.Connection, target: Path) -> tuple[int, int]:
    """Write every entry into *target*, as JSON lines.

    Returns
    -------
    How many there were, and how many could not be read and were left out.
    """
    count = damaged = 0
    with Unfinished(target) as unfinished:
        for key, variant, model, created, value in connection.execute(ENTRIES, (LATEST,)):
            entry = {"key": plain(key), "variant": plain(variant), "model": plain(model), "created": created}
            try:
                answer: dict[str, Any] = loaded_json(str(value or b"", "utf-8"))
                answer_of(answer)
                line = json.dumps({**entry, "answer": answer}, ensure_ascii=False, allow_nan=False)
            except (ValueError, RecursionError):
                damaged += 1
                continue
            # a field of a later version may hold half of a surrogate pair
            unfinished.stream.write(f"{line}\n".encode("utf-8", "replace"))
            count += 1
    return count, damaged


def exported_keys(path: Path) -> Iterator[list[str]]:
    """The keys of an earlier export, some at a time; one that no cache has, where a line is not an entry."""
    keys: list[str] = []
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            try:
                entry = loaded_json(line)
            except (ValueError, RecursionError):
                entry = {}
            keys.append(str(entry["key"]) if set(entry) >= EXPORTED else "")
            if len(keys) == KEYS_AT_ONCE:
                yield keys
                keys = []
    yield keys
