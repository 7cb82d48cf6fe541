"""The times of a column that comes in chunks, all read in one way: as dates, as seconds since 1970, or as an order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sie_agent.errors import InputError
from sie_agent.samples.row_places import Places
from sie_agent.samples.shop_logs.next_events import DAY_AND_MONTH, EPOCHS, dates_of, refuse_two_units
from sie_agent.samples.text_columns import text_column
from sie_agent.utils.arrays import Booleans, Doubles, Int64s
from sie_agent.utils.progress import say

MICROSECONDS = 1_000_000
# of numbers that only tell an order
LARGEST_ORDER = 9e12
# stands where there is no time
NEVER = np.iinfo(np.int64).min
HINT = "Give a date and time, or a number that grows with time"


class Clock:
    """Reads the times of one column, chunk by chunk; the first chunk with a time decides how.

    Parameters
    ----------
    where, field : of the column, for messages.

    Attributes
    ----------
    timed : whether times are moments; False where they are numbers that only tell an order; None: none was met.
    """

    def __init__(self, where: str, field: str) -> None:
        self.where = where
        self.field = field
        self.timed: bool | None = None
        self._unit: float | None = None
        self._numbers = False
        self._order = {"day": False, "month": False}
        self._zones = {"with": False, "without": False}

    def read(self, given: pd.Series, place: Places, *, may_lack: bool = False) -> pd.Series:
        """Microseconds since 1970, or the numbers times a million, (n,) int64; ``NEVER`` where there is none.

        Parameters
        ----------
        given : cells of the column; place : refuses rows whose time cannot be read.
        may_lack : whether an empty cell is no fault.

        Raises
        ------
        InputError : times are written in two ways.
        """
        if pd.api.types.is_datetime64_any_dtype(given.dtype):
            texts, dates = None, pd.to_datetime(given, utc=True).reset_index(drop=True)
            empty = dates.isna().to_numpy(bool)
            found = self._as_dates(dates, empty)
        else:
            texts = text_column(given).str.strip()
            empty = (texts == "").to_numpy(bool)
            found = self._of_texts(texts, empty)
        missing = found == NEVER
        place.refuse_all(missing & ~empty, self.field, "the time {} cannot be read", HINT, given)
        if not may_lack:
            place.refuse_all(empty, self.field, "the time is missing", HINT)
        return pd.Series(found)

    def _of_texts(self, texts: pd.Series, empty: Booleans) -> Int64s:
        values = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        there = np.isfinite(values[~empty])
        if not len(there):
            return np.full(len(texts), NEVER, np.int64)
        if self.timed is None:
            self._numbers = bool(there.mean() > 0.5)
        if self._numbers:
            return self._as_numbers(texts, values)
        self._note_order(texts)
        dates = pd.to_datetime(texts.astype(object), format="ISO8601", utc=True, errors="coerce")
        rest = dates.isna() & ~empty
        if rest.any():
            dates = dates.where(~rest, dates_of(texts.astype(object)[rest], f"{self.where}, field '{self.field}'"))
        self._note_zones(texts[~empty])
        return self._as_dates(dates, empty)

    def _note_order(self, texts: pd.Series) -> None:
        """Refuse dates with the day first here and the month first there."""
        parts = texts.str.extract(DAY_AND_MONTH)
        numbered = parts[0].notna()
        if numbered.any():
            self._order["day"] |= bool((parts[0][numbered].astype(int) > 12).any())
            self._order["month"] |= bool((parts[2][numbered].astype(int) > 12).any())
        if all(self._order.values()):
            problem = "the dates have the day first in some rows and the month first in others"
            place = f"{self.where}, field '{self.field}'"
            raise InputError(problem, where=place, hint="Write them as 2024-02-03")

    def _note_zones(self, texts: pd.Series) -> None:
        """Say once where some times name a zone and others do not."""
        before = all(self._zones.values())
        zoned = texts.str.contains(r"(?:[zZ]|UTC|GMT|[+-]\d{2}:?\d{2})$", regex=True).to_numpy(bool)
        self._zones["with"] |= bool(zoned.any())
        self._zones["without"] |= bool((~zoned).any())
        if all(self._zones.values()) and not before:
            say(f"{self.where}, field '{self.field}': some times name a zone and some do not: these are taken as UTC")

    def _as_dates(self, dates: pd.Series, empty: Booleans) -> Int64s:
        if not empty.all():
            self._decide(True)
        found = dates.dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)
        # NaT is the smallest number, as NEVER
        return np.asarray(found)

    def _as_numbers(self, texts: pd.Series, values: Doubles) -> Int64s:
        known = np.isfinite(values)
        refuse_two_units(values, f"{self.where}, field '{self.field}'")
        middle = float(np.median(np.abs(values[known])))
        unit = next((unit for low, high, unit in EPOCHS if low <= middle < high), None)
        if self.timed is not None and unit != self._unit:
            problem = "the times are numbers of one unit in some rows and of another one in others"
            place = f"{self.where}, field '{self.field}'"
            raise InputError(problem, where=place, hint="Write all of them in one unit")
        self._unit = unit
        self._decide(unit is not None)
        per = MICROSECONDS / (unit or 1.0)
        outside = ~known | (np.abs(np.where(known, values, 0.0) * per) > LARGEST_ORDER * MICROSECONDS)
        if whole_only(texts[known]):
            whole = pc.cast(pa.array(texts.where(~outside, "0"), pa.large_string()), pa.int64())
            exact = whole.to_numpy(zero_copy_only=False)
            # nanoseconds lose their last digits downwards: what was before stays before, or becomes a tie
            found = exact * int(per) if per >= 1 else exact // round(1 / per)
        else:
            found = np.floor(np.where(outside, 0.0, values) * per).astype(np.int64)
        return np.where(outside, NEVER, found)

    def _decide(self, timed: bool) -> None:
        if self.timed is not None and timed != self.timed:
            problem = "the times are dates in some rows and numbers that only tell an order in others"
            place = f"{self.where}, field '{self.field}'"
            raise InputError(problem, where=place, hint="Write all of them in one way")
        self.timed = timed


def whole_only(texts: pd.Series) -> bool:
    """Whether all texts are whole numbers that fit into 64 bits."""
    return bool(texts.str.fullmatch(r"-?\d{1,18}").all()) or bool(texts.str.fullmatch(r"1\d{18}").all())
