"""Sources read piece by piece, without ever holding all of their rows."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.generated import generated_source, is_generated
from sie_agent.samples.sources.folders import FolderFile, folder_contents
from sie_agent.samples.sources.hub import hub_shards
from sie_agent.samples.sources.readers import column_names, counted, data_ending, file_frames, numbered, read_file
from sie_agent.samples.sources.shards import SPLIT, Shard, shard_frames
from sie_agent.samples.text_columns import text_column


class Pieces(Protocol):
    """Reads a source from its beginning; pieces are of any size, their index counts rows or names lines."""

    def __call__(self, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """The pieces; where *columns* are named, others may be left out."""


def pieces_of(source: str, path: Path | None, rows: int | None, split: str | None = None) -> Pieces:
    """How to read a source in pieces.

    The types of a column may differ from piece to piece where putting the pieces together gives the type that
    it has in the whole table.

    Parameters
    ----------
    source, path : its name, and where it lies; None where it is generated, or on the Hub.
    rows : about how many rows a piece has; None for all rows in one piece.
    split : which split of a folder or data set, see :func:`sie_agent.samples.sources.folders.chosen_splits`.

    Raises
    ------
    InputError, EnvironmentFailure : the source cannot be read; here, or when pieces are drawn.
    """
    if is_generated(source):
        return held(generated_source(source))
    if path is None:
        return shard_pieces(hub_shards(source, split), rows)
    if not path.is_dir():
        names = cache(column_names) if rows else None
        return lambda columns=None: file_frames(path, rows, columns, names=names)
    shards, files = folder_contents(path, split)
    if shards:
        return shard_pieces(shards, rows)
    if rows is None or any(data_ending(one.file) == ".parquet" for one in files):
        return held(whole_folder(files))
    return folder_pieces(files, rows)


def held(frame: pd.DataFrame) -> Pieces:
    """A table in memory as its only piece."""
    return lambda columns=None: iter([frame])


def shard_pieces(shards: list[Shard], rows: int | None) -> Pieces:
    """Files and data sets of typed columns."""
    return lambda columns=None: counted(shard_frames(shards, rows, columns))


def whole_folder(files: list[FolderFile]) -> pd.DataFrame:
    """The files of a folder, some of them text, as one table; beside text files all columns are text."""
    frames = [read_file(one.file).assign(**{SPLIT: one.split}) for one in files]
    if len(frames) == 1:
        return frames[0]
    if any(data_ending(one.file) == ".parquet" for one in files):
        frames = [plain_texts(frame) for frame in frames]
    return numbered(pd.concat(frames))


def plain_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of a typed file as text, as text files have them; lists and objects as they are."""
    columns = {}
    for name in frame.columns:
        try:
            columns[name] = text_column(frame[name]).set_axis(frame.index)
        except InputError:
            columns[name] = frame[name].astype(object)
    return pd.DataFrame(columns, index=frame.index)


def folder_pieces(files: list[FolderFile], rows: int) -> Pieces:
    """Text files one after the other, all with the columns that any of them has."""
    names = cache(column_names)

    def widened(columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        there = list(dict.fromkeys(name for one in files for name in [*names(one.file), SPLIT]))
        for one in files:
            for piece in file_frames(one.file, rows, names=names):
                # text of CSV, objects of JSON: a column that is missing here has the type that the others have
                absent = pd.Series(np.nan, index=piece.index, dtype=piece.dtypes.iloc[0])
                piece = piece.assign(**{SPLIT: one.split})
                yield pd.DataFrame({name: piece.get(name, absent) for name in there}, index=piece.index)

    return widened if len(files) == 1 else lambda columns=None: counted(widened())


def regrouped(pieces: Iterable[pd.DataFrame], rows: int | None, limit: int | None = None) -> Iterator[pd.DataFrame]:
    """The same rows, *rows* at a time (None: all at once), up to the limit; nothing where there are none."""
    most = sys.maxsize if rows is None else rows
    held: list[pd.DataFrame] = []
    count = given = 0
    for piece in pieces:
        if len(piece):
            held.append(piece)
            count += len(piece)
        while count >= most or (limit is not None and given + count >= limit):
            together = pd.concat(held) if len(held) > 1 else held[0]
            take = most if limit is None else min(most, limit - given)
            yield together.iloc[:take]
            given += take
            if given == limit:
                return
            count -= take
            held = [together.iloc[take:]] if count else []
    if count:
        yield pd.concat(held) if len(held) > 1 else held[0]
