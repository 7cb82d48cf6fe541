"""What the scikit-learn estimator takes: rows as tables or records, weak labels as arrays or tables."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from sie_agent.errors import InputError
from sie_agent.labels import StudentSettings, label_names
from sie_agent.samples import validate_samples
from sie_agent.scorer.cards.markup import table_of
from sie_agent.selection import USUAL
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.progress import say

Samples = pd.DataFrame | Iterable[Mapping[str, Any]]
TEXTS = ("query", "title", "description")
READ = (*TEXTS, "label")
# the largest finite number
MOST = float(np.finfo(np.float64).max)
NEEDED = ("query", "title")
EXPECTED = (
    "expected are the columns query and title, and where there are any description and label (a number from 0 to 1)"
)


# what each setting of the trees must be, in words and as a check
BOUNDS: dict[str, tuple[str, Callable[[float], bool]]] = {
    "trees": ("at least 1", lambda value: value >= 1),
    "leaves": ("at least 2", lambda value: value >= 2),
    "learning_rate": ("above 0", lambda value: value > 0),
    "rows_per_leaf": ("at least 1", lambda value: value >= 1),
    "feature_share": ("above 0 and at most 1", lambda value: 0 < value <= 1),
}
LABELS_EXPECTED = "one number per row, or a table with columns named as weak labels"


def as_table(samples: Samples) -> pd.DataFrame:
    """Rows as a table; what is neither a table nor records is bad input."""
    if isinstance(samples, pd.DataFrame):
        return samples
    hint = f"Give a table, or a list of dictionaries: {EXPECTED}."
    if isinstance(samples, str | bytes | Mapping) or not isinstance(samples, Iterable):
        raise InputError(f"samples are of type {type(samples).__name__}", where="samples", hint=hint)
    rows = list(samples)
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise InputError(f"is not a record but a {type(row).__name__}", where=f"samples, row {number}", hint=hint)
    return pd.DataFrame(rows)


def prepared(samples: Samples, columns: Sequence[str] = ()) -> tuple[pd.DataFrame, list[str]]:
    """What the scorer reads of the rows, checked, ids being row numbers; and which columns there were.

    *columns* of numbers, where they are there, are passed on as they are: the block that reads them checks them.

    The log's label is checked apart: the schema wants it everywhere or nowhere, and a row must not depend on others.
    """
    given = as_table(samples)
    check_columns(given)
    read = [name for name in READ if name in given.columns]
    texts = given[[name for name in TEXTS if name in given.columns]].reset_index(drop=True)
    label = given["label"].to_numpy() if "label" in read else np.full(len(given), np.nan)
    table = validate_samples(texts.assign(item_id="-"), "samples")
    place, problem = "samples, row {}, field 'label'", "the label must be a number between 0 and 1, found {}"
    hint = "Scale it, or give NaN where the log says nothing."
    known = numbers_in(pd.Series(label), place, problem, hint, least=0, most=1)
    more = {name: given[name].to_numpy() for name in columns if name in given.columns}
    return table[["sample_id", *TEXTS]].assign(label=known, **more), read


def check_columns(given: pd.DataFrame) -> None:
    """The columns that cannot be done without are there, each once.

    Raises
    ------
    InputError : one is not; names it, those that there are, and one that may be meant.
    """
    there = [str(name) for name in given.columns]
    for name in READ:
        if there.count(name) > 1:
            problem = f"the column '{name}' is there {there.count(name)} times"
            raise InputError(problem, where="samples", hint="Drop one.")
    for name in NEEDED:
        if name not in there:
            free = {other.strip().casefold(): other for other in there if other not in READ}
            near = difflib.get_close_matches(name, free, 1, cutoff=0.6)
            meant = f"'{free[near[0]]}'" if near else "one"
            problem = f"the column '{name}' is missing. There are: {', '.join(there) or 'none'}"
            raise InputError(problem, where="samples", hint=f"Rename {meant} to '{name}': {EXPECTED}.")


def numbers_in(
    column: pd.Series[Any], where: str, problem: str, hint: str, *, least: float = -MOST, most: float = MOST
) -> Doubles:
    """A column as finite numbers, (n,), NaN where it is empty.

    Parameters
    ----------
    where, problem, hint : of the message about the first value that is not a number *least* to *most*; *where* has a
        place for its row, *problem* one for the value.

    Raises
    ------
    InputError : there is such a value.
    """
    numbers = np.array(pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan))
    wrong = (np.isnan(numbers) & column.notna().to_numpy()) | (numbers < least) | (numbers > most)
    if wrong.any():
        row = int(np.argmax(wrong))
        value = column.iloc[row]
        value = value.item() if isinstance(value, np.generic) else value
        raise InputError(problem.format(repr(value)), where=where.format(row + 1), hint=hint)
    return numbers


def named_labels(labels: Any, samples: Samples, count: int, name: str | None) -> pd.DataFrame:
    """Weak labels in columns of their names, a row per sample, index 0 ... n-1."""
    known = label_names()
    if not isinstance(labels, pd.DataFrame):
        if labels is None:
            raise InputError("no labels were given", where="labels", hint=f"Give {LABELS_EXPECTED}.")
        own = getattr(labels, "name", None)
        if own in known and name is not None and own != name:
            raise InputError(f"the labels are of '{own}', not of '{name}'", where="labels", hint="Give label=None.")
        # an array without a name is taken for an importance of which more is better
        chosen = own if own in known else (name or USUAL)
        column = np.asarray(labels)
        if column.ndim == 2 and column.shape[1] == 1:
            column = column[:, 0]
        if column.ndim != 1:
            problem = f"labels have {column.ndim} dimensions"
            raise InputError(problem, where="labels", hint=f"Give {LABELS_EXPECTED}.")
        labels = pd.DataFrame({chosen: column})
    there = label_names(labels.columns)
    if not there:
        found = ", ".join(map(str, labels.columns)) or "none"
        hint = f"Name a column of numbers as one of {', '.join(known)}."
        raise InputError(f"no weak label among the columns ({found})", where="labels", hint=hint)
    if "sample_id" in labels.columns and isinstance(samples, pd.DataFrame) and "sample_id" in samples.columns:
        labels = by_id(labels, samples["sample_id"])
    if len(labels) != count:
        raise InputError(f"{count} samples and {len(labels)} labels", where="labels", hint="Give a label per row.")
    place, problem, hint = "labels, row {{}}, field '{}'", "{} is not a finite number", "Give NaN for no label."
    return pd.DataFrame({name: numbers_in(labels[name], place.format(name), problem, hint) for name in there})


def by_id(labels: pd.DataFrame, wanted: pd.Series[str]) -> pd.DataFrame:
    """The labels of each sample, by its id; NaN where there is none."""
    known = labels.set_index("sample_id")
    if known.index.duplicated().any():
        twice = known.index[known.index.duplicated()][0]
        raise InputError(f"the sample '{twice}' has two labels", where="labels", hint="Give one row per sample.")
    return known.reindex(wanted.to_numpy()).reset_index(drop=True)


def remembered(told: Any, fitted: list[str]) -> dict[str, Any]:
    """``label``, ``settings`` and ``columns`` of an estimator that was saved, without what none has."""
    own = table_of(told)
    settings, columns = table_of(own.get("settings")), own.get("columns")
    known = {field.name: settings.get(field.name) for field in fields(StudentSettings)}
    return {
        "label": own.get("label") if own.get("label") in fitted else None,
        "settings": {name: value for name, value in known.items() if type(value) in (int, float)},
        "columns": [name for name in READ if isinstance(columns, list) and name in columns] or list(READ),
    }


def rank_agreement(predicted: Doubles, label: Doubles) -> float:
    """Spearman's rank correlation over the rows that have a label; 0 where one side is constant."""
    known = ~np.isnan(label)
    if known.sum() < 2 or np.ptp(predicted[known]) == 0 or np.ptp(label[known]) == 0:
        return 0.0
    return float(spearmanr(predicted[known], label[known]).statistic)


def tell(what: str) -> None:
    """Say what :meth:`ImportanceScorer.fit` does."""
    say(f"[ImportanceScorer] {what}")
