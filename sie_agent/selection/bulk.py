"""A scores file of any length in a database that overflows to disk: rows ordered and grouped in little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sie_agent.errors import EnvironmentFailure
from sie_agent.files.writing import failures_in_words, spill_folder
from sie_agent.labels import WEAK_LABELS
from sie_agent.samples import numbers_of, table_batches, texts_of
from sie_agent.selection.select import Ties, known_first, no_score, strata_of, tie_breakers
from sie_agent.utils.progress import Bar
from sie_agent.utils.threads import cores

Doubles = npt.NDArray[np.float64]

MEMORY = "256MB"
ROWS_PER_BATCH = 50_000


@contextmanager
def database(target: Path) -> Iterator[Any]:
    """A DuckDB connection whose tables overflow into a hidden folder beside *target* while the block runs.

    Raises
    ------
    EnvironmentFailure : the folder cannot be written, or the disk is full.
    """
    with failures_in_words(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with spill_folder(target.parent, target.name) as folder, connected(folder) as connection:
        yield connection


@contextmanager
def connected(folder: Path) -> Iterator[Any]:
    """The connection of :func:`database`, whose tables overflow into *folder*."""
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "temp_directory": str(folder / "overflow"),
        # each thread has buffers of its own
        "threads": min(2, cores()),
        "preserve_insertion_order": False,
        # neither the network nor variables of this program are looked at
        "autoinstall_known_extensions": False,
        "python_enable_replacements": False,
    }
    try:
        with duckdb.connect(config=settings) as connection:
            yield connection
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        said = str(error).splitlines()[0][:160]
        raise EnvironmentFailure(
            f"rows cannot be ordered on disk ({said})", where=folder, hint="Free some space, or give another --out."
        ) from error


@dataclass(frozen=True)
class Wanted:
    """What is read of a scores file to select from it.

    Attributes
    ----------
    by : the weak label. labelled, queries : whether the file has ``label`` and ``query``.
    positive_at : the label from which on a row is positive; balance : whether labels stay in balance.
    """

    by: str
    labelled: bool
    queries: bool
    positive_at: float
    balance: bool

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return ["sample_id", self.by, *(["label"] if self.labelled else []), *(["query"] if self.queries else [])]

    def score(self, batch: pa.Table, path: Path) -> Doubles:
        """The scores of a batch, (n,), turned so that higher ones are kept, without a negative zero."""
        column = numbers_of(batch, self.by, path)
        return (column if WEAK_LABELS[self.by].high_is_good else -column) + 0.0

    def label(self, batch: pa.Table, path: Path) -> Doubles | None:
        """What the log says of the rows of a batch, (n,); None where the file does not tell."""
        return numbers_of(batch, "label", path) if self.labelled else None

    def ties(self, batch: pa.Table, path: Path, unknown: npt.NDArray[np.bool_]) -> Ties:
        """What decides between rows of one score, the lowest first, (n,); *unknown*: those without a score."""
        return known_first(tie_breakers(texts_of(batch, "sample_id", path).to_numpy(zero_copy_only=False)), unknown)

    def stratum(self, label: Doubles | None, rows: int) -> npt.NDArray[np.int8]:
        """See :func:`sie_agent.selection.select.strata_of`."""
        return strata_of(label if self.balance else None, rows, self.positive_at)


def load_scores(connection: Any, path: Path, wanted: Wanted, shown: Bar) -> None:
    """Make the table ``scored`` of the rows of a scores file.

    Its columns are ``row`` (from 0), ``score`` (higher is kept; null where there is none), ``stratum``, ``tie`` (of
    equal scores the lowest is kept) and, where the file tells, ``positive`` and ``query``.

    Raises
    ------
    InputError : a column does not hold numbers or texts, or no row has a score.
    """
    fields = [("row", pa.int64()), ("score", pa.float64()), ("stratum", pa.int8()), ("tie", pa.int64())]
    fields += [("positive", pa.bool_())] if wanted.labelled else []
    fields += [("query", pa.string())] if wanted.queries else []
    schema = pa.schema(fields)
    insert = inserter(connection, "scored", schema)
    start = known = 0
    for batch in table_batches(path, wanted.columns):
        score, label = wanted.score(batch, path), wanted.label(batch, path)
        known += int((~np.isnan(score)).sum())
        arrays = [pa.array(np.arange(start, start + len(batch))), pa.array(score, from_pandas=True)]
        arrays += [pa.array(wanted.stratum(label, len(batch))), pa.array(wanted.ties(batch, path, np.isnan(score)))]
        if label is not None:
            arrays.append(pa.array(label >= wanted.positive_at))
        if wanted.queries:
            arrays.append(texts_of(batch, "query", path))
        insert(pa.Table.from_arrays(arrays, schema=schema))
        start += len(batch)
        shown.advance(len(batch))
    if not known:
        raise no_score(wanted.by, str(path))


def inserter(connection: Any, name: str, schema: pa.Schema) -> Callable[[pa.Table], None]:
    """Make an empty table, and give what puts rows into it.

    Rows are handed over piece by piece, so that how far ahead a stream would be read cannot matter to memory.
    """
    connection.register("piece", schema.empty_table())
    connection.execute(f"CREATE TABLE {name} AS SELECT * FROM piece")

    def insert(piece: pa.Table) -> None:
        connection.register("piece", piece)
        connection.execute(f"INSERT INTO {name} SELECT * FROM piece")

    return insert


def one(connection: Any, query: str) -> tuple[Any, ...]:
    """The only row of a query's result."""
    (row,) = connection.execute(query).fetchall()
    return tuple(row)


def stream(connection: Any, query: str) -> Iterator[pa.RecordBatch]:
    """The result of a query, batch by batch."""
    yield from connection.sql(query).to_arrow_reader(ROWS_PER_BATCH)


class Cursor:
    """A column of a query's result, taken in pieces of any length."""

    def __init__(self, connection: Any, query: str) -> None:
        self._batches = stream(connection, query)
        self._held: npt.NDArray[Any] = np.empty(0)

    def take(self, count: int) -> npt.NDArray[Any]:
        """The next *count* values, fewer at the end."""
        pieces, there = [self._held], len(self._held)
        while there < count and (batch := next(self._batches, None)) is not None:
            pieces.append(batch.column(0).to_numpy(zero_copy_only=False))
            there += len(batch)
        together = np.concatenate([piece for piece in pieces if len(piece)]) if there else pieces[0]
        self._held = together[count:]
        return together[:count]

    def below(self, bound: int) -> npt.NDArray[np.int64]:
        """The next values that are less than *bound*, of a column that rises."""
        pieces = []
        while True:
            if not len(self._held):
                batch = next(self._batches, None)
                if batch is None:
                    break
                self._held = batch.column(0).to_numpy(zero_copy_only=False)
            upto = int(np.searchsorted(self._held, bound))
            pieces.append(self._held[:upto])
            self._held = self._held[upto:]
            if len(self._held):
                break
        return np.concatenate(pieces).astype(np.int64) if pieces else np.empty(0, np.int64)
