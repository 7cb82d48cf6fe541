"""Values of a scale looked up: words, numbers and booleans, as a column map's ``values`` name them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import numpy as np
import pandas as pd

from sie_agent.samples.sources.cell_texts import number_column
from sie_agent.samples.text_columns import text_column

# YAML reads yes, on and true as one value
WORDS = {True: ("true", "yes", "on", "1"), False: ("false", "no", "off", "0")}
Key = bool | str | int | float


def looked_up(given: pd.Series, values: Mapping[Key, float]) -> pd.Series:
    """What each cell stands for, NaN where it is empty or no key; index 0 … n-1.

    Numbers are looked up as numbers (3 and 3.00 are one), text case folded; a key that YAML read as a boolean stands
    for each word that it reads so, where no other key is that word.
    """
    by_number = {number: value for key, value in values.items() if (number := as_number(key)) is not None}
    numeric = pd.api.types.is_numeric_dtype(given.dtype) and not pd.api.types.is_bool_dtype(given.dtype)
    if not numeric:
        known = {word: value for key, value in values.items() if isinstance(key, bool) for word in WORDS[key]}
        known |= {fold(key): value for key, value in values.items() if not isinstance(key, bool)}
        found = text_column(given).str.strip().str.casefold().map(known).astype(float).reset_index(drop=True)
        if given.dtype != object:
            return found
        # cells of JSON, or of a column that shows its decimals
        cells = [float(cell) if isinstance(cell, int | float | Decimal) else np.nan for cell in given.tolist()]
        return found.fillna(pd.Series(cells).map(by_number).astype(float))
    numbers = number_column(given).astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.Series(numbers).map(by_number).astype(float)


def as_number(key: Key) -> float | None:
    """The number that a key is, None where it is a word."""
    try:
        return float(key)
    except ValueError:
        return None


def fold(key: str | int | float) -> str:
    """The text under which a value of a scale is looked up; 3 and 3.0 are one."""
    return str(int(key) if isinstance(key, float) and key.is_integer() else key).strip().casefold()


def refuse_same_words(values: Mapping[Key, float]) -> None:
    """Raise ValueError where two keys that are looked up as one stand for different numbers: ``A`` and ``a``."""
    met: dict[str | float, tuple[Key, float]] = {}
    for key, value in values.items():
        number = as_number(key)
        for word in (str(key).lower() if isinstance(key, bool) else fold(key), *(() if number is None else (number,))):
            other = met.setdefault(word, (key, value))
            if other[1] != value:
                raise ValueError(f"the values {other[0]!r} and {key!r} mean the same here: leave one of them out")
