"""A log without queries: what shoppers had, and what came next, made into rows in the names of the schema."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.maps.map_files import beside
from sie_agent.samples.maps.map_parts import NextItem
from sie_agent.samples.maps.mapping import pick
from sie_agent.samples.maps.nested import with_fields
from sie_agent.samples.row_places import Places, Sieve
from sie_agent.samples.sample_schema import refuse_empty
from sie_agent.samples.shop_logs.next_events import moments_of, tell_counted, without_repeats, worth_of
from sie_agent.samples.shop_logs.other_items import NextItemStep, draw_others
from sie_agent.samples.sources.cells import history_text, short
from sie_agent.samples.sources.readers import numbered, read_file
from sie_agent.samples.text_columns import as_written, text_column, without_letters
from sie_agent.samples.unusable.invalid_rows import InvalidRows
from sie_agent.utils.progress import say

# the columns of what is made of a log, in names of the schema
MADE = ("sample_id", "query", "item_id", "title", "label", "user_id", "history", "timestamp")


@dataclass(frozen=True)
class NextItemLog:
    """All steps of a log, the items that it names, and their titles as far as the log itself has them."""

    steps: list[NextItemStep]
    items: set[str]
    titles: dict[str, str]


def next_item_table(
    frame: pd.DataFrame,
    source: NextItem,
    folder: Path | None,
    where: str,
    limit: int | None,
    invalid: InvalidRows | None = None,
) -> pd.DataFrame:
    """Rows (shopper, item) made of what shoppers had, in the names of the schema.

    Per step, in the order of the log: the item that came next with label 1, or what its event is worth; then
    ``source.others`` items with label 0, drawn as ``source.drawn`` says from all items that are neither it nor the
    shopper's.

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
    named = (source.user_id, source.item_id, source.timestamp, source.title, source.history, source.target)
    frame = with_fields(frame, [*named, source.event.column if source.event else None])
    log = of_events(frame, source, where, place) if source.events else of_sequences(frame, source, where, place)
    ids, title_of = items_of(source, folder, log)
    steps = log.steps if source.items is None else known_only(log.steps, source, title_of, place)
    if invalid is not None and isinstance(place, Sieve) and place.faults:
        invalid.decide(iter([place]))
    popularity: npt.NDArray[np.float64] | None = None
    if source.drawn == "by-popularity":
        # of the whole log, for the same reason as in draw_others
        bought = pd.Series([step.target for step in steps], dtype=object).value_counts().reindex(ids, fill_value=0)
        popularity = np.asarray(bought, np.float64)
    steps = steps if limit is None else steps[: -(-limit // (1 + source.others))]
    if not steps:
        hint = "Give shoppers with two different items or more"
        if source.event is not None:
            hint += ", or let more events count (next_item.event.values in the map)"
        raise InputError("no shopper has a next item: one that comes after another", where=where, hint=hint)
    rows = []
    for step, drawn in zip(steps, draw_others(steps, ids, source, where, popularity), strict=True):
        query = "; ".join(title_of[item] for item in step.history[-source.last :])
        history = json.dumps(step.history, ensure_ascii=False)
        for item, label in ((step.target, step.label), *((item, 0.0) for item in drawn)):
            rows.append((row_id(step.name, item), query, item, title_of[item], label, step.user, history, step.time))
    return numbered(pd.DataFrame(rows, columns=MADE))


def row_id(name: str, item: str) -> str:
    """The id of a row; what stands between is escaped, so that ``1-2`` and ``3`` are not ``1`` and ``2-3``."""
    told = item.replace("\\", "\\\\").replace("-", "\\-")
    return name.replace("\\", "\\\\") + f"-{told}"


def items_of(source: NextItem, folder: Path | None, log: NextItemLog) -> tuple[list[str], dict[str, str]]:
    """Ids of all items, and the title of each."""
    if source.items is None:
        # in an order that the log's own has no part in
        ids = sorted(log.items)
        return ids, {item: log.titles.get(item) or item for item in ids}
    file = source.items.file
    path = Path(file) if folder is None else beside(folder, file, "next_item.items")
    key, title = source.items.item_id or source.item_id, source.items.title or source.title or "title"
    items = with_fields(read_file(path), [key, title])
    columns = {}
    for name, column in (("item_id", key), ("title", title)):
        if column not in items.columns:
            there = ", ".join(map(str, items.columns))
            field = f"next_item.items.{name}" if getattr(source.items, name) else f"next_item.{name}"
            problem = f"the file of items has no column '{column}' (field '{field}'); its columns are: {there}"
            hint = f"Name its columns in the map: next_item: {{items: {{file: {file}, item_id: …, title: …}}}}"
            raise InputError(problem, where=path, hint=hint)
        columns[name] = items[column]
    ids = as_written(columns["item_id"]).tolist()
    titles = text_column(columns["title"])
    refuse_empty(title, titles, Places(items.index, str(path)))
    refuse_two_titles(ids, titles, Places(items.index, str(path)), key)
    return ids, dict(zip(ids, titles.tolist(), strict=True))


def refuse_two_titles(ids: list[str], titles: pd.Series, place: Places, column: str) -> None:
    """Raise InputError at the first item that occurs twice with different titles."""
    first: dict[str, str] = {}
    for row, (one, title) in enumerate(zip(ids, titles.tolist(), strict=True)):
        if first.setdefault(one, title) != title:
            problem = f"the item {short(one)} occurs twice, as {short(first[one])} and as {short(title)}"
            raise InputError(problem, where=place(row, column), hint="Keep one of the rows")


def of_sequences(frame: pd.DataFrame, source: NextItem, where: str, place: Places) -> NextItemLog:
    """A row for each shopper: the list of what the shopper had, and the next item or the last of the list."""
    users = as_written(pick(frame, source.user_id, "next_item.user_id", where)).tolist()
    cells = pick(frame, source.history, "next_item.history", where)
    targets: list[str] = []
    if source.target is not None:
        targets = as_written(pick(frame, source.target, "next_item.target", where)).tolist()
    steps: list[NextItemStep] = []
    named: set[str] = set()
    short_ones = old_ones = 0
    for row, value in enumerate(cells):
        try:
            history: list[str] = json.loads(history_text(value))
        except ValueError as error:
            place.refuse(row, source.history, str(error), "Give a list of item ids", value)
            continue
        named.update(history)
        if source.target is None:
            if len(history) < 2:
                short_ones += 1
                continue
            history, target = history[:-1], history[-1]
            if target in history:
                old_ones += 1
                continue
        else:
            target = targets[row]
        if not history:
            place.refuse(row, source.history, "the history is empty", "Drop the row: the query is made of the history")
            continue
        if not target.strip():
            place.refuse(row, str(source.target), "the next item is missing", "Give its id, or drop the row")
            continue
        named.add(target)
        kept = history if source.target is not None else history[-source.longest :]
        steps.append(NextItemStep(row, users[row], users[row], kept, target, history))
    tell_left_out(short_ones, "fewer than two items, so there is no next item to predict", where)
    tell_left_out(old_ones, "a last item that they had before, so there is nothing new to predict", where)
    return NextItemLog(steps, named, {})


def of_events(frame: pd.DataFrame, source: NextItem, where: str, place: Places) -> NextItemLog:
    """A row for each event; every item after a shopper's first is predicted, once."""
    named = {"user_id": source.user_id, "item_id": source.item_id}
    given_ids = {name: column_of_log(frame, column, name, source, where) for name, column in named.items()}
    texts = {name: as_written(ids).to_numpy(object) for name, ids in given_ids.items()}
    given = pick(frame, source.timestamp, "next_item.timestamp", where)
    moments = moments_of(given, f"{where}, field '{source.timestamp}'")
    times = moments.ranks
    worth, names = np.ones(len(frame)), None
    if source.event is not None:
        kinds = pick(frame, source.event.column, "next_item.event.column", where)
        worth, names = worth_of(kinds, source.event, place), text_column(kinds).str.strip().to_numpy(object)
    # what was only shown is not read any further
    counted = ~(worth <= 0)
    usable = (worth > 0) & ~np.isnan(times)
    for name, column in named.items():
        empty = without_letters(pd.Series(texts[name], dtype=object))
        place.refuse_all(empty & counted, column, f"the {name} is empty", "Give it, or drop the row")
        usable &= ~empty
    hint = "Give a date and time, or a number that grows with time"
    place.refuse_all(np.isnan(times) & counted, source.timestamp, "the time {} cannot be read", hint, given)
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
    # an item that was only shown may be drawn for one that was not chosen
    drawable = usable if names is None else ~without_letters(pd.Series(texts["item_id"], dtype=object))
    steps: list[NextItemStep] = []
    label, repeats = worth, 0
    written = text_column(given).to_numpy(object)
    if names is not None:
        had, label, repeats = without_repeats(had, texts["item_id"], moments.seconds, worth)
        tell_counted(names, worth, usable, repeats, where)
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
                row = events[number]
                name, time = f"{user}-{number}", str(written[row])
                steps.append(NextItemStep(row, user, name, before, item, distinct, float(label[row]), time))
    tell_left_out(short_ones, "only one item, so there is no next item to predict", where)
    return NextItemLog(steps, set(texts["item_id"][drawable]), titles)


def column_of_log(frame: pd.DataFrame, column: str, name: str, source: NextItem, where: str) -> pd.Series:
    """A column of the log; where the file of items may be meant by its name, the error says how to tell them apart."""
    try:
        return pick(frame, column, f"next_item.{name}", where)
    except InputError as error:
        if source.items is None or name != "item_id":
            raise
        hint = "next_item.item_id is the log's own column; name the columns of the file of items beside it: "
        hint += f"items: {{file: {source.items.file}, item_id: {column}, title: …}}"
        raise InputError(error.problem, where=where, hint=hint) from None


def tell_left_out(count: int, why: str, where: str) -> None:
    """Say how many shoppers give nothing, and why."""
    if count:
        say(f"{where}: {count:,} {'shopper is' if count == 1 else 'shoppers are'} left out: {why}")


def known_only(
    steps: list[NextItemStep], source: NextItem, title_of: dict[str, str], place: Places
) -> list[NextItemStep]:
    """The steps whose items are all in the file of items; the rows of the others are refused."""
    file = "the file of items" if source.items is None else source.items.file
    field = source.item_id if source.events else source.target or source.history
    kept = []
    for step in steps:
        asked = [*((source.history, item) for item in step.history[-source.last :]), (field, step.target)]
        missing = next(((at, item) for at, item in asked if item not in title_of), None)
        if missing is None:
            kept.append(step)
            continue
        hint = f"Add it to {file} or drop the row"
        place.refuse(step.row, missing[0], f"the item {short(missing[1])} is not in {file}", hint, missing[1])
    return kept
