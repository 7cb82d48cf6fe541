"""Recognising a file of the wrong kind, and suggesting the one that was meant."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sie_agent.errors import InputError

TABLES = {
    ".csv": "a CSV file",
    ".tsv": "a TSV file",
    ".jsonl": "a JSONL file",
    ".ndjson": "a JSONL file",
    ".xlsx": "an Excel file",
    ".xls": "an Excel file",
    ".gz": "a compressed file",
    ".zst": "a compressed file",
    ".zip": "a compressed file",
    ".html": "an HTML file",
    ".sqlite": "a SQLite file",
    ".onnx": "a model",
}
STARTS = {b"PAR1": "a Parquet file", b"PK\x03\x04": "a compressed file", b"\x1f\x8b": "a compressed file"}
MAP, SUITE, VARIANT, ENDPOINTS = "a column map", "a suite", "a prompt variant", "an endpoints file"
# keys that files of one kind have and those of others have not
KEYS = {
    MAP: {"columns", "constants", "attributes", "label", "grade", "events", "impressions", "html", "filters"}
    | {"split_column", "files", "next_item", "keep", "note", "position"},
    SUITE: {"name", "data", "log", "query_sets", "draws", "judges", "headline_judge", "references"}
    | {"headline_reference", "downstream", "evaluation", "labels", "scorer", "target", "recipe"},
    VARIANT: {"about", "aspect", "method", "scale", "system", "examples", "user", "rationale", "calibration"},
    ENDPOINTS: {"endpoints", "double_judged"},
}
USES = {
    MAP: "Give it with --map, beside --data",
    SUITE: "`sie run` takes it",
    VARIANT: "Give it with --variant",
    ENDPOINTS: "Give it with --endpoints",
}


def table_kind(path: Path) -> str | None:
    """What a binary or table file is, in words; None for any other file, and where there is none."""
    if not path.is_file():
        return None
    if (kind := TABLES.get(path.suffix.lower())) is not None:
        return kind
    try:
        with path.open("rb") as stream:
            head = stream.read(4)
    except OSError:
        return None
    return next((kind for start, kind in STARTS.items() if head.startswith(start)), None)


def refuse_table(path: Path, expected: str, hint: str | None) -> None:
    """Refuse a data file where a YAML file is *expected* ("a suite in YAML"), before it is read.

    Raises
    ------
    InputError : the file is a table, or packed.
    """
    if (kind := table_kind(path)) is not None:
        raise InputError(f"is {kind}; expected {expected}", where=path, hint=hint)


def yaml_kind(content: Any) -> str | None:
    """The kind of YAML file that the keys of a mapping belong to; None where that is ambiguous."""
    if not isinstance(content, Mapping):
        return None
    found = {kind: len(keys & set(map(str, content))) for kind, keys in KEYS.items()}
    best = max(found, key=lambda kind: found[kind])
    return best if found[best] and list(found.values()).count(found[best]) == 1 else None


def other_yaml(content: Any, expected: str, where: str | Path) -> InputError | None:
    """The error for a YAML file of another kind than expected; None where it may be of the expected kind.

    Parameters
    ----------
    content : what it holds. expected : the kind that is needed, such as `SUITE`.
    """
    kind = yaml_kind(content)
    if kind is None or kind == expected:
        return None
    hint = USES[kind]
    if kind == SUITE and expected == MAP:
        data = content.get("data")
        named = data.get("map") if isinstance(data, Mapping) else None
        hint = f"{hint}; its column map is '{named}'" if isinstance(named, str) else hint
    return InputError(f"is {kind}; expected {expected}", where=where, hint=hint)


def meant(path: Path, names: list[str], endings: tuple[str, ...] = ()) -> str:
    """A suggestion for a missing file, to end a message with: a file beside it, else one of *names*.

    Parameters
    ----------
    endings : that names of files may have; any when not given.

    Returns
    -------
    "" where nothing is like it.
    """
    try:
        beside = sorted(one.name for one in os.scandir(path.parent) if one.is_file())
    except OSError:
        beside = []
    # without endings, which make any two names alike
    files = {Path(name).stem: str(path.with_name(name)) for name in beside if name.endswith(endings or "")}
    for choices in (files, {name: name for name in names}):
        if near := difflib.get_close_matches(path.stem, choices, n=1):
            return f"; did you mean '{choices[near[0]]}'?"
    return ""
