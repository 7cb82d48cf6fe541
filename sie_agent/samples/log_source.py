"""What is read: where a source lies, its column map, and the rows of it in pieces, before any check."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.files.file_kinds import meant
from sie_agent.files.paths import data_dir, user_path
from sie_agent.files.small_files import refuse_special
from sie_agent.samples.generated import is_generated
from sie_agent.samples.maps.column_maps import ColumnMap, load_column_map
from sie_agent.samples.maps.map_files import beside, read_joined
from sie_agent.samples.maps.nested import pieces_with_fields, with_fields
from sie_agent.samples.maps.uses import columns_read, named_sources
from sie_agent.samples.shop_logs.next_items import NextItemLog, items_of, next_item_table
from sie_agent.samples.sources.pieces import Pieces, held, pieces_of
from sie_agent.samples.sources.readers import data_ending, read_file
from sie_agent.samples.text_columns import plain_text, text_column
from sie_agent.samples.unusable.invalid_rows import InvalidRows
from sie_agent.utils.values import COUNT, shown

QUICKSTART = Path(__file__).resolve().parent / "quickstart"
SHORTHANDS = ("sample", "generated", "homedepot", "crowdflower", "games")
GIVE = f"Give a file, a folder, a Hub id (owner/name) or one of: {', '.join(SHORTHANDS)}"
# a shorthand that is one file of its folder
PAIRS = ("homedepot", "crowdflower")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class LogSource:
    """A source, and which of its rows are chosen.

    Attributes
    ----------
    name : as it was given.
    path : where it lies; None where it is generated, or on the Hub.
    mapping : its column map, if it has one.
    split, limit : as :func:`sie_agent.load_samples` takes them.
    """

    name: str
    path: Path | None
    mapping: ColumnMap | None
    split: str | None = None
    limit: int | None = None

    @property
    def where(self) -> str:
        """Its name in messages."""
        return self.name if self.path is None else str(self.path)

    def tables(self, rows: int | None, invalid: InvalidRows | None = None) -> Pieces:
        """Its own tables, before any map; of a log without queries, what is made of it.

        Parameters
        ----------
        rows : about how many rows a table has; None for one table in memory. Logs without queries and logs of several
            files are always one.
        invalid : what is done with rows that cannot be used, where that shows while a log without queries is read.
        """
        path, mapping = self.path, self.mapping
        rule = None if mapping is None else mapping.next_item
        several = mapping is not None and (mapping.files or (rule and rule.sequences))
        if several and path is not None and not path.is_dir():
            raise InputError("this column map needs a folder", where=path, hint="Give the folder that holds its files")
        if rule is not None:
            folder = path.parent if path is not None and path.is_file() else path
            log = beside(path, rule.sequences, "next_item.sequences") if rule.sequences and path is not None else path
            frame = next(pieces_of(self.name, log, None, self.split)())
            limit = self.limit if self.split is None else None
            return held(next_item_table(frame, rule, folder, str(log or self.name), limit, invalid))
        if mapping is not None and mapping.files and path is not None:
            mapped = {column for _, column in columns_read(mapping)} | set(mapping.keep)
            return held(read_joined(path, mapping.files, mapped))
        pieces = pieces_of(self.name, path, rows, self.split)
        return held(next(pieces())) if rows is None else pieces

    def tables_with_fields(self, rows: int | None, invalid: InvalidRows | None = None) -> Pieces:
        """:meth:`tables`, with a column for each field inside of objects that the map names."""
        pieces, named = self.tables(rows, invalid), named_sources(self.mapping)
        return held(with_fields(next(pieces()), named)) if rows is None else pieces_with_fields(pieces, named)


def log_source(
    source: str | Path,
    column_map: str | Path | ColumnMap | Mapping[str, Any] | None,
    split: str | None,
    limit: int | None,
) -> LogSource:
    """A source with the map that was given, or that it brings.

    Raises
    ------
    InputError : an argument is of the wrong kind, there is no such source, or the map is wrong.
    """
    check_arguments(source, column_map, limit)
    path, map_name = resolve(source)
    chosen = column_map if column_map is not None else map_name
    return LogSource(str(source), path, None if chosen is None else load_column_map(chosen), split, limit)


def titles_of_map(source: str | Path, column_map: str | Path | ColumnMap | None) -> dict[str, str] | None:
    """The titles of all items of a log without queries, by id, from the file of items that its map names.

    Returns
    -------
    None where the map names none.

    Raises
    ------
    InputError : the file of items, or a column of it, is missing or wrong.
    """
    told = log_source(source, column_map, None, None)
    rule, path = None if told.mapping is None else told.mapping.next_item, told.path
    if told.mapping is None or rule is None or rule.items is None:
        return None
    folder = path.parent if path is not None and path.is_file() else path
    titles = items_of(rule, folder, NextItemLog([], set(), {}))[1]
    if "title" not in told.mapping.html:
        return titles
    return dict(zip(titles, plain_text(text_column(pd.Series(titles.values(), dtype=object))), strict=True))


def read_source(
    source: str, path: Path | None, mapping: ColumnMap | None, limit: int | None, split: str | None = None
) -> pd.DataFrame:
    """A source's own table, before any map; of a log without queries, what is made of it."""
    return next(LogSource(source, path, mapping, split, limit).tables(None)())


def check_arguments(source: object, column_map: object, limit: object) -> None:
    """Raise InputError where an argument of :func:`load_samples` is of another kind, or names nothing."""
    if not isinstance(source, str | os.PathLike):
        raise InputError(f"expected a path or a name, found {found(source)}", where="source", hint="Give a path")
    if not str(source).strip():
        raise InputError("names nothing: expected a path or a name, found an empty text", where="source", hint=GIVE)
    if column_map is not None and not isinstance(column_map, str | os.PathLike | ColumnMap | Mapping):
        hint = "Give the name of a ready map, a YAML file, or a dict of a map's keys"
        raise InputError(f"expected a column map, found {found(column_map)}", where="column_map", hint=hint)
    if limit is not None and not COUNT.takes(limit):
        told = str(limit) if isinstance(limit, int | float) and not isinstance(limit, bool) else found(limit)
        raise InputError(f"the limit is {told}", where="--limit", hint="Give a whole number from 1 upwards")


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
            problem = f"the real data '{source}' is not at hand"
            raise InputError(problem, where=path, hint="Set SIE_DATA to the folder that holds it, or use --data sample")
        return path, str(source)
    path = user_path(source)
    refuse_special(path, "a data file or a folder of such files")
    if path.exists():
        return path, None
    text = str(source)
    if isinstance(source, str) and HUB_ID.fullmatch(text) and data_ending(path) is None:
        return None, None
    raise InputError(f"there is no such file or folder{meant(path, list(SHORTHANDS))}", where=text, hint=GIVE)


def sample_histories() -> pd.DataFrame:
    """Histories of the shipped sample's shoppers.

    Returns
    -------
    pandas.DataFrame
        ``user_id`` (text) and ``history`` (list of item ids, oldest first).
    """
    return read_file(QUICKSTART / "histories.jsonl")[["user_id", "history"]].reset_index(drop=True)
