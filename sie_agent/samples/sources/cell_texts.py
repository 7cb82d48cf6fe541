"""Convert cells of typed columns to text, and refuse types without an obvious text."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sie_agent.errors import InputError

# from here on, floats of so many bits skip whole numbers: two ids may have become one
EXACT_BELOW = {2: 2**11, 4: 2**24, 8: 2**53}
SCALARS = (str, int, float, Decimal, datetime.date, datetime.time, uuid.UUID, np.generic)


class WrongType(InputError):
    """A column is of a type that is not read as text, or as numbers; :func:`types_named` adds the name of its file."""


@contextmanager
def types_named(where: str) -> Iterator[None]:
    """Put the name of the source in front of what a :class:`WrongType` says."""
    try:
        yield
    except WrongType as error:
        raise InputError(error.problem, where=f"{where}, {error.where}", hint=error.hint) from None


def wrong_type(values: pd.Series, problem: str, hint: str, row: int | None = None) -> WrongType:
    """The error for a column whose type, or whose cell in *row*, does not fit what it is mapped to."""
    counted = values.index.name in ("row", "line")
    place = f"{values.index.name} {values.index[row]}, " if counted and row is not None else ""
    return WrongType(f"the column '{values.name}' {problem}", where=f"{place}field '{values.name}'", hint=hint)


def written(values: pd.Series) -> pa.ChunkedArray:
    """The texts of a column of an Arrow type that pandas has no type of its own for, "" where it is null.

    Decimals are written as they are, and without decimals where all of the column are whole.

    Raises
    ------
    WrongType
        If the type has no obvious text: bytes, lists, objects, durations and the like.
    """
    column = pa.chunked_array(values.array.__arrow_array__())
    kind = column.type
    if pa.types.is_null(kind):
        return pa.chunked_array([pa.array([""] * len(column), pa.large_string())])
    if pa.types.is_decimal(kind):
        if kind.scale != 0:
            whole = all_whole(values)
            # in digits, never with an exponent
            texts = ["" if one is None else str(int(one)) if whole else format(one, "f") for one in column.to_pylist()]
            return pa.chunked_array([pa.array(texts, pa.large_string())])
    elif not (pa.types.is_date(kind) or pa.types.is_time(kind)):
        raise no_text(values, kind)
    return pc.fill_null(pc.cast(column, pa.large_string()), "")


def no_text(values: pd.Series, kind: object) -> WrongType:
    """The error for a type without an obvious text."""
    way = "Write it as text (UTF-8)" if "binary" in str(kind) else "Write one text per row in its place"
    problem = f"is of the type {short_type(kind)}, which is not read as text"
    return wrong_type(values, problem, f"{way}, or map another column")


def no_number(values: pd.Series, kind: object) -> WrongType:
    """The error for a type that is not numeric."""
    problem = f"is of the type {short_type(kind)}, which is not a number"
    return wrong_type(values, problem, "Write numbers in its place, or map another column")


def short_type(kind: object) -> str:
    """The name of a type, cut to 60 characters."""
    return str(kind)[:60] + "…" * (len(str(kind)) > 60)


def writer_for(values: pd.Series) -> Callable[[object], str]:
    """A function that writes the values of a pandas column other than text.

    Raises
    ------
    WrongType
        At the call for durations and for floats beyond what they tell apart; later at a value that has no text.
    """
    dtype = values.dtype
    if pd.api.types.is_timedelta64_dtype(dtype):
        raise no_text(values, dtype)
    if pd.api.types.is_bool_dtype(dtype):
        return lambda value: "true" if value else "false"
    if pd.api.types.is_float_dtype(dtype):
        refuse_inexact(values)
        # ids that are whole numbers turn into floats as soon as one of them is missing
        if all_whole(values):
            return lambda value: str(int(value)) if isinstance(value, float) else str(value)

    def write(value: object) -> str:
        if isinstance(value, bool | np.bool_):
            return "true" if value else "false"
        if isinstance(value, Decimal):
            return format(value, "f")
        if isinstance(value, float) and EXACT_BELOW[8] <= abs(value) < np.inf:
            raise inexact_here(values, value)
        if not isinstance(value, SCALARS) or isinstance(value, datetime.timedelta | np.timedelta64 | np.bytes_):
            raise no_text_here(values, value)
        return str(value)

    return write


def no_text_here(values: pd.Series, value: object) -> WrongType:
    """A cell holds something that has no obvious text."""
    names = ((bytes | bytearray, "bytes"), (dict, "an object"), (list | tuple | np.ndarray, "a list"))
    told = next((name for kinds, name in names if isinstance(value, kinds)), type(value).__name__)
    row = next(place for place, one in enumerate(values.tolist()) if one is value or type(one) is type(value))
    problem = f"holds {told}, which {'are' if told == 'bytes' else 'is'} not read as text"
    return wrong_type(values, problem, "Write one text per row in its place, or map another column", row)


def inexact_here(values: pd.Series, value: float) -> WrongType:
    """A cell holds a number with a point or an exponent that is so large that another may have become the same."""
    row = next(place for place, one in enumerate(values.tolist()) if one is value or one == value)
    problem = f"holds the float {value:.0f}: of such numbers from {EXACT_BELOW[8]} on, two may have become one"
    hint = "Write it in quotes, or as a whole number without a point and an exponent"
    return wrong_type(values, problem, hint, row)


def refuse_inexact(values: pd.Series) -> None:
    """Raise WrongType where floats are so large that two whole numbers may have become one."""
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    limit = EXACT_BELOW.get(getattr(values.dtype, "itemsize", 8), 2**53)
    large = np.isfinite(numbers) & (np.abs(numbers) >= limit)
    if large.any():
        told = f"holds {numbers[large][0]:.0f} as a float ({values.dtype})"
        problem = f"{told}: of numbers from {limit} on, two may have become one"
        raise wrong_type(values, problem, "Write it as whole numbers (int64) or as text")


def has_fractions(dtype: Any) -> bool:
    """Whether numbers of this type may have decimals."""
    if isinstance(dtype, pd.ArrowDtype):
        kind = dtype.pyarrow_dtype
        return bool(pa.types.is_floating(kind) or (pa.types.is_decimal(kind) and kind.scale != 0))
    return bool(pd.api.types.is_float_dtype(dtype))


def all_whole(values: pd.Series) -> bool:
    """Whether all numbers of a column that may have decimals are whole, as far as they are there."""
    there = values.dropna()
    if isinstance(values.dtype, pd.ArrowDtype) or values.dtype == object:
        return all(value % 1 == 0 for value in there)
    with np.errstate(invalid="ignore"):
        return bool(((there % 1) == 0).all())


def number_column(values: pd.Series) -> pd.Series:
    """A column that is read as numbers: of an Arrow type as float64, any other as it is.

    Raises
    ------
    WrongType
        If the type is neither a number nor text: dates, times, bytes, lists, objects.
    """
    dtype = values.dtype
    if isinstance(dtype, pd.ArrowDtype):
        column = pa.chunked_array(values.array.__arrow_array__())
        kind = column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            return values
        types = pa.types
        if not any(
            is_kind(kind)
            for is_kind in (types.is_null, types.is_decimal, types.is_boolean, types.is_integer, types.is_floating)
        ):
            raise no_number(values, kind)
        return pd.Series(pc.cast(column, pa.float64()).to_numpy(), index=values.index, name=values.name)
    if pd.api.types.is_datetime64_any_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        raise no_number(values, dtype)
    return values


def ordinary(values: pd.Series) -> pd.Series:
    """A column that is kept as it is, without a type of Arrow's: pandas cannot read all of them back from a file."""
    if not isinstance(values.dtype, pd.ArrowDtype):
        return values
    return values.astype(object).where(values.notna().to_numpy(dtype=bool), None)
