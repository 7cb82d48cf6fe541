"""A log without queries: what shoppers had, and what came next, made into rows in the names of the schema."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.progress import say
from sie_agent.samples.cells import history_text, short
from sie_agent.samples.column_maps import NextItem
from sie_agent.samples.invalid import InvalidRows, Sieve
from sie_agent.samples.joins import draw_others
from sie_agent.samples.map_files import beside
from sie_agent.samples.mapping import pick
from sie_agent.samples.readers import numbered, read_file
from sie_agent.samples.schema import Places, refuse_empty
from sie_agent.samples.text import as_written, text_column, without_letters

# 3.2.2024, 03/02/24: which of the two is the month?
DAY_AND_MONTH = r"^(\d{1,2})([./-])(\d{1,2})\2\d{2,4}(?:\D|$)"

UNITS = {"seconds": 1e8, "milliseconds": 1e11, "microseconds": 1e14, "nanoseconds": 1e17}


@dataclass
class Steps:
    """What shoppers had, and the item that came next; a row each.

    Attributes
    ----------
    rows : where each stands in the log. users, names : the shopper, and what the ids of the rows begin with.
    histories : ids, oldest first.
    targets : the next item. barred : what is not drawn for the shopper: all that the log says the shopper had.
    items : all that the log names. titles : of items, as far as the log itself has them.
    """

    rows: list[int] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    histories: list[list[str]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    barred: list[list[str]] = field(default_factory=list)
    items: set[str] = field(default_factory=set)
    titles: dict[str, str] = field(default_factory=dict)

    def add(self, row: int, user: str, name: str, history: list[str], target: str, barred: list[str]) -> None:
        """One more."""
        self.rows.append(row)
        self.users.append(user)
        self.names.append(name)
        self.histories.append(history)
        self.targets.append(target)
        self.barred.append(barred)

    def take(self, chosen: Iterable[int]) -> Steps:
        """The steps of these numbers."""
        taken = Steps(items=self.items, titles=self.titles)
        for one in chosen:
            taken.add(
                self.rows[one],
                self.users[one],
                self.names[one],
                self.histories[one],
                self.targets[one],
                self.barred[one],
            )
        return taken


def next_item_table(
    frame: pd.DataFrame,
    source: NextItem,
    folder: Path | None,
    where: str,
    limit: int | None,
    invalid: InvalidRows | None = None,
) -> pd.DataFrame:
    """Rows (shopper, item) made of what shoppers had, in the names of the schema.

    Per step, in the order of the log: the item that came next with label 1, then ``source.others`` items with label 0,
    drawn as ``source.drawn`` says from all items that are neither it nor the shopper's.

    Parameters
    ----------
    frame : the log, a row for each shopper or event; folder : where the file of items lies; where : name of the log.
    source : names of files and columns, and the seed of the draws.
    limit : number of rows that will be used, so that no more are made.
    invalid : what is done with rows that cannot be used.

    Raises
    ------
    InputError
        If a column is missing, a row cannot be used, an item is not in the file of items, or no step is left.
    """
    place = Places(frame.index, where) if invalid is None else Sieve(frame.index, where)
    steps = of_events(frame, source, where, place) if source.events else of_sequences(frame, source, where, place)
    ids, title_of = items_of(source, folder, steps)
    if source.items is not None:
        steps = known_only(steps, source, title_of, place)
    if invalid is not None and isinstance(place, Sieve) and place.faults:
        invalid.decide(iter([place]))
    per_step = 1 + source.others
    popularity: npt.NDArray[np.float64] | None = None
    if source.drawn == "by-popularity":
        # of the whole log, for the same reason as in draw_others
        bought = pd.Series(steps.targets, dtype=object).value_counts().reindex(ids, fill_value=0)
        popularity = np.asarray(bought, np.float64)
    steps = steps if limit is None else steps.take(range(min(-(-limit // per_step), len(steps.targets))))
    if not steps.targets:
        mend = "Give shoppers with two items or more"
        raise InputError("no shopper has an item that comes after another", where=where, mend=mend)
    others = draw_others(steps.barred, steps.targets, ids, source, where, popularity)
    shown = [item for target, drawn in zip(steps.targets, others, strict=True) for item in (target, *drawn)]
    queries = ["; ".join(title_of[item] for item in history[-source.last :]) for history in steps.histories]
    texts = [json.dumps(history, ensure_ascii=False) for history in steps.histories]
    names = np.repeat(np.array(steps.names, dtype=object), per_step)
    table = {
        "sample_id": [row_id(name, item) for name, item in zip(names, shown, strict=True)],
        "query": np.repeat(np.array(queries, dtype=object), per_step),
        "item_id": shown,
        "title": [title_of[item] for item in shown],
        "label": np.tile([1.0] + [0.0] * source.others, len(steps.targets)),
        "user_id": np.repeat(np.array(steps.users, dtype=object), per_step),
        "history": np.repeat(np.array(texts, dtype=object), per_step),
    }
    return numbered(pd.DataFrame(table))


def row_id(name: str, item: str) -> str:
    """The id of a row; what stands between is escaped, so that ``1-2`` and ``3`` are not ``1`` and ``2-3``."""
    told = item.replace("\\", "\\\\").replace("-", "\\-")
    return name.replace("\\", "\\\\") + f"-{told}"


def items_of(source: NextItem, folder: Path | None, steps: Steps) -> tuple[list[str], dict[str, str]]:
    """Ids of all items, and the title of each."""
    if source.items is None:
        # in an order that the log's own has no part in
        ids = sorted(steps.items)
        return ids, {item: steps.titles.get(item) or item for item in ids}
    path = Path(source.items) if folder is None else beside(folder, source.items, "next_item.items")
    items = read_file(path)
    title = source.title or "title"
    ids = as_written(pick(items, source.item_id, "next_item.item_id", str(path))).tolist()
    titles = text_column(pick(items, title, "next_item.title", str(path)))
    refuse_empty(title, titles, Places(items.index, str(path)))
    refuse_two_titles(ids, titles, Places(items.index, str(path)), source.item_id)
    return ids, dict(zip(ids, titles.tolist(), strict=True))


def refuse_two_titles(ids: list[str], titles: pd.Series, place: Places, column: str) -> None:
    """Raise InputError at the first item that is there twice with different titles."""
    first: dict[str, str] = {}
    for row, (one, title) in enumerate(zip(ids, titles.tolist(), strict=True)):
        if first.setdefault(one, title) != title:
            problem = f"the item {short(one)} is there twice, as {short(first[one])} and as {short(title)}"
            raise InputError(problem, where=place(row, column), mend="Keep one of the rows")


def of_sequences(frame: pd.DataFrame, source: NextItem, where: str, place: Places) -> Steps:
    """A row for each shopper: the list of what the shopper had, and the next item or the last of the list."""
    users = as_written(pick(frame, source.user_id, "next_item.user_id", where)).tolist()
    cells = pick(frame, source.history, "next_item.history", where)
    targets: list[str] = []
    if source.target is not None:
        targets = as_written(pick(frame, source.target, "next_item.target", where)).tolist()
    steps = Steps()
    short_ones = 0
    for row, value in enumerate(cells):
        try:
            history: list[str] = json.loads(history_text(value))
        except ValueError as error:
            place.refuse(row, source.history, str(error), "Give a list of item ids", value)
            continue
        steps.items.update(history)
        if source.target is None:
            if len(history) < 2:
                short_ones += 1
                continue
            history, target = history[:-1], history[-1]
            if target in history:
                short_ones += 1
                continue
        else:
            target = targets[row]
        if not history:
            mend = "Drop the row: the query is made of the history"
            place.refuse(row, source.history, "the history is empty", mend)
            continue
        if not target.strip():
            place.refuse(row, str(source.target), "the next item is missing", "Give its id, or drop the row")
            continue
        steps.items.add(target)
        kept = history if source.target is not None else history[-source.longest :]
        steps.add(row, users[row], users[row], kept, target, history)
    tell_short(short_ones, where)
    return steps


def of_events(frame: pd.DataFrame, source: NextItem, where: str, place: Places) -> Steps:
    """A row for each event; every item after a shopper's first is to be foretold, once."""
    named = {"user_id": source.user_id, "item_id": source.item_id}
    texts = {
        name: as_written(pick(frame, column, f"next_item.{name}", where)).to_numpy(object)
        for name, column in named.items()
    }
    given = pick(frame, source.timestamp, "next_item.timestamp", where)
    times = times_of(given, f"{where}, field '{source.timestamp}'")
    usable = ~np.isnan(times)
    for name, column in named.items():
        empty = without_letters(pd.Series(texts[name], dtype=object))
        for row in np.flatnonzero(empty).tolist():
            place.refuse(row, column, f"the {name} is empty", "Give it, or drop the row")
        usable &= ~empty
    for row in np.flatnonzero(np.isnan(times)).tolist():
        mend = "Give a date and time, or a number that grows with time"
        place.refuse(row, source.timestamp, f"the time {short(given.iloc[row])} cannot be read", mend, given.iloc[row])
    titles: dict[str, str] = {}
    if source.items is None and source.title is not None:
        told = text_column(pick(frame, source.title, "next_item.title", where)).str.strip()
        titles = {item: title for item, title in zip(texts["item_id"], told, strict=True) if title}
    rows = np.flatnonzero(usable)
    had: dict[str, list[int]] = {}
    # of equal times the names decide, not the order of the file
    by_name = [texts[name][rows].astype(str) for name in ("item_id", "user_id")]
    for row in rows[np.lexsort((*by_name, times[rows]))].tolist():
        had.setdefault(texts["user_id"][row], []).append(row)
    steps = Steps(items=set(texts["item_id"][usable]), titles=titles)
    short_ones = 0
    for user, events in had.items():
        items = [texts["item_id"][row] for row in events]
        distinct = list(dict.fromkeys(items))
        short_ones += len(distinct) < 2
        before_it: set[str] = set()
        for number, item in enumerate(items):
            is_new = item not in before_it
            before_it.add(item)
            if number and is_new:
                before = items[:number][-source.longest :]
                steps.add(events[number], user, f"{user}-{number}", before, item, distinct)
    tell_short(short_ones, where)
    return steps


