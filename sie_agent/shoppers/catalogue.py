"""The catalogue: what items are called, and their departments, brands and prices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.samples import read_file, text_column
from sie_agent.samples.row_places import Places
from sie_agent.samples.text_columns import as_written, clean_text, without_letters
from sie_agent.utils.arrays import Doubles

FACTS = ("department", "brand", "price")
HINT = "Give a table with item_id and any of title, department, brand, price"


def read_catalogue(source: str | Path | pd.DataFrame, needed: Sequence[str] = ()) -> pd.DataFrame:
    """The items of a shop.

    Parameters
    ----------
    source : a Parquet, CSV, TSV or JSONL file, or a table, with ``item_id`` and any of ``title``, ``department``,
        ``brand`` and ``price``.
    needed : columns that it has to have.

    Returns
    -------
    pandas.DataFrame
        ``item_id`` and those of the columns that are there: text, ``price`` float64 (NaN where there is none). Of an
        item that occurs twice the last row counts.

    Raises
    ------
    InputError : the file cannot be read, a column is missing, an id is empty, or a price is no number.
    """
    given = source if isinstance(source, pd.DataFrame) else read_file(user_path(source))
    where = "catalogue" if isinstance(source, pd.DataFrame) else str(user_path(source))
    names = [name for name in ("title", *FACTS) if name in given.columns]
    for name in ("item_id", *needed):
        if name not in given.columns:
            there = ", ".join(map(str, given.columns))
            raise InputError(f"the catalogue has no column '{name}'; its columns are: {there}", where=where, hint=HINT)
    if not names:
        raise InputError("the catalogue says nothing of its items", where=where, hint=HINT)
    place = Places(given.index, where)
    # ids are as the samples have them
    table: dict[str, pd.Series] = {"item_id": clean_text(as_written(given["item_id"]), one_line=True, strip=False)}
    table |= {name: text_column(given[name]).str.strip() for name in names}
    place.refuse_all(without_letters(table["item_id"]), "item_id", "the item_id is empty", "Give it, or drop the row")
    if "price" in names:
        table["price"] = pd.Series(prices(table["price"], place))
    return pd.DataFrame(table).drop_duplicates("item_id", keep="last").reset_index(drop=True)


def prices(texts: pd.Series, place: Places) -> Doubles:
    """The prices of a column of texts, (n,); NaN where there is none above 0."""
    values = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = ~np.isfinite(values) & ~texts.str.lower().isin(("", "nan")).to_numpy(bool)
    hint = "Write it with a decimal point and without a currency, or leave it empty"
    place.refuse_all(wrong, "price", "the price {} is no number", hint, texts)
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)
