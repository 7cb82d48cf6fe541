"""Positions that count from 0 in the source: found out over the whole of it, and counted from 1."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.samples.maps.column_maps import ColumnMap
from sie_agent.samples.sources.cell_texts import WrongType, number_column
from sie_agent.samples.sources.cells import short
from sie_agent.samples.text_columns import text_column
from sie_agent.utils.progress import say

BETWEEN_THOUSANDS = r"(?<=\d)[ \u00a0\u2009\u202f'\u2019](?=\d{3}(?:\D|$))"
DECIMAL_COMMA = r"[-+]?\d+,0*"
DOUBTFUL = r"[-+]?[1-9]\d{0,2}(?:[.,]\d{3})+"


def position_columns(frame: pd.DataFrame, mapping: ColumnMap | None) -> list[str]:
    """The column of the source that is the position, if it has to be read to know where positions begin."""
    if mapping is None:
        name: object = "position"
    elif mapping.position is not None:
        name = mapping.position.column if mapping.position.first is None else None
    else:
        name = mapping.columns.get("position")
    return [name] if isinstance(name, str) and name in frame.columns else []


def from_one(pieces: Iterable[pd.DataFrame], mapping: ColumnMap | None, where: str) -> bool:
    """Whether the source counts positions from 0, so that each is to become one more; that is said.

    It does where the map says so, or else where the smallest position of all rows of the source, whatever filters,
    split and limit leave of them, is 0, others are greater, and all are whole numbers.

    Parameters
    ----------
    pieces : the source's rows; they need no other column than the position's, and are not read where the map says.
    mapping, where : the map and the name of the source.
    """
    if mapping is not None and mapping.position is not None and mapping.position.first is not None:
        return mapping.position.first == 0
    zero, beyond, name = False, False, ""
    for frame in pieces:
        for name in position_columns(frame, mapping):
            values = as_floats(frame[name])
            values = values[np.isfinite(values)]
            if (values < 0).any() or (values % 1 != 0).any():
                return False
            zero, beyond = zero or bool((values == 0).any()), beyond or bool((values > 0).any())
    # nothing but 0 counts nothing
    if zero and beyond:
        say(
            f"{where}: the positions in '{name}' begin with 0; counted from 1 instead, each is one more "
            f"(to say it yourself, map position: {{column: {name}, first: 0}}, or first: 1)"
        )
    return zero and beyond


def as_floats(given: pd.Series) -> npt.NDArray[np.float64]:
    """A column as float64, NaN where a cell is empty or holds no number; of a column of another type all are."""
    try:
        cells = number_column(given)
        if not pd.api.types.is_numeric_dtype(cells.dtype):
            plain = text_column(cells).str.strip().astype(object).str.replace(BETWEEN_THOUSANDS, "", regex=True)
            cells = plain.where(~plain.str.fullmatch(DECIMAL_COMMA), plain.str.replace(",", "."))
    except WrongType:
        return np.full(len(given), np.nan)
    if pd.api.types.is_bool_dtype(cells.dtype):
        return np.full(len(given), np.nan)
    return np.asarray(pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan))


def refuse_doubtful(given: pd.Series) -> None:
    """Raise WrongType where a position may be read in two ways: ``1.000`` is 1 or 1000, and would be one more."""
    if pd.api.types.is_numeric_dtype(given.dtype):
        return
    texts = given.dropna().astype(str).str.strip()
    doubtful = texts[texts.str.fullmatch(DOUBTFUL)]
    if len(doubtful):
        problem = f"the position {short(doubtful.iloc[0])} may mean two numbers, and positions count from 0 here"
        raise WrongType(problem, where="field 'position'", hint="Write positions without marks between thousands")


def shifted(frame: pd.DataFrame, from_zero: bool) -> pd.DataFrame:
    """The table with every position that is a whole number from 0 upwards one higher; the others as they are."""
    if not from_zero or "position" not in frame.columns:
        return frame
    given = frame["position"]
    refuse_doubtful(given)
    values = as_floats(given)
    counted = np.isfinite(values) & (values >= 0)
    counted &= np.floor(values) == values
    if (counted | np.isnan(values)).all() and pd.api.types.is_numeric_dtype(given.dtype):
        return frame.assign(position=pd.Series(values + 1, index=frame.index))
    higher = given.astype(object).to_numpy(copy=True)
    # without a mark, so that no other than the column's own is seen
    higher[counted] = [str(int(value) + 1) for value in values[counted]]
    return frame.assign(position=pd.Series(higher, index=frame.index, dtype=object))
