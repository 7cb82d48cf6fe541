"""Folders of data files: which of them are read, and which split each of them is of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sie_agent.errors import InputError
from sie_agent.samples.sources.cards import (
    CARD,
    Config,
    card_of,
    configs_in,
    features_by_config,
    inside,
    matched,
    say_outside,
)
from sie_agent.samples.sources.readers import data_ending
from sie_agent.samples.sources.saved import is_saved, saved_shards
from sie_agent.samples.sources.shards import Shard, parquet_shard

ALL = "all"
# how the names of files speak of a split
SPLIT_WORDS = {
    "train": ("train", "training"),
    "test": ("test", "testing", "eval", "evaluation"),
    "validation": ("validation", "valid", "val", "dev"),
}
SPLIT_OF_WORD = {word: split for split, words in SPLIT_WORDS.items() for word in words}
SPLIT_NAMES = re.compile(rf"(?:^|[^a-z0-9])({'|'.join(SPLIT_OF_WORD)})(?:[^a-z0-9]|$)")
PIECE = re.compile(r"(?P<name>.*?)(?<!\d)(?P<number>\d{2,9})-of-(?P<of>\d{2,9})(?!\d)")


@dataclass(frozen=True)
class FolderFile:
    """A data file of a folder, its split, and the features that the README tells of."""

    file: Path
    split: str
    features: Mapping[str, object]


def folder_contents(path: Path, split: str | None) -> tuple[list[Shard], list[FolderFile]]:
    """What is read of a folder: files of typed columns, or where some of its files are text, all files.

    Parameters
    ----------
    path : the folder, of data files or made by ``save_to_disk``.
    split : which split, ``all`` for all of them; see :func:`chosen_splits`.

    Raises
    ------
    InputError
        If there is no data file, one is damaged, or the split is not told.
    """
    if is_saved(path):
        by_name = saved_shards(path)
        chosen = chosen_splits(list(by_name), split, str(path))
        return [shard for name, told in chosen.items() for shard in by_name[name](told)], []
    files = folder_files(path, split)
    if all(data_ending(one.file) == ".parquet" for one in files):
        return [parquet_shard(one.file, one.split, one.features) for one in files], []
    return [], files


def chosen_splits(names: Sequence[str], split: str | None, where: str) -> dict[str, str]:
    """Which splits of a data set are read.

    Parameters
    ----------
    names : the splits there are, ``config/split`` where there are several configs.
    split : a split, a config that has one split, ``config/split``, or ``all``; None where there is just one.
        A name that is none of them may be a value of the column that holds the name of the split.

    Returns
    -------
    The chosen splits, each with the name that its rows get: *split* where it names exactly these splits.

    Raises
    ------
    InputError
        If there are several and *split* does not say which: they are never mixed in silence.
    """
    if split is None:
        if len(names) > 1:
            raise several_splits(names, where)
        return {name: name for name in names}
    if split in names:
        return {split: split}
    of_config = [name for name in names if name.startswith(f"{split}/")]
    found = of_config or [name for name in names if name.endswith(f"/{split}")]
    if len(found) > 1:
        raise several_splits(found, where)
    return dict.fromkeys(found, split) if found else {name: name for name in names}


def several_splits(names: Sequence[str], where: str) -> InputError:
    """A data set has several splits, and it was not said which one is meant."""
    listed = ", ".join(sorted(names))
    kind = "configs and splits" if any("/" in name for name in names) else "splits"
    example = sorted(names, key=lambda name: (not name.endswith("train"), name))[0]
    hint = f"Choose one, such as --split {example} (in a suite data.split), or --split {ALL} for the rows of all"
    return InputError(f"there are several {kind}: {listed}", where=where, hint=hint)


def folder_files(path: Path, split: str | None) -> list[FolderFile]:
    """The chosen data files of a folder.

    Raises
    ------
    InputError
        If there is none, or the split is not told.
    """
    card = card_of(path)
    configs, features = configs_in(card), features_by_config(card)
    several = len({config.name for config in configs}) > 1
    files = [
        FolderFile(file, f"{config.name}/{name}" if several else name, features.get(config.name, {}))
        for config in configs or [Config("default")]
        for name, file in config_files(path, config)
    ]
    if not files:
        raise no_data_files(path, configs)
    names = list(dict.fromkeys(one.split for one in files))
    chosen = chosen_splits(names, split, str(path))
    taken = [replace(one, split=chosen[one.split]) for one in files if one.split in chosen]
    refuse_missing_pieces([one.file for one in taken])
    return taken


def refuse_missing_pieces(files: Sequence[Path]) -> None:
    """Raise InputError where files are pieces of one table (``train-00000-of-00002.parquet``) and not all are there."""
    there: dict[tuple[Path, str, str], dict[int, str]] = {}
    for file in files:
        found = PIECE.match(file.name)
        if found and len(found["number"]) == len(found["of"]):
            there.setdefault((file.parent, found["name"], found["of"]), {})[int(found["number"])] = file.name
    for (folder, name, of), numbers in there.items():
        count = int(of)
        # most programs count from 0
        first = int(0 not in numbers and count in numbers)
        missing = count - sum(first <= number < first + count for number in numbers)
        if missing > 0:
            gone = next(number for number in range(first, first + count) if number not in numbers)
            more = "is" if missing == 1 else f"and {missing - 1:,} more are"
            there_are = f"{len(numbers):,} of {count:,} pieces of one table are there"
            problem = f"{there_are}: {name}{gone:0{len(of)}d}-of-{of} {more} missing"
            hint = "Copy the whole folder again; to read one piece alone, give the file itself"
            raise InputError(problem, where=folder, hint=hint)


def config_files(path: Path, config: Config) -> list[tuple[str, Path]]:
    """The data files of a config, each with its split: as the README says, else by their names."""
    if config.patterns:
        found = {
            (split, file): None
            for split, patterns in config.patterns.items()
            for pattern in patterns
            for file in matched(path, config, pattern)
            if data_ending(file) is not None
        }
        return list(found)
    base = path / config.folder
    if not inside(base, path):
        say_outside(path / CARD, config.folder)
        return []
    return [(split_of(file.relative_to(base)), file) for file in data_files(base, path)]


def data_files(base: Path, folder: Path | None = None) -> list[Path]:
    """The data files in *base* and below it, sorted; one that links out of *folder* is left out, and that is said."""
    found = (file for file in base.rglob("*") if data_ending(file) and file.is_file())
    files = []
    for file in sorted(file for file in found if not hidden(file.relative_to(base))):
        if inside(file, folder or base):
            files.append(file)
        else:
            say_outside(folder or base, str(file.relative_to(base)))
    return files


def hidden(relative: Path) -> bool:
    """Whether a file or a folder above it is not data: hidden, a cache, or one that Spark and Hive leave behind."""
    return any(part.startswith((".", "_")) for part in relative.parts)


def no_data_files(path: Path, configs: Sequence[Config]) -> InputError:
    """There is nothing to read in a folder; says what lies there instead."""
    saved = sorted(folder.name for folder in path.iterdir() if folder.is_dir() and is_saved(folder))
    if saved:
        problem = f"the folder holds several saved data sets: {', '.join(saved)}"
        return InputError(problem, where=path, hint=f"Give one of them, such as {path / saved[0]}")
    problem = "the folder has no data files"
    if any(config.patterns for config in configs):
        problem += f" of those that its {CARD} names"
    script = next((file.name for file in sorted(path.glob("*.py"))), None)
    if script is not None:
        problem += f"; its script {script} is not run"
    hint = "Put Parquet, CSV, TSV or JSONL files into it, or give another folder"
    return InputError(problem, where=path, hint=hint)


def split_of(relative: Path) -> str:
    """Split that a file's name speaks of; ``train`` where it speaks of none, as on the Hub."""
    found = SPLIT_NAMES.search(relative.as_posix().lower())
    return SPLIT_OF_WORD[found[1]] if found else "train"
