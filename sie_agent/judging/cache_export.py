"""The judgment cache as JSON lines."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from .cache_file import LATEST, plain
from .kept import answer_of, loaded_json

ENTRIES = (
    "SELECT CAST(key AS BLOB), CAST(variant AS BLOB), CAST(model AS BLOB), "
    "CASE WHEN created BETWEEN 0 AND ? THEN created END, CAST(value AS BLOB) FROM judgments ORDER BY created, key"
)


def write_entries(connection: sqlite3.Connection, target: Path) -> tuple[int, int]:
    """Write every entry into *target*; how many there were, and how many could not be read and were left out."""
    count = damaged = 0
    partial = target.with_name(target.name + ".partial")
    with writing(partial) as stream:
        for row in connection.execute(ENTRIES, (LATEST,)):
            try:
                stream.write(entry_line(*row) + "\n")
                count += 1
            except (ValueError, RecursionError):
                damaged += 1
        stream.close()
        partial.replace(target)
    return count, damaged


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


@contextmanager
def writing(path: Path) -> Iterator[TextIO]:
    """A file to write text into, which is gone where that fails."""
    try:
        # a field of a later version may hold half of a surrogate pair
        with path.open("w", encoding="utf-8", errors="replace") as stream:
            yield stream
    except BaseException:
        path.unlink(missing_ok=True)
        raise
