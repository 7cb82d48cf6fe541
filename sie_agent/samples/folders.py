"""Folders and the Hugging Face Hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.samples.readers import data_ending, numbered, read_file

SPLIT = "__split__"
SPLIT_NAMES = re.compile(r"(?:^|[^a-z0-9])(train|training|test|validation|valid|val|dev)(?:[^a-z0-9]|$)")
SPLIT_ALIASES = {"training": "train", "valid": "validation", "val": "validation", "dev": "validation"}
HUB_TIMEOUT = 10.0


def read_folder(path: Path) -> pd.DataFrame:
    """All data files of a folder as one table, with the name of the split in the column ``SPLIT``.

    A ``save_to_disk`` folder and a folder of Parquet files go through ``datasets``, which knows how the
    Hub names splits; text files are read here, since type guessing would turn the id 007 into 7.

    Raises
    ------
    InputError
        If there is no data file, or one is damaged.
    """
    if is_saved(path):
        return concatenated(load_folder(path, saved=True))
    files = data_files(path)
    if all(data_ending(file) == ".parquet" for file in files):
        return concatenated(load_folder(path, saved=False))
    parts = [read_file(file) for file in files]
    for file, part in zip(files, parts, strict=True):
        part[SPLIT] = split_of(file.relative_to(path))
    if len(parts) == 1:
        return parts[0]
    return numbered(pd.concat(parts, ignore_index=True))


def is_saved(path: Path) -> bool:
    """Whether ``save_to_disk`` made this folder."""
    return (path / "dataset_dict.json").is_file() or (path / "state.json").is_file()


def data_files(path: Path) -> list[Path]:
    """The data files in a folder and those below it, sorted; InputError if there is none."""
    found = (file for file in path.rglob("*") if file.is_file() and data_ending(file))
    files = sorted(file for file in found if not hidden(file.relative_to(path)))
    if not files:
        raise InputError(
            "the folder has no data files",
            where=path,
            mend="Put Parquet, CSV, TSV or JSONL files into it, or give another folder",
        )
    return files


def hidden(relative: Path) -> bool:
    """Whether a file or a folder above it is hidden, as caches are."""
    return any(part.startswith((".", "__")) for part in relative.parts)


def split_of(relative: Path) -> str:
    """Split that a file's name speaks of; ``train`` where it speaks of none, as on the Hub."""
    found = SPLIT_NAMES.search(relative.as_posix().lower())
    name = found.group(1) if found else "train"
    return SPLIT_ALIASES.get(name, name)


def load_folder(path: Path, *, saved: bool) -> dict[str, Any]:
    """The splits of a local folder, by name, through ``datasets``."""
    import datasets

    try:
        loaded = datasets.load_from_disk(str(path)) if saved else datasets.load_dataset(str(path))
    except PermissionError as error:
        raise not_cached(error, path) from None
    except Exception as error:
        # datasets lets errors of every library below it through, so what matters is said by the first cause
        raise InputError(
            f"cannot be loaded as a data set ({first_cause(error)})",
            where=path,
            mend="A file in it is damaged, or its files do not share their columns",
        ) from None
    return by_split(loaded)


def by_split(loaded: Any) -> dict[str, Any]:
    """The splits of a Dataset or DatasetDict by name."""
    splits = loaded if isinstance(loaded, dict) else {str(loaded.split or "train"): loaded}
    return {str(name): part.with_format(None) for name, part in splits.items()}


def concatenated(splits: dict[str, Any]) -> pd.DataFrame:
    """All splits as one table."""
    parts = []
    for name, part in splits.items():
        frame = part.to_pandas()
        frame[SPLIT] = name
        parts.append(frame)
    return numbered(pd.concat(parts, ignore_index=True))


def not_cached(error: PermissionError, where: str | Path) -> EnvironmentFailure:
    """A file cannot be read, or ``datasets`` cannot write to its cache."""
    return EnvironmentFailure(
        f"no permission for {error.filename or 'a file'}", where=where, mend="Change it, or set HF_HOME"
    )


def first_cause(error: BaseException) -> str:
    """One line of the error that started a chain of them."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())[:160] or type(error).__name__


def load_hub(name: str) -> dict[str, Any]:
    """The splits of a data set of the Hugging Face Hub, by name.

    Asks the Hub first, with a time limit: without it a machine with no network waits for minutes.
    With ``HF_HUB_OFFLINE=1`` only what was downloaded before is looked at.

    Raises
    ------
    EnvironmentFailure
        If the Hub cannot be reached.
    InputError
        If it has no such data set, or it cannot be read.
    """
    import datasets
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    try:
        if not constants.HF_HUB_OFFLINE:
            HfApi().dataset_info(name, timeout=HUB_TIMEOUT)
        return by_split(datasets.load_dataset(name))
    except (GatedRepoError, RepositoryNotFoundError, HFValidationError):
        raise InputError(
            "no such folder here, and the Hugging Face Hub has no such data set that you may read",
            where=name,
            mend="Check the name; for a private or gated data set log in with: hf auth login",
        ) from None
    except PermissionError as error:
        raise not_cached(error, name) from None
    except (ValueError, TypeError) as error:
        problem = f"the data set cannot be loaded ({first_cause(error)})"
        raise InputError(problem, where=name, mend="Download it and give the folder") from None
    except Exception as error:
        # connection errors come in the types of three HTTP libraries; each means the same to a user
        raise EnvironmentFailure(
            f"no such folder here, and the Hugging Face Hub cannot be reached ({first_cause(error)})",
            where=name,
            mend="Check the network, set HF_HUB_OFFLINE=1 to use an earlier download, or give a folder",
        ) from None