def times_of(given: pd.Series, where: str) -> npt.NDArray[np.float64]:
    """Ranks that grow with time, the same for the same moment; NaN where a cell cannot be read.

    Raises
    ------
    InputError : dates whose day and month cannot be told apart, or are written both ways.
    """
    if pd.api.types.is_datetime64_any_dtype(given.dtype):
        return ranks(pd.to_datetime(given, utc=True))
    texts = text_column(given).str.strip()
    values = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    if np.isfinite(values).mean() > 0.5:
        # nanoseconds have more digits than a float
        refuse_two_units(values, where)
        whole = texts.str.fullmatch(r"[-+]?\d{1,30}").to_numpy(bool)
        exact = [
            int(text) if is_whole else float(value) if np.isfinite(value) else None
            for text, is_whole, value in zip(texts, whole, values, strict=True)
        ]
        return ranks(pd.Series(exact, dtype=object))
    return ranks(dates_of(texts.astype(object), where))


def refuse_two_units(values: npt.NDArray[np.float64], where: str) -> None:
    """Raise InputError where some times count seconds since 1970 and others milliseconds, or smaller parts of them."""
    there = np.abs(values[np.isfinite(values)])
    # from 1973 to 2286; what is smaller may count anything
    met = {name: there[(there >= low) & (there < 100 * low)] for name, low in UNITS.items()}
    several = [f"{name} ({found[0]:.0f})" for name, found in met.items() if len(found)]
    if len(several) > 1:
        problem = f"the times are in {' and in '.join(several)} since 1970, and their order would be wrong"
        raise InputError(problem, where=where, mend="Write all of them in one unit")


