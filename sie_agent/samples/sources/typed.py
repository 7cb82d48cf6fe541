"""Typed columns (Parquet, Arrow, data sets) as a pandas table in which ids stay exact and types stay known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sie_agent.errors import InputError
from sie_agent.samples.sources.class_names import named
from sie_agent.samples.sources.headers import refuse_twice

# whole numbers beside nulls: pandas' usual choice, float64, makes one id of 2^53 and 2^53 + 1
NULLABLE: dict[pa.DataType, Any] = {
    pa.type_for_alias(name.lower().removesuffix("ean")): pd.array([], dtype=name).dtype
    for name in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "boolean")
}
PLAIN_EXTENSIONS = ("arrow.json", "arrow.bool8")
# what pandas writes for the row labels of a frame; it names no column of the user's
INDEX = re.compile(r"__index_level_\d+__")


def frame_of(table: pa.Table) -> pd.DataFrame:
    """A table of :func:`plain_table` as pandas has it; index 0 … n-1.

    Text becomes ``str``; numbers and booleans become numpy's, and with nulls pandas' nullable ones (floats: NaN);
    timestamps ``datetime64``; everything else keeps its Arrow type (``pandas.ArrowDtype``), by which
    :func:`sie_agent.samples.text_columns.text_column` knows it.
    """
    columns = {name: series_of(table.column(place)) for place, name in enumerate(table.column_names)}
    return pd.DataFrame(columns, index=pd.RangeIndex(table.num_rows))


def series_of(column: pa.ChunkedArray) -> pd.Series:
    """One column, as :func:`frame_of` says."""
    kind = column.type
    if kind in NULLABLE and column.null_count:
        return pd.Series(NULLABLE[kind].__from_arrow__(column))
    simple = kind in NULLABLE or pa.types.is_large_string(kind) or pa.types.is_floating(kind)
    if simple or pa.types.is_timestamp(kind):
        series: pd.Series = column.to_pandas()
        return series
    return pd.Series(pd.arrays.ArrowExtensionArray(column))


def plain_table(table: pa.Table, features: Mapping[str, object], where: str) -> pa.Table:
    """A table with the names of its classes in place of their numbers, and each column in its simplest type.

    Parameters
    ----------
    table : as it was read.
    features : column to Hugging Face feature, see :func:`sie_agent.samples.sources.class_names.features_in`.
    where : name of the source, for messages.

    Raises
    ------
    InputError
        If a column occurs twice, its content is damaged or its text is not UTF-8, or a class has no name.
    """
    refuse_twice(table.column_names, where)
    columns = {}
    for place, name in enumerate(table.column_names):
        if INDEX.fullmatch(name):
            continue
        try:
            # what is called text in a file has not been looked at yet, nor where its dictionaries point
            table.column(place).validate(full=True)
            column = plain(table.column(place))
            column.validate(full=True)
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise damaged(name, table.schema.field(place).type, error, where) from None
        columns[name] = named(column, features.get(name), f"{where}, field '{name}'")
    return pa.table(columns) if columns else table.select([])


def plain_schema(schema: pa.Schema, features: Mapping[str, object], where: str) -> pa.Schema:
    """The types that :func:`plain_table` gives to columns of these types."""
    return plain_table(pa.Table.from_batches([], schema), features, where).schema


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column without dictionaries and run lengths, all kinds of text as large_string."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return plain(pa.chunked_array([chunk.dictionary_decode() for chunk in column.chunks], kind.value_type))
    if pa.types.is_run_end_encoded(kind):
        return plain(pa.chunked_array([pc.run_end_decode(chunk) for chunk in column.chunks], kind.value_type))
    if isinstance(kind, pa.BaseExtensionType):
        name = kind.extension_name
        if name == "arrow.uuid":
            texts = [None if value is None else str(value) for value in column.to_pylist()]
            return pa.chunked_array([pa.array(texts, pa.large_string())])
        if name not in PLAIN_EXTENSIONS:
            return column
        if name == "arrow.bool8":
            return column.cast(pa.bool_())
        return plain(pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type))
    if pa.types.is_string(kind) or pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if pa.types.is_binary_view(kind):
        return column.cast(pa.large_binary())
    if pa.types.is_date64(kind):
        return column.cast(pa.date32())
    if pa.types.is_timestamp(kind) and kind.tz is not None and not known_zone(kind.tz):
        return column.cast(pa.timestamp(kind.unit, "UTC"))
    return column


def known_zone(name: str) -> bool:
    """Whether this machine knows a time zone."""
    try:
        pa.lib.string_to_tzinfo(name)
    except (pa.ArrowException, ValueError, KeyError, OSError):
        return False
    return True


def damaged(name: str, kind: pa.DataType, error: Exception, where: str) -> InputError:
    """The content of a column is not what its type says."""
    reason = " ".join(str(error).split())
    place = f"{where}, field '{name}'"
    if "utf8" in reason.lower() or "utf-8" in reason.lower():
        hint = "Write it as UTF-8; bytes that are not text belong in a binary column"
        return InputError(f"the column '{name}' ({kind}) holds text that is not UTF-8", where=place, hint=hint)
    hint = "Make or copy the file again"
    return InputError(f"the column '{name}' ({kind}) is damaged ({reason[:120]})", where=place, hint=hint)
