"""One way in: whatever the source is, a validated table of samples comes out."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.files.file_kinds import meant
from sie_agent.files.paths import data_dir, user_path
from sie_agent.files.small_files import refuse_special
from sie_agent.samples.generated import generated_source, is_generated
from sie_agent.samples.maps.column_maps import ColumnMap, load_column_map
from sie_agent.samples.maps.joins import read_joined
from sie_agent.samples.maps.map_files import beside
from sie_agent.samples.maps.mapping import pick
from sie_agent.samples.maps.nested import named_sources, with_fields
from sie_agent.samples.maps.uses import columns_read
from sie_agent.samples.positions import from_one
from sie_agent.samples.schema import Across, hold_across
from sie_agent.samples.shop_logs.impressions import pairs_of
from sie_agent.samples.shop_logs.next_items import next_item_table
from sie_agent.samples.sources.decimals import number_marks
from sie_agent.samples.sources.folders import ALL, read_folder
from sie_agent.samples.sources.hub import hub_shards
from sie_agent.samples.sources.origins import files_named
from sie_agent.samples.sources.readers import data_ending, numbered, read_file
from sie_agent.samples.sources.shards import SPLIT, whole_frame
from sie_agent.samples.sources.written import types_named
from sie_agent.samples.text import text_column
from sie_agent.samples.unusable.checking import Rows, no_usable_row
from sie_agent.samples.unusable.rows import InvalidRows
from sie_agent.utils.progress import say
from sie_agent.utils.values import COUNT, shown

QUICKSTART = Path(__file__).resolve().parent / "quickstart"
SHORTHANDS = ("sample", "generated", "homedepot", "crowdflower", "games")
# a shorthand that is one file of its folder
PAIRS = ("homedepot", "crowdflower")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


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
        pair of query and item, see :func:`sie_agent.samples.shop_logs.impressions.pairs_of`.

    Raises
    ------
    InputError
        If anything about the data, the map, the split or the limit is wrong.
    EnvironmentFailure
        If the Hub cannot be reached or a file cannot be read.
    """
    path, mapping, where = chosen_source(source, column_map, limit)
    with files_named(path, mapping, split), types_named(where):
        frame = read_source(str(source), path, mapping, limit if split is None else None, split, invalid)
        frame = with_fields(frame, named_sources(mapping))
        marks = number_marks(frame, mapping, where)
        from_zero = from_one(iter([frame]), mapping, where)
        frame = chosen_rows(frame, mapping, None if split == ALL else split, where)
        if not len(frame):
            raise no_rows(where)
        frame = frame if limit is None else frame.iloc[:limit]
        across = Across(allow_missing_labels=allow_missing_labels)
        if invalid is not None:
            invalid.limit = limit
        rows = Rows(lambda: iter([frame]), mapping, where, invalid, allow_missing_labels, from_zero, marks)
        for table, place, given in rows.tables():
            hold_across(table, place, across, given=given)
            if invalid is not None:
                invalid.used = len(table)
            return in_pairs(table, mapping)
        raise no_usable_row(where)


def in_pairs(table: pd.DataFrame, mapping: ColumnMap | None) -> pd.DataFrame:
    """The rows as they are, or where the map says that they are impressions, those of each pair as one."""
    if mapping is None or mapping.impressions is None:
        return table
    return pd.concat(pairs_of(lambda: iter([table]), mapping.impressions, len(table)), ignore_index=True)


def chosen_source(
    source: str | Path, column_map: str | Path | ColumnMap | Mapping[str, Any] | None, limit: int | None
) -> tuple[Path | None, ColumnMap | None, str]:
    """Path of a source (None: it is generated, or on the Hub), its column map, and its name for messages."""
    check_arguments(source, column_map, limit)
    path, map_name = resolve(source)
    chosen = column_map if column_map is not None else map_name
    mapping = load_column_map(chosen) if chosen is not None else None
    return path, mapping, str(source) if path is None else str(path)


def check_arguments(source: object, column_map: object, limit: object) -> None:
    """Raise InputError where an argument of :func:`load_samples` is of another kind, or names nothing."""
    if not isinstance(source, str | os.PathLike):
        raise InputError(f"expected a path or a name, found {found(source)}", where="source", hint="Give a path")
    if not str(source).strip():
        hint = f"Give a file, a folder, a Hub id (owner/name) or one of: {', '.join(SHORTHANDS)}"
        raise InputError("names nothing: expected a path or a name, found an empty text", where="source", hint=hint)
    if column_map is not None and not isinstance(column_map, str | os.PathLike | ColumnMap | Mapping):
        hint = "Give the name of a ready map, a YAML file, or a dict of a map's keys"
        raise InputError(f"expected a column map, found {found(column_map)}", where="column_map", hint=hint)
    if limit is None:
        return
    hint = "Give a whole number from 1 upwards"
    if not COUNT.takes(limit):
        told = str(limit) if isinstance(limit, int | float) and not isinstance(limit, bool) else found(limit)
        raise InputError(f"the limit is {told}", where="--limit", hint=hint)


