"""Parquet files of the stages: atomic writing, checked reading, and the hash of a log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sie_agent.errors import InputError
from sie_agent.files.stamps import STAMP, stamp_of
from sie_agent.files.writing import Unfinished, failures_in_words
from sie_agent.samples.sources.headers import refuse_twice
from sie_agent.samples.stage_files import STAGE, check_there, lacks_column, other_kind

IDS = ("sample_id", "query", "item_id", "user_id")
# a damaged footer can speak of more memory than there is, and of names that are not text
PARQUET_FAULTS = (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError, MemoryError)


def write_table(frame: pd.DataFrame, path: str | Path, metadata: Mapping[bytes, bytes] | None = None) -> Path:
    """Write a Parquet file so that no reader ever sees half of it.

    Parameters
    ----------
    frame : table; its index is not kept.
    path : file to make or replace; missing folders are made.
    metadata : kept in the file's schema.

    Returns
    -------
    pathlib.Path
        The path written.

    Raises
    ------
    EnvironmentFailure
        If the disk is full or the folder cannot be written to.
    """
    with TableWriter(path) as writer:
        if metadata is None:
            writer.write(frame)
        else:
            table = pa.Table.from_pandas(frame, preserve_index=False)
            writer.write(table.replace_schema_metadata({**(table.schema.metadata or {}), **metadata}))
    return writer.path


class TableWriter:
    """Write a Parquet file table by table, so that no reader ever sees half of it.

    A context manager. The tables go to a hidden file beside the target, each as a row group of its own, and
    take the target's place when the block ends; an error in the block leaves the target as it was. The first
    table fixes columns and types.

    Parameters
    ----------
    path : file to make or replace; missing folders are made.
    empty : a table without rows, for the columns of the file where nothing is written at all.

    Raises
    ------
    EnvironmentFailure
        If the disk is full or the folder cannot be written to, at whichever step that shows.
    """

    def __init__(self, path: str | Path, *, empty: pd.DataFrame | None = None) -> None:
        self.path = Path(path)
        self.rows = 0
        self._empty = pd.DataFrame() if empty is None else empty.head(0)
        self._unfinished: Unfinished | None = None
        self._writer: Any = None

    def __enter__(self) -> TableWriter:
        with failures_in_words(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._unfinished = Unfinished(self.path)
        return self

    def write(self, frame: pd.DataFrame | pa.Table) -> None:
        """Append a table; the index of a frame is not kept."""
        schema = None if self._writer is None else self._writer.schema
        if isinstance(frame, pd.DataFrame):
            table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
        else:
            table = frame if schema is None else frame.cast(schema)
        with failures_in_words(self.path):
            if self._writer is None:
                assert self._unfinished is not None
                self._writer = pq.ParquetWriter(self._unfinished.stream, stamped(table.schema, self.path))
            self._writer.write_table(table)
        self.rows += len(frame)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._unfinished is not None
        try:
            if error is None:
                if self._writer is None:
                    self.write(self._empty)
                with failures_in_words(self.path):
                    self._writer.close()
                    self._unfinished.finish()
        finally:
            # closing writes what is left, into a file that nobody wants any more; a closed writer does nothing
            with suppress(OSError, pa.ArrowException):
                if self._writer is not None:
                    self._writer.close()
            self._unfinished.discard()


def stamped(schema: pa.Schema, path: Path) -> pa.Schema:
    """The schema with the stamp for the file at *path*, and without that of any file it was read from."""
    kept = {name: value for name, value in (schema.metadata or {}).items() if name != STAMP}
    stamp = stamp_of(path)
    return schema.with_metadata({**kept, **({STAMP: stamp} if stamp else {})})


def read_table(
    path: str | Path,
    *,
    required: Sequence[str] = (),
    numeric: Sequence[str] = (),
    writer: str = STAGE,
    only: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Read a Parquet file that a stage wrote.

    Parameters
    ----------
    path : the file.
    required : columns that have to be in it.
    numeric : columns that have to hold numbers, or nothing, where they are in it.
    writer : what writes such files, for messages.
    only : columns to read, of those that are in it; None for all.

    Raises
    ------
    InputError
        If the file is missing, is not a whole Parquet file, lacks a required column, or has text for a number.
    """
    source = Path(path)
    check_there(source, writer)
    with parquet_faults(source, writer), pq.ParquetFile(pa.OSFile(str(source), "rb")) as file:
        table = file.read(only)
        frame = as_frame(table)
    refuse_twice(table.column_names, source)
    for name in set(IDS) & set(frame.columns):
        # pandas reads whole numbers beside nulls as floats, which make one id of 2^53 and 2^53 + 1
        if pd.api.types.is_float_dtype(frame[name].dtype) and pa.types.is_integer(table.column(name).type):
            frame[name] = table.column(name).to_pandas(integer_object_nulls=True)
    missing = [name for name in required if name not in frame.columns]
    if missing:
        raise lacks_column(missing[0], list(map(str, frame.columns)), source, writer)
    for name in numeric:
        if name in frame.columns:
            check_numeric(frame[name], source)
    return frame


