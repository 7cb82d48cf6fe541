"""Columns of behaviour features among the samples: they begin with ``shopper_`` and hold numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from sie_agent.samples.row_places import Places
from sie_agent.samples.text_columns import text_column
from sie_agent.utils.arrays import Doubles

SHOPPER = "shopper_"
# no count, share or number of days is larger; what is was read wrongly
LARGEST = 1e12
HINT = "`sie behaviour` writes such columns; call a column of another kind something else"


def shopper_columns(names: Iterable[object]) -> list[str]:
    """Those of some columns that hold behaviour features, in their order."""
    return [str(name) for name in names if str(name).startswith(SHOPPER)]


def behaviour_column(name: str, given: pd.Series, place: Places) -> pd.Series:
    """A number per row, NaN where it is not known.

    Parameters
    ----------
    name, given : the column. place : refuses rows whose cell is no number, or none between -1e12 and 1e12.

    Returns
    -------
    (n,) float64; index 0 … n-1.
    """
    values = plain_numbers(given)
    if values is None:
        texts = text_column(given).str.strip()
        values = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        none = np.isnan(values) & ~texts.str.lower().isin(("", "nan")).to_numpy(bool)
        place.refuse_all(none, name, "the behaviour feature {} is no number", HINT, given)
    outside = np.abs(values) > LARGEST
    problem = "the behaviour feature {} is not a number between -1e12 and 1e12"
    place.refuse_all(outside, name, problem, HINT, given)
    return pd.Series(np.where(outside, np.nan, values))


def plain_numbers(given: pd.Series) -> Doubles | None:
    """The values of a column of numbers; None where it holds something else."""
    if not pd.api.types.is_numeric_dtype(given.dtype):
        return None
    return np.asarray(given.to_numpy(np.float64, na_value=np.nan), np.float64)
