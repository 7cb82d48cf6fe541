"""Parquet files of the stages read in batches, for what is done to tables of any length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.samples.sources.cell_texts import EXACT_BELOW
from sie_agent.samples.sources.headers import refuse_twice
from sie_agent.samples.sources.shards import parquet_tables
from sie_agent.samples.sources.typed import plain
from sie_agent.samples.stage_files import STAGE, check_there, lacks_column
from sie_agent.samples.tables import parquet_faults

ROWS_PER_BATCH = 50_000


def table_columns(path: str | Path, *, required: Sequence[str] = (), writer: str = STAGE) -> tuple[list[str], int]:
    """Columns and number of rows of a Parquet file that a stage wrote; *writer* is the stage, for messages.

    Raises
    ------
    InputError : the file is missing, is not a whole Parquet file, has a column twice, or lacks a required one,
        or that one holds lists.
    """
    source = user_path(path)
    check_there(source, writer)
    with parquet_faults(source, writer), pq.ParquetFile(source) as file:
        schema, count = file.schema_arrow, int(file.metadata.num_rows)
    names = list(map(str, schema.names))
    refuse_twice(names, source)
    missing = [name for name in required if name not in names]
    if missing:
        raise lacks_column(missing[0], names, source, writer)
    for name in required:
        if pa.types.is_nested(kind := schema.field(name).type):
            problem, place = f"the column '{name}' holds no texts ({kind})", f"{source}, field '{name}'"
            raise InputError(problem, where=place, hint="Give one text per row")
    return names, count


def table_batches(path: str | Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a Parquet file, some at a time, in order; all columns where none are named.

    Raises
    ------
    InputError : the file is damaged, or cannot be read.
    """
    yield from parquet_tables(user_path(path), ROWS_PER_BATCH, columns)


def texts_of(batch: pa.Table, name: str, where: str | Path) -> pa.ChunkedArray:
    """A column of a batch as text, null where it is empty.

    Raises
    ------
    InputError : the column holds neither text nor whole numbers, or its bytes are not UTF-8.
    """
    kind = batch.schema.field(name).type
    try:
        # what is called text in a file has not been looked at yet
        batch.column(name).validate(full=True)
        texts = pc.cast(exact(plain(batch.column(name))), pa.string())
        texts.validate(full=True)
    except (pa.ArrowException, NotImplementedError):
        problem = f"the column '{name}' cannot be read as text ({kind})"
        raise InputError(problem, where=f"{where}, field '{name}'", hint="Give one text per row, in UTF-8") from None
    return texts


def exact(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of text or of whole numbers, floats that are whole as int64; ArrowInvalid for any other."""
    kind = column.type
    if pa.types.is_floating(kind):
        limit = EXACT_BELOW[kind.bit_width // 8]
        if pc.any(pc.greater_equal(pc.abs(column), pa.scalar(float(limit)).cast(kind))).as_py():
            raise pa.ArrowInvalid(f"two whole numbers from {limit} on may have become one")
        return pc.cast(column, pa.int64())
    whole = pa.types.is_integer(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)
    if not (whole or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
        raise pa.ArrowInvalid(f"{kind} is not read as text")
    return column


def numbers_of(batch: pa.Table, name: str, where: str | Path) -> npt.NDArray[np.float64]:
    """A column of a batch as float64, NaN where it is empty.

    Raises
    ------
    InputError : the column holds something else than numbers.
    """
    try:
        column = pc.cast(batch.column(name), pa.float64())
    except (pa.ArrowException, NotImplementedError):
        kind = batch.schema.field(name).type
        raise InputError(f"the column '{name}' holds no numbers ({kind})", where=where, hint="Make it again") from None
    return np.array(column.to_numpy(), dtype=np.float64)
