"""The table of samples: its columns, and the checks that every table passes before it is used."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.maps.column_maps import SchemaColumn
from sie_agent.samples.row_places import Places
from sie_agent.samples.shopper_columns import SHOPPER, behaviour_column, shopper_columns
from sie_agent.samples.sources.cell_texts import ordinary
from sie_agent.samples.sources.cells import EXAMPLES, attributes_text, history_text, listed, short
from sie_agent.samples.sources.decimals import Marks, numbers
from sie_agent.samples.sources.dialects import no_header
from sie_agent.samples.sources.headers import refuse_twice
from sie_agent.samples.stage_files import made_by_words
from sie_agent.samples.text_columns import as_written, clean_text, text_column, without_letters
from sie_agent.utils.values import in_digits

COLUMNS: tuple[str, ...] = get_args(SchemaColumn)
# behind the schema's columns where rows are pairs: how often each was shown
IMPRESSIONS = "impressions"
REQUIRED = ("query", "item_id", "title")
NEVER_EMPTY = ("sample_id", "query", "item_id", "title")
DEFAULTS = {"description": "", "attributes": "{}", "user_id": "", "history": "[]", "timestamp": ""}
# a title of a megabyte is a broken export; it would also be paid for, token by token
LONGEST = {"sample_id": 1_000, "item_id": 1_000, "query": 20_000, "title": 20_000, "description": 200_000}


class Across:
    """What has to hold for all rows together; kept from one chunk to the next where a table comes in chunks.

    Parameters
    ----------
    allow_missing_labels : whether some rows may have a label and others none.
    """

    def __init__(self, *, allow_missing_labels: bool = False) -> None:
        self.allow_missing_labels = allow_missing_labels
        self.count = 0
        self.labelled = False
        self.unlabelled = 0
        self.first_unlabelled = ""

    def repeated(self, ids: pd.Series, *, given: bool) -> npt.NDArray[np.bool_]:
        """Which rows have an id that a row before has; *given*: not made of the numbers of the rows."""
        self.count += len(ids)
        return np.asarray(ids.duplicated().to_numpy(dtype=bool))

    def finish(self) -> None:
        """Look at what had to wait for the last row."""

    def label_everywhere_or_nowhere(self, missing: npt.NDArray[np.bool_], place: Places) -> None:
        """Raise InputError at the first row without a label if another has one, unless that may be."""
        if missing.any() and not self.unlabelled:
            self.first_unlabelled = place(int(np.argmax(missing)), "label")
        self.unlabelled += int(missing.sum())
        self.labelled = self.labelled or not missing.all()
        if self.labelled and self.unlabelled and not self.allow_missing_labels:
            problem = f"the label is missing here but given elsewhere ({self.unlabelled:,} rows lack it)"
            hint = "Give a label for every row or for none; drop the rows that the log has no label for"
            raise InputError(problem, where=self.first_unlabelled, hint=hint)


def validate_samples(frame: pd.DataFrame, where: str | Path, *, allow_missing_labels: bool = False) -> pd.DataFrame:
    """Bring a table into the schema, or say what is wrong with it.

    Missing optional columns are filled in; a missing ``sample_id`` becomes the number of the row.
    Control characters in text become spaces; query and title are stripped.

    Parameters
    ----------
    frame : table with at least ``query``, ``item_id`` and ``title``; other columns as in ``COLUMNS``,
        further columns are kept behind them; those that begin with ``shopper_`` hold numbers (behaviour features,
        see :mod:`sie_agent.shoppers`). If its index is named ``row`` or ``line``, that is
        what messages quote; otherwise rows are counted from 1.
    where : file or other name of the source, for messages.
    allow_missing_labels : whether some rows may have a label and others none.

    Returns
    -------
    pandas.DataFrame
        Columns in the order of ``COLUMNS``, then any others; index 0 … n-1. ``label`` and ``grade``
        are float64 in [0, 1] or NaN, ``position`` is Int64, all others are text.

    Raises
    ------
    InputError
        For every fault, naming source, row and field.
    """
    check_columns(frame, where)
    if not len(frame):
        raise InputError("the table has no rows", where=where, hint="Give a table with at least one row")
    place = Places(frame.index, str(where))
    table = in_schema(frame, place)
    hold_across(table, place, Across(allow_missing_labels=allow_missing_labels), given="sample_id" in frame.columns)
    return table


def in_schema(frame: pd.DataFrame, place: Places, marks: Marks | None = None) -> pd.DataFrame:
    """The columns of the schema, each row of each checked by itself, and behind them all others; index 0 … n-1."""
    table: dict[str, pd.Series] = {}
    for name in COLUMNS:
        table[name] = column(name, frame[name] if name in frame.columns else None, place, marks)
    for name in frame.columns:
        if str(name).startswith(SHOPPER):
            table[str(name)] = behaviour_column(str(name), frame[name], place)
        elif name not in table:
            table[str(name)] = ordinary(frame[name]).reset_index(drop=True)
    return pd.DataFrame(table)


def hold_across(table: pd.DataFrame, place: Places, across: Across, *, given: bool) -> None:
    """What has to hold for all rows together: labels everywhere or nowhere, no id twice; *given*: ids of the data."""
    across.label_everywhere_or_nowhere(np.isnan(table["label"].to_numpy(dtype=np.float64)), place)
    ids = table["sample_id"]
    repeated = across.repeated(ids, given=given)
    if repeated.any():
        row = int(np.argmax(repeated))
        raise repeated_id(ids.iloc[row], place(row, "sample_id"))


def check_columns(frame: pd.DataFrame, where: str | Path) -> None:
    """Raise InputError if a required column is missing, or a column occurs twice."""
    there = [str(name) for name in frame.columns]
    refuse_twice(there, where)
    for name in REQUIRED:
        if name not in there:
            near = likely_column(name, there)
            meant = "." if near is None else f"; is it '{near}'?"
            made_by = made_by_words(Path(where))
            problem = f"{made_by}the column '{name}' is missing{meant} The columns there are: {listed(there)}"
            source = shlex.quote(str(where)) if Path(where).exists() else "FILE"
            way = f"`sie init {source}` writes a column map; pass it with --map. Or rename a column to '{name}'"
            raise InputError(problem, where=where, hint=way + no_header(there))


def likely_column(name: str, there: Sequence[str]) -> str | None:
    """The column that a shop most likely means by a schema column that is missing, by its name; None if none does."""
    # what guesses columns reads this module
    from sie_agent.samples.guessing.names import NAMES, ranked

    return next(iter(ranked([one for one in there if one not in COLUMNS], NAMES[name])), None)


def column(name: str, given: pd.Series | None, place: Places, marks: Marks | None = None) -> pd.Series:
    """One column of the schema, checked."""
    if name in ("label", "grade"):
        return unit_interval(name, given, place, marks)
    if name == "position":
        return positions(given, place, marks)
    if given is None:
        count = len(place.numbers)
        values = [DEFAULTS[name]] * count if name in DEFAULTS else [str(number) for number in place.numbers]
        return text_column(pd.Series(values, dtype=object))
    if name in ("attributes", "history"):
        return text_column(each(given, name, attributes_text if name == "attributes" else history_text, place))
    raw = as_written(given)
    texts = clean_text(raw, one_line=name != "description", strip=name in ("query", "title"))
    if name.endswith("_id"):
        refuse_changed(name, raw, texts, place)
    if name in NEVER_EMPTY:
        refuse_empty(name, texts, place)
    if name in LONGEST:
        refuse_long(name, texts, place)
    return texts


def refuse_empty(name: str, texts: pd.Series, place: Places) -> None:
    """Raise InputError at the first text without a visible character."""
    empty = without_letters(texts)
    hint = f"Give it a text or drop the row ({int(empty.sum()):,} of the {len(empty):,} rows looked at have none)"
    place.refuse_all(empty, name, f"the {name} is empty", hint)


def refuse_changed(name: str, raw: pd.Series, texts: pd.Series, place: Places) -> None:
    """Refuse ids with control characters: with spaces in their place, two would become one."""
    hint = "Take tabs, line breaks and zero bytes out of the ids, so that different ones stay different"

    def problem(row: int) -> str:
        return f"the {name} {ascii(raw.iloc[row])[:60]} holds a control character"

    place.refuse_all((raw != texts).to_numpy(dtype=bool), name, problem, hint, raw)


def refuse_long(name: str, texts: pd.Series, place: Places) -> None:
    """Raise InputError at the first text that is too long to be real."""
    lengths = texts.str.len().to_numpy()
    hint = "Shorten it: a text of this length is usually a broken export (an unclosed quote)"

    def problem(row: int) -> str:
        return f"the {name} has {lengths[row]:,} characters; at most {LONGEST[name]:,} are allowed"

    place.refuse_all(lengths > LONGEST[name], name, problem, hint, texts)


def unit_interval(name: str, given: pd.Series | None, place: Places, marks: Marks | None = None) -> pd.Series:
    """A number in [0, 1] per row, NaN where it is missing."""
    if given is None:
        return pd.Series(np.full(len(place.numbers), np.nan))
    values = numbers(name, given, place, marks=marks)
    outside = (values < 0) | (values > 1)
    hint = f"Scale it, or give its scale in a column map ({name}: {{column, minimum, maximum}})"

    def problem(row: int) -> str:
        return f"the {name} must be between 0 and 1, found {in_digits(values[row])}"

    place.refuse_all(outside, name, problem, hint, given)
    return pd.Series(values)


def positions(given: pd.Series | None, place: Places, marks: Marks | None = None) -> pd.Series:
    """Rank at which the item was shown: a positive whole number or missing."""
    if given is None:
        return pd.Series(pd.array([pd.NA] * len(place.numbers), dtype="Int64"))
    values = numbers("position", given, place, low=1, high=2**53, marks=marks)
    missing = np.isnan(values)
    wrong = ~missing & ~((values >= 1) & (values < 2**53) & (np.floor(values) == values))
    hint = "Positions count from 1; leave the field empty where it is not known"

    def problem(row: int) -> str:
        return f"the position {values[row]:g} is not a positive whole number"

    place.refuse_all(wrong, "position", problem, hint, given)
    unknown = missing | wrong
    return pd.Series(np.where(unknown, 0, values).astype(np.int64), dtype="Int64").mask(unknown)


def each(given: pd.Series, name: str, convert: Callable[[object], str], place: Places) -> pd.Series:
    """Apply *convert* to every entry, and name the row of the entry it refuses."""
    seen: dict[str, str] = {}
    results = []
    for row, value in enumerate(given.tolist()):
        # most rows of a log share their text, and a repeated text need not be parsed again
        result = seen.get(value) if isinstance(value, str) else None
        if result is None:
            try:
                result = convert(value)
                if isinstance(value, str):
                    seen[value] = result
            except ValueError as error:
                place.refuse(row, name, str(error), EXAMPLES[name], value)
                result = DEFAULTS[name]
        results.append(result)
    return pd.Series(results, dtype=object)


def repeated_id(text: str, where: str) -> InputError:
    """A row has an id that a row before has."""
    hint = "Give every row an id of its own, or leave the column out to have rows numbered"
    return InputError(f"the id {short(text)} occurs more than once", where=where, hint=hint)


def without_grade(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that judge, weak labels and scorer may see: the schema without ``grade``.

    Columns outside the schema are left out too, since they may hold the grade under another name; but for
    ``impressions``, which are counts, ``shopper_…``, which are behaviour features, and ``preference`` where it holds
    numbers: how well the item fits the shopper's history, as a judge said.
    """
    counted = IMPRESSIONS in frame.columns and pd.api.types.is_integer_dtype(frame[IMPRESSIONS].dtype)
    behaviour = shopper_columns(frame.columns)
    if "preference" in frame.columns and pd.api.types.is_numeric_dtype(frame["preference"].dtype):
        behaviour.append("preference")
    return frame[
        [*(name for name in COLUMNS if name != "grade"), *([IMPRESSIONS] if counted else []), *behaviour]
    ].copy()
