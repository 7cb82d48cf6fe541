"""DuckDB connections for scores tables: in memory, or of any length with an overflow on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from sie_agent.files.overflow import MEMORY, connected, overflowing
from sie_agent.files.writing import failures_in_words

ROWS_PER_BATCH = 50_000


@contextmanager
def database(target: Path | None = None, threads: int | None = None) -> Iterator[Any]:
    """A DuckDB connection, in memory.

    Parameters
    ----------
    target : a file beside which a hidden folder takes what is over ``MEMORY`` while the block runs; None for tables
        that are in memory anyway.
    threads : see :func:`overflowing`.

    Raises
    ------
    EnvironmentFailure : the folder cannot be written, or the disk is full.
    """
    if target is None:
        with connected({}, threads) as connection:
            yield connection
        return
    with failures_in_words(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    failed, hint = "rows cannot be ordered on disk", "Free some space, or give another --out."
    with overflowing(target.parent, target.name, failed, hint, MEMORY, threads) as connection:
        yield connection


def inserter(connection: Any, name: str, schema: pa.Schema, columns: str = "*") -> Callable[[pa.Table], None]:
    """Make an empty table, and return the function that inserts rows.

    Rows go in piece by piece: DuckDB would read ahead in a stream, and so hold an unknown part of it in memory.
    """
    connection.register("piece", schema.empty_table())
    connection.execute(f"CREATE TABLE {name} AS SELECT {columns} FROM piece")

    def insert(piece: pa.Table) -> None:
        connection.register("piece", piece)
        connection.execute(f"INSERT INTO {name} SELECT {columns} FROM piece")

    return insert


def stream(connection: Any, query: str) -> Iterator[pa.Table]:
    """The result of a query, batch by batch."""
    for batch in connection.sql(query).to_arrow_reader(ROWS_PER_BATCH):
        yield pa.Table.from_batches([batch])


class TableStream:
    """Rows that come in batches, taken in pieces of any length, in order."""

    def __init__(self, batches: Iterator[pa.Table], schema: pa.Schema) -> None:
        self._batches = batches
        self._held = schema.empty_table()

    def ahead(self, count: int) -> pa.Table:
        """The next *count* rows, fewer at the end; they stay."""
        pieces, there = [self._held], len(self._held)
        while there < count and (batch := next(self._batches, None)) is not None:
            pieces.append(batch)
            there += len(batch)
        self._held = pa.concat_tables(pieces)
        return self._held.slice(0, count)

    def take(self, count: int) -> pa.Table:
        """The next *count* rows, fewer at the end; the stream goes on behind them."""
        taken = self.ahead(count)
        self._held = self._held.slice(count)
        return taken


def first_row(connection: Any, query: str) -> dict[str, Any]:
    """The first row of a query's result, by column."""
    found = connection.sql(query).to_arrow_table().slice(0, 1).to_pylist()
    return dict(found[0])
