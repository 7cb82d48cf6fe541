"""The events of a recommender's log: their times, what each is worth, and which of them are one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.maps.map_parts import EventWords, looked_up
from sie_agent.samples.row_places import Places
from sie_agent.samples.sources.cells import short
from sie_agent.samples.text_columns import text_column
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.progress import say

# events of one item within so many seconds are one, whatever came between
CLOSE = 1800.0
# numbers that are seconds since 1970 in the years 2001 to 2286, or thousandths, millionths, billionths of them
EPOCHS = ((1e9, 1e10, 1.0), (1e12, 1e13, 1e3), (1e15, 1e16, 1e6), (1e18, 1e19, 1e9))
UNITS = {"seconds": 1e8, "milliseconds": 1e11, "microseconds": 1e14, "nanoseconds": 1e17}
# 3.2.2024, 03/02/24: which of the two is the month?
DAY_AND_MONTH = r"^(\d{1,2})([./-])(\d{1,2})\2\d{2,4}(?:\D|$)"


def worth_of(kinds: pd.Series, source: EventWords, place: Places) -> Doubles:
    """What the event of each row is worth, (n,); NaN, and refused, where it is not known."""
    worth = looked_up(kinds, source.values).to_numpy(np.float64)
    hint = "Say in the map what it is worth (next_item.event.values); 0 leaves it out"
    known = ", ".join(map(str, source.values))
    place.refuse_all(np.isnan(worth), source.column, f"unknown event {{}}; known are: {known}", hint, kinds)
    return worth


def without_repeats(
    had: dict[str, list[int]], items: npt.NDArray[np.object_], seconds: Doubles, worth: Doubles
) -> tuple[dict[str, list[int]], Doubles, int]:
    """Events of one shopper and item that are close together as one, at the place of the first.

    Close together are events between which no other item has one, and events within ``CLOSE`` seconds.

    Parameters
    ----------
    had : by shopper, the rows of the events in the order of time.
    items, seconds, worth : (n,) of each row; seconds are NaN where the unit of time is not known.

    Returns
    -------
    The rows that are left; (n,) of these what the highest event is worth; how many were counted with another one.
    """
    highest, repeats = worth.copy(), 0
    left: dict[str, list[int]] = {}
    for user, rows in had.items():
        kept: list[int] = []
        # of each item: the row that stands for it, and that of its latest event
        latest: dict[str, tuple[int, int]] = {}
        before = None
        for row in rows:
            item = items[row]
            first, last = latest.get(item, (row, row))
            if item in latest and (before == item or seconds[row] - seconds[last] <= CLOSE):
                highest[first] = max(highest[first], worth[row])
                repeats += 1
            else:
                first = row
                kept.append(row)
            latest[item], before = (first, row), item
        left[user] = kept
    return left, highest, repeats


def tell_counted(
    names: npt.NDArray[np.object_], worth: Doubles, usable: npt.NDArray[np.bool_], repeats: int, where: str
) -> None:
    """Say which events count, and which do not."""
    counted, left_out = Counter(names[usable].tolist()), Counter(names[worth == 0].tolist())
    told = f"{where}: {events_in_words(counted)} count"
    if repeats:
        told += f"; {repeats:,} of them come close after another one of the same item and count together with it"
    if left_out:
        told += f"; left out as no sign of interest: {events_in_words(left_out)}"
    say(told)


def events_in_words(counts: Counter[str]) -> str:
    """How many events there are, and of which kinds."""
    total = sum(counts.values())
    kinds = ", ".join(f"{name} {count:,}" for name, count in counts.most_common(10))
    return f"{total:,} event{'s' * (total != 1)}" + (f" ({kinds})" if kinds else "")


@dataclass(frozen=True)
class Moments:
    """The times of a column.

    Attributes
    ----------
    ranks : (n,) that grow with time, the same for the same moment; NaN where a cell cannot be read.
    seconds : (n,) on one clock; NaN, too, where a cell is a number of no known unit.
    """

    ranks: Doubles
    seconds: Doubles


def moments_of(given: pd.Series, where: str) -> Moments:
    """The times of a column: dates, or numbers that grow with time.

    Raises
    ------
    InputError : dates whose day and month cannot be told apart, or are written both ways; numbers in two units.
    """
    if pd.api.types.is_datetime64_any_dtype(given.dtype):
        return moments_of_dates(pd.to_datetime(given, utc=True))
    texts = text_column(given).str.strip()
    values = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    if not np.isfinite(values).mean() > 0.5:
        return moments_of_dates(dates_of(texts.astype(object), where))
    refuse_two_units(values, where)
    # nanoseconds have more digits than a float
    whole = texts.str.fullmatch(r"[-+]?\d{1,30}").to_numpy(bool)
    exact = [
        int(text) if is_whole else float(value) if np.isfinite(value) else None
        for text, is_whole, value in zip(texts, whole, values, strict=True)
    ]
    middle = float(np.nanmedian(values))
    unit = next((unit for low, high, unit in EPOCHS if low <= middle < high), np.nan)
    return Moments(ranks_of(pd.Series(exact, dtype=object)), np.asarray(values / unit))


def moments_of_dates(dates: pd.Series) -> Moments:
    """Dates as moments."""
    seconds = (dates - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)
    return Moments(ranks_of(dates), np.asarray(seconds.to_numpy(np.float64, na_value=np.nan)))


def refuse_two_units(values: Doubles, where: str) -> None:
    """Raise InputError where some times count seconds since 1970 and others milliseconds, or smaller parts of them."""
    there = np.abs(values[np.isfinite(values)])
    # from 1973 to 2286; what is smaller may count anything
    met = {name: there[(there >= low) & (there < 100 * low)] for name, low in UNITS.items()}
    several = [f"{name} ({found[0]:.0f})" for name, found in met.items() if len(found)]
    if len(several) > 1:
        problem = f"the times are in {' and in '.join(several)} since 1970, and their order would be wrong"
        raise InputError(problem, where=where, hint="Write all of them in one unit")


def ranks_of(moments: pd.Series) -> Doubles:
    """The place of each value among the distinct ones, from 0; NaN for what is missing."""
    return np.asarray(moments.rank(method="dense") - 1, np.float64)


def dates_of(texts: pd.Series, where: str) -> pd.Series:
    """Moments, missing where a text is none; all of a column are read in one order of day and month."""
    parts = texts.str.extract(DAY_AND_MONTH)
    numbered_dates = parts[0].notna()
    found = pd.to_datetime(texts.where(~numbered_dates), errors="coerce", utc=True, format="mixed")
    if not numbered_dates.any():
        return found
    first, second = (parts[place][numbered_dates].astype(int) for place in (0, 2))
    day_first, month_first = bool((first > 12).any()), bool((second > 12).any())
    shown = short(texts[numbered_dates].iloc[0])
    if day_first and month_first:
        problem = f"the dates, such as {shown}, have the day first in some rows and the month first in others"
        raise InputError(problem, where=where, hint="Write them as 2024-02-03")
    if not day_first and not month_first:
        dotted = bool((parts[1][numbered_dates] == ".").all())
        if not dotted and bool((first != second).any()):
            problem = f"the dates, such as {shown}, may have the day or the month first"
            raise InputError(problem, where=where, hint="Write them as 2024-02-03")
        day_first = dotted
    read = pd.to_datetime(texts[numbered_dates], errors="coerce", utc=True, format="mixed", dayfirst=day_first)
    return found.where(~numbered_dates, read.reindex(found.index))
