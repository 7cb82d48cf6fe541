"""The rows that are to be explained, and what became of those that are not among the rows that are used."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.commands.log_rows import LogRows
from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.files.yaml_files import read_yaml
from sie_agent.samples import LostRow, lost_rows, validate_samples, without_grade
from sie_agent.scorer import file_of_run
from sie_agent.utils.counts import counted

# naming near ids compares texts one by one: on a long log only its beginning
ROWS_COMPARED = 200_000
ONCE_LEFT_OUT = (
    "once unusable rows are left out and impressions are put together; where the log has no ids of its own, --id takes "
    "the number of a row in the file"
)
# in a run folder
SAMPLES, SUITE = "samples.parquet", "suite.yaml"
LEFT_BY_RUN: dict[str, Any] = {
    "reason": "run",
    "problem": "the run left out its query (data.min_items_per_query or data.only_graded of its suite)",
}

# whether the source that a run names in its suite may be read
SOURCES = ContextVar("SOURCES", default=True)


@contextmanager
def without_sources() -> Iterator[None]:
    """Read nothing that a run folder names: for a server whose clients see one folder, and sources lie anywhere."""
    before = SOURCES.set(False)
    try:
        yield
    finally:
        SOURCES.reset(before)


def run_samples(folder: Path) -> Path:
    """The samples of a run folder.

    Raises
    ------
    InputError : it holds none.
    """
    path = file_of_run(folder, SAMPLES)
    if not path.is_file():
        hint = "Give --data, or the folder of a `sie run`."
        raise InputError("no data to look the row up in", where=folder, hint=hint)
    return path


def typed_sample(query: str | None, title: str | None, description: str, label: float | None) -> pd.DataFrame:
    """A pair as a table of one sample.

    Raises
    ------
    InputError : one of its fields is missing, empty or out of range.
    """
    if query is None or title is None:
        missing = "--query" if query is None else "--title"
        raise InputError(f"{missing} is missing", hint="A typed-in pair needs --query and --title.")
    row = {"sample_id": "typed", "query": query, "item_id": "typed", "title": title, "description": description}
    return without_grade(validate_samples(pd.DataFrame([{**row, "label": label}]), "the typed-in pair"))


def named_rows(log: LogRows, ids: Sequence[str], rows: Sequence[int]) -> tuple[pd.DataFrame, list[LostRow]]:
    """The rows with these ids, then those with these numbers, in the order asked; each once.

    Returns
    -------
    The rows, and what became of those that are in the log but not used; their pairs are among the rows.

    Raises
    ------
    InputError : an id or a number is not in the data.
    """
    by_id, by_number, read = read_named(log, ids, rows)
    missing = [name for name in dict.fromkeys(ids) if name not in by_id]
    lost: dict[str, LostRow] = {}
    if missing:
        lost = lost_of(log, missing)
        for name in missing:
            if name not in lost:
                raise unknown_id(name, log)
        pairs = {one.pair for one in lost.values() if one.pair is not None} - set(by_id)
        by_id |= read_named(log, sorted(pairs), ())[0] if pairs else {}
    for number in rows:
        if number not in by_number:
            raise InputError(f"there is no row {number}", where=log.data, hint=f"{rows_there(log, read)}.")
    named = [lost[name].pair or "" if name in lost else name for name in ids]
    found = [*(by_id[name] for name in named if name in by_id), *(by_number[number] for number in rows)]
    empty = next(iter(log.chunks())).head(0) if not found else found[0].head(0)
    samples = pd.concat(found or [empty]).drop_duplicates("sample_id").reset_index(drop=True)
    return samples, [lost[name] for name in missing]


def read_named(
    log: LogRows, ids: Sequence[str], rows: Sequence[int]
) -> tuple[dict[str, pd.DataFrame], dict[int, pd.DataFrame], int]:
    """The rows with these ids and with these numbers, as far as they are there, and how many rows were read."""
    by_id: dict[str, pd.DataFrame] = {}
    by_number: dict[int, pd.DataFrame] = {}
    read = 0
    for samples in log.chunks():
        for place in samples.index[samples["sample_id"].isin(ids)]:
            by_id[samples["sample_id"].iloc[place]] = samples.iloc[[place]]
        for number in rows:
            if read < number <= read + len(samples):
                by_number[number] = samples.iloc[[number - read - 1]]
        read += len(samples)
        if len(by_id) == len(set(ids)) and len(by_number) == len(set(rows)):
            break
    return by_id, by_number, read


def rows_there(log: LogRows, read: int) -> str:
    """How many rows ``--row`` counts, and what else it may have been meant to be."""
    told = f"The data have {counted(read, 'row')}"
    if log.invalid is None or (log.invalid.used in (None, read) and not log.invalid.rows):
        return told
    return f"{told} {ONCE_LEFT_OUT}"


def lost_of(log: LogRows, ids: Sequence[str]) -> dict[str, LostRow]:
    """What became of rows that are not among those that are used; of a run's samples, what the run did with them."""
    how: dict[str, Any] = {"split": log.split, "limit": log.limit, "allow_missing_labels": True}
    found = lost_rows(log.data, ids, column_map=log.column_map, **how)
    missing = [name for name in ids if name not in found]
    return found | lost_in_run(Path(log.data), missing) if missing else found


def lost_in_run(samples: Path, ids: Sequence[str]) -> dict[str, LostRow]:
    """What a run did with rows of its source that are not in its samples, where the source is still there."""
    suite = user_path(samples).parent / SUITE
    if not SOURCES.get() or samples.name != SAMPLES or not suite.is_file():
        return {}
    try:
        data = dict(read_yaml(suite).content["data"])
        mapped = data.get("map")
        inside = suite.parent / str(mapped)
        mapped = str(inside) if mapped is not None and inside.is_file() else mapped
        how: dict[str, Any] = {"split": data.get("split"), "limit": data.get("limit")}
        found = lost_rows(str(data["source"]), ids, column_map=mapped, **how)
    except (InputError, KeyError, TypeError, ValueError):
        # it was moved or changed since: nothing can be said
        return {}
    return {name: replace(one, **LEFT_BY_RUN) if one.reason == "used" else one for name, one in found.items()}


def unknown_id(name: str, log: LogRows) -> InputError:
    """There is no such id; names the nearest ones."""
    near: list[str] = []
    read = 0
    for chunk in log.chunks():
        near = difflib.get_close_matches(name, [*near, *chunk["sample_id"]], n=3, cutoff=0.5)
        read += len(chunk)
        if read >= ROWS_COMPARED:
            break
    hint = f"Near it are: {', '.join(near)}." if near else "Give one of the file's ids, or --row with its number."
    return InputError(f"no row has the id '{name}'", where=f"{log.data}, field 'sample_id'", hint=hint)
