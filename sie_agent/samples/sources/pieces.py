"""Sources read piece by piece: the rows of ``read_source`` without ever holding all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from sie_agent.samples.generated import is_generated
from sie_agent.samples.maps.column_maps import ColumnMap
from sie_agent.samples.sources.folders import Part, folder_parts, typed_shards
from sie_agent.samples.sources.hub import hub_shards
from sie_agent.samples.sources.json_lines import json_names, json_pieces
from sie_agent.samples.sources.readers import SEPARATORS, checked_ending, data_ending, faults_in_words
from sie_agent.samples.sources.separated import separated_tables
from sie_agent.samples.sources.shards import SPLIT, Shard, parquet_shard, shard_frames

SMALL_BLOCK = 1024 * 1024


class Pieces(Protocol):
    """Reads a source from its beginning; pieces are of any size, their index counts rows or names lines."""

    def __call__(self, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """The pieces; where *columns* are named, others may be left out."""


def pieces_of(
    source: str, path: Path | None, mapping: ColumnMap | None, rows: int, split: str | None = None
) -> Pieces | None:
    """How to read a source in pieces of about *rows* rows; None where all of it is needed at once.

    The types of a column may differ from piece to piece where putting the pieces together gives the type that
    it has in the whole table.
    """
    if is_generated(source) or (mapping is not None and (mapping.files or mapping.next_item)):
        return None
    names = cache(column_names)
    if path is None:
        return typed_pieces(hub_shards(source, split), rows)
    if path.is_file() and data_ending(path) == ".parquet":
        with faults_in_words(path):
            checked_ending(path)
            return typed_pieces([parquet_shard(path)], rows)
    if path.is_file():
        return lambda columns=None: file_pieces(path, rows, names)
    if (shards := typed_shards(path, split)) is not None:
        return typed_pieces(shards, rows)
    parts = folder_parts(path, split)
    parquet = [data_ending(part.file) == ".parquet" for part in parts]
    return None if any(parquet) else lambda columns=None: folder_pieces(parts, rows, names)


def file_pieces(path: Path, rows: int, names: Callable[[Path], list[str]]) -> Iterator[pd.DataFrame]:
    """The rows of one text file; *names* tells its columns.

    Raises
    ------
    InputError, EnvironmentFailure
        As ``read_file``.
    """
    with faults_in_words(path):
        ending = checked_ending(path)
        if ending == ".jsonl":
            yield from json_pieces(path, rows, names(path))
        else:
            yield from counted(table.to_pandas() for table in separated_tables(path, SEPARATORS[ending]))


def counted(pieces: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Pieces under an index that counts the rows of all of them from 1."""
    done = 0
    for piece in pieces:
        piece.index = pd.RangeIndex(done + 1, done + len(piece) + 1, name="row")
        done += len(piece)
        yield piece


def folder_pieces(parts: list[Part], rows: int, names: Callable[[Path], list[str]]) -> Iterator[pd.DataFrame]:
    """Text files one after the other, all with the columns that any of them has."""
    there = list(dict.fromkeys(name for part in parts for name in [*names(part.file), SPLIT]))

    def pieces() -> Iterator[pd.DataFrame]:
        for part in parts:
            for piece in file_pieces(part.file, rows, names):
                yield widened(piece.assign(**{SPLIT: part.split}), there)

    return pieces() if len(parts) == 1 else counted(pieces())


def column_names(file: Path) -> list[str]:
    """The columns of a text file; one of JSON lines has to be read to its end for that."""
    with faults_in_words(file):
        ending = checked_ending(file)
        if ending == ".jsonl":
            return json_names(file)
        return list(next(separated_tables(file, SEPARATORS[ending])).column_names)


def widened(piece: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The piece with these columns, empty where it did not have them."""
    if list(piece.columns) == names:
        return piece
    # text of CSV, objects of JSON: of the type that the others have
    absent = pd.Series(np.nan, index=piece.index, dtype=piece.dtypes.iloc[0])
    return pd.DataFrame({name: piece[name] if name in piece.columns else absent for name in names}, index=piece.index)


def typed_pieces(shards: list[Shard], rows: int) -> Pieces:
    """Files and data sets of typed columns, which give the same as :func:`whole_frame` does."""

    def pieces(columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        return counted(shard_frames(shards, rows, columns))

    return pieces
