"""The files that a column map names beside the data: where they are, and that they lie where the data do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

from sie_agent.errors import InputError
from sie_agent.samples.maps.column_maps import ColumnMap, load_column_map


def beside(folder: Path, name: str, field: str) -> Path:
    """A file that a map names, in the folder of the data.

    Raises
    ------
    InputError : the name leads out of the folder, whatever lies there.
    """
    parts = PureWindowsPath(name).parts
    if Path(name).is_absolute() or PureWindowsPath(name).is_absolute() or ".." in parts:
        problem = f"the column map names '{name}' (field '{field}'), which is outside of the data's folder"
        raise InputError(problem, where=folder, hint="Put the file beside the data, and name it from there")
    return folder / name


def map_files(column_map: ColumnMap, path: Path | None) -> list[Path]:
    """The files that are read for a map beside the data.

    Parameters
    ----------
    path : the data, a file or a folder; None where they are not on this machine's disk.

    Raises
    ------
    InputError : one of them is named outside of the data's folder.
    """
    if path is None:
        return []
    folder = path.parent if path.is_file() else path
    named: list[tuple[str | None, str]] = []
    if column_map.files is not None:
        named += [(column_map.files.main, "files.main")]
        named += [(join.file, "files.joins.file") for join in column_map.files.joins]
    if column_map.next_item is not None:
        items = column_map.next_item.items
        named += [
            (None if items is None else items.file, "next_item.items"),
            (column_map.next_item.sequences, "next_item.sequences"),
        ]
    return [beside(folder, name, field) for name, field in named if name is not None]


def files_of_map(reads: Mapping[str, Any]) -> dict[str, Path]:
    """What is read beside ``--data`` because the column map names it, by what it is called in an error."""
    found: dict[str, Path] = {}
    for data, column_map in (("--data", "--map"), ("data.source", "data.map")):
        source, named = reads.get(data), reads.get(column_map)
        if isinstance(source, Path) and named is not None:
            found |= {f"{file.name} of {column_map}": file for file in map_files(load_column_map(named), source)}
    return found
