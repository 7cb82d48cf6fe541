"""The rows of a source that a map's filters, a split and a limit choose, piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.log_source import LogSource
from sie_agent.samples.maps.column_maps import ColumnMap
from sie_agent.samples.maps.mapping import pick
from sie_agent.samples.sources.folders import ALL
from sie_agent.samples.sources.pieces import Pieces
from sie_agent.samples.sources.shards import SPLIT
from sie_agent.samples.text_columns import text_column
from sie_agent.utils.progress import say


def of_split(pieces: Pieces, source: LogSource) -> Iterator[pd.DataFrame]:
    """Pieces with the rows that pass the filters and belong to the split.

    Raises
    ------
    InputError : no row passes a filter or belongs to the split; raised after the last piece.
    """
    split, where = source.split, source.where
    if split in (None, ALL):
        yield from filtered(pieces, source)
        return
    there: list[str] = []
    columns = next(pieces()).columns
    for name in [name for name in split_columns(source.mapping) if name in columns]:
        count = total = 0
        others: set[str] = set()
        for piece in filtered(pieces, source):
            values = text_column(piece[name])
            mask = (values == split).to_numpy(dtype=bool)
            total += len(piece)
            count += int(mask.sum())
            if mask.any():
                yield piece[mask]
            elif not count:
                others.update(values.unique())
        if count:
            of = "" if count == total else f" of {total:,}"
            say(f"{where}: {count:,}{of} rows are in the split '{split}'")
            return
        there += sorted(others)
    # what the filters have to say comes first
    for _ in () if there else filtered(pieces, source):
        pass
    listed = ", ".join(dict.fromkeys(there))
    problem = f"there is no split '{split}'" + (f"; there are: {listed}" if listed else ", and no split column")
    raise InputError(problem, where=where, hint=f"Name one of them, or {ALL} to take the rows of all")


def split_columns(mapping: ColumnMap | None) -> list[str]:
    """Columns that may hold the name of the split, the one that is looked at first in front."""
    return [SPLIT, (mapping.split_column if mapping else None) or "split"]


def filtered(pieces: Pieces, source: LogSource) -> Iterator[pd.DataFrame]:
    """Pieces with the rows that the map's filters leave, empty ones as well."""
    filters = source.mapping.filters if source.mapping else {}
    unmet = dict(filters)
    for piece in pieces():
        for name, kept in filters.items():
            column = pick(piece, name, f"filters.{name}", source.where)
            piece = piece[text_column(column).isin(kept).to_numpy(dtype=bool)]
            if len(piece):
                unmet.pop(name, None)
        yield piece
    for name, kept in unmet.items():
        problem = f"no row has {' or '.join(kept)} in the column '{name}'"
        raise InputError(problem, where=source.where, hint="Change the map's filters")
