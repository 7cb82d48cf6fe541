"""The parts of a column map: scales, further files, logs without queries, impressions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sie_agent.samples.sources.cell_texts import number_column
from sie_agent.samples.text_columns import text_column
from sie_agent.utils.shown import changed_fields
from sie_agent.utils.values import MOST_SEED

LARGEST_SCALE = 1e300
# YAML reads yes, on and true as one value
WORDS = {True: ("true", "yes", "on", "1"), False: ("false", "no", "off", "0")}
# a word of a scale, as YAML reads it
Key = bool | str | int | float

# YAML knows .inf and .nan, and every value would become 0, or nothing
Finite = Annotated[float, Field(allow_inf_nan=False)]


class MapPart(BaseModel):
    """A part of a map; a key that is not known is an error, since it is most often a slip of the pen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """At a prompt, what differs from the defaults."""
        return changed_fields(self)


class Scale(MapPart):
    """How a source column becomes a number in [0, 1]: by its range, or word by word."""

    column: str
    minimum: Finite | None = None
    maximum: Finite | None = None
    values: dict[Key, float] | None = None

    @model_validator(mode="after")
    def range_or_values(self) -> Scale:
        """Exactly one of the two ways, and one that leads into [0, 1]."""
        ranged = self.minimum is not None or self.maximum is not None
        if ranged == (self.values is not None):
            raise ValueError("give either minimum and maximum, or values")
        if ranged and (self.minimum is None or self.maximum is None or not self.minimum < self.maximum):
            raise ValueError("give both minimum and maximum, the minimum smaller")
        if self.minimum is not None and self.maximum is not None and self.maximum - self.minimum > LARGEST_SCALE:
            raise ValueError(f"minimum and maximum are more than {LARGEST_SCALE:g} apart")
        refuse_same_words(self.values or {})
        if self.values is not None and not all(0 <= value <= 1 for value in self.values.values()):
            raise ValueError("values have to be numbers from 0 to 1")
        return self


class Position(MapPart):
    """The source column of positions, and the number of the first one (0 or 1); found out where it is not given."""

    column: str
    first: Literal[0, 1] | None = None


class Join(MapPart):
    """A further file of the same folder, joined to the main one by a key column of both."""

    file: str
    key: str


class Files(MapPart):
    """Data that lies in several files of one folder (a star: one main file, others joined to it)."""

    main: str
    separator: str | None = Field(default=None, min_length=1, max_length=1)
    joins: list[Join] = []


class EventWords(MapPart):
    """The column that names the event of a row, and what each event is worth from 0 to 1; 0: it does not count."""

    column: str
    values: dict[Key, Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]]

    @field_validator("values", mode="after")
    @classmethod
    def something_counts(cls, given: dict[Key, float]) -> dict[Key, float]:
        """One event at least has to count."""
        if not any(given.values()):
            raise ValueError("no event counts; give one of them a number above 0, such as click: 0.3")
        return given


class ItemsFile(MapPart):
    """The file of items, and what it calls their id and title; without ``item_id`` it uses the log's name."""

    file: str
    item_id: str | None = None
    title: str | None = None


