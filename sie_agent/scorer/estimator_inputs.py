"""What the scikit-learn estimator takes: rows as tables or records, weak labels as arrays or tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.labels import label_names
from sie_agent.samples import validate_samples
from sie_agent.scorer.usual import USUAL

Doubles = npt.NDArray[np.float64]
Samples = pd.DataFrame | Iterable[Mapping[str, Any]]
TEXTS = ("query", "title", "description")
READ = (*TEXTS, "label")


def as_table(samples: Samples) -> pd.DataFrame:
    """Rows as a table; what is neither a table nor records is bad input."""
    if isinstance(samples, pd.DataFrame):
        return samples
    mend = "Give a table, or a list of dictionaries, with at least query and title."
    if isinstance(samples, str | bytes | Mapping) or not isinstance(samples, Iterable):
        raise InputError(f"samples are of type {type(samples).__name__}", where="samples", mend=mend)
    rows = list(samples)
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise InputError(f"is no record but a {type(row).__name__}", where=f"samples, row {number}", mend=mend)
    return pd.DataFrame(rows)


def prepared(samples: Samples) -> tuple[pd.DataFrame, list[str]]:
    """What the scorer reads of the rows, checked, ids being row numbers; and which columns there were.

    The log's label is checked apart: the schema wants it everywhere or nowhere, and a row must not depend on others.
    """
    given = as_table(samples)
    read = [name for name in READ if name in given.columns]
    texts = given[[name for name in TEXTS if name in given.columns]].reset_index(drop=True)
    label = given["label"].to_numpy() if "label" in read else np.full(len(given), np.nan)
    table = validate_samples(texts.assign(item_id="-"), "samples")
    return table[["sample_id", *TEXTS]].assign(label=log_label(label)), read


def log_label(given: npt.NDArray[Any]) -> Doubles:
    """The log's label of each row, (n,), NaN where it is not known."""
    label = pd.to_numeric(pd.Series(given), errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = (np.isnan(label) & ~pd.isna(given)) | (label < 0) | (label > 1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise InputError(
            f"the label {given[row]!r} is no number from 0 to 1",
            where=f"samples, row {row + 1}, field 'label'",
            mend="Scale it, or give NaN where the log says nothing.",
        )
    return np.asarray(label)


def named_labels(labels: Any, samples: Samples, count: int, name: str | None) -> pd.DataFrame:
    """Weak labels in columns of their names, a row per sample, index 0 ... n-1."""
    known = label_names()
    if not isinstance(labels, pd.DataFrame):
        own = getattr(labels, "name", None)
        if own in known and name is not None and own != name:
            raise InputError(f"the labels are of '{own}', not of '{name}'", where="labels", mend="Give label=None.")
        # an array without a name is taken for an importance of which more is better
        chosen = own if own in known else (name or USUAL)
        column = np.asarray(labels)
        if column.ndim == 2 and column.shape[1] == 1:
            column = column[:, 0]
        if column.ndim != 1:
            raise InputError(f"labels have {column.ndim} dimensions", where="labels", mend="Give a named table.")
        labels = pd.DataFrame({chosen: column})
    there = label_names(labels.columns)
    if not there:
        found = ", ".join(map(str, labels.columns)) or "none"
        raise InputError(
            f"no weak label among the columns ({found})", where="labels", mend=f"Name one of {', '.join(known)}."
        )
    if "sample_id" in labels.columns and isinstance(samples, pd.DataFrame) and "sample_id" in samples.columns:
        labels = by_id(labels, samples["sample_id"])
    if len(labels) != count:
        raise InputError(f"{count} samples and {len(labels)} labels", where="labels", mend="Give a label per row.")
    numbers = {column: numeric(labels[column], column) for column in there}
    return pd.DataFrame(numbers)


def by_id(labels: pd.DataFrame, wanted: pd.Series[str]) -> pd.DataFrame:
    """The labels of each sample, by its id; NaN where there is none."""
    known = labels.set_index("sample_id")
    if known.index.duplicated().any():
        twice = known.index[known.index.duplicated()][0]
        raise InputError(f"the sample '{twice}' has two labels", where="labels", mend="Give one row per sample.")
    return known.reindex(wanted.to_numpy()).reset_index(drop=True)


def numeric(column: pd.Series[Any], name: str) -> Doubles:
    """A weak label as numbers, NaN where there is none."""
    numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = (np.isnan(numbers) & column.notna().to_numpy()) | np.isinf(numbers)
    if wrong.any():
        row = int(np.argmax(wrong))
        place = f"labels, row {row + 1}, field '{name}'"
        raise InputError(f"{column.iloc[row]!r} is no finite number", where=place, mend="Give NaN for no label.")
    return np.asarray(numbers)
