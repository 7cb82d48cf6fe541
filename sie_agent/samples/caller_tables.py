"""Tables of samples that a caller of a Python function gives, checked before they are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sie_agent.errors import InputError

READ = ("sample_id", "query", "title", "description", "label")
TEXTS = ("query", "title", "description")
LOAD = "sie_agent.load_samples(FILE, column_map=…)"


def check_samples(samples: pd.DataFrame, columns: Sequence[str] = READ) -> None:
    """Make sure that a table has the columns of the schema that are read, with texts and numbers in them.

    Parameters
    ----------
    samples : as :func:`sie_agent.load_samples` gives it; *columns* : those that are read.

    Raises
    ------
    InputError : one is missing or holds something else; names it and what makes such a table.
    """
    there = [str(name) for name in samples.columns]
    missing = [name for name in columns if name not in there]
    if missing:
        noun, verb = ("columns", "are") if len(missing) > 1 else ("column", "is")
        problem = f"the {noun} {', '.join(map(repr, missing))} {verb} missing. There are: {', '.join(there) or 'none'}"
        hint = f"Load the file with {LOAD}, which brings any export into this form"
        raise InputError(problem, where="samples", hint=hint)
    for name in columns:
        if there.count(name) > 1:
            problem = f"the column '{name}' is there {there.count(name)} times"
            raise InputError(problem, where="samples", hint="Drop one")
        if name in TEXTS:
            for row, value in enumerate(samples[name].tolist()):
                if not isinstance(value, str):
                    hint = f"Load the file with {LOAD}, or fill the column with texts ('' where there is none)"
                    raise unexpected(samples[name], row, "a text", hint)
    if "label" in columns:
        # NaN where the log says nothing
        given = samples["label"]
        numbers = pd.to_numeric(given, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        wrong = (np.isnan(numbers) & ~pd.isna(given).to_numpy(dtype=bool)) | (numbers < 0) | (numbers > 1)
        if wrong.any():
            hint = f"Load the file with {LOAD}, whose map scales labels, or scale it"
            raise unexpected(given, int(np.argmax(wrong)), "a number from 0 to 1, or NaN", hint)


def unexpected(given: pd.Series, row: int, expected: str, hint: str) -> InputError:
    """A cell of a column holds something else than was expected."""
    where = f"samples, row {row + 1} (index {given.index[row]}), field '{given.name}'"
    return InputError(f"expected {expected}, found {given.iloc[row]!r:.60}", where=where, hint=hint)
