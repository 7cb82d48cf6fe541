"""A log in chunks: what ``load_samples`` gives, with memory that does not grow with the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.choice import Choice, regrouped
from sie_agent.samples.loading import chosen_source, load_samples, no_rows, split_columns
from sie_agent.samples.maps.column_maps import ColumnMap
from sie_agent.samples.maps.nested import named_sources, pieces_with_fields
from sie_agent.samples.positions import from_one, position_columns
from sie_agent.samples.schema import COLUMNS, hold_across
from sie_agent.samples.shop_logs.impressions import pairs_of
from sie_agent.samples.sources.decimals import NUMBERS, ROWS_LOOKED_AT, number_marks
from sie_agent.samples.sources.folders import ALL
from sie_agent.samples.sources.origins import files_named
from sie_agent.samples.sources.pieces import Pieces, pieces_of
from sie_agent.samples.sources.written import all_whole, has_fractions, types_named
from sie_agent.samples.unusable.checking import Rows, no_usable_row
from sie_agent.samples.unusable.repeats import AcrossChunks
from sie_agent.samples.unusable.rows import InvalidRows
from sie_agent.utils.values import COUNT


def stream_samples(
    source: str | Path,
    *,
    column_map: str | Path | ColumnMap | Mapping[str, Any] | None = None,
    split: str | None = None,
    limit: int | None = None,
    chunk_rows: int = 20_000,
    spill: Path | None = None,
    allow_missing_labels: bool = False,
    invalid: InvalidRows | None = None,
) -> Iterator[pd.DataFrame]:
    """Load a log chunk by chunk, in the schema of samples.

    Put together, the chunks are the table that :func:`load_samples` gives. In memory are one chunk and the
    hashes of the last two million ids, by which repeated ids are found; those before are in a temporary file
    of 8 bytes per row. Not so for sources that have to be whole before the first row is known, which are
    loaded and cut: column maps with ``files`` or ``next_item``, folders that mix Parquet and text files or
    whose splits differ in their columns, filters by a column of fractions.

    Where the map says that rows are impressions, all are read before the first pair comes, and read again for the
    texts; see :func:`sie_agent.samples.shop_logs.impressions.pairs_of`. Where a row cannot be used, the rest is read
    before any row after it comes.

    Where the data have a fault, it is named as by ``load_samples``, once the chunks before it were given, or,
    where an id comes again more than two million rows later, further ones, too; of several faults that may be
    another one, and how many rows share a fault is counted as far as was read.
    Rows behind the limit are not looked at.

    Parameters
    ----------
    source, column_map, split, limit, allow_missing_labels, invalid : as :func:`load_samples` takes them.
    chunk_rows : rows per chunk; the last one may have fewer.
    spill : folder for the temporary file; the system's own when not given.

    Yields
    ------
    pandas.DataFrame
        As :func:`validate_samples` returns them, at least one row each.

    Raises
    ------
    InputError, EnvironmentFailure
        As :func:`load_samples`; what is wrong with the arguments at the call, all else while rows are drawn.
    """
    if not COUNT.takes(chunk_rows):
        raise InputError(f"chunk_rows is {chunk_rows!r}", hint="Give a whole number from 1 upwards")
    path, mapping, where = chosen_source(source, column_map, limit)

    def chunks() -> Iterator[pd.DataFrame]:
        with files_named(path, mapping, split), types_named(where):
            yield from of_any_type()

    def of_any_type() -> Iterator[pd.DataFrame]:
        pieces = pieces_of(str(source), path, mapping, chunk_rows, split)
        pieces = None if pieces is None else pieces_with_fields(pieces, named_sources(mapping))
        first = None if pieces is None else next(pieces())
        if pieces is None or first is None or float_columns(first) & chosen_by(mapping, split):
            table = load_samples(
                source,
                column_map=column_map,
                split=split,
                limit=limit,
                allow_missing_labels=allow_missing_labels,
                invalid=invalid,
            )
            for start in range(0, len(table), chunk_rows):
                yield table.iloc[start : start + chunk_rows].reset_index(drop=True)
            return
        if invalid is not None:
            invalid.limit = limit
        rows = rows_of(pieces, first, mapping, split, limit, chunk_rows, where)
        rows = replace(rows, invalid=invalid, allow_missing_labels=allow_missing_labels)
        yield from validated(rows, chunk_rows, spill)

    return chunks()


def rows_of(
    pieces: Pieces,
    first: pd.DataFrame,
    mapping: ColumnMap | None,
    split: str | None,
    limit: int | None,
    chunk_rows: int,
    where: str,
) -> Rows:
    """The rows that map, split and limit choose, *chunk_rows* at a time; *first* is the first of the pieces."""
    marks = number_marks(beginning(pieces, ROWS_LOOKED_AT), mapping, where)
    counted = position_columns(first, mapping)
    from_zero = from_one(pieces(counted) if counted else iter([]), mapping, where)
    choice = Choice(pieces, mapping, None if split == ALL else split, where)

    def frames() -> Iterator[pd.DataFrame]:
        return regrouped(choice.rows(), chunk_rows, limit)

    fractional = fractions(frames, float_columns(first) & read_as_text(mapping))

    def texts() -> Iterator[pd.DataFrame]:
        return (as_in_the_whole(frame, fractional) for frame in frames())

    return Rows(texts, mapping, where, from_zero=from_zero, marks=marks)


def beginning(pieces: Pieces, rows: int) -> pd.DataFrame:
    """The first rows of a source, as many as asked for where there are so many."""
    held: list[pd.DataFrame] = []
    for piece in pieces():
        held.append(piece)
        if sum(map(len, held)) >= rows:
            break
    return pd.concat(held).iloc[:rows] if len(held) > 1 else held[0].iloc[:rows]


def float_columns(frame: pd.DataFrame) -> set[str]:
    """The columns of numbers that may have decimals."""
    return {name for name in frame.columns if has_fractions(frame[name].dtype)}


def chosen_by(mapping: ColumnMap | None, split: str | None) -> set[str]:
    """Columns of the source by which rows are chosen."""
    return {*(mapping.filters if mapping else {}), *(split_columns(mapping) if split is not None else [])}


def read_as_text(mapping: ColumnMap | None) -> set[str]:
    """Columns of the source that are read as text."""
    if mapping is None:
        return {name for name in COLUMNS if name not in NUMBERS}
    named = [source for target, source in mapping.columns.items() if target not in NUMBERS]
    names = {name for source in named for name in ([source] if isinstance(source, str) else source)}
    visit = [] if mapping.impressions is None or not mapping.impressions.visit else mapping.impressions.visit
    names |= {visit} if isinstance(visit, str) else set(visit)
    return names | set(mapping.attributes.values())


def fractions(frames: Callable[[], Iterator[pd.DataFrame]], floats: set[str]) -> list[str]:
    """Those of the columns of floats that are not all whole: only they are written with their decimals.

    The log is read once more for this, where a column that is read as text holds floats at all, as few do.
    """
    found: set[str] = set()
    for frame in frames() if floats else ():
        found.update(name for name in floats if not all_whole(frame[name]))
    return sorted(found)


def validated(rows: Rows, chunk_rows: int, spill: Path | None) -> Iterator[pd.DataFrame]:
    """Chunks in the schema of samples, after the checks of each and of all together.

    Parameters
    ----------
    rows : the source's, mapped and checked one by one.
    chunk_rows : rows of a chunk, where impressions are put together.
    spill : folder for temporary files.
    """

    def ids() -> Iterator[pd.Series]:
        for table, place, _ in rows.tables():
            yield table["sample_id"].set_axis(pd.Index(place.numbers, name=place.word))

    def checked() -> Iterator[pd.DataFrame]:
        across = AcrossChunks(ids, rows.where, spill, allow_missing_labels=rows.allow_missing_labels)
        for table, place, given in rows.tables():
            hold_across(table, place, across, given=given)
            yield table
        if not across.count:
            raise no_usable_row(rows.where) if rows.invalid is not None and rows.invalid.rows else no_rows(rows.where)
        across.finish()
        if rows.invalid is not None:
            rows.invalid.used = across.count

    rule = None if rows.mapping is None else rows.mapping.impressions
    if rule is None:
        yield from checked()
        return
    passages = [checked]

    def tables() -> Iterator[pd.DataFrame]:
        # what has to hold of all rows together was checked when they were read for the first time
        return passages.pop()() if passages else (table for table, _, _ in rows.tables())

    yield from pairs_of(tables, rule, chunk_rows, spill)


def as_in_the_whole(frame: pd.DataFrame, fractional: list[str]) -> pd.DataFrame:
    """The chunk with 1.0 where the whole table would show 1.0, though the chunk alone would show 1."""
    whole = [name for name in fractional if all_whole(frame[name])]
    return frame.astype(dict.fromkeys(whole, object)) if whole else frame
