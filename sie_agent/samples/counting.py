"""How many rows a source has, where that can be told without reading it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sie_agent.samples.loading import resolve


def count_rows(source: str | Path) -> int | None:
    """Rows of a Parquet file, or of a folder of Parquet files, from their footers; None for everything else.

    Filters of a column map may leave fewer.

    Raises
    ------
    InputError : there is no such source.
    """
    path, _ = resolve(source)
    if path is None:
        return None
    files = [path] if path.is_file() else sorted(path.glob("*.parquet"))
    if not files or any(file.suffix != ".parquet" for file in files):
        return None
    try:
        return sum(int(pq.read_metadata(file).num_rows) for file in files)
    except (pa.ArrowException, OSError):
        return None
