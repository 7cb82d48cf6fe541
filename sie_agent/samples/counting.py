"""How many rows a source has, where that can be told without reading it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sie_agent.samples.folders import hidden
from sie_agent.samples.loading import resolve
from sie_agent.samples.readers import data_ending

BLOCK_BYTES = 1 << 20


def count_rows(source: str | Path) -> int | None:
    """About how many rows a file or a folder of files has; None where it would have to be read to know.

    Parquet files say it in their footers; text files have as many as lines, or fewer where a cell holds line ends.
    Filters of a column map may leave fewer.

    Raises
    ------
    InputError : there is no such source.
    """
    path, _ = resolve(source)
    if path is None:
        return None
    files = [path] if path.is_file() else counted_files(path)
    if not files or any(file.suffix not in COUNTERS for file in files):
        return None
    try:
        return sum(COUNTERS[file.suffix](file) for file in files)
    except (pa.ArrowException, OSError):
        return None


def counted_files(folder: Path) -> list[Path]:
    """The data files of a folder and of those below it."""
    files = [file for file in folder.rglob("*") if data_ending(file) and not hidden(file.relative_to(folder))]
    return sorted(file for file in files if file.is_file())


def footer_rows(file: Path) -> int:
    """Rows of a Parquet file."""
    return int(pq.read_metadata(file).num_rows)


def lines(file: Path) -> int:
    """Lines of a text file, also one that has no end."""
    count, last = 0, b"\n"
    with file.open("rb") as stream:
        while block := stream.read(BLOCK_BYTES):
            count += block.count(b"\n")
            last = block[-1:]
    return count + (last != b"\n")


def lines_below_header(file: Path) -> int:
    """Lines of a text file but the first."""
    return max(lines(file) - 1, 0)


COUNTERS: dict[str, Callable[[Path], int]] = {
    ".parquet": footer_rows,
    ".jsonl": lines,
    ".csv": lines_below_header,
    ".tsv": lines_below_header,
}
