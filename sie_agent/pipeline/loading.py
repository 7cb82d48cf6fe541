"""What several verbs do alike: load a log, hash samples, choose how proxies train."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.attribution import TrainingSettings
from sie_agent.errors import InputError
from sie_agent.pipeline.distill_settings import TargetPart
from sie_agent.pipeline.distilling import training_of
from sie_agent.samples import (
    LOGS,
    InvalidRows,
    LogSettings,
    load_column_map,
    load_samples,
    map_files,
    resolve,
    simulate_log,
)
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say

SIMULATIONS = tuple(LOGS)


def load_log(
    data: str | Path,
    *,
    column_map: str | Path | None = None,
    split: str | None = None,
    limit: int | None = None,
    simulate: str | None = None,
    seed: int = 0,
    label_needed: bool = True,
    allow_missing_labels: bool = False,
    grade_needed: bool = False,
    invalid: InvalidRows | None = None,
) -> pd.DataFrame:
    """Samples with the log's label.

    Parameters
    ----------
    data, column_map, split, limit : as `load_samples` takes them.
    simulate : None for the data's own labels, else a name in ``LOGS``, drawn from the grades with *seed* at the
        kind's own rate. Its positions become those of the samples; a column ``impressions`` comes behind the
        schema's where rows were shown several times.
    label_needed : whether data without a label are refused.
    allow_missing_labels : whether some rows of the data may have a label of their own and others none.
    grade_needed : whether data are refused in which no row has a grade.
    invalid : what is done with rows that cannot be used; when not given, the first of them is an error.

    Raises
    ------
    InputError : there is no label and none was simulated, the simulation is unknown or has no grades, or no row has a
        grade and one is needed.
    """
    if simulate is not None and simulate not in SIMULATIONS:
        raise InputError(
            f"no simulated log '{simulate}'", where="--simulate", hint=f"Choose one of {', '.join(SIMULATIONS)}."
        )
    samples = load_samples(
        data,
        column_map=column_map,
        split=split,
        limit=limit,
        allow_missing_labels=allow_missing_labels,
        invalid=invalid,
    )
    if simulate is not None:
        samples = with_log(samples, simulate_log(samples, LogSettings(simulate), seed))
    elif label_needed and samples["label"].isna().any():
        raise InputError(
            "the data have no label, that is, nothing that the log says (clicks, purchases)",
            where=f"{data}, field 'label'",
            hint="Map its column in a column map (label: {column: clicks, minimum: 0, maximum: 1}), or, "
            "where there are grades, draw a log from them with --simulate ranked-clicks.",
        )
    if grade_needed and samples["grade"].isna().all():
        raise InputError(
            "no row has a grade, and reference importance is measured against trusted grades",
            where=f"{data}, field 'grade'",
            hint="Map the column of human grades (grade: {column: …, minimum: 0, maximum: 3}).",
        )
    return samples


def source_of(data: str | Path) -> str | Path:
    """The file or folder that is read for *data*; its name where it is not on this machine's disk.

    Raises
    ------
    InputError : it is neither there nor the name of anything.
    """
    return resolve(data)[0] or str(data)


def named_files(data: str | Path, column_map: str | Path | None) -> list[Path]:
    """The files that a column map names beside the data."""
    if column_map is None:
        return []
    return map_files(load_column_map(column_map), resolve(data)[0])


def with_log(samples: pd.DataFrame, log: pd.DataFrame) -> pd.DataFrame:
    """The samples with the label of a simulated log and, where it has them, positions and counts of impressions."""
    columns = {"label": log["label"]}
    if log["position"].notna().all():
        columns["position"] = log["position"]
    if (log["impressions"] > 1).any():
        columns["impressions"] = log["impressions"]
    return samples.assign(**columns)


def samples_hash(samples: pd.DataFrame) -> str:
    """SHA-256, in hex, of id, query, item and title of every row, in order."""
    digest = hashlib.sha256()
    add_to_hash(digest, samples)
    return digest.hexdigest()


def add_to_hash(digest: Any, samples: pd.DataFrame) -> None:
    """Hash some more rows: what :func:`samples_hash` gives for them all together."""
    columns = [samples[name].tolist() for name in ("sample_id", "query", "item_id", "title")]
    lines = ["\t".join(map(str, row)) + "\n" for row in zip(*columns, strict=True)]
    digest.update("".join(lines).encode("utf-8", "replace"))


def training_settings(n_rows: int) -> TrainingSettings:
    """How target models and proxies train on a log of *n_rows* rows: as suites do by default.

    A small log gets smaller batches, or the few steps of an epoch would leave the model where it began.
    """
    usual = TargetPart().training
    training = training_of(usual, n_rows)
    if training.batch_size < usual.batch_size:
        say(f"A small log ({counted(n_rows, 'row')}): training in batches of {training.batch_size}")
    return training
