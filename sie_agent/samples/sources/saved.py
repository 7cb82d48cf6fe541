"""Folders that ``Dataset.save_to_disk`` and ``DatasetDict.save_to_disk`` made."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from sie_agent.errors import InputError
from sie_agent.samples.sources.cards import inside
from sie_agent.samples.sources.shards import Shard
from sie_agent.samples.tables import PARQUET_FAULTS, damage, unreadable

STATE, INFO, SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"

# the name that the rows of a split get, to its files
Named = Callable[[str], list[Shard]]


def is_saved(path: Path) -> bool:
    """Whether ``save_to_disk`` made this folder."""
    return (path / SPLITS).is_file() or (path / STATE).is_file()


def saved_shards(path: Path) -> dict[str, Named]:
    """The splits of a saved data set, by name.

    Its Arrow files are opened here and not through ``datasets``: so nothing outside the folder is opened, whatever
    its JSON files say, and no format that was saved with it (torch, …) is asked for.

    Raises
    ------
    InputError
        If a file is missing, damaged, or lies outside the folder.
    """
    if not (path / SPLITS).is_file():
        split = told(path / STATE).get("_split")
        return {str(split or "train"): partial(files_of, path, path)}
    splits = told(path / SPLITS).get("splits")
    if not isinstance(splits, list) or not splits:
        raise InputError("names no splits", where=path / SPLITS, hint="Save the data set again")
    return {str(split): partial(files_of, path, path / str(split)) for split in splits}


def files_of(root: Path, folder: Path, split: str) -> list[Shard]:
    """The Arrow files of one saved split.

    Raises
    ------
    InputError
        As :func:`saved_shards`.
    """
    state = told(within(root, folder, STATE))
    if state.get("_indices_data_files"):
        hint = "Load it with datasets, flatten_indices() it, and save it again"
        raise InputError("the data set was saved with a selection of rows apart", where=folder, hint=hint)
    features: Mapping[str, object] = {}
    if (folder / INFO).is_file():
        listed = told(within(root, folder, INFO)).get("features")
        features = listed if isinstance(listed, dict) else {}
    files = state.get("_data_files")
    names = [one.get("filename") for one in files if isinstance(one, dict)] if isinstance(files, list) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise InputError("names no data files", where=folder / STATE, hint="Save the data set again")
    return [arrow_shard(within(root, folder, str(name)), split, features) for name in names]


def within(root: Path, folder: Path, name: str) -> Path:
    """A file of a saved data set; InputError where it lies outside the folder that was given, or is missing."""
    path = folder / name
    if not inside(path, root):
        hint = "Save the data set again, with all of its files in the folder"
        raise InputError(f"'{name}' lies outside the folder and is not read", where=folder, hint=hint)
    if not path.is_file():
        raise InputError("the file is missing", where=path, hint="Copy the whole folder again")
    return path


def told(path: Path) -> dict[str, Any]:
    """The object in a JSON file of a saved data set."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except PermissionError:
        raise unreadable(path) from None
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise InputError("is not a JSON object", where=path, hint="It is damaged: save or copy the data set again")
    return content


def arrow_shard(path: Path, split: str, features: Mapping[str, object]) -> Shard:
    """A file of Arrow's stream format, mapped into memory.

    Raises
    ------
    InputError : it is damaged, or cannot be read.
    """

    def tables(rows: int, columns: Sequence[str] | None) -> Iterator[pa.Table]:
        with arrow_stream(path) as reader:
            for batch in reader:
                table = pa.Table.from_batches([batch])
                if columns is not None:
                    table = table.select([name for name in table.column_names if name in columns])
                for start in range(0, table.num_rows, rows):
                    yield table.slice(start, rows)

    with arrow_stream(path) as reader:
        return Shard(str(path), reader.schema, tables, split, features)


@contextmanager
def arrow_stream(path: Path) -> Iterator[Any]:
    """Open a file in Arrow's stream format; a damaged or unreadable one raises InputError."""
    try:
        with pa.memory_map(str(path)) as stream, pa.ipc.open_stream(stream) as reader:
            yield reader
    except PermissionError:
        raise unreadable(path) from None
    except PARQUET_FAULTS as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        hint = "It is cut off or damaged: save or copy the data set again"
        raise InputError(f"not a whole Arrow file{damage(reason)}", where=path, hint=hint) from None
