"""Numbers as people write them: 0.5 and 0,5, 1,234.5 and 1.234,5; what may mean two things is refused."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.maps.column_maps import ColumnMap
from sie_agent.samples.maps.map_parts import Scale
from sie_agent.samples.row_places import Places
from sie_agent.samples.sources.cell_texts import number_column
from sie_agent.samples.sources.cells import short
from sie_agent.samples.sources.text_files import say_once
from sie_agent.samples.text_columns import text_column
from sie_agent.utils.arrays import Doubles

Mark = Literal[".", ","]
# by label, grade and position; None where nothing there has a decimal mark
Marks = Mapping[str, Mark | None]

# of the rows of a source, how many are looked at to tell what its decimal mark is
ROWS_LOOKED_AT = 10_000
SMALL = 10.0
NUMBERS = ("label", "grade", "position")
BETWEEN = r"[ \u00a0\u2009\u202f'’]"
MARKED = r"[,. \u00a0\u2009\u202f'’]"
WORDS = {".": "decimal point", ",": "decimal comma"}
OTHER: dict[Mark, Mark] = {".": ",", ",": "."}


def pattern(mark: Mark) -> re.Pattern[str]:
    """Numbers with this decimal mark; thousands may be parted by the other one, spaces or apostrophes."""
    parted = "|".join(rf"[1-9]\d{{0,2}}(?:{one}\d{{3}})+" for one in (re.escape(OTHER[mark]), BETWEEN))
    whole = rf"(?:{parted}|\d+)"
    return re.compile(rf"[+-]?(?:{whole}(?:{re.escape(mark)}\d*)?|{re.escape(mark)}\d+)(?:[eE][+-]?\d+)?", re.ASCII)


PATTERNS = {mark: pattern(mark) for mark in OTHER}


class Doubtful(ValueError):
    """A number that may mean two things, or is not written as those before it."""


def value_of(text: str, mark: Mark) -> float | None:
    """The number that a text is with this decimal mark; None where it is none."""
    if not PATTERNS[mark].fullmatch(text):
        return None
    return float(re.sub(BETWEEN, "", text).replace(OTHER[mark], "").replace(mark, "."))


def readings(text: str, low: float, high: float) -> dict[Mark, float]:
    """The numbers that a text may be, by the decimal mark; only those from *low* to *high* where one of them is."""
    found = {mark: value for mark in OTHER if (value := value_of(text, mark)) is not None}
    within = {mark: value for mark, value in found.items() if low <= value <= high}
    return within or found


def mark_of(texts: Iterable[str], low: float = 0.0, high: float = 1.0) -> Mark | None:
    """The decimal mark of a column, by the first number that makes sense with one of them alone.

    Parameters
    ----------
    texts : cells of the column.
    low, high : what its numbers lie between.
    """
    for text in dict.fromkeys(texts):
        found = readings(text.strip(), low, high)
        if len(found) == 1:
            return next(iter(found))
    return None


def number_of(text: str, mark: Mark | None, low: float, high: float) -> float | None:
    """The number that a text is, in a column with this decimal mark; None where it is none.

    Raises
    ------
    Doubtful : it may be one of two numbers, or has another decimal mark.
    """
    if mark is not None:
        value = value_of(text, mark)
        if value is None and value_of(text, OTHER[mark]) is not None:
            raise Doubtful(f"{short(text)} has a {WORDS[OTHER[mark]]}, and the rows before have a {WORDS[mark]}")
        return value
    found = readings(text, low, high)
    # all are out of range: what a reader would take it for first, so that the message shows that
    values = sorted(set(found.values()))
    if len(values) == 2 and values[0] >= low and values[1] <= high:
        raise Doubtful(f"{short(text)} may mean {values[0]:.12g} or {values[1]:.12g}")
    return values[0] if values else None


def guessed_numbers(texts: pd.Series) -> Doubles:
    """The numbers of a column whose range is not known; NaN for what is none.

    Raises
    ------
    Doubtful : one may be one of two numbers, and the others do not tell which.
    """
    shown = dict.fromkeys(texts.str.strip())
    both = [set(readings(text, -math.inf, math.inf).values()) for text in shown]
    sure = [abs(value) for found in both if len(found) == 1 for value in found]
    # where all that is sure is small, grades are meant, and 2.333 is the mean of three raters
    high = SMALL if max(sure, default=0.0) <= SMALL else math.inf
    mark = mark_of(shown, 0.0, high)
    known = {text: number_of(text, mark, 0.0, high) for text in shown}
    return np.array([np.nan if (value := known[text]) is None else value for text in texts.str.strip()], np.float64)


def number_marks(frame: pd.DataFrame, mapping: ColumnMap | None, where: str) -> Marks:
    """The decimal marks of the columns that label, grade and position are read from; commas are told once.

    Parameters
    ----------
    frame : the first rows of the source, ``ROWS_LOOKED_AT`` where there are as many.
    mapping, where : the map and the name of the source.

    Returns
    -------
    By ``label``, ``grade`` and ``position``; None where nothing there has a decimal mark.
    """
    marks: dict[str, Mark | None] = {}
    for name in NUMBERS:
        column, low, high = number_source(name, mapping)
        if column not in frame.columns or pd.api.types.is_numeric_dtype(frame[column].dtype):
            continue
        texts = text_column(frame[column].iloc[:ROWS_LOOKED_AT]).tolist()
        marks[name] = mark = mark_of(texts, low, high)
        parted = next((text for text in texts if mark and is_marked(text, mark)), None)
        if parted is not None and mark is not None:
            read = f"'{parted.strip()}' is read as {value_of(parted.strip(), mark):.12g}"
            say_once(f"{where}: numbers of the column '{column}' have a {WORDS[mark]}: {read}")
    return marks


def is_marked(text: str, mark: Mark) -> bool:
    """Whether a number has to be told of: it is not what a programming language would write."""
    text = text.strip()
    marked = re.search(MARKED if mark == "," else MARKED.replace(".", ""), text)
    return marked is not None and value_of(text, mark) is not None


def number_source(name: str, mapping: ColumnMap | None) -> tuple[str | None, float, float]:
    """The source column of label, grade or position, and what its numbers lie between."""
    low, high = (1.0, 2.0**53) if name == "position" else (0.0, 1.0)
    if mapping is None:
        return name, low, high
    if name == "position" and mapping.position is not None:
        return mapping.position.column, low, high
    scale: Scale | None = getattr(mapping, name, None)
    if scale is not None:
        ranged = scale.minimum is not None and scale.maximum is not None
        return (scale.column, scale.minimum or 0.0, scale.maximum or 0.0) if ranged else (None, low, high)
    given = next((source for target, source in mapping.columns.items() if target == name), None)
    return given if isinstance(given, str) else None, low, high


def numbers(
    name: str,
    given: pd.Series,
    place: Places,
    *,
    field: str | None = None,
    low: float = 0.0,
    high: float = 1.0,
    marks: Marks | None = None,
) -> Doubles:
    """A column as float64, NaN where it is empty or no number; rows of the latter are refused.

    Parameters
    ----------
    name : of the column, for messages.
    given : the column.
    place, field : name a row and a field, *name* where no field is given.
    low, high : what the numbers have to lie between; told here only to choose between two readings of one.
    marks : decimal marks by the name of the column; where it has none, the column's own first rows tell.

    Raises
    ------
    InputError : at the first entry that may be one of two numbers.
    """
    given = number_column(given)
    if pd.api.types.is_numeric_dtype(given.dtype):
        return np.asarray(given.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan))
    # clicks are often written as true and false
    texts = text_column(given).str.strip().str.lower().replace({"true": "1", "false": "0"})
    values = np.array(pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan))
    told = marks or {}
    mark = told[name] if name in told else mark_of(texts.iloc[:ROWS_LOOKED_AT].tolist(), low, high)
    missing = texts.isin(["", "nan"]).to_numpy(dtype=bool)
    # a number without any mark is the same in all countries
    marked = texts.str.contains(MARKED, regex=True).to_numpy(dtype=bool)
    again = (np.isnan(values) & ~missing) | (marked & (mark != "."))
    known: dict[str, float | None] = {}
    for row in np.flatnonzero(again).tolist():
        text = texts.iloc[row]
        try:
            if text not in known:
                known[text] = number_of(text, mark, low, high)
        except Doubtful as error:
            hint = "Write all numbers of the column with the same decimal mark, and nothing between thousands"
            raise InputError(f"the {name} {error}", where=place(row, field or name), hint=hint) from None
        value = known[text]
        if value is None:
            problem = f"the {name} {short(given.iloc[row])} is not a number"
            hint = "Give numbers, or leave the column out of the column map"
            if name in ("label", "grade"):
                hint = f"Give numbers, or map its words in a column map ({name}: {{column, values}})"
            place.refuse(row, field or name, problem, hint, given.iloc[row])
        values[row] = np.nan if value is None else value
    return values
