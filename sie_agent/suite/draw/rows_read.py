"""Reads and checks the rows of a finished run for explanations and next steps."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from sie_agent.labels import label_names
from sie_agent.report import rows_of_log
from sie_agent.samples.tables import read_table
from sie_agent.scorer import LABEL_ERROR

NUMBERS = ("label", *label_names(), LABEL_ERROR)
SAMPLES = ("sample_id", "query", "title", "description", "label", "grade", "query_set")


def read_rows(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame | None]:
    """``samples``, ``scores`` and ``labels`` of a run folder; labels are None if the run has none.

    Scores of rows that the run held out are left out.

    Raises
    ------
    InputError : a file is missing or damaged, lacks a column that is read, or has text for a number.
    """
    labels = folder / "labels.parquet"
    return (
        read_table(folder / "samples.parquet", required=SAMPLES, numeric=("label", "grade")),
        rows_of_log(read_table(folder / "scores.parquet", required=("sample_id",), numeric=NUMBERS)),
        read_table(labels, required=("sample_id",), numeric=NUMBERS) if labels.is_file() else None,
    )


def scored_rows_of(folder: Path) -> dict[str, int]:
    """How many rows of a run have a score, and how many of those belong to held-out queries."""
    scores = read_table(folder / "scores.parquet", required=("sample_id",))
    return {"rows": len(scores), "held_out": len(scores) - len(rows_of_log(scores))}
