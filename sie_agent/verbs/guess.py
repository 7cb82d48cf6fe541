"""Guesses what the columns of someone's file are, by their names and their values."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples import Doubtful, guessed_numbers

NAMES: dict[str, tuple[str, ...]] = {
    "query": (
        "query",
        "search_query",
        "search_term",
        "search_terms",
        "query_text",
        "keyword",
        "keywords",
        "search",
        "q",
    ),
    "title": ("title", "product_title", "item_title", "product_name", "item_name", "name", "product"),
    "item_id": (
        "item_id",
        "product_id",
        "product_uid",
        "asin",
        "sku",
        "item",
        "pid",
        "doc_id",
        "document_id",
        "listing_id",
    ),
    "sample_id": ("sample_id", "row_id", "example_id", "impression_id", "id"),
    "description": ("description", "product_description", "item_description", "desc", "product_text"),
    "label": (
        "label",
        "clicked",
        "click",
        "is_click",
        "is_clicked",
        "clicks",
        "purchased",
        "purchase",
        "purchases",
        "is_purchase",
        "bought",
        "ordered",
        "orders",
        "converted",
        "conversion",
        "add_to_cart",
        "y",
        "target",
    ),
    "grade": (
        "grade",
        "relevance",
        "relevance_grade",
        "relevance_score",
        "esci_label",
        "human_label",
        "human_relevance",
        "judgment",
        "judgement",
        "rating",
        "gain",
    ),
    "user_id": ("user_id", "customer_id", "shopper_id", "visitor_id", "session_id"),
    "position": ("position", "rank", "pos", "display_position"),
    "timestamp": ("timestamp", "time", "date", "datetime", "event_time"),
}
WORDS: tuple[dict[str, float], ...] = (
    {"exact": 1.0, "substitute": 0.6667, "complement": 0.3333, "irrelevant": 0.0},
    {"e": 1.0, "s": 0.6667, "c": 0.3333, "i": 0.0},
    {"exact": 1.0, "partial": 0.5, "irrelevant": 0.0},
    {"excellent": 1.0, "good": 0.6667, "fair": 0.3333, "bad": 0.0},
    {"relevant": 1.0, "partially relevant": 0.5, "irrelevant": 0.0},
    {"relevant": 1.0, "not relevant": 0.0},
    {"yes": 1.0, "no": 0.0},
)


@dataclass
class Guess:
    """What a file's columns seem to be.

    Attributes
    ----------
    columns : schema column to source column; scales : ``label`` and ``grade`` as a column map writes them.
    notes : what a person should look at.
    """

    columns: dict[str, str] = field(default_factory=dict)
    scales: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def source(self, name: str) -> str | None:
        """The source column of a schema column."""
        scale = self.scales.get(name)
        return str(scale["column"]) if scale else self.columns.get(name)


def guess_columns(frame: pd.DataFrame, where: str) -> Guess:
    """Guess the column map of a table.

    Parameters
    ----------
    frame : the source's own table; where : its name, for messages.

    Raises
    ------
    InputError : no column looks like the query or the title, or none like a label or a grade.
    """
    guess, taken = Guess(), set[str]()
    there = [str(name) for name in frame.columns]
    for name, known in NAMES.items():
        found = next((column for column in ranked(there, known) if column not in taken), None)
        if found is None:
            continue
        taken.add(found)
        guess.columns[name] = found
    for name in ("query", "title"):
        if name not in guess.columns:
            raise InputError(
                f"no column looks like the {name}; the columns are: {', '.join(there)}",
                where=where,
                mend=f"Write a column map (columns: {{{name}: YOUR_COLUMN, …}}) and give it with --map.",
            )
    if "item_id" not in guess.columns:
        guess.columns["item_id"] = guess.columns["title"]
        guess.notes.append("No column looks like an item id: the title stands for it.")
    drop_repeated_ids(frame, guess)
    drop_positions(frame, guess)
    for name in ("label", "grade"):
        put_scale(frame, guess, name)
    if guess.source("label") is None and guess.source("grade") is None:
        raise InputError(
            f"no column looks like a label (clicks, purchases) or a human grade; the columns are: {', '.join(there)}",
            where=where,
            mend="Write a column map and give it with --map. `sie label` does without both.",
        )
    return guess


def ranked(there: Sequence[str], known: Sequence[str]) -> list[str]:
    """Those of the columns whose name is a known one, the best known first."""
    by_name = {simple(column): column for column in reversed(there)}
    return [by_name[name] for name in known if name in by_name]


def simple(name: str) -> str:
    """``Product Title`` and ``productTitle`` as ``product_title``."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def drop_repeated_ids(frame: pd.DataFrame, guess: Guess) -> None:
    """An id that repeats is no sample id: rows are numbered instead."""
    column = guess.columns.get("sample_id")
    if column is not None and (frame[column].astype(str).duplicated().any() or frame[column].isna().any()):
        del guess.columns["sample_id"]
        guess.notes.append(f"'{column}' repeats or has gaps, so it is no id of a row: rows are numbered.")


def drop_positions(frame: pd.DataFrame, guess: Guess) -> None:
    """A position counts from 1 in whole numbers; anything else is left out."""
    column = guess.columns.get("position")
    if column is None:
        return
    try:
        values = pd.Series(guessed_numbers(frame[column].dropna().astype(str))).dropna()
    except Doubtful:
        values = pd.Series(dtype="float64")
    if values.empty or (values < 1).any() or (values % 1 != 0).any():
        del guess.columns["position"]
        guess.notes.append(f"'{column}' does not count from 1, so it is not taken for the position.")


def put_scale(frame: pd.DataFrame, guess: Guess, name: str) -> None:
    """Take the label or grade as it is if it lies in [0, 1], else with the scale its values show."""
    column = guess.columns.pop(name, None)
    if column is None:
        return
    texts = frame[column].dropna().astype(str).str.strip().str.casefold()
    texts = texts[texts != ""]
    if name == "label" and 0 < len(texts) < len(frame):
        guess.notes.append(f"'{column}' has gaps, and a log has a label in every row or in none: it is left out.")
        return
    try:
        values = guessed_numbers(texts.replace({"true": "1", "false": "0"}))
    except Doubtful as error:
        guess.notes.append(f"'{column}' is left out: {error}. Write thousands without a separator.")
        return
    if len(values) and not np.isnan(values).any():
        low, high = float(values.min()), float(values.max())
        if low >= 0 and high <= 1:
            guess.columns[name] = column
        elif low < high:
            low = min(low, 0.0) if low < 1 else low
            guess.scales[name] = {"column": column, "minimum": tidy(low), "maximum": tidy(high)}
            guess.notes.append(f"'{column}' goes from {low:g} to {high:g} here: is that its whole scale?")
        return
    scale = next((words for words in WORDS if set(texts.unique()) <= set(words)), None)
    if scale is not None:
        guess.scales[name] = {"column": column, "values": dict(scale)}
    else:
        shown = ", ".join(sorted(texts.unique())[:5])
        guess.notes.append(f"'{column}' holds words of no known scale ({shown}): it is left out.")


def tidy(value: float) -> int | float:
    """A whole number where it is one."""
    return int(value) if value == int(value) else value
