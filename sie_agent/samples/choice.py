"""The rows of a source that a map's filters, a split and a limit choose, piece by piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from sie_agent.samples.loading import no_match, no_split, split_columns
from sie_agent.samples.maps.column_maps import ColumnMap
from sie_agent.samples.maps.mapping import pick
from sie_agent.samples.sources.pieces import Pieces
from sie_agent.samples.text import text_column
from sie_agent.utils.progress import say


class Choice:
    """The rows of a source that the map's filters and the split leave.

    Parameters
    ----------
    pieces, mapping, where : the source, its map and its name.
    split : name of the split, or None.
    """

    def __init__(self, pieces: Pieces, mapping: ColumnMap | None, split: str | None, where: str) -> None:
        self._pieces = pieces
        self._mapping = mapping
        self._split = split
        self._where = where

    def rows(self) -> Iterator[pd.DataFrame]:
        """Pieces of the chosen rows.

        Raises
        ------
        InputError
            At the end, where a filter or the split left nothing.
        """
        if self._split is None:
            yield from self._filtered()
            return
        there: list[str] = []
        columns = next(self._pieces()).columns
        for name in [name for name in split_columns(self._mapping) if name in columns]:
            count = total = 0
            others: set[str] = set()
            for piece in self._filtered():
                values = text_column(piece[name])
                mask = (values == self._split).to_numpy(dtype=bool)
                total += len(piece)
                count += int(mask.sum())
                if mask.any():
                    yield piece[mask]
                elif not count:
                    others.update(values.unique())
            if count:
                of = "" if count == total else f" of {total:,}"
                say(f"{self._where}: {count:,}{of} rows are in the split '{self._split}'")
                return
            there += sorted(others)
        # what the filters have to say comes first
        for _ in () if there else self._filtered():
            pass
        raise no_split(self._split, there, self._where)

    def _filtered(self) -> Iterator[pd.DataFrame]:
        """Pieces with the rows that the filters leave, empty ones as well."""
        filters = self._mapping.filters if self._mapping else {}
        met: set[str] = set()
        for piece in self._pieces():
            for name, kept in filters.items():
                column = pick(piece, name, f"filters.{name}", self._where)
                mask = text_column(column).isin(kept).to_numpy(dtype=bool)
                met.update([name] if mask.any() else [])
                piece = piece[mask]
            yield piece
        for name, kept in filters.items():
            if name not in met:
                raise no_match(name, kept, self._where)


def regrouped(pieces: Iterable[pd.DataFrame], rows: int, limit: int | None) -> Iterator[pd.DataFrame]:
    """The same rows, *rows* at a time, up to the limit; nothing where there are none."""
    held: list[pd.DataFrame] = []
    count = given = 0
    for piece in pieces:
        if len(piece):
            held.append(piece)
            count += len(piece)
        while count >= rows or (limit is not None and given + count >= limit):
            together = pd.concat(held) if len(held) > 1 else held[0]
            take = rows if limit is None else min(rows, limit - given)
            yield together.iloc[:take]
            given += take
            if given == limit:
                return
            count -= take
            held = [together.iloc[take:]] if count else []
    if count:
        yield pd.concat(held) if len(held) > 1 else held[0]