def ranks(moments: pd.Series) -> npt.NDArray[np.float64]:
    """The place of each value among the distinct ones, NaN for what is missing."""
    there = moments.notna().to_numpy(bool)
    found = np.full(len(moments), np.nan)
    if there.any():
        distinct = sorted(set(moments[there].tolist()))
        place = {value: number for number, value in enumerate(distinct)}
        found[there] = [place[value] for value in moments[there].tolist()]
    return found


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
        raise InputError(problem, where=where, mend="Write them as 2024-02-03")
    if not day_first and not month_first:
        dotted = bool((parts[1][numbered_dates] == ".").all())
        if not dotted and bool((first != second).any()):
            problem = f"the dates, such as {shown}, may have the day or the month first"
            raise InputError(problem, where=where, mend="Write them as 2024-02-03")
        day_first = dotted
    asked = texts[numbered_dates]
    read = pd.to_datetime(asked, errors="coerce", utc=True, format="mixed", dayfirst=day_first)
    return found.where(~numbered_dates, read.reindex(found.index))


def tell_short(count: int, where: str) -> None:
    """Say how many shoppers give nothing."""
    if count:
        who = "1 shopper has" if count == 1 else f"{count:,} shoppers have"
        say(f"{where}: {who} no item that comes new after another, and nothing can be foretold there")


def known_only(steps: Steps, source: NextItem, title_of: dict[str, str], place: Places) -> Steps:
    """The steps whose items are all in the file of items; the rows of the others are refused."""
    kept = []
    for number, (row, history, target) in enumerate(zip(steps.rows, steps.histories, steps.targets, strict=True)):
        asked = [(source.history, item) for item in history[-source.last :]]
        field = source.item_id if source.events else source.target or source.history
        missing = next(((at, item) for at, item in [*asked, (field, target)] if item not in title_of), None)
        if missing is None:
            kept.append(number)
            continue
        mend = f"Add it to {source.items} or drop the row"
        place.refuse(row, missing[0], f"the item {short(missing[1])} is not in {source.items}", mend, missing[1])
    return steps.take(kept)
