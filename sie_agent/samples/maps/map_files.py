"""Files that a column map names: they lie in the folder of the data, and some are joined to the main one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.maps.column_maps import ColumnMap, load_column_map
from sie_agent.samples.maps.map_parts import Files
from sie_agent.samples.maps.mapping import pick
from sie_agent.samples.row_places import Places
from sie_agent.samples.sources.cells import short
from sie_agent.samples.sources.readers import read_file
from sie_agent.samples.text_columns import text_column


def beside(folder: Path, name: str, field: str) -> Path:
    """A file that a map names, in the folder of the data.

    Raises
    ------
    InputError : the name leads out of the folder, whatever lies there.
    """
    parts = PureWindowsPath(name).parts
    if Path(name).is_absolute() or PureWindowsPath(name).is_absolute() or ".." in parts:
        problem = f"the column map names '{name}' (field '{field}'), which is outside the data's folder"
        raise InputError(problem, where=folder, hint="Put the file beside the data, and name it from there")
    return folder / name


def map_files(column_map: ColumnMap, path: Path | None) -> list[Path]:
    """The files beside the data that a map reads.

    Parameters
    ----------
    path : the data, a file or a folder; None where they are not on this machine's disk.

    Raises
    ------
    InputError : one of them is named outside the data's folder.
    """
    if path is None:
        return []
    folder = path.parent if path.is_file() else path
    files, rule = column_map.files, column_map.next_item
    named: list[tuple[str | None, str]] = []
    if files is not None:
        named += [(files.main, "files.main"), *((join.file, "files.joins.file") for join in files.joins)]
    if rule is not None:
        items = rule.items.file if rule.items else None
        named += [(items, "next_item.items"), (rule.sequences, "next_item.sequences")]
    return [beside(folder, name, field) for name, field in named if name is not None]


def files_of_map(reads: Mapping[str, Any]) -> dict[str, Path]:
    """The files that column maps name beside ``--data``, by the name that an error gives them."""
    found: dict[str, Path] = {}
    for data, column_map in (("--data", "--map"), ("data.source", "data.map")):
        source, named = reads.get(data), reads.get(column_map)
        if isinstance(source, Path) and named is not None:
            found |= {f"{file.name} of {column_map}": file for file in map_files(load_column_map(named), source)}
    return found


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
        twice, problem = keys.duplicated().to_numpy(), "the key {} occurs more than once"
        Places(other.index, str(path)).refuse_all(twice, join.key, problem, "Drop one of the rows", keys)
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
