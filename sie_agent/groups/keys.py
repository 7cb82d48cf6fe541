"""Which group each row of a log is in: its query, item, shopper, department, or anything else that is known of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples import COLUMNS

DEPARTMENT = "department"
# the column of samples that each kind of group is by
OWN_COLUMNS = {"query": "query", "item": "item_id", "user": "user_id"}
KINDS = (*OWN_COLUMNS, DEPARTMENT)
# what shops call it, the first that a row has
DEPARTMENT_NAMES = ("department", "category")
NAMES_SHOWN = 12


def check_kinds(by: Sequence[str]) -> None:
    """Raise InputError if *by* is empty, names a kind twice, or names a column that cannot group rows."""
    if not by:
        raise InputError("no kind of group is named", where="--by", hint=f"Choose of {', '.join(KINDS)}.")
    for place, name in enumerate(by):
        if name in by[:place]:
            raise InputError(f"'{name}' occurs twice", where="--by", hint="Name each kind of group once.")
        if name not in KINDS and (name in COLUMNS or not name.strip()):
            meant = next((f"; did you mean '{kind}'?" for kind, column in OWN_COLUMNS.items() if column == name), "")
            hint = f"Choose of {', '.join(KINDS)}, or name an attribute or a column that the column map keeps."
            raise InputError(f"rows are not grouped by '{name}'{meant}", where="--by", hint=hint)


def group_keys(samples: pd.DataFrame, by: str) -> pd.Series[str]:
    """The group of each row, "" of a row that is in none; index as of *samples*.

    Parameters
    ----------
    samples : in the schema of samples, with the columns that the column map keeps.
    by : ``query``, ``item``, ``user`` or ``department``; else the name of a further column, or of an attribute.
        ``department`` is such a name too, and where a row has none, ``category``.
    """
    found = pd.Series("", index=samples.index, dtype=object)
    if by in OWN_COLUMNS:
        name = OWN_COLUMNS[by]
        return texts(samples[name]) if name in samples.columns else found
    for name in DEPARTMENT_NAMES if by == DEPARTMENT else (by,):
        absent = (found == "").to_numpy(dtype=bool)
        rows = samples[absent]
        if name in rows.columns:
            found[absent] = texts(rows[name])
        elif "attributes" in rows.columns:
            found[absent] = attribute(rows["attributes"], name)
    return found


def texts(column: pd.Series) -> pd.Series[str]:
    """A column as text, "" where it is empty."""
    # as objects: a column of whole numbers with gaps takes no text
    return column.astype(object).where(column.notna(), "").astype(str).str.strip()


def attribute(attributes: pd.Series, name: str) -> pd.Series[str]:
    """One attribute of each row as text, "" where it has none."""
    known: dict[str, str] = {}
    for text in attributes.unique():
        value = attributes_of(text).get(name)
        if isinstance(value, str) or value is None:
            known[text] = (value or "").strip()
        else:
            known[text] = json.dumps(value, ensure_ascii=False)
    return attributes.map(known)


def attributes_of(text: object) -> dict[str, object]:
    """The attributes in a cell of the samples table; none of a cell that holds no object."""
    try:
        told = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def names_in(samples: pd.DataFrame) -> list[str]:
    """The names, beside the schema's own, that the rows could be grouped by."""
    further = [str(name) for name in samples.columns if name not in COLUMNS]
    texts_there: Iterable[object] = samples["attributes"].unique() if "attributes" in samples.columns else ()
    return list(dict.fromkeys([*further, *(name for text in texts_there for name in attributes_of(text))]))


def no_group(by: str, where: str, names: Sequence[str]) -> InputError:
    """No row of the log is in a group of this kind.

    Parameters
    ----------
    names : what the rows could be grouped by.
    """
    if by == "user":
        return InputError(
            "no row has a user_id",
            where=f"{where}, field 'user_id'",
            hint="Map the column that names shoppers in a column map (columns: {user_id: …}), or leave out --by user.",
        )
    there = f"; names there are: {', '.join(names[:NAMES_SHOWN])}" if names else ""
    return InputError(
        f"no row has a '{by}', neither as a column nor among its attributes{there}",
        where=where,
        hint=f"Name its column in a column map (attributes: {{{by}: COLUMN}}), or leave out --by {by}.",
    )