def found(value: object) -> str:
    """A value of the wrong kind."""
    return "None" if value is None else f"{shown(value)} ({type(value).__name__})"


def resolve(source: str | Path) -> tuple[Path | None, str | None]:
    """Path of a source (None: it is generated, or on the Hub), and the name of the map that it brings."""
    if source == "sample":
        return QUICKSTART / "pairs.jsonl", "sample"
    if is_generated(source):
        return None, None
    if source in SHORTHANDS:
        path = data_dir() / str(source)
        path = path / "pairs.parquet" if source in PAIRS else path
        if not path.exists():
            raise InputError(
                f"the real data '{source}' is not at hand",
                where=path,
                hint="Set SIE_DATA to the folder that holds it, or use --data sample",
            )
        return path, str(source)
    path = user_path(source)
    refuse_special(path, "a data file or a folder of such files")
    if path.exists():
        return path, None
    text = str(source)
    if isinstance(source, str) and HUB_ID.fullmatch(text) and data_ending(path) is None:
        return None, None
    raise InputError(
        f"there is no such file or folder{meant(path, list(SHORTHANDS))}",
        where=text,
        hint=f"Give a file, a folder, a Hub id (owner/name) or one of: {', '.join(SHORTHANDS)}",
    )


def read_source(
    source: str,
    path: Path | None,
    mapping: ColumnMap | None,
    limit: int | None,
    split: str | None = None,
    invalid: InvalidRows | None = None,
) -> pd.DataFrame:
    """The source's own table, before any map; of a log without queries, what is made of it."""
    rule = None if mapping is None else mapping.next_item
    several = mapping is not None and (mapping.files or (rule and rule.sequences))
    if several and path is not None and not path.is_dir():
        raise InputError("this column map needs a folder", where=path, hint="Give the folder that holds its files")
    if rule is not None:
        folder = path.parent if path is not None and path.is_file() else path
        log = beside(path, rule.sequences, "next_item.sequences") if rule.sequences and path is not None else path
        return next_item_table(plain_source(source, log, split), rule, folder, str(log or source), limit, invalid)
    if mapping is not None and mapping.files and path is not None:
        return read_joined(path, mapping.files, {column for _, column in columns_read(mapping)} | set(mapping.keep))
    return plain_source(source, path, split)


def plain_source(source: str, path: Path | None, split: str | None) -> pd.DataFrame:
    """A table as it lies there."""
    if is_generated(source):
        return generated_source(source)
    if path is None:
        return numbered(whole_frame(hub_shards(source, split)))
    return read_folder(path, split) if path.is_dir() else read_file(path)


def chosen_rows(frame: pd.DataFrame, mapping: ColumnMap | None, split: str | None, where: str) -> pd.DataFrame:
    """The rows that the map's filters and the split leave."""
    for name, kept in (mapping.filters if mapping else {}).items():
        mask = text_column(pick(frame, name, f"filters.{name}", where)).isin(kept).to_numpy(dtype=bool)
        if not mask.any():
            raise no_match(name, kept, where)
        frame = frame[mask]
    return frame if split is None else rows_of_split(frame, mapping, split, where)


def no_rows(where: str) -> InputError:
    """There is nothing in the source."""
    return InputError("the table has no rows", where=where, hint="Give data with at least one row")


def no_match(name: str, kept: list[str], where: str) -> InputError:
    """A filter leaves nothing."""
    problem = f"no row has {' or '.join(kept)} in the column '{name}'"
    return InputError(problem, where=where, hint="Change the map's filters")


def split_columns(mapping: ColumnMap | None) -> list[str]:
    """Columns that may hold the name of the split, the one that is looked at first in front."""
    return [SPLIT, (mapping.split_column if mapping else None) or "split"]


def rows_of_split(frame: pd.DataFrame, mapping: ColumnMap | None, split: str, where: str) -> pd.DataFrame:
    """The rows of one split; InputError lists the splits there if it is not among them."""
    there: list[str] = []
    for name in split_columns(mapping):
        if name not in frame.columns:
            continue
        values = text_column(frame[name])
        mask = (values == split).to_numpy(dtype=bool)
        if mask.any():
            of = "" if mask.all() else f" of {len(frame):,}"
            say(f"{where}: {int(mask.sum()):,}{of} rows are in the split '{split}'")
            return frame[mask]
        there += sorted(values.unique())
    raise no_split(split, there, where)


def no_split(split: str, there: list[str], where: str) -> InputError:
    """The split that was asked for is not among those *there*."""
    listed = ", ".join(dict.fromkeys(there))
    return InputError(
        f"there is no split '{split}'" + (f"; there are: {listed}" if listed else ", and no split column"),
        where=where,
        hint=f"Name one of them, or {ALL} to take the rows of all",
    )
