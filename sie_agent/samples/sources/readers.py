"""Files into tables: Parquet, CSV, TSV and JSONL, with every fault named by its line or row."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyarrow as pa

from sie_agent.errors import InputError
from sie_agent.files.small_files import refuse_no_file
from sie_agent.files.tables import unreadable
from sie_agent.samples.sources.json_lines import read_jsonl
from sie_agent.samples.sources.separated import separated_tables
from sie_agent.samples.sources.shards import parquet_shard, whole_frame
from sie_agent.samples.sources.text_files import GZIP

SEPARATORS = {".csv": ",", ".tsv": "\t"}


def data_ending(path: Path) -> str | None:
    """The ending that decides how a file is read (``.csv``, …), or None if it is not a data file."""
    name = path.name.lower().removesuffix(".gz")
    return next((ending for ending in READERS if name.endswith(ending)), None)


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
    with faults_in_words(path):
        ending = checked_ending(path)
        if separator is not None and ending in SEPARATORS:
            return read_separated(path, SEPARATORS[ending], separator)
        return READERS[ending](path)


def checked_ending(path: Path) -> str:
    """The ending of a data file that is there and holds something."""
    refuse_no_file(path, "a data file")
    if not path.exists():
        raise InputError("there is no such file", where=path, hint="Check the path")
    ending = data_ending(path)
    if ending is None:
        raise InputError(
            f"unknown file ending '{path.suffix}'",
            where=path,
            hint=f"Give a file that ends in {', '.join(READERS)} (all but Parquet may be gzipped: .gz)",
        )
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
        with path.open("rb") as stream:
            packed = stream.read(len(GZIP)) == GZIP
        if not packed:
            hint = "Take .gz off its name, or pack it with gzip"
            raise InputError("is not packed with gzip, whatever its name says", where=path, hint=hint) from None
        hint = "It is cut off or damaged: copy it anew"
        raise InputError("not a whole gzip file", where=path, hint=hint) from None


def numbered(frame: pd.DataFrame, word: str = "row") -> pd.DataFrame:
    """Count the rows from 1 in an index of that name."""
    frame.index = pd.RangeIndex(1, len(frame) + 1, name=word)
    return frame


def read_parquet(path: Path) -> pd.DataFrame:
    """A Parquet file as a table."""
    return numbered(whole_frame([parquet_shard(path)]))


def read_separated(path: Path, usual: str, given: str | None = None) -> pd.DataFrame:
    """A CSV or TSV file with a header line; every cell is text, so that ids keep their zeros.

    Parameters
    ----------
    path : the file.
    usual, given : the separator that its ending stands for, and the one that is known.
    """
    return numbered(pa.concat_tables(separated_tables(path, usual, given)).to_pandas())


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": read_parquet,
    ".csv": lambda path: read_separated(path, SEPARATORS[".csv"]),
    ".tsv": lambda path: read_separated(path, SEPARATORS[".tsv"]),
    ".jsonl": read_jsonl,
}
