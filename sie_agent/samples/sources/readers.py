"""Data files as tables: Parquet, CSV, TSV and JSONL, whole or in pieces, with every fault named by its line or row."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa

from sie_agent.errors import InputError
from sie_agent.files.small_files import refuse_no_file
from sie_agent.samples.sources.json_lines import json_frames, json_names
from sie_agent.samples.sources.separated import separated_tables
from sie_agent.samples.sources.shards import parquet_shard, shard_frames
from sie_agent.samples.sources.text_files import begins_like_gzip
from sie_agent.samples.tables import unreadable

SEPARATORS = {".csv": ",", ".tsv": "\t"}
ENDINGS = (".parquet", *SEPARATORS, ".jsonl")


def data_ending(path: Path) -> str | None:
    """The ending that decides how a file is read (``.csv``, …), or None if it is not a data file."""
    name = path.name.lower().removesuffix(".gz")
    return next((ending for ending in ENDINGS if name.endswith(ending)), None)


def read_file(path: Path, *, separator: str | None = None) -> pd.DataFrame:
    """Read one data file.

    Parameters
    ----------
    path : Parquet, CSV, TSV or JSONL file; the last three may be gzipped.
    separator : column separator of a CSV or TSV file, where it is known; otherwise the file tells.

    Returns
    -------
    pandas.DataFrame
        Index from 1, named ``row`` (data rows) or ``line`` (JSONL), for messages.

    Raises
    ------
    InputError
        If it is missing, no file, empty, damaged, of an unknown kind or in an encoding that cannot be told, or the
        system does not let it be read.
    """
    return next(file_frames(path, None, separator=separator))


def file_frames(
    path: Path,
    rows: int | None,
    columns: Sequence[str] | None = None,
    *,
    names: Callable[[Path], list[str]] | None = None,
    separator: str | None = None,
) -> Iterator[pd.DataFrame]:
    """The rows of one data file in tables, each indexed as :func:`read_file` says.

    Every cell of a CSV or TSV file is text, so that ids keep their zeros.

    Parameters
    ----------
    path, separator : as :func:`read_file` takes them.
    rows : about how many rows a table has; None for all of them in one.
    columns : those of a Parquet file that are read; all when not given.
    names : gives the columns of a JSONL file, all of which each table then has.
    """
    with faults_in_words(path):
        ending = checked_ending(path)
        if ending == ".jsonl":
            yield from json_frames(path, rows, names(path) if names else None)
        elif ending == ".parquet":
            yield from counted(shard_frames([parquet_shard(path)], rows, columns))
        else:
            tables = separated_tables(path, SEPARATORS[ending], separator)
            yield from counted(table.to_pandas() for table in (tables if rows else [pa.concat_tables(tables)]))


def numbered(frame: pd.DataFrame, first: int = 1) -> pd.DataFrame:
    """The table under an index that counts its rows from *first*."""
    frame.index = pd.RangeIndex(first, first + len(frame), name="row")
    return frame


def counted(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Tables under an index that counts the rows of all of them from 1."""
    first = 1
    for frame in frames:
        yield numbered(frame, first)
        first += len(frame)


def column_names(path: Path) -> list[str]:
    """The columns of a text file; one of JSON lines has to be read to its end for that."""
    with faults_in_words(path):
        ending = checked_ending(path)
        if ending == ".jsonl":
            return json_names(path)
        return list(next(separated_tables(path, SEPARATORS[ending])).column_names)


def checked_ending(path: Path) -> str:
    """The ending of a data file that is there and holds something."""
    refuse_no_file(path, "a data file")
    if not path.exists():
        raise InputError("there is no such file", where=path, hint="Check the path")
    ending = data_ending(path)
    if ending is None:
        hint = f"Give a file that ends in {', '.join(ENDINGS)} (all but Parquet may be gzipped: .gz)"
        raise InputError(f"unknown file ending '{path.suffix}'", where=path, hint=hint)
    if path.stat().st_size == 0:
        raise InputError("the file is empty", where=path, hint="Give a file with at least one row")
    return ending


@contextmanager
def faults_in_words(path: Path) -> Iterator[None]:
    """What the system or a damaged gzip file says while a file is read, in words."""
    try:
        yield
    except PermissionError:
        raise unreadable(path) from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        if not begins_like_gzip(path):
            hint = "Take .gz off its name, or pack it with gzip"
            raise InputError("is not packed with gzip, whatever its name says", where=path, hint=hint) from None
        raise InputError("not a whole gzip file", where=path, hint="It is cut off or damaged: copy it again") from None
