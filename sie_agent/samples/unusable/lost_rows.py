"""Rows of a source that are not among its samples: where each stands, and why it is not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from sie_agent.samples.loading import chosen_rows, chosen_source, read_source
from sie_agent.samples.maps.column_maps import ColumnMap
from sie_agent.samples.maps.nested import named_sources, pieces_with_fields, with_fields
from sie_agent.samples.positions import from_one
from sie_agent.samples.shop_logs.impressions import keys_of
from sie_agent.samples.sources.cells import short
from sie_agent.samples.sources.decimals import number_marks
from sie_agent.samples.sources.folders import ALL
from sie_agent.samples.sources.origins import origin_of
from sie_agent.samples.sources.pieces import pieces_of
from sie_agent.samples.sources.written import types_named
from sie_agent.samples.streaming import chosen_by, float_columns, rows_of
from sie_agent.samples.unusable.checking import Rows
from sie_agent.samples.unusable.rows import InvalidRows

ROWS_AT_ONCE = 20_000
Reason = Literal["unusable", "folded", "limit", "filters", "split", "run", "used"]


@dataclass(frozen=True)
class LostRow:
    """A row of a source, and what became of it.

    Attributes
    ----------
    sample_id : of the row. row : its number in the source, or of JSON its line. place : file and row in words.
    reason : ``unusable``, ``folded`` into the row of its pair, left out by ``limit``, ``filters`` or ``split``, ,
        by a ``run`` that leaves out queries, or ``used``: it is among the samples.
    problem : what became of it in words.
    pair : ``sample_id`` of the row that stands for its pair; of rows that were folded.
    """

    sample_id: str
    row: int
    place: str
    reason: Reason
    problem: str
    pair: str | None = None


@dataclass(frozen=True)
class Asked:
    """What chooses the rows of a source."""

    mapping: ColumnMap | None
    split: str | None
    limit: int | None


def lost_rows(
    source: str | Path,
    ids: Sequence[str],
    *,
    column_map: str | Path | ColumnMap | None = None,
    split: str | None = None,
    limit: int | None = None,
    allow_missing_labels: bool = False,
) -> dict[str, LostRow]:
    """Look rows up in a source before its unusable rows are left out and its impressions are put together.

    The source is read again for this, up to twice, and once more for each of limit, filters and split.

    Parameters
    ----------
    source, column_map, split, limit, allow_missing_labels : as `load_samples` took them.
    ids : ``sample_id`` of the rows; where the source has none of its own, numbers of its rows.

    Returns
    -------
    The rows that are in the source, by id; the others are not in it at all.
    """
    path, mapping, where = chosen_source(source, column_map, limit)
    found: dict[str, LostRow] = {}
    for reason, problem, choice in choices(Asked(mapping, split, limit), path):
        wanted = set(ids) - set(found)
        if not wanted:
            break
        with types_named(where):
            rows = rows_before_checks(str(source), path, choice, where)
            traced = trace(replace(rows, allow_missing_labels=allow_missing_labels), wanted)
        for one in traced.values():
            place = place_in_words(path, choice.split, where, one.place, one.row)
            told = (one.reason, one.problem, one.pair) if reason is None else (reason, problem, None)
            found[one.sample_id] = LostRow(one.sample_id, one.row, place, *told)
    return found


def choices(asked: Asked, path: Path | None) -> Iterator[tuple[Reason | None, str, Asked]]:
    """What was asked for, then with one restriction less each time, and what a row was left out by that is met then."""
    yield None, "", asked
    mapping, split, limit = asked.mapping, asked.split, asked.limit
    if limit is not None:
        yield "limit", f"it comes after the first {limit:,} rows (--limit {limit})", Asked(mapping, split, None)
    if mapping is not None and mapping.filters:
        names = ", ".join(f"'{name}'" for name in mapping.filters)
        mapping = mapping.model_copy(update={"filters": {}})
        yield "filters", f"the map's filters on {names} leave it out", Asked(mapping, split, None)
    # the rows of a folder are counted anew in each split
    if split not in (None, ALL) and path is not None and path.is_file():
        yield "split", f"it is not in the split '{split}'", Asked(mapping, ALL, None)


def rows_before_checks(source: str, path: Path | None, choice: Asked, where: str) -> Rows:
    """The chosen rows of a source, from the first each time they are asked for."""
    mapping, split, limit = choice.mapping, choice.split, choice.limit
    pieces = pieces_of(source, path, mapping, ROWS_AT_ONCE, split)
    pieces = None if pieces is None else pieces_with_fields(pieces, named_sources(mapping))
    first = None if pieces is None else next(pieces())
    if pieces is not None and first is not None and not float_columns(first) & chosen_by(mapping, split):
        return rows_of(pieces, first, mapping, split, limit, ROWS_AT_ONCE, where)
    told_before = InvalidRows(skip=True)
    told_before.decided = True
    frame = read_source(source, path, mapping, limit if split is None else None, split, told_before)
    frame = with_fields(frame, named_sources(mapping))
    marks = number_marks(frame, mapping, where)
    from_zero = from_one(iter([frame]), mapping, where)
    frame = chosen_rows(frame, mapping, None if split == ALL else split, where).iloc[:limit]
    return Rows(lambda: iter([frame]), mapping, where, from_zero=from_zero, marks=marks)


def trace(rows: Rows, wanted: set[str]) -> dict[str, LostRow]:
    """What became of each of these rows; ``place`` is only the word by which rows are counted."""
    rule = None if rows.mapping is None else rows.mapping.impressions
    found: dict[str, LostRow] = {}
    keys: dict[str, str] = {}
    unlabelled: set[str] = set()
    for table, sieve in rows.sieved():
        faults = {fault.place: fault for fault in reversed(sieve.faults)}
        for row in table.index[table["sample_id"].isin(wanted)].tolist():
            name, number = str(table["sample_id"].iloc[row]), int(sieve.numbers[row])
            if name in found:
                continue
            if row in faults:
                problem = f"field '{faults[row].field}': {faults[row].problem}"
                found[name] = LostRow(name, number, sieve.word, "unusable", problem)
                continue
            found[name] = LostRow(name, number, sieve.word, "used", "it is among the rows that are used")
            if pd.isna(table["label"].iloc[row]):
                unlabelled.add(name)
            if rule is not None:
                (keys[name],) = keys_of(table.iloc[[row]], rule)
        if len(found) == len(wanted):
            break
    if unlabelled and not rows.allow_missing_labels and any(table["label"].notna().any() for table, _ in rows.sieved()):
        problem = "field 'label': the label is missing here but given elsewhere"
        found |= {name: replace(found[name], reason="unusable", problem=problem) for name in unlabelled}
        keys = {name: key for name, key in keys.items() if name not in unlabelled}
    return found if rule is None else found | folded(rows, keys, found)


def folded(rows: Rows, keys: dict[str, str], found: dict[str, LostRow]) -> dict[str, LostRow]:
    """Those of the rows that are not the first usable one of their pair."""
    rule = None if rows.mapping is None else rows.mapping.impressions
    if rule is None or not keys:
        return {}
    left = set(keys.values())
    firsts: dict[str, tuple[str, int, str]] = {}
    for table, sieve in rows.sieved():
        numbers = sieve.numbers[sieve.usable]
        table = table[sieve.usable]
        at = pd.Series(keys_of(table, rule), dtype=object)
        for row in at.index[at.isin(left) & ~at.duplicated()].tolist():
            about = f"query {short(table['query'].iloc[row])}, item {short(table['item_id'].iloc[row])}"
            firsts[at[row]] = (str(table["sample_id"].iloc[row]), int(numbers[row]), about)
            left.discard(at[row])
        if not left:
            break
    told: dict[str, LostRow] = {}
    for name, key in keys.items():
        pair, number, about = firsts[key]
        if pair != name:
            one = found[name]
            problem = f"it is another impression of a pair ({about}), which has the id of its first one: {short(pair)}"
            problem += "" if pair == str(number) else f" ({one.place} {number})"
            told[name] = LostRow(name, one.row, one.place, "folded", problem, pair)
    return told


def place_in_words(path: Path | None, split: str | None, where: str, word: str, number: int) -> str:
    """File and row; of a folder the file in it and the file's own row."""
    found = origin_of(path, split, word, number) if path is not None and path.is_dir() else None
    return found or f"{where}, {word} {number}"
