"""The judgment cache as JSON lines."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sie_agent.files.writing import Unfinished
from sie_agent.judging.cache.file import LATEST, plain
from sie_agent.judging.cache.kept import answer_of, loaded_json

KEYS_AT_ONCE = 10_000
FIELDS = {"key", "variant", "model", "created", "answer"}
ENTRIES = (
    "SELECT CAST(key AS BLOB), CAST(variant AS BLOB), CAST(model AS BLOB), "
    "CASE WHEN created BETWEEN 0 AND ? THEN created END, CAST(value AS BLOB) FROM judgments ORDER BY created, key"
)


def write_entries(connection: sqlite3.Connection, target: Path) -> tuple[int, int]:
    """Write every entry into *target*; how many there were, and how many could not be read and were left out."""
    count = damaged = 0
    with Unfinished(target) as unfinished:
        for row in connection.execute(ENTRIES, (LATEST,)):
            try:
                # a field of a later version may hold half of a surrogate pair
                unfinished.stream.write(f"{entry_line(*row)}\n".encode("utf-8", "replace"))
                count += 1
            except (ValueError, RecursionError):
                damaged += 1
    return count, damaged


def exported_keys(path: Path) -> Iterator[list[str]]:
    """The keys of an earlier export, some at a time; one that no cache has, where a line is no entry."""
    keys: list[str] = []
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream:
            try:
                entry = loaded_json(line)
            except (ValueError, RecursionError):
                entry = {}
            keys.append(str(entry["key"]) if set(entry) >= FIELDS else "")
            if len(keys) == KEYS_AT_ONCE:
                yield keys
                keys = []
    yield keys


def entry_line(key: bytes, variant: bytes, model: bytes, created: float | None, value: bytes | None) -> str:
    """One entry as JSON.

    Raises
    ------
    ValueError, RecursionError : its answer cannot be read.
    """
    answer: dict[str, Any] = loaded_json(str(value or b"", "utf-8"))
    answer_of(answer)
    entry = {"key": plain(key), "variant": plain(variant), "model": plain(model), "created": created}
    return json.dumps({**entry, "answer": answer}, ensure_ascii=False, allow_nan=False)
