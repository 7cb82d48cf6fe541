"""Read configs, splits and features from the README of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from sie_agent.samples.sources.class_names import features_of_card
from sie_agent.utils.progress import say

CARD = "README.md"
FENCE = "---"


@dataclass(frozen=True)
class Config:
    """A config of a data set.

    Attributes
    ----------
    name : its name.
    folder : the folder in which its files lie, relative.
    patterns : split to the patterns of its files, relative to *folder*; empty where the README names no files.
    """

    name: str
    folder: str = "."
    patterns: dict[str, list[str]] = field(default_factory=dict)


def card_of(folder: Path) -> dict[str, Any]:
    """The YAML front matter of a folder's README; empty where it is missing or not valid YAML."""
    path = folder / CARD
    if not path.is_file() or not inside(path, folder):
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        if not lines or lines[0].strip() != FENCE:
            return {}
        end = next((number for number, line in enumerate(lines[1:], 1) if line.strip() == FENCE), None)
        told = yaml.safe_load("\n".join(lines[1:end])) if end is not None else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError, RecursionError):
        # a README is written for people: the files are there without it
        return {}
    return told if isinstance(told, dict) else {}


def configs_in(card: Mapping[str, Any]) -> list[Config]:
    """The configs that a README lists."""
    return [
        Config(name_in(one), next(iter(texts(one.get("data_dir"))), "."), patterns_in(one.get("data_files")))
        for one in mappings(card.get("configs"))
    ]


def patterns_in(told: object) -> dict[str, list[str]]:
    """``data_files`` as a README may give them: one pattern, several, by split, or a list of split and path."""
    if isinstance(told, dict):
        return {str(split): texts(paths) for split, paths in told.items()}
    if (parts := mappings(told)) and parts == told:
        found: dict[str, list[str]] = {}
        for one in parts:
            found.setdefault(str(one.get("split", "train")), []).extend(texts(one.get("path")))
        return found
    return {"train": texts(told)} if told is not None else {}


def mappings(value: object) -> list[dict[str, Any]]:
    """The mappings of a list; what is not a list has none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """One text or the texts of a list; nothing else is a path (and YAML can make lists that grow when written out)."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def name_in(told: Mapping[str, Any]) -> str:
    """The name of a config."""
    name = told.get("config_name")
    return str(name) if isinstance(name, str | int | float) else "default"


def features_by_config(card: Mapping[str, Any]) -> dict[str, dict[str, object]]:
    """Config to the features that the README's ``dataset_info`` gives for it."""
    told = card.get("dataset_info")
    return {name_in(one): features_of_card(one) for one in mappings(told if isinstance(told, list) else [told])}


def matched(folder: Path, config: Config, pattern: str) -> list[Path]:
    """The files in *folder* that a pattern of its README names; says so where one lies outside the folder."""
    for part in (config.folder, pattern):
        if "://" in part or Path(part).is_absolute() or ".." in Path(part).parts or part.startswith("~"):
            say_outside(folder / CARD, part)
            return []
    try:
        found = [file for file in sorted(named_by(folder / config.folder, pattern)) if file.is_file()]
    except (OSError, ValueError, NotImplementedError):
        # no name of a file, and no pattern
        return []
    if not all(inside(file, folder) for file in found):
        say_outside(folder / CARD, pattern)
    return [file for file in found if inside(file, folder)]


def named_by(base: Path, pattern: str) -> Iterable[Path]:
    """The file or folder with exactly this name, which may hold brackets and stars; else what the pattern matches."""
    named = base / pattern
    if named.is_dir():
        return named.rglob("*")
    if named.exists() or named.is_symlink():
        return [named]
    return base.glob(f"{pattern}/*" if pattern.endswith("**") else pattern)


def inside(file: Path, folder: Path) -> bool:
    """Whether a file lies in a folder, with all links followed; a snapshot of the Hub's cache links to its blobs."""
    target, root = file.resolve(), folder.resolve()
    if target.is_relative_to(root):
        return True
    snapshots = next((part for part in (root, *root.parents) if part.name == "snapshots"), None)
    return snapshots is not None and target.parent == snapshots.parent / "blobs"


def say_outside(where: Path, what: str) -> None:
    """Report a file or pattern that is skipped because it lies outside the given folder."""
    say(f"{where}: '{what}' lies outside the folder and is not read")
