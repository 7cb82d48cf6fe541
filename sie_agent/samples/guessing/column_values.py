"""What the values of a column look like: words, codes, numbers; whether they follow the item or vary with the query."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.samples.sources.decimals import Doubtful, guessed_numbers
from sie_agent.samples.splits import normalise_query

ROWS_LOOKED_AT = 20_000
# faults in a few cells do not make a column another one
NEARLY_ALL = 0.95
MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:[a-zA-Z]{2,8}|#\d{2,6});")
CJK = r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
NO_TEXT = r"^(?:https?://\S+|[\d\s:.,/TZ+-]+|[0-9a-fA-F-]{16,}|\S*\d\S*)$"


def filled(column: pd.Series) -> pd.Series:
    """The cells that are not empty, as stripped text."""
    texts = column.dropna().astype(str).str.strip()
    return texts[texts != ""]


def numbers_in(column: pd.Series) -> npt.NDArray[np.float64]:
    """The cells that are not empty as numbers, true and false as 1 and 0, NaN for all else."""
    texts = filled(column).str.casefold().replace({"true": "1", "false": "0"})
    try:
        return guessed_numbers(texts)
    except Doubtful:
        return np.full(len(texts), np.nan)


def mostly(mask: Iterable[bool]) -> bool:
    """Whether nearly all are true; not of nothing."""
    values = np.fromiter(mask, bool)
    return bool(len(values)) and float(values.mean()) >= NEARLY_ALL


def reads_like_words(column: pd.Series) -> bool:
    """Whether most cells are words of a language, neither codes nor numbers nor dates nor addresses."""
    texts = filled(column.iloc[:ROWS_LOOKED_AT])
    # objects and lists of other tools hold texts, and are none
    if texts.empty or not all(isinstance(cell, str) for cell in column.dropna().iloc[:ROWS_LOOKED_AT]):
        return False
    worded = texts.str.contains(r"[^\W\d_]", regex=True) & ~texts.str.fullmatch(NO_TEXT)
    several = texts.str.contains(r"\s", regex=True) | texts.str.contains(CJK, regex=True)
    return float(worded.mean()) > 0.8 and float(several.mean()) > 0.2


def mean_words(column: pd.Series) -> float:
    """Words per cell that is not empty."""
    texts = filled(column.iloc[:ROWS_LOOKED_AT])
    return float(np.mean([len(text.split()) for text in texts])) if len(texts) else 0.0


def share_one_each(values: pd.Series, by: pd.Series) -> float:
    """Share of the values of *by* that stand beside one value alone, of those that stand in several rows."""
    table = pd.DataFrame({"value": values.astype(str), "by": by.astype(str)})[(values.notna() & by.notna()).to_numpy()]
    table = table[table["value"].str.strip() != ""].iloc[:ROWS_LOOKED_AT]
    groups = table.groupby("by")["value"].agg(["size", "nunique"])
    several = groups[groups["size"] > 1]
    return float((several["nunique"] == 1).mean()) if len(several) else float("nan")


def has_markup(column: pd.Series) -> bool:
    """Whether HTML stands in more than a few cells."""
    texts = filled(column.iloc[:ROWS_LOOKED_AT])
    return bool(len(texts)) and float(texts.str.contains(MARKUP).mean()) > 0.01


def counts_from_one(column: pd.Series) -> bool:
    """Whether the cells are whole numbers from 1 upwards."""
    values = numbers_in(column)
    return mostly((values >= 1) & (values % 1 == 0))


def counts(column: pd.Series) -> bool:
    """Whether the cells are whole numbers from 0 upwards, not all of them 0."""
    values = numbers_in(column)
    return mostly((values >= 0) & (values % 1 == 0)) and bool((values > 0).any())


def holds_lists(column: pd.Series) -> bool:
    """Whether the cells are lists of ids, as such or as JSON."""
    cells = column.iloc[:ROWS_LOOKED_AT].dropna()
    return len(cells) > 0 and mostly(is_list(cell) for cell in cells)


def is_list(cell: object) -> bool:
    """A list, an array, or the JSON text of one."""
    if isinstance(cell, list | tuple | np.ndarray):
        return True
    try:
        return isinstance(cell, str) and isinstance(json.loads(cell), list)
    except ValueError:
        return False


def repeated_pairs(query: pd.Series, item: pd.Series) -> int:
    """How many rows are of a pair of query and item that a row before is of."""
    # a Parquet column of texts keeps its nulls when it is made text
    texts = {"query": query.fillna("").astype(str), "item": item.fillna("").astype(str).str.strip()}
    keys = pd.DataFrame(texts)
    keys["query"] = keys["query"].map({text: normalise_query(text) for text in keys["query"].unique()})
    return int(keys[(keys != "").all(axis=1)].duplicated().sum())
