"""Data that lies in several files: tables joined by a key."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from sie_agent.samples.maps.map_files import beside
from sie_agent.samples.maps.map_parts import Files
from sie_agent.samples.maps.mapping import pick
from sie_agent.samples.row_places import Places
from sie_agent.samples.sources.cells import short
from sie_agent.samples.sources.readers import read_file
from sie_agent.samples.text_columns import text_column


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
    main = str(folder / files.main)
    for join in files.joins:
        path = beside(folder, join.file, "files.joins.file")
        other = read_file(path, separator=files.separator)
        keys = text_column(pick(other, join.key, "files.joins", str(path)))
        Places(other.index, str(path)).refuse_all(
            keys.duplicated().to_numpy(),
            join.key,
            "the key {} occurs more than once",
            "Drop one of the rows",
            keys,
        )
        wanted = text_column(pick(frame, join.key, "files.joins", main))
        rows = pd.Index(keys).get_indexer(pd.Index(wanted))
        hint = f"Add it to {join.file} or drop the row"
        Places(frame.index, main).refuse_all(rows < 0, join.key, f"{{}} is not in {join.file}", hint, wanted)
        for name in other.columns:
            told = other[name].iloc[rows].set_axis(frame.index)
            if name not in frame.columns:
                frame[name] = told
            elif name in mapped and name != join.key:
                refuse_two_values(frame[name], told, join.file, main)
    return frame


def refuse_two_values(here: pd.Series, there: pd.Series, file: str, where: str) -> None:
    """Raise InputError where a column that two files have is not the same in both: which one is meant is not known."""
    differs = (text_column(here) != text_column(there)).to_numpy(bool)

    def problem(row: int) -> str:
        both = f"{short(here.iloc[row])} here, {short(there.iloc[row])} there"
        return f"the column '{here.name}' is in {file}, too, and differs: {both}"

    Places(here.index, where).refuse_all(differs, str(here.name), problem, "Rename or drop it in one of the files")
