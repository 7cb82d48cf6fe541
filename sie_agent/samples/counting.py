"""Count the rows of a source without reading it, and distinct pairs while it is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sie_agent.samples.log_source import resolve
from sie_agent.samples.maps.column_maps import ColumnMap, load_column_map
from sie_agent.samples.sources.folders import hidden
from sie_agent.samples.sources.readers import ENDINGS, data_ending
from sie_agent.samples.splits import query_keys

BLOCK_BYTES = 1 << 20
FRESH = 100_000


def count_rows(source: str | Path, column_map: str | Path | ColumnMap | None = None) -> int | None:
    """Estimate how many rows a file or a folder of files has; None where only reading it would tell.

    Parquet files say it in their footers; text files have as many as lines, or fewer where a cell holds line ends.
    Filters of a column map may leave fewer; where it puts impressions together, the number of pairs is not known.

    Raises
    ------
    InputError : there is no such source.
    """
    path, map_name = resolve(source)
    chosen = column_map if column_map is not None else map_name
    if path is None or (chosen is not None and load_column_map(chosen).impressions is not None):
        return None
    found = [path] if path.is_file() else [one for one in path.rglob("*") if not hidden(one.relative_to(path))]
    files = sorted(file for file in found if data_ending(file) and file.is_file())
    if not files or any(file.suffix not in ENDINGS for file in files):
        return None
    try:
        return sum(map(rows_in, files))
    except (pa.ArrowException, OSError):
        return None


def pair_keys(samples: pd.DataFrame) -> pd.Series:
    """The pair of query and item that each row is of, as one text; by the title where there is no ``item_id``.

    Queries are one where they differ in case and white space alone, ids where they do in white space around.
    """
    items = samples["item_id"] if "item_id" in samples.columns else samples["title"]
    return query_keys(samples["query"].astype(str)) + "\x1f" + items.astype(str).str.strip()


class Distinct:
    """How many different texts go by, known by their 64-bit hashes: 8 bytes for each, 16 while they are joined."""

    def __init__(self) -> None:
        self._known: npt.NDArray[np.uint64] = np.empty(0, np.uint64)
        self._fresh: list[npt.NDArray[np.uint64]] = []
        self._waiting = 0

    def add(self, texts: pd.Series) -> None:
        """Take some more."""
        self._fresh.append(np.unique(pd.util.hash_array(texts.to_numpy(dtype=object), categorize=False)))
        self._waiting += len(self._fresh[-1])
        if self._waiting > max(len(self._known), FRESH):
            self._join()

    def _join(self) -> None:
        self._known = np.unique(np.concatenate([self._known, *self._fresh]))
        self._fresh, self._waiting = [], 0

    def __len__(self) -> int:
        self._join()
        return len(self._known)


def rows_in(file: Path) -> int:
    """Rows of a Parquet file, or lines of a text file below its header, counting a last line without a line end."""
    if file.suffix == ".parquet":
        return int(pq.read_metadata(file).num_rows)
    count, last = 0, b"\n"
    with file.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            count += block.count(b"\n")
            last = block[-1:]
    return max(count + (last != b"\n") - (file.suffix != ".jsonl"), 0)
