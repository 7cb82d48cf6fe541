"""A labelled set that is published: its table, and what its file and what lies beside it tell of its origin."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.files.json_files import read_json
from sie_agent.labels import label_names
from sie_agent.samples import made_by_words
from sie_agent.samples.tables import read_table
from sie_agent.scorer.cards import table_of
from sie_agent.scorer.files import read_config

TEXTS = ("query", "title", "description")


def published(path: Path, samples: pd.DataFrame | None, source: str, *, with_text: bool) -> Any:
    """The labels with what may be published of their rows, as a ``pyarrow.Table``: text and float64, NaN as null.

    Parameters
    ----------
    path : the labels; samples : the log, None where it was not given; source : its name, for messages.

    Raises
    ------
    InputError : an id twice, no weak label, a label that is not a number, a row that the data lack, or no texts.
    """
    import pyarrow as pa

    labels = read_table(path, required=("sample_id",), writer="`sie distill`")
    ids = labels["sample_id"].astype(str)
    if not len(labels):
        raise InputError("holds no rows", where=path, hint="Give the labels.parquet that `sie distill` wrote.")
    if ids.duplicated().any():
        twice = ids[ids.duplicated()].iloc[0]
        raise InputError(f"the sample '{twice}' occurs twice", where=path, hint="Give one row per sample.")
    weak = label_names()
    if not set(weak) & set(labels.columns):
        hint = "Give the labels.parquet that `sie distill` wrote."
        raise InputError(f"{made_by_words(path)}none of the columns {', '.join(weak)}", where=path, hint=hint)
    known = labels if samples is None else joined(labels, ids, samples, source, path)
    # the order of the columns; grade and whatever else a file may hold is not among them
    wanted = [*(TEXTS if with_text else ()), "item_id", "label", *weak]
    there = [name for name in wanted if name in known.columns]
    if with_text and not {"query", "title"} <= set(there):
        raise InputError("has no query and title", where=path, hint="Give the log with --data to take them from it.")
    columns: dict[str, Any] = {"sample_id": pa.array(ids.tolist(), pa.string())}
    for name in there:
        if name == "label" or name in weak:
            numbers = as_numbers(known[name], name, path)
            if name in weak or not np.isnan(numbers).all():
                columns[name] = pa.array(numbers, pa.float64(), from_pandas=True)
        else:
            columns[name] = pa.array(known[name].fillna("").astype(str).tolist(), pa.string())
    return pa.table(columns)


def joined(labels: pd.DataFrame, ids: pd.Series[str], samples: pd.DataFrame, source: str, path: Path) -> pd.DataFrame:
    """The labels with texts, item and label of the log, by id."""
    by_id = samples.set_index("sample_id")
    absent = ~ids.isin(by_id.index)
    if absent.any():
        problem = f"the sample '{ids[absent].iloc[0]}' is not in {source} ({absent.sum():,} of {len(ids):,} are not)"
        hint = "Give the data, the map and the split that the labels were made from."
        raise InputError(problem, where=path, hint=hint)
    log = by_id[[name for name in (*TEXTS, "item_id", "label") if name in by_id.columns]].reindex(ids.to_numpy())
    own = labels.drop(columns=list(log.columns), errors="ignore").reset_index(drop=True)
    return pd.concat([log.reset_index(drop=True), own], axis=1)


def as_numbers(column: pd.Series[Any], name: str, path: Path) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A column as float64, NaN where it is empty."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = np.isnan(numbers) & column.notna().to_numpy(bool)
    if wrong.any():
        row = int(np.argmax(wrong))
        place = f"{path}, row {row + 1}, field '{name}'"
        raise InputError(f"{column.iloc[row]!r} is not a number", where=place, hint="Make the labels anew.")
    return np.asarray(numbers)


def as_parquet(table: Any) -> bytes:
    """The table as a Parquet file; the same table gives the same bytes."""
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


SCORED = {"sample_id", "query", "label"}
# files of earlier versions lack some of these
BESIDE = {"item_id", "impressions", "label_error", "label_error_from"}


def origin_of(path: Path) -> tuple[str, dict[str, Any]]:
    """``weak labels``, ``scores`` or ``not recorded``, and for weak labels who judged.

    Weak labels are known by their name, ``labels.parquet``, beside the manifest of `sie distill` or `sie run`; scores
    by the columns that `sie score` writes, or by their name in a run folder. A manifest says nothing of other files
    that lie beside it.
    """
    if is_scored(path):
        return "scores", {}
    if path.name == "labels.parquet" and (facts := judge_beside(path.parent)) is not None:
        return "weak labels", facts
    return ("scores" if path.name == "scores.parquet" else "not recorded"), {}


def is_scored(path: Path) -> bool:
    """Whether a file has the columns that `sie score` writes, and no others."""
    import pyarrow.parquet as pq

    try:
        columns = set(pq.read_schema(path).names)
    except (OSError, ValueError):
        return False
    return columns >= SCORED and columns - SCORED - BESIDE <= set(label_names())


def judge_beside(folder: Path) -> dict[str, Any] | None:
    """Who judged, as the manifest in the folder has it; None where it is not that of `sie distill` or `sie run`."""
    try:
        manifest = table_of(read_json(folder / "manifest.json"))
    except InputError:
        return None
    hashes = table_of(manifest.get("hashes"))
    facts = table_of(manifest.get("judge"))
    if "suite" in hashes:
        facts = judge_of_run(folder)
    elif "variant" not in facts:
        # `sie label` has a judge too, of several variants
        return None
    return {**facts, "log_hash": hashes.get("log"), "versions": manifest.get("versions")}


def judge_of_run(folder: Path) -> dict[str, Any]:
    """Who judged in a run, as the scorer that was made of the same labels has it."""
    try:
        return table_of(read_config(folder / "scorer")["about"])
    except InputError:
        return {}
