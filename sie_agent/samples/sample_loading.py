"""A log in the schema of samples: as one table, or in chunks with memory that does not grow with the log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.log_source import LogSource, log_source
from sie_agent.samples.maps.column_maps import ColumnMap
from sie_agent.samples.maps.uses import columns_read
from sie_agent.samples.positions import from_one, position_columns
from sie_agent.samples.sample_schema import COLUMNS, Across, hold_across
from sie_agent.samples.selection import of_split, split_columns
from sie_agent.samples.shop_logs.impression_pairs import pairs_of
from sie_agent.samples.sources.cell_texts import all_whole, has_fractions, types_named
from sie_agent.samples.sources.decimals import NUMBERS, ROWS_LOOKED_AT, number_marks
from sie_agent.samples.sources.origins import files_named
from sie_agent.samples.sources.pieces import held, regrouped
from sie_agent.samples.unusable.checking import CheckedRows
from sie_agent.samples.unusable.invalid_rows import InvalidRows
from sie_agent.samples.unusable.repeated_ids import AcrossChunks
from sie_agent.utils.values import COUNT


def load_samples(
    source: str | Path,
    *,
    column_map: str | Path | ColumnMap | Mapping[str, Any] | None = None,
    split: str | None = None,
    limit: int | None = None,
    allow_missing_labels: bool = False,
    invalid: InvalidRows | None = None,
) -> pd.DataFrame:
    """Load a log and bring it into the schema of samples.

    Parameters
    ----------
    source, column_map, split, limit : as the public :func:`sie_agent.load_samples` takes them.
    allow_missing_labels : whether some rows may have a label and others none (NaN); otherwise that is refused.
    invalid : what is done with rows that cannot be used; when not given, the first of them is an error.

    Returns
    -------
    pandas.DataFrame
        See :func:`sie_agent.samples.validate_samples`. Where the map says that rows are impressions, a row for each
        pair of query and item, see :func:`sie_agent.samples.shop_logs.impression_pairs.pairs_of`.

    Raises
    ------
    InputError
        If anything about the data, the map, the split or the limit is wrong.
    EnvironmentFailure
        If the Hub cannot be reached or a file cannot be read.
    """
    [table] = samples_of(log_source(source, column_map, split, limit), None, None, allow_missing_labels, invalid)
    return table


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
    of 8 bytes per row. Some sources have to be in memory whole before the first row is known: column maps with
    ``files`` or ``next_item``, folders that mix Parquet and text files, filters by a column of fractions.

    Where the map says that rows are impressions, all are read before the first pair comes, and read again for the
    texts; see :func:`sie_agent.samples.shop_logs.impression_pairs.pairs_of`. Where a row cannot be used, the rest is
    read before any row after it comes.

    A fault in the data is named as by ``load_samples``, after the chunks before it were given (where an id comes again
    more than two million rows later, also some after it). Of several faults another one may come first, and how many
    rows share a fault is counted as far as was read. Rows behind the limit are not looked at.

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
    return samples_of(log_source(source, column_map, split, limit), chunk_rows, spill, allow_missing_labels, invalid)


def samples_of(
    source: LogSource,
    chunk_rows: int | None,
    spill: Path | None,
    allow_missing_labels: bool,
    invalid: InvalidRows | None,
) -> Iterator[pd.DataFrame]:
    """The samples, *chunk_rows* at a time (None: in one table), after the checks of each row and of all together."""
    with files_named(source), types_named(source.where):
        rows = chosen_rows(source, chunk_rows, allow_missing_labels, invalid)
        checked = across_checked(rows, chunk_rows, spill)
        if rows.rule is None:
            yield from checked
        elif chunk_rows is None:
            [table] = checked
            yield from pairs_of(iter([table]), iter([table]), rows.rule, None)
        else:
            again = (table for table, _, _ in rows.tables())
            yield from pairs_of(checked, again, rows.rule, chunk_rows, spill)


def chosen_rows(
    source: LogSource, chunk_rows: int | None, allow_missing_labels: bool = False, invalid: InvalidRows | None = None
) -> CheckedRows:
    """The rows that map, split and limit choose, *chunk_rows* at a time (None: in one table), to be checked."""
    mapping, where = source.mapping, source.where
    pieces = source.tables_with_fields(chunk_rows, invalid)
    first = next(pieces())
    filters = mapping.filters if mapping else {}
    chosen_by = {*filters, *(split_columns(mapping) if source.split is not None else [])}
    if chunk_rows is not None and float_columns(first) & chosen_by:
        # whether 1.0 is written as 1 or as 1.0 depends on all rows
        pieces = held(pd.concat(pieces()))
    marks = number_marks(next(regrouped(pieces(), ROWS_LOOKED_AT), first), mapping, where)
    counted = position_columns(first, mapping)
    from_zero = from_one(pieces(counted) if counted else iter([]), mapping, where)

    def frames() -> Iterator[pd.DataFrame]:
        return regrouped(of_split(pieces, source), chunk_rows, source.limit)

    in_memory = None if chunk_rows is not None else list(frames())
    fractional = [] if in_memory is not None else fractions(frames, float_columns(first) & read_as_text(mapping))

    def texts() -> Iterator[pd.DataFrame]:
        return iter(in_memory) if in_memory is not None else (as_in_the_whole(frame, fractional) for frame in frames())

    if invalid is not None:
        invalid.limit = source.limit
    return CheckedRows(texts, mapping, where, invalid, allow_missing_labels, from_zero, marks)


def float_columns(frame: pd.DataFrame) -> set[str]:
    """The columns of numbers that may have decimals."""
    return {name for name in frame.columns if has_fractions(frame[name].dtype)}


def read_as_text(mapping: ColumnMap | None) -> set[str]:
    """Columns of the source that are read as text."""
    texts = {*COLUMNS, "impressions.visit"} - set(NUMBERS)
    return texts if mapping is None else {column for use, column in columns_read(mapping) if use in texts}


def fractions(frames: Callable[[], Iterator[pd.DataFrame]], floats: set[str]) -> list[str]:
    """Those of the columns of floats that are not all whole: only they are written with their decimals.

    The log is read once more for this, where a column that is read as text holds floats at all, as few do.
    """
    found: set[str] = set()
    for frame in frames() if floats else ():
        found.update(name for name in floats if not all_whole(frame[name]))
    return sorted(found)


def as_in_the_whole(frame: pd.DataFrame, fractional: list[str]) -> pd.DataFrame:
    """The chunk with 1.0 where the whole table would show 1.0, though the chunk alone would show 1."""
    whole = [name for name in fractional if all_whole(frame[name])]
    return frame.astype(dict.fromkeys(whole, object)) if whole else frame


def across_checked(rows: CheckedRows, chunk_rows: int | None, spill: Path | None) -> Iterator[pd.DataFrame]:
    """The rows in the schema, after the checks of all together; *spill*: folder for a temporary file."""

    def ids() -> Iterator[pd.Series]:
        for table, place, _ in rows.tables():
            yield table["sample_id"].set_axis(pd.Index(place.numbers, name=place.word))

    across = Across() if chunk_rows is None else AcrossChunks(ids, rows.where, spill)
    across.allow_missing_labels = rows.allow_missing_labels
    for table, place, given in rows.tables():
        hold_across(table, place, across, given=given)
        yield table
    if not across.count:
        if rows.invalid is not None and rows.invalid.rows:
            hint = "Look at what is listed: most often the column map names the wrong column"
            raise InputError("no row can be used", where=rows.where, hint=hint)
        raise InputError("the table has no rows", where=rows.where, hint="Give data with at least one row")
    across.finish()
    if rows.invalid is not None:
        rows.invalid.used = across.count
