"""Parquet files of the stages: written whole or not at all, and hashed for the manifest."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sie_agent.errors import EnvironmentFailure, InputError


def write_table(frame: pd.DataFrame, path: str | Path) -> Path:
    """Write a Parquet file so that no reader ever sees half of it.

    Parameters
    ----------
    frame : table; its index is not kept.
    path : file to make or replace; missing folders are made.

    Returns
    -------
    pathlib.Path
        The path written.

    Raises
    ------
    EnvironmentFailure
        If the disk is full or the folder cannot be written to.
    """
    target = Path(path)
    table = pa.Table.from_pandas(frame, preserve_index=False)
    temporary: str | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        with os.fdopen(handle, "wb") as stream:
            pq.write_table(table, stream)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes files that only their owner can read; give what a plain open() would
        os.chmod(temporary, 0o666 & ~current_umask())
        os.replace(temporary, target)
    except OSError as error:
        raise write_failure(error, target) from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
    return target


def current_umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def write_failure(error: OSError, path: Path) -> EnvironmentFailure:
    """What the system said when a file could not be written, in words."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EnvironmentFailure("the disk is full", where=path, mend="Free some space or write elsewhere")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return EnvironmentFailure(
            "the folder cannot be written to", where=path, mend="Change its permissions or write elsewhere"
        )
    reason = error.strerror or str(error)
    return EnvironmentFailure(f"the file cannot be written: {reason}", where=path, mend="Write it elsewhere")


def read_table(path: str | Path, *, required: Sequence[str] = ()) -> pd.DataFrame:
    """Read a Parquet file that a stage wrote.

    Parameters
    ----------
    path : the file.
    required : columns that have to be in it.

    Raises
    ------
    InputError
        If the file is missing, is not a whole Parquet file, or lacks a required column.
    """
    source = Path(path)
    if not source.is_file():
        mend = "Check the path, or run the stage that makes it"
        raise InputError("there is no such file", where=source, mend=mend)
    try:
        table = pq.read_table(source, partitioning=None)
    except (pa.ArrowException, OSError) as error:
        raise not_parquet(source, error) from None
    frame: pd.DataFrame = table.to_pandas()
    missing = [name for name in required if name not in frame.columns]
    if missing:
        there = ", ".join(map(str, frame.columns))
        raise InputError(
            f"the column '{missing[0]}' is missing; the columns there are: {there}",
            where=source,
            mend="Give the file that the stage before this one wrote",
        )
    return frame


def unreadable(path: Path) -> EnvironmentFailure:
    """The system does not let a file be read."""
    return EnvironmentFailure("the file cannot be read", where=path, mend="Change its permissions")


def not_parquet(source: Path, error: Exception) -> InputError | EnvironmentFailure:
    """Why a Parquet file could not be read."""
    if isinstance(error, PermissionError):
        return unreadable(source)
    if source.stat().st_size == 0:
        return InputError("the file is empty", where=source, mend="Make it anew")
    reason = " ".join(str(error).split())[:120]
    mend = "It is cut off or damaged: make or copy it anew"
    return InputError(f"not a whole Parquet file ({reason})", where=source, mend=mend)


def log_hash(frame: pd.DataFrame) -> str:
    """SHA-256, in hex, of the log: ``sample_id`` and ``label`` of every row, in order.

    Two runs with the same hash trained on the same labels.
    """
    digest = hashlib.sha256()
    labels = frame["label"].to_numpy(dtype=float).tolist()
    for sample_id, label in zip(frame["sample_id"], labels, strict=True):
        digest.update(f"{sample_id}\t{label!r}\n".encode())
    return digest.hexdigest()
