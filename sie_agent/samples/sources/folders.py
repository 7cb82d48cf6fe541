"""Folders of data files: which of them are read, and which split each of them is of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

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
from sie_agent.samples.sources.readers import data_ending, numbered, read_file
from sie_agent.samples.sources.saved import is_saved, saved_shards
from sie_agent.samples.sources.shards import SPLIT, Shard, parquet_shard, whole_frame
from sie_agent.samples.text import text_column

ALL = "all"
SPLIT_NAMES = re.compile(
    r"(?:^|[^a-z0-9])(train|training|test|testing|eval|evaluation|validation|valid|val|dev)(?:[^a-z0-9]|$)"
)
PIECE = re.compile(r"(?P<name>.*?)(?<!\d)(?P<number>\d{2,9})-of-(?P<of>\d{2,9})(?!\d)")
SPLIT_ALIASES = {
    "training": "train",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
}


@dataclass(frozen=True)
class Part:
    """A data file of a folder, its split, and the features that the README tells of."""

    file: Path
    split: str
    features: Mapping[str, object]


def read_folder(path: Path, split: str | None = None) -> pd.DataFrame:
    """The data files of a folder as one table, with the name of the split in the column ``SPLIT``.

    Parameters
    ----------
    path : the folder, of data files or made by ``save_to_disk``.
    split : which split, ``all`` for all of them; see :func:`chosen_splits`.

    Raises
    ------
    InputError
        If there is no data file, one is damaged, their columns do not fit together, or the split is not told.
    """
    if (shards := typed_shards(path, split)) is not None:
        return numbered(whole_frame(shards))
    parts = folder_parts(path, split)
    frames = [read_file(part.file).assign(**{SPLIT: part.split}) for part in parts]
    if len(frames) == 1:
        return frames[0]
    if len({data_ending(part.file) == ".parquet" for part in parts}) > 1:
        frames = [plain_texts(frame) for frame in frames]
    return numbered(pd.concat(frames, ignore_index=True))


def typed_shards(path: Path, split: str | None) -> list[Shard] | None:
    """The chosen files of a folder with typed columns; None where there are text files.

    Raises
    ------
    InputError
        As :func:`read_folder`.
    """
    if is_saved(path):
        by_name = saved_shards(path)
        chosen = chosen_splits(list(by_name), split, str(path))
        return [shard for name in chosen.names for shard in by_name[name](chosen.named(name))]
    parts = folder_parts(path, split)
    if not all(data_ending(part.file) == ".parquet" for part in parts):
        return None
    return [parquet_shard(part.file, part.split, part.features) for part in parts]


def plain_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of a typed file as text, as text files have them; lists and objects as they are."""
    columns = {}
    for name in frame.columns:
        try:
            columns[name] = text_column(frame[name]).set_axis(frame.index)
        except InputError:
            columns[name] = frame[name].astype(object)
    return pd.DataFrame(columns, index=frame.index)


@dataclass(frozen=True)
class Chosen:
    """The splits that are read, and the name that their rows get: what was asked for, where it names just them."""

    names: list[str]
    asked: str | None

    def named(self, split: str) -> str:
        """What the column ``SPLIT`` says in the rows of a split."""
        return self.asked or split


def chosen_splits(names: Sequence[str], split: str | None, where: str) -> Chosen:
    """Which splits of a data set are read.

    Parameters
    ----------
    names : the splits there are, ``config/split`` where there are several configs.
    split : a split, a config that has one split, ``config/split``, or ``all``; None where there is just one.
        A name that is none of them may be a value of the column that holds the name of the split.

    Raises
    ------
    InputError
        If there are several and *split* does not say which: they are never mixed in silence.
    """
    if split is None:
        if len(names) > 1:
            raise several_splits(names, where)
        return Chosen(list(names), None)
    if split in names:
        return Chosen([split], split)
    for found in (
        [name for name in names if name.startswith(f"{split}/")],
        [name for name in names if name.endswith(f"/{split}")],
    ):
        if len(found) > 1:
            raise several_splits(found, where)
        if found:
            return Chosen(found, split)
    return Chosen(list(names), None)


def several_splits(names: Sequence[str], where: str) -> InputError:
    """A data set has several splits, and it was not said which one is meant."""
    listed = ", ".join(sorted(names))
    kind = "configs and splits" if any("/" in name for name in names) else "splits"
    example = sorted(names, key=lambda name: (not name.endswith("train"), name))[0]
    return InputError(
        f"there are several {kind}: {listed}",
        where=where,
        hint=f"Choose one, such as --split {example} (in a suite data.split), or --split {ALL} for the rows of all",
    )


def folder_parts(path: Path, split: str | None) -> list[Part]:
    """The chosen data files of a folder.

    Raises
    ------
    InputError
        If there is none, or the split is not told.
    """
    card = card_of(path)
    configs, features = configs_in(card), features_by_config(card)
    several = len({config.name for config in configs}) > 1
    parts = [
        Part(file, f"{config.name}/{name}" if several else name, features.get(config.name, {}))
        for config in configs or [Config("default")]
        for name, file in config_files(path, config)
    ]
    if not parts:
        raise no_data_files(path, configs)
    names = list(dict.fromkeys(part.split for part in parts))
    chosen = chosen_splits(names, split, str(path))
    taken = [Part(part.file, chosen.named(part.split), part.features) for part in parts if part.split in chosen.names]
    refuse_missing_pieces([part.file for part in taken])
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
            more = f" and {missing - 1:,} more" if missing > 1 else ""
            raise InputError(
                f"{len(numbers):,} of {count:,} pieces of one table are there: {name}{gone:0{len(of)}d}-of-{of}{more} "
                f"{'is' if missing == 1 else 'are'} missing",
                where=folder,
                hint="Copy the whole folder anew; to read one piece alone, give the file itself",
            )


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
    """Whether a file or a folder above it is no data: hidden, a cache, or of those that Spark and Hive leave behind."""
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
    name = found.group(1) if found else "train"
    return SPLIT_ALIASES.get(name, name)