class NextItem(MapPart):
    """A log without queries: the query is made of the titles of the last items, the label is the next one.

    Per shopper one row for the item bought next (label 1) and *others* rows for items drawn from all that the
    shopper did not buy (label 0): evenly, or as often as each is bought next, so that an item's popularity tells
    nothing of its label.

    Attributes
    ----------
    items : file with the id and title of every item, beside the log; its columns are called ``item_id`` and ``title``
        as here, or as :class:`ItemsFile` says. Without it the events' own titles count, and where there are none the
        ids stand for them.
    sequences : file with a row for each shopper: ``user_id``, ``history`` (list of item ids, oldest first) and
        ``target`` (the next item; without it the last of the list); when not given, the source itself.
    events : the log has a row for each event instead (``user_id, item_id, timestamp``); every item after a shopper's
        first is predicted from those before it, except items that the shopper had before.
    event : of such a log, the column that names the event, and what each is worth as the label of the next item. Events
        worth 0 (shown only) are neither in a history nor a next item; of an item's events close together the highest
        counts, once.
    last : items of the history whose titles make the query; longest : most items that a history keeps.
    others, drawn, seed : the items with label 0.
    """

    items: ItemsFile | None = None
    sequences: str | None = None
    events: bool = False
    event: EventWords | None = None
    item_id: str = "item_id"
    title: str | None = "title"
    user_id: str = "user_id"
    history: str = "history"
    target: str | None = "target_item_id"
    timestamp: str = "timestamp"
    longest: int = Field(default=50, ge=1, le=100_000)
    last: int = Field(default=3, ge=1, le=100_000)
    others: int = Field(default=1, ge=1, le=10_000)
    drawn: Literal["evenly", "by-popularity"] = "evenly"
    seed: int = Field(default=0, ge=0, le=MOST_SEED)

    @field_validator("items", mode="before")
    @classmethod
    def file_alone(cls, given: object) -> object:
        """``items: FILE`` is short for ``items: {file: FILE}``."""
        if given is None or isinstance(given, Mapping | ItemsFile):
            return given
        if isinstance(given, str):
            return {"file": given}
        raise ValueError("name a file (items: FILE), or its columns too: items: {file: FILE, item_id: …, title: …}")

    @field_validator("event", mode="before")
    @classmethod
    def column_and_values(cls, given: object) -> object:
        """The name of the column alone does not say which events count."""
        if isinstance(given, str):
            raise ValueError(
                f"say which events count, too: event: {{column: {given}, "
                "values: {impression: 0, click: 0.3, cart: 0.6, purchase: 1}}"
            )
        return given

    @model_validator(mode="after")
    def event_of_events(self) -> NextItem:
        """Lists of items have no events."""
        if self.event is not None and not self.events:
            raise ValueError("event is for a log with a row for each event: add events: true, or drop event")
        return self


class Impressions(MapPart):
    """A row is an impression, not a pair: those of one pair (query and item) become one row.

    Attributes
    ----------
    count : source column with how often a row was shown, where rows are counts already; otherwise once each.
    visit : source columns; rows of a pair that agree in them are events of one impression (a row for the view, one
        for the click), of which the highest counts.
    position : ``mean`` over the impressions, to the nearest whole place, or that of the ``first`` in the log.
    per : ``pair``; or ``user``, where every shopper's rows stay apart.
    """

    count: str | None = None
    visit: str | list[str] | None = None
    position: Literal["mean", "first"] = "mean"
    per: Literal["pair", "user"] = "pair"


def looked_up(given: pd.Series, values: Mapping[Key, float]) -> pd.Series:
    """What each cell stands for, NaN where it is empty or no key; index 0 … n-1.

    Numbers are looked up as numbers (3 and 3.00 are one), text case folded; a key that YAML read as a boolean stands
    for each word that it reads so, where no other key is that word.
    """
    by_number = {number: value for key, value in values.items() if (number := as_number(key)) is not None}
    numeric = pd.api.types.is_numeric_dtype(given.dtype) and not pd.api.types.is_bool_dtype(given.dtype)
    if not numeric:
        known = {word: value for key, value in values.items() if isinstance(key, bool) for word in WORDS[key]}
        known |= {fold(key): value for key, value in values.items() if not isinstance(key, bool)}
        found = text_column(given).str.strip().str.casefold().map(known).astype(float).reset_index(drop=True)
        if given.dtype != object:
            return found
        # cells of JSON, or of a column that shows its decimals
        cells = [float(cell) if isinstance(cell, int | float | Decimal) else np.nan for cell in given.tolist()]
        return found.fillna(pd.Series(cells).map(by_number).astype(float))
    numbers = number_column(given).astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.Series(numbers).map(by_number).astype(float)


def as_number(key: Key) -> float | None:
    """The number that a key is, None where it is a word."""
    try:
        return float(key)
    except ValueError:
        return None


def fold(key: str | int | float) -> str:
    """The text under which a value of a scale is looked up; 3 and 3.0 are one."""
    return str(int(key) if isinstance(key, float) and key.is_integer() else key).strip().casefold()


def refuse_same_words(values: Mapping[Key, float]) -> None:
    """Raise ValueError where two keys that are looked up as one stand for different numbers: ``A`` and ``a``."""
    met: dict[str | float, tuple[Key, float]] = {}
    for key, value in values.items():
        number = as_number(key)
        for word in (str(key).lower() if isinstance(key, bool) else fold(key), *(() if number is None else (number,))):
            other = met.setdefault(word, (key, value))
            if other[1] != value:
                raise ValueError(f"the values {other[0]!r} and {key!r} mean the same here: leave one of them out")
