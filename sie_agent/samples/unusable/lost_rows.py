"""Rows of a source that are not among its samples: where each stands, and why it is not there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from sie_agent.samples.log_source import LogSource, log_source
from sie_agent.samples.maps.column_maps import ColumnMap
from sie_agent.samples.sample_loading import chosen_rows
from sie_agent.samples.shop_logs.impression_pairs import keys_of
from sie_agent.samples.sources.cell_texts import types_named
from sie_agent.samples.sources.cells import short
from sie_agent.samples.sources.folders import ALL
from sie_agent.samples.sources.origins import origin_of
from sie_agent.samples.unusable.checking import CheckedRows
from sie_agent.samples.unusable.invalid_rows import InvalidRows

ROWS_AT_ONCE = 20_000
Reason = Literal["unusable", "folded", "limit", "filters", "split", "run", "used"]


@dataclass(frozen=True)
class LostRow:
    """A row of a source, and what became of it.

    Attributes
    ----------
    sample_id : of the row. row : its number in the source, or of JSON its line. place : file and row in words.
    reason : ``unusable``, ``folded`` into the row of its pair, left out by ``limit``, ``filters``, ``split`` or by
        a ``run`` that leaves out queries, or ``used``: it is among the samples.
    problem : what became of it in words.
    pair : ``sample_id`` of the row that stands for its pair; of rows that were folded.
    """

    sample_id: str
    row: int
    place: str
    reason: Reason
    problem: str
    pair: str | None = None


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
    found: dict[str, LostRow] = {}
    for reason, problem, chosen in less_restricted(log_source(source, column_map, split, limit)):
        wanted = set(ids) - set(found)
        if not wanted:
            break
        with types_named(chosen.where):
            # what it says of unusable rows was said when the samples were loaded
            told_before = InvalidRows(skip=True)
            told_before.decided = True
            rows = chosen_rows(chosen, ROWS_AT_ONCE, allow_missing_labels, told_before)
            traced = trace(rows, wanted)
        for one in traced.values():
            path = chosen.path
            # of a folder the file in it, and the file's own row
            own = origin_of(path, chosen.split, one.place, one.row) if path is not None and path.is_dir() else None
            place = own or f"{chosen.where}, {one.place} {one.row}"
            told = one if reason is None else replace(one, reason=reason, problem=problem, pair=None)
            found[one.sample_id] = replace(told, place=place)
    return found


def less_restricted(source: LogSource) -> Iterator[tuple[Reason | None, str, LogSource]]:
    """The source, then with one restriction less each time, and what a row was left out by that is met then."""
    yield None, "", source
    if source.limit is not None:
        problem = f"it comes after the first {source.limit:,} rows (--limit {source.limit})"
        source = replace(source, limit=None)
        yield "limit", problem, source
    if source.mapping is not None and source.mapping.filters:
        names = ", ".join(f"'{name}'" for name in source.mapping.filters)
        source = replace(source, mapping=source.mapping.model_copy(update={"filters": {}}))
        yield "filters", f"the map's filters on {names} leave it out", source
    # the rows of a folder are counted again in each split
    if source.split not in (None, ALL) and source.path is not None and source.path.is_file():
        yield "split", f"it is not in the split '{source.split}'", replace(source, split=ALL)


def trace(rows: CheckedRows, wanted: set[str]) -> dict[str, LostRow]:
    """What became of each of these rows; ``place`` is only the word by which rows are counted."""
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
            if rows.rule is not None:
                (keys[name],) = keys_of(table.iloc[[row]], rows.rule)
        if len(found) == len(wanted):
            break
    if unlabelled and not rows.allow_missing_labels and any(table["label"].notna().any() for table, _ in rows.sieved()):
        problem = "field 'label': the label is missing here but given elsewhere"
        found |= {name: replace(found[name], reason="unusable", problem=problem) for name in unlabelled}
        keys = {name: key for name, key in keys.items() if name not in unlabelled}
    return found | folded(rows, keys, found)


def folded(rows: CheckedRows, keys: dict[str, str], found: dict[str, LostRow]) -> dict[str, LostRow]:
    """Those of the rows that are not the first usable one of their pair."""
    if rows.rule is None or not keys:
        return {}
    left = set(keys.values())
    firsts: dict[str, tuple[str, int, str]] = {}
    for table, sieve in rows.sieved():
        numbers = sieve.numbers[sieve.usable]
        table = table[sieve.usable]
        at = pd.Series(keys_of(table, rows.rule), dtype=object)
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
