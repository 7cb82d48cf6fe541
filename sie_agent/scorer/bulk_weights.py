"""Weights of a scores file of any length: what ``weights_from`` gives, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sie_agent.progress import bar
from sie_agent.samples import TableWriter, failures_in_words, table_batches, table_columns
from sie_agent.scorer.bulk import ROWS_PER_BATCH, Cursor, database, inserter, load_scores, spill_folder, stream
from sie_agent.scorer.select import check_name, check_strength, raw_weights

WEIGHED = pa.schema([("row", pa.int64()), ("weight", pa.float64())])


def weigh_file(scores: Path, target: Path, by: str, strength: float = 1.0) -> dict[str, Any]:
    """Write ``sample_id`` and ``weight`` of every row of a scores file, in its order.

    Rows are ordered on disk, beside *target*: by score, where their ranks and so their weights show, and back.

    Parameters
    ----------
    scores : Parquet file; target : Parquet file to write.
    by : ``value``, ``support`` or ``hardness``; strength : a of the formula of :func:`weights_from`.

    Returns
    -------
    ``rows``, ``unscored`` (rows without a score, which get weight 1 before the mean is taken), ``smallest``,
    ``largest``.

    Raises
    ------
    InputError : the file, the column or the strength is wrong.
    EnvironmentFailure : the disk is in the way.
    """
    check_strength(strength)
    names, rows = table_columns(scores, required=("sample_id",))
    check_name(by, names, str(scores))
    smallest, largest = np.inf, -np.inf
    with database(target) as connection, bar("Weighing", 4 * rows) as shown:
        known = load_scores(connection, scores, by, shown)
        ranked = Ranked(spill_folder(target), known, strength)
        with failures_in_words(target):
            for batch in stream(connection, "SELECT score, row FROM scored ORDER BY score NULLS LAST"):
                ranked.add(batch)
                shown.advance(len(batch))
            connection.execute("DROP TABLE scored")
            mean = (ranked.finish() + rows - known) / rows
            insert = inserter(connection, "weighed", WEIGHED)
            for piece in ranked.weighed():
                insert(piece)
                shown.advance(len(piece))
        weights = Cursor(connection, "SELECT weight FROM weighed ORDER BY row")
        with TableWriter(target) as writer:
            for batch in table_batches(scores, ["sample_id"]):
                weight = weights.take(len(batch)) / mean
                smallest, largest = min(smallest, weight.min()), max(largest, weight.max())
                writer.write(batch.append_column("weight", pa.array(weight)))
                shown.advance(len(batch))
    return {"rows": rows, "unscored": rows - known, "smallest": float(smallest), "largest": float(largest)}


class Ranked:
    """Rows in the order of their scores, and the weight that goes with each distinct score, in files.

    Parameters
    ----------
    folder : for the files; known : rows that have a score; strength : a of the formula.
    """

    def __init__(self, folder: Path, known: int, strength: float) -> None:
        self._rows, self._weights, self._counts = (folder / name for name in ("rows", "weights", "counts"))
        self._known = known
        self._strength = strength
        self._before = 0
        self._open = (np.nan, 0)
        self._total = 0.0

    def add(self, batch: pa.RecordBatch) -> None:
        """Take scores (in order, null at the end) and their rows."""
        append(self._rows, batch.column(1).to_numpy())
        score = batch.column(0).to_numpy(zero_copy_only=False)
        values, counts = np.unique(score[~np.isnan(score)], return_counts=True)
        if len(values):
            # a tie may go on in the next batch
            last, count = self._open
            if last == values[0]:
                counts[0] += count
            elif count:
                counts = np.concatenate([[count], counts])
            self._open = (float(values[-1]), int(counts[-1]))
            self._close(counts[:-1])

    def finish(self) -> float:
        """The sum of the weights of all rows that have a score, once they were added."""
        self._close(np.array([self._open[1]]))
        return self._total

    def _close(self, counts: npt.NDArray[np.int64]) -> None:
        ends = self._before + np.cumsum(counts)
        # the mean of the ranks of a tie, as in Kendall 1945
        weights = raw_weights(ends - (counts - 1) / 2, self._known, self._strength)
        self._total += float(weights @ counts)
        self._before += int(counts.sum())
        append(self._weights, weights)
        append(self._counts, counts)

    def weighed(self) -> Iterator[pa.Table]:
        """Each row and its weight, before the mean is taken."""
        with self._rows.open("rb") as rows:
            for weight in self._spread_out():
                row = np.fromfile(rows, np.int64, len(weight))
                yield pa.Table.from_arrays([pa.array(row), pa.array(weight)], schema=WEIGHED)
            while len(row := np.fromfile(rows, np.int64, ROWS_PER_BATCH)):
                yield pa.Table.from_arrays([pa.array(row), pa.array(np.ones(len(row)))], schema=WEIGHED)

    def _spread_out(self) -> Iterator[npt.NDArray[np.float64]]:
        """The weights of rows that have a score, one per row, some at a time."""
        with self._weights.open("rb") as weights, self._counts.open("rb") as counts:
            while len(weight := np.fromfile(weights, np.float64, ROWS_PER_BATCH)):
                ends = np.cumsum(np.fromfile(counts, np.int64, ROWS_PER_BATCH))
                for start in range(0, int(ends[-1]), ROWS_PER_BATCH):
                    places = np.arange(start, min(start + ROWS_PER_BATCH, int(ends[-1])))
                    yield weight[np.searchsorted(ends, places, side="right")]


def append(path: Path, values: npt.NDArray[Any]) -> None:
    """Write numbers behind those that a file has."""
    with path.open("ab") as file:
        values.tofile(file)
