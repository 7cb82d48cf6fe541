"""The file of log columns: what the log says of each of its rows, found again by the row's content."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sie_agent.errors import InputError
from sie_agent.files.manifest import file_hash
from sie_agent.samples.tables import write_table
from sie_agent.scorer.label_errors import AGAIN, COLUMNS_FILE, FROM, LABEL_ERROR, LOG_COLUMNS, LabelErrors
from sie_agent.scorer.model import Scorer
from sie_agent.selection.recipe import RELEVANCE
from sie_agent.utils.arrays import Doubles, Floats

KEY = "key"
# written before the scorer and named right after it, so that a process that ends between the two spoils neither
PENDING = f".{COLUMNS_FILE}.new"
KEY_FIELDS = ("sample_id", "query", "title", "description")
# odd, so that multiplying by it loses nothing
MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class LogColumns:
    """The columns of a log, 28 bytes a row.

    Attributes
    ----------
    keys : (n,) of the rows, rising; values : (n, columns) in the order of `LOG_COLUMNS`.
    """

    keys: npt.NDArray[np.uint64]
    values: Floats

    def of(self, samples: pd.DataFrame) -> dict[str, Doubles]:
        """The columns of some rows, each (n,), NaN for rows that are not of the log, or changed since."""
        keys = row_keys(samples)
        place = np.searchsorted(self.keys, keys).clip(max=max(len(self.keys) - 1, 0))
        known = self.keys[place] == keys if len(self.keys) else np.zeros(len(keys), bool)
        found = np.full((len(keys), len(LOG_COLUMNS)), np.nan)
        found[known] = self.values[place[known]]
        return {name: found[:, at] for at, name in enumerate(LOG_COLUMNS)}


def row_keys(samples: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """(n,) a number for each row, of its id, texts and label: a row that changed is another row."""
    parts = [
        pd.util.hash_array(samples[name].astype(str).to_numpy(dtype=object), categorize=False) for name in KEY_FIELDS
    ]
    # files hold labels with four bytes or eight; adding zero makes a negative zero positive
    parts.append(pd.util.hash_array(samples["label"].to_numpy(np.float64).astype(np.float32) + np.float32(0)))
    key = np.zeros(len(samples), np.uint64)
    for part in parts:
        key = (key ^ part) * MIX
    return key


def made_columns(samples: pd.DataFrame, columns: Mapping[str, Doubles]) -> LogColumns:
    """The columns of a log, each (n,), ready to be found by row."""
    keys = row_keys(samples)
    order = np.argsort(keys, kind="stable")
    values = np.column_stack([columns[name] for name in LOG_COLUMNS]).astype(np.float32)
    return LogColumns(keys[order], values[order])


def write_columns(columns: LogColumns, path: Path) -> str:
    """Write the file; its hash, by which a scorer knows its own."""
    held = {KEY: columns.keys, **{name: columns.values[:, at] for at, name in enumerate(LOG_COLUMNS)}}
    write_table(pd.DataFrame(held), path)
    return file_hash(path)


def with_log_columns(
    scorer: Scorer,
    errors: LabelErrors,
    columns: Mapping[str, Doubles],
    samples: pd.DataFrame,
    folder: Path,
) -> Scorer:
    """Write the columns of the log, each (n,), into *folder*; the scorer with what it needs to read them.

    They take the place of those that are there once :func:`settle_columns` is called, after the scorer is saved.

    Parameters
    ----------
    samples : the n rows of the log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = write_columns(made_columns(samples, columns), folder / PENDING)
    return replace(scorer, label_errors=replace(errors, columns_hash=written))


def settle_columns(folder: Path, scorer: Scorer) -> None:
    """Give the columns their name, or take those away that belong to no scorer any more; *scorer* is the saved one."""
    if scorer.label_errors is None:
        (folder / COLUMNS_FILE).unlink(missing_ok=True)
        (folder / PENDING).unlink(missing_ok=True)
    else:
        os.replace(folder / PENDING, folder / COLUMNS_FILE)


def columns_path(folder: Path) -> Path:
    """Where the columns of the log lie that the scorer in *folder* was distilled from: beside it, behind any link."""
    return folder.resolve().parent / COLUMNS_FILE


def columns_beside(scorer: Scorer, folder: Path) -> LogColumns | None:
    """The columns of a scorer's log, where the folder that it lies in has them; None otherwise.

    Raises
    ------
    InputError : they are damaged, or those of another scorer.
    """
    if scorer.label_errors is None or not scorer.label_errors.columns_hash:
        return None
    wanted, path = scorer.label_errors.columns_hash, columns_path(folder)
    pending = path.with_name(PENDING)
    if pending.is_file() and file_hash(pending) == wanted:
        return read_columns(pending, wanted)
    return read_columns(path, wanted) if path.is_file() else None


def label_error_columns(
    scorer: Scorer, scores: pd.DataFrame, samples: pd.DataFrame, log: LogColumns | None
) -> dict[str, npt.NDArray[Any]]:
    """``label_error`` and ``label_error_from`` of scored rows, each (n,); nothing where the scorer does not tell.

    Parameters
    ----------
    scores, samples : of the same rows, in the same order. log : the columns of the scorer's log, where they are there.
    """
    if scorer.label_errors is None:
        return {}
    label = samples["label"].to_numpy(np.float64)
    columns = {} if log is None else log.of(samples)
    found, source = scorer.label_errors.of(scores[RELEVANCE].to_numpy(np.float64), label, columns)
    return {LABEL_ERROR: found, FROM: source}


def read_columns(path: Path, wanted_hash: str) -> LogColumns:
    """Read the file that belongs to a scorer.

    Raises
    ------
    InputError : it is missing or damaged, or belongs to another scorer.
    """
    try:
        if file_hash(path) != wanted_hash:
            raise InputError(
                "damaged log columns, or those of another scorer",
                where=path,
                hint="Put back the file that was written with this scorer, or delete it: then label_error is computed "
                "from text alone.",
            )
        with pq.ParquetFile(path) as opened:
            found = columns_in(opened)
    except (OSError, pa.ArrowException) as error:
        raise InputError("log columns cannot be read", where=path, hint=AGAIN) from error
    if found is None:
        raise InputError(
            f"no log columns: expected {KEY} (uint64, rising) and {', '.join(LOG_COLUMNS)} (float32, about 0 to 1)",
            where=path,
            hint=AGAIN,
        )
    return found


def columns_in(opened: pq.ParquetFile) -> LogColumns | None:
    """What a file holds; None where that is something else than :func:`write_columns` writes."""
    schema = opened.schema_arrow
    wanted = {KEY: pa.uint64(), **dict.fromkeys(LOG_COLUMNS, pa.float32())}
    if len(schema.names) != len(wanted) or {name: schema.field(name).type for name in schema.names} != wanted:
        return None
    table = opened.read()
    if table[KEY].null_count:
        return None
    keys = table[KEY].to_numpy()
    values = np.column_stack([table[name].to_numpy() for name in LOG_COLUMNS])
    # a student of relevance may stray a little beyond 0 and 1
    inside = np.isnan(values) | ((values >= -1) & (values <= 2))
    return LogColumns(keys, values) if (keys[1:] >= keys[:-1]).all() and inside.all() else None
