"""Where the rows of a log come from: what the verbs that read a log in chunks have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.files.paths import user_path
from sie_agent.pipeline.loading import load_log, named_files
from sie_agent.samples import InvalidRows, count_rows, resolve, stream_samples, without_grade
from sie_agent.scorer import source_identity


@dataclass(frozen=True)
class LogRows:
    """A log, as `stream_samples` and `load_log` take it.

    Attributes
    ----------
    simulate, seed : draw the log from the grades, by a name in ``LOGS``.
    allow_missing_labels : whether rows without a label are rows.
    chunk_rows : rows of a chunk.
    """

    data: str | Path
    column_map: str | Path | None = None
    split: str | None = None
    limit: int | None = None
    invalid: InvalidRows | None = None
    simulate: str | None = None
    seed: int = 0
    allow_missing_labels: bool = True
    chunk_rows: int = 20_000

    def chunks(self, spill: Path | None = None) -> Iterator[pd.DataFrame]:
        """The rows without grades, chunk by chunk; a simulated log has to be whole before its first row is known."""
        source: dict[str, Any] = {
            "column_map": self.column_map,
            "split": self.split,
            "limit": self.limit,
            "allow_missing_labels": self.allow_missing_labels,
            "invalid": self.invalid,
        }
        if self.simulate is None:
            streamed = stream_samples(self.data, chunk_rows=self.chunk_rows, spill=spill, **source)
            yield from map(without_grade, streamed)
            return
        whole = load_log(self.data, simulate=self.simulate, seed=self.seed, **source)
        for first in range(0, len(whole), self.chunk_rows):
            yield without_grade(whole.iloc[first : first + self.chunk_rows].reset_index(drop=True))

    @property
    def count(self) -> int | None:
        """How many rows there are, where that is cheap to know."""
        known = count_rows(self.data, self.column_map) if self.split is None else None
        return known if known is None or self.limit is None else min(known, self.limit)

    def identity(self) -> dict[str, Any]:
        """What decides on the rows; a data set on the Hub is known by its name alone."""
        path, _ = resolve(self.data)
        file = None if self.column_map is None else user_path(self.column_map)
        mapped = str(self.column_map) if file is None or not file.is_file() else source_identity(file)
        files = [one for one in named_files(self.data, self.column_map) if one.is_file()]
        return {
            "source": str(self.data) if path is None else source_identity(path),
            "column map": mapped,
            "its files": [source_identity(one) for one in files],
            "options": [self.split, self.limit, self.simulate, self.seed if self.simulate else None],
        }
