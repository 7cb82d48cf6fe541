"""Sources read piece by piece: the rows of ``read_source`` without ever holding all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sie_agent.samples.column_maps import ColumnMap
from sie_agent.samples.folders import SPLIT, data_files, is_saved, load_folder, load_hub, split_of
from sie_agent.samples.generated import is_generated
from sie_agent.samples.json_lines import json_names, json_pieces
from sie_agent.samples.readers import SEPARATORS, checked_ending, data_ending, faults_in_words
from sie_agent.samples.separated import separated_tables
from sie_agent.samples.tables import not_parquet

SMALL_BLOCK = 1024 * 1024

# each call reads the source from its beginning; pieces are of any size, their index counts rows or names lines
Pieces = Callable[[], Iterator[pd.DataFrame]]


def pieces_of(source: str, path: Path | None, mapping: ColumnMap | None, rows: int) -> Pieces | None:
    """How to read a source in pieces of about *rows* rows; None where all of it is needed at once.

    The types of a column may differ from piece to piece where putting the pieces together gives the type that
    it has in the whole table.
    """
    if is_generated(source) or (mapping is not None and (mapping.files or mapping.next_item)):
        return None
    names = cache(column_names)
    if path is None:
        return loaded_pieces(load_hub(source), rows)
    if path.is_file():
        return lambda: file_pieces(path, rows, names)
    if is_saved(path):
        return loaded_pieces(load_folder(path, saved=True), rows)
    files = data_files(path)
    parquet = [data_ending(file) == ".parquet" for file in files]
    if all(parquet):
        return loaded_pieces(load_folder(path, saved=False), rows)
    return None if any(parquet) else lambda: folder_pieces(path, files, rows, names)


def file_pieces(path: Path, rows: int, names: Callable[[Path], list[str]]) -> Iterator[pd.DataFrame]:
    """The rows of one data file; *names* tells the columns of a text file.

    Raises
    ------
    InputError, EnvironmentFailure
        As ``read_file``.
    """
    with faults_in_words(path):
        ending = checked_ending(path)
        if ending == ".parquet":
            yield from counted(parquet_pieces(path, rows))
        elif ending == ".jsonl":
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


def parquet_pieces(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    """A Parquet file in batches; without rows, one empty piece that has the columns."""
    try:
        # read in small parts: the pages of a column of one large row group can be most of the file
        with pq.ParquetFile(path, buffer_size=SMALL_BLOCK, pre_buffer=False) as file:
            if not file.metadata.num_rows:
                yield file.schema_arrow.empty_table().to_pandas()
            for batch in file.iter_batches(batch_size=rows, use_threads=False):
                yield pa.Table.from_batches([batch]).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise not_parquet(path, error) from None


def folder_pieces(
    path: Path, files: list[Path], rows: int, names: Callable[[Path], list[str]]
) -> Iterator[pd.DataFrame]:
    """Text files one after the other, all with the columns that any of them has."""
    there = list(dict.fromkeys(name for file in files for name in [*names(file), SPLIT]))

    def pieces() -> Iterator[pd.DataFrame]:
        for file in files:
            split = split_of(file.relative_to(path))
            for piece in file_pieces(file, rows, names):
                yield widened(piece.assign(**{SPLIT: split}), there)

    return pieces() if len(files) == 1 else counted(pieces())


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


def loaded_pieces(splits: dict[str, Any], rows: int) -> Pieces | None:
    """Data sets of ``datasets``, which keeps them in files that it maps into memory, in batches."""
    parts: list[tuple[str, Any]] = list(splits.items())
    if any(part.features != parts[0][1].features for _, part in parts):
        return None

    def pieces() -> Iterator[pd.DataFrame]:
        for name, part in parts:
            if not len(part):
                yield part.to_pandas().assign(**{SPLIT: name})
            for piece in part.to_pandas(batch_size=rows, batched=True):
                yield piece.assign(**{SPLIT: name})

    return lambda: counted(pieces())
