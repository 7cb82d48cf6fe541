"""One passage over a log, in which the scored parts that are missing are made."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sie_agent.commands.log_rows import LogRows
from sie_agent.scorer import (
    FROM,
    LOG,
    PASSED_THROUGH,
    Parts,
    Scorer,
    columns_beside,
    columns_path,
    folder_hash,
    scored_by_workers,
    scored_here,
)
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import bar, say


@dataclass
class Scoring:
    """One passage over the log.

    Attributes
    ----------
    workers : processes that score.
    scored : rows scored so far; skipped : those of parts that were there before.
    count : parts of the log. rows, unlabelled : of the log.
    """

    parts: Parts
    log: LogRows
    workers: int
    scored: int = 0
    skipped: int = 0
    count: int = 0
    rows: int = 0
    unlabelled: int = 0

    def score(self, folder: Path, loaded: Scorer) -> None:
        """Make the missing parts; *loaded* is the scorer in *folder*."""
        tasks = self._missing()
        first = list(itertools.islice(tasks, 2))
        # a process takes longer to start than a chunk to score
        self.workers = self.workers if len(first) > 1 else 1
        todo = itertools.chain(first, tasks)
        # read here in any case: of a worker that cannot read them nobody would hear why
        log = columns_beside(loaded, folder)
        if self.workers == 1:
            written = scored_here(loaded, log, todo)
        else:
            # each worker reads its own
            del log
            written = scored_by_workers(folder, todo, self.workers, loaded.columns)
        with bar("Scoring", self.log.count) as shown:
            told = 0
            for rows in written:
                self.scored += rows
                shown.advance(self.scored + self.skipped - told)
                told = self.scored + self.skipped
        if self.skipped:
            say(f"{counted(self.skipped, 'row')} scored before")
        if self.unlabelled:
            none = self.unlabelled == self.rows
            which = "The data have no label" if none else f"{counted(self.unlabelled, 'row')} without a label"
            say(f"{which}: scored as rows whose label is not known")
        self.parts.finish(self.count)

    def _missing(self) -> Iterator[tuple[Path, pd.DataFrame]]:
        """File and rows of each part that is not there yet; all rows are read, for faults that only all tell."""
        for chunk in self.log.chunks(self.parts.target.parent):
            self.rows += len(chunk)
            self.unlabelled += int(chunk["label"].isna().sum())
            number, self.count = self.count, self.count + 1
            if self.parts.rows(number) == len(chunk):
                self.skipped += len(chunk)
            else:
                yield self.parts.path(number), chunk


def made_from(folder: Path, log: LogRows) -> dict[str, Any]:
    """What decides on the scores."""
    from sie_agent.version import __version__

    return {
        "scorer": folder_hash(folder),
        "log columns": columns_path(folder).is_file(),
        **log.identity(),
        "version": __version__,
        "rows per part": log.chunk_rows,
        "columns of the log": list(PASSED_THROUGH),
    }


def rows_from_log(target: Path, loaded: Scorer) -> int | None:
    """How many rows got ``label_error`` from the log's columns; None where the scorer does not tell wrong labels."""
    if loaded.label_errors is None:
        return None
    with pq.ParquetFile(target) as opened:
        batches = opened.iter_batches(columns=[FROM])
        return sum(int(pc.sum(pc.equal(batch.column(0), LOG)).as_py() or 0) for batch in batches)
