"""Data that lies in several files: tables joined by a key; and items drawn for those that a shopper did not choose."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.maps.column_maps import Files, NextItem
from sie_agent.samples.maps.map_files import beside
from sie_agent.samples.maps.mapping import pick
from sie_agent.samples.schema import Places, first
from sie_agent.samples.sources.cells import short
from sie_agent.samples.sources.readers import read_file
from sie_agent.samples.text import text_column


def read_joined(folder: Path, files: Files, mapped: Collection[str] = ()) -> pd.DataFrame:
    """The main file with the columns of the others joined to it; rows and order of the main file stay.

    Parameters
    ----------
    mapped : the columns that are read; of others that two files have, that of the first one is taken.

    Raises
    ------
    InputError
        If a file or key column is missing, a key of a joined file is not unique, one is not found, or a column that is
        read says different things in two files.
    """
    frame = read_file(beside(folder, files.main, "files.main"), separator=files.separator)
    for join in files.joins:
        path = beside(folder, join.file, "files.joins.file")
        other = read_file(path, separator=files.separator)
        keys = text_column(pick(other, join.key, "files.joins", str(path)))
        repeated = keys.duplicated().to_numpy()
        if repeated.any():
            row = first(repeated)
            raise InputError(
                f"the key {short(keys.iloc[row])} occurs more than once",
                where=Places(other.index, str(path))(row, join.key),
                hint="Drop one of the rows",
            )
        wanted = text_column(pick(frame, join.key, "files.joins", str(folder / files.main)))
        rows = pd.Index(keys).get_indexer(pd.Index(wanted))
        if (rows < 0).any():
            row = first(rows < 0)
            raise InputError(
                f"{short(wanted.iloc[row])} is not in {join.file}",
                where=Places(frame.index, str(folder / files.main))(row, join.key),
                hint=f"Add it to {join.file} or drop the row",
            )
        for name in other.columns:
            told = other[name].iloc[rows].set_axis(frame.index)
            if name not in frame.columns:
                frame[name] = told
            elif name in mapped and name != join.key:
                refuse_two_values(frame[name], told, join.file, str(folder / files.main))
    return frame


def refuse_two_values(here: pd.Series, there: pd.Series, file: str, where: str) -> None:
    """Raise InputError where a column that two files have is not the same in both: which one is meant is not known."""
    differs = (text_column(here) != text_column(there)).to_numpy(bool)
    if differs.any():
        row = first(differs)
        raise InputError(
            f"the column '{here.name}' is in {file}, too, and differs: {short(here.iloc[row])} here, "
            f"{short(there.iloc[row])} there",
            where=Places(here.index, where)(row, str(here.name)),
            hint="Rename or drop it in one of the files",
        )


def draw_others(
    histories: list[list[str]],
    targets: list[str],
    ids: list[str],
    source: NextItem,
    where: str,
    popularity: npt.NDArray[np.float64] | None = None,
) -> list[list[str]]:
    """Per shopper ``source.others`` distinct items that are neither bought nor bought next.

    Parameters
    ----------
    popularity : (n_items,) how often each item is drawn before another; evenly without it.
    """
    random = np.random.default_rng(source.seed)
    upto = None if popularity is None else np.cumsum(popularity / popularity.sum())
    drawable = set(ids) if popularity is None else {ids[number] for number in np.flatnonzero(popularity)}
    others: list[list[str]] = []
    guesses = guessed_items(random, len(ids), upto, (len(histories), source.others))
    for row, (history, target, guessed) in enumerate(zip(histories, targets, guesses.tolist(), strict=True)):
        barred = {*history, target}
        if len(drawable - barred) < source.others:
            raise InputError(
                f"{len(drawable)} items are too few to draw {source.others} that a shopper did not buy",
                where=where,
                hint="Give more items, or a smaller number of others",
            )
        drawn = []
        # further guesses are the shopper's own, so that nobody's items depend on how many shoppers are read
        random = np.random.default_rng([source.seed, row])
        for number in guessed:
            while ids[number] in barred:
                number = int(guessed_items(random, len(ids), upto, None))
            barred.add(ids[number])
            drawn.append(ids[number])
        others.append(drawn)
    return others


def guessed_items(
    random: np.random.Generator, count: int, upto: npt.NDArray[np.float64] | None, shape: tuple[int, int] | None
) -> npt.NDArray[np.int64]:
    """Numbers below *count*: evenly, or by the summed shares *upto* (count,); one of them where *shape* is None."""
    if upto is None:
        return np.asarray(random.integers(count, size=shape), np.int64)
    # the sum of the shares may fall short of one by rounding; the last share that is not zero takes the rest
    last = int(np.searchsorted(upto, upto[-1]))
    return np.asarray(np.minimum(np.searchsorted(upto, random.random(shape), side="right"), last), np.int64)
