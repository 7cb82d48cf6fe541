"""Files of typed columns (Parquet, Arrow) and data sets, read one after the other as one table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sie_agent.errors import InputError
from sie_agent.samples.sources.class_names import features_in
from sie_agent.samples.sources.headers import refuse_too_wide
from sie_agent.samples.sources.typed import frame_of, plain_schema, plain_table
from sie_agent.samples.tables import parquet_faults
from sie_agent.utils.progress import say

SPLIT = "__split__"
SMALL_BLOCK = 1024 * 1024
ROWS_AT_ONCE = 65_536

# rows at a time, and the columns that are wanted (None: all), to the tables of a file as they are stored
Tables = Callable[[int, Sequence[str] | None], Iterator[pa.Table]]


@dataclass(frozen=True)
class Shard:
    """One file or split of typed columns.

    Attributes
    ----------
    where : its name, for messages.
    stored : its schema.
    tables : reads it.
    split : name of its split; None where it has none, as a file by itself.
    card : features that the README of its folder tells of; those in the schema's own metadata come first.
    """

    where: str
    stored: pa.Schema
    tables: Tables
    split: str | None = None
    card: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        refuse_too_wide(len(self.stored), self.where)

    @property
    def features(self) -> dict[str, object]:
        """Hugging Face features by column."""
        return {**(self.card or {}), **features_in(self.stored)}

    def schema(self) -> pa.Schema:
        """The types of its columns as :meth:`plain` gives them."""
        return plain_schema(self.stored, self.features, self.where)

    def plain(self, rows: int, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Its rows in order, about *rows* at a time, in simple types; at least one table."""
        features = self.features
        empty = True
        for table in self.tables(rows, columns):
            empty = False
            yield plain_table(table, features, self.where)
        if empty:
            yield self.schema().empty_table()


def parquet_shard(path: Path, split: str | None = None, card: Mapping[str, object] | None = None) -> Shard:
    """A Parquet file.

    Raises
    ------
    InputError : it is damaged, encrypted, empty, or cannot be read.
    """
    with parquet_faults(path), pq.ParquetFile(opened(path)) as file:
        return Shard(str(path), file.schema_arrow, partial(parquet_tables, path), split, card)


def parquet_tables(path: Path, rows: int, columns: Sequence[str] | None) -> Iterator[pa.Table]:
    """The rows of a Parquet file, *rows* at a time; of the columns those that are named, all where None are."""
    # read in small parts: the pages of a column of one large row group can be most of the file
    with parquet_faults(path), pq.ParquetFile(opened(path), buffer_size=SMALL_BLOCK, pre_buffer=False) as file:
        wanted = None if columns is None else [name for name in file.schema_arrow.names if name in columns]
        for batch in file.iter_batches(batch_size=rows, columns=wanted, use_threads=False):
            yield pa.Table.from_batches([batch])


def opened(path: Path) -> pa.NativeFile:
    """A file of this machine, whatever characters its name has: no URL, no pattern."""
    return pa.OSFile(str(path), "rb")


def shared_schema(shards: Sequence[Shard]) -> pa.Schema:
    """The columns of all files, each in a type that holds what every one of them has.

    Raises
    ------
    InputError
        If there is no such type, naming column and file.
    """
    found: dict[str, tuple[pa.DataType, str]] = {}
    for shard in shards:
        for field in shard.schema():
            kind, first = found.get(field.name, (field.type, shard.where))
            both = common_type(kind, field.type)
            if both is None:
                problem = f"the column '{field.name}' is {field.type} here and {kind} in {first}"
                raise InputError(problem, where=shard.where, hint="Write it with one type in all files")
            found[field.name] = (both, first)
    return pa.schema([(name, kind) for name, (kind, _) in found.items()])


def common_type(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    """A type that holds the values of both, None where there is none; of whole numbers an exact one."""
    if left == right or pa.types.is_null(right):
        return left
    if pa.types.is_null(left):
        return right
    kinds = (left, right)
    text, whole, signed = (
        [is_kind(kind) for kind in kinds]
        for is_kind in (pa.types.is_large_string, pa.types.is_integer, pa.types.is_signed_integer)
    )
    if any(text):
        return pa.large_string() if all(one or other for one, other in zip(text, whole, strict=True)) else None
    if all(whole) and signed[0] != signed[1] and pa.uint64() in kinds:
        return pa.decimal128(20, 0)
    if any(map(pa.types.is_boolean, kinds)):
        return None
    if any(whole) and any(map(pa.types.is_decimal, kinds)):
        return pa.decimal128(38, max(kind.scale for kind in kinds if pa.types.is_decimal(kind)))
    try:
        merged = pa.unify_schemas([pa.schema([("", kind)]) for kind in kinds], promote_options="permissive")
    except pa.ArrowException:
        return None
    kind: pa.DataType = merged.field(0).type
    # whole numbers beside others are read as float64, and those that it does not hold are refused
    return pa.float64() if any(whole) and pa.types.is_floating(kind) else kind


def fitted(table: pa.Table, schema: pa.Schema, where: str) -> pa.Table:
    """The table with these columns in these types; columns that it lacks are empty.

    Raises
    ------
    InputError
        If a value does not fit, as whole numbers beyond 2^53 do not fit beside floats.
    """
    if table.schema.equals(schema, check_metadata=False):
        return table
    columns = {}
    for field in schema:
        if field.name not in table.column_names:
            columns[field.name] = pa.nulls(table.num_rows, field.type)
            continue
        column = table.column(field.name)
        try:
            columns[field.name] = column.cast(field.type)
        except (pa.ArrowException, NotImplementedError) as error:
            types = f"the column '{field.name}' ({column.type}) is {field.type} in other files"
            problem = f"{types}, and its values do not fit ({' '.join(str(error).split())[:100]})"
            hint = "Write it with one type in all files: ids as text or as whole numbers"
            raise InputError(problem, where=where, hint=hint) from None
    return pa.table(columns)


def shard_tables(shards: Sequence[Shard], rows: int, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """All rows of all files, with the columns of all of them; the name of the split in ``SPLIT``.

    Raises
    ------
    InputError
        As :func:`shared_schema` and :func:`fitted`.
    """
    schema = shared_schema(shards)
    if columns is not None:
        schema = pa.schema([field for field in schema if field.name in columns])
    for shard in shards:
        lacking = [name for name in schema.names if name not in shard.stored.names]
        if lacking and columns is None:
            say(f"{shard.where} has no column '{lacking[0]}', which other files have: it is empty there")
        for table in shard.plain(rows, columns):
            fit = fitted(table, schema, shard.where)
            if shard.split is not None:
                names = pa.repeat(pa.scalar(shard.split, pa.large_string()), fit.num_rows)
                fit = fit.append_column(SPLIT, names)
            yield fit


def shard_frames(
    shards: Sequence[Shard], rows: int | None, columns: Sequence[str] | None = None
) -> Iterator[pd.DataFrame]:
    """All rows of all files, about *rows* rows at a time, or where it is None as one table; each has index 0 … n-1."""
    tables = shard_tables(shards, rows or ROWS_AT_ONCE, columns)
    return map(frame_of, tables if rows else [pa.concat_tables(tables)])