def as_frame(table: pa.Table) -> pd.DataFrame:
    """The table in pandas, with the types in the file's metadata where these are valid.

    Raises
    ------
    pyarrow.ArrowException : a value has no place in pandas.
    """
    try:
        frame: pd.DataFrame = table.to_pandas()
        if list(frame.columns) == table.column_names:
            return frame
    except (pa.ArrowException, MemoryError):
        raise
    except Exception:
        # the metadata for pandas may be anything, and its errors have no common type: read the table without them
        pass
    plain: pd.DataFrame = table.replace_schema_metadata(None).to_pandas()
    return plain


def check_numeric(column: pd.Series[Any], source: Path) -> None:
    """Raise an `InputError` unless a column holds numbers; a column of nothing but null is one."""
    there = column[column.notna()]
    if there.empty or (pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)):
        return
    problem = f"the column '{column.name}' has to hold numbers; found {str(there.iloc[0])[:40]!r} ({column.dtype})"
    raise InputError(problem, where=source, hint="Make it anew, or put the file back")


def unreadable(path: Path) -> InputError:
    """The error for a file without read permission."""
    return InputError("cannot be read (permission denied)", where=path, hint="Change its permissions, or give another")


@contextmanager
def parquet_faults(path: Path, writer: str | None = None) -> Iterator[None]:
    """Turn faults of a Parquet file that the block reads into InputError; *writer*: what should have written it."""
    try:
        yield
    except PermissionError:
        raise unreadable(path) from None
    except PARQUET_FAULTS as error:
        if path.stat().st_size == 0:
            raise InputError("the file is empty", where=path, hint="Make it anew") from None
        if writer is not None and (other := other_kind(path, writer)) is not None:
            raise other from None
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        if "crypt" in reason.lower():
            raise InputError("the Parquet file is encrypted", where=path, hint="Write it without encryption") from None
        hint = "It is cut off or damaged: make or copy it anew"
        raise InputError(f"not a whole Parquet file{damage(reason)}", where=path, hint=hint) from None


# what Arrow says of a damaged file, and what it means
DAMAGES = {
    "magic bytes": "its end is missing",
    "footer": "its end is damaged",
    "metadata": "its description of the columns is damaged",
    "thrift": "its description of the columns is damaged",
    "page": "a page of values is damaged",
    "decompress": "a page of values is damaged",
    "corrupt": "its values are damaged",
    "utf": "a text is not UTF-8",
    "codec": "it is packed in a way that is not read here",
    "end of": "its end is missing",
    "too short": "its end is missing",
    "smaller than": "its end is missing",
    "expected to read": "its end is missing",
}


def damage(reason: str) -> str:
    """Arrow's message about a damaged file in words for a user, in brackets; "" where it is unknown."""
    found = next((words for sign, words in DAMAGES.items() if sign in reason.lower()), None)
    return f" ({found})" if found else ""


def log_hash(frame: pd.DataFrame) -> str:
    """SHA-256, in hex, of the log: ``sample_id`` and ``label`` of every row, in order.

    Two runs with the same hash trained on the same labels.
    """
    digest = hashlib.sha256()
    labels = frame["label"].to_numpy(dtype=float).tolist()
    for sample_id, label in zip(frame["sample_id"], labels, strict=True):
        digest.update(f"{sample_id}\t{label!r}\n".encode())
    return digest.hexdigest()
