"""Guesses what the columns of someone's file are, by their names and their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from sie_agent.samples.guessing.column_values import (
    counts,
    has_markup,
    mean_words,
    numbers_in,
    reads_like_words,
    repeated_pairs,
    share_one_each,
)
from sie_agent.samples.guessing.guess_events import guess_events, put_scale
from sie_agent.samples.guessing.guess_histories import completed_rule, guess_histories
from sie_agent.samples.guessing.names import ATTRIBUTES, NAMES, ranked, squashed
from sie_agent.samples.maps.column_maps import ColumnMap
from sie_agent.samples.maps.uses import columns_read
from sie_agent.samples.sample_schema import COLUMNS

# names that stand over titles in one shop and over ids in another
EITHER = ("product", "item", "artikel", "produkt")
NEEDED = ("query", "title", "item_id")
TEXTS = ("query", "title", "description")
# repeated pairs below this share are slips, not a log of impressions
REPEATS = 0.01
REPEATS_TOLD = "repeat a pair of query and item"


@dataclass
class Guess:
    """What a file's columns seem to be.

    Attributes
    ----------
    columns : schema column to source column; scales : ``label`` and ``grade`` as a column map writes them.
    attributes : attribute to source column; events, impressions, html, next_item : as a column map writes them.
    repeated : rows that repeat a pair.
    notes : what a person should look at; missing : what is needed and was not found; unmapped : columns left over.
    """

    columns: dict[str, str] = field(default_factory=dict)
    scales: dict[str, dict[str, Any]] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    events: dict[str, float] = field(default_factory=dict)
    impressions: dict[str, Any] | None = None
    repeated: int = 0
    html: list[str] = field(default_factory=list)
    next_item: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unmapped: list[str] = field(default_factory=list)

    def source(self, name: str) -> str | None:
        """The source column of a schema column."""
        scale = self.scales.get(name)
        return str(scale["column"]) if scale else self.columns.get(name)

    @property
    def labelled(self) -> bool:
        """Whether something says what the log thinks of a row."""
        return self.source("label") is not None or bool(self.events)

    @property
    def told(self) -> dict[str, str]:
        """What came from where, for people."""
        if self.next_item is not None:
            named = {name: value for name, value in self.next_item.items() if isinstance(value, str)}
            event = self.next_item.get("event")
            named |= {"event": event["column"]} if event else {}
            return {f"next_item.{name}": value for name, value in named.items()}
        told = {name: str(self.source(name)) for name in (*self.columns, *self.scales)}
        told |= {f"attributes.{name}": source for name, source in self.attributes.items()}
        if self.events:
            told["label"] = ", ".join(f"{name} {worth:g}" for name, worth in self.events.items())
        return told


def guess_columns(frame: pd.DataFrame, given: ColumnMap | None = None) -> Guess:
    """Guess the column map of a table, or what a partial one lacks.

    Parameters
    ----------
    frame : the source's own table.
    given : what is known already; its columns are not taken for anything else.
    """
    if given is not None and given.next_item is not None:
        return completed_rule(frame, given, guess_columns)
    guess = Guess()
    known = named_in(given)
    taken = set(known.values()) | sources_of(given)
    there = [str(name) for name in frame.columns]
    frame = frame.set_axis(there, axis=1)
    for name in ("query", "title", "item_id", "sample_id", "description", "grade", "user_id", "position", "timestamp"):
        if name in known:
            continue
        options = (one for one in ranked(there, NAMES[name]) if one not in taken)
        found = next((one for one in options if suits(frame[one], name)), None)
        if found is not None:
            taken.add(found)
            guess.columns[name] = found
    drop_ratings(frame, guess, known)
    guess_attributes(there, guess, taken, given)
    if "label" not in known and not (given and given.events):
        guess_events(frame, guess, taken)
    fill_by_values(frame, guess, taken, known)
    drop_repeated_ids(frame, guess)
    drop_positions(frame, guess)
    put_scale(frame, guess, "grade")
    guess_histories(frame, guess, taken, known)
    guess.columns = {name: guess.columns[name] for name in NAMES if name in guess.columns} | guess.columns
    if guess.next_item is None:
        about_pairs(frame, guess, known, given)
    there_is = {*guess.columns, *known} if guess.next_item is None else set(NEEDED)
    guess.missing = [name for name in NEEDED if name not in there_is]
    events = guess.events or guess.next_item or (given and given.events)
    if not events and not any(guess.source(name) or name in known for name in ("label", "grade")):
        guess.missing.append("label")
    guess.unmapped = [name for name in there if name not in taken]
    return guess


def named_in(given: ColumnMap | None) -> dict[str, str]:
    """Schema column to source column of a map; the first where several are joined."""
    if given is None:
        return {}
    columns = {str(name): source if isinstance(source, str) else source[0] for name, source in given.columns.items()}
    scales = {"label": given.label, "grade": given.grade, "position": given.position}
    columns |= {str(name): "" for name in given.constants}
    return columns | {name: scale.column for name, scale in scales.items() if scale is not None}


def sources_of(given: ColumnMap | None) -> set[str]:
    """The source columns that a map names for columns of the schema, to filter by, or to keep."""
    if given is None:
        return set()
    # names of the schema among those that are kept mean its own columns
    kept = set(given.keep) - set(COLUMNS)
    return {column for use, column in columns_read(given) if use in (*COLUMNS, "filters")} | kept


def suits(column: pd.Series, name: str) -> bool:
    """Whether the values do not speak against what the name says."""
    if name == "title" and squashed(str(column.name)) in EITHER and not reads_like_words(column):
        return False
    if name in TEXTS:
        # an id or a count is not text
        return bool(pd.isna(numbers_in(column)).mean() > 0.5) if len(numbers_in(column)) else True
    if name == "item_id":
        return mean_words(column) < 2.5
    return True


def guess_attributes(there: Sequence[str], guess: Guess, taken: set[str], given: ColumnMap | None) -> None:
    """Brand, price, category and the like."""
    if given is not None and "attributes" in (*given.columns, *given.constants):
        return
    for name, known in ATTRIBUTES.items():
        found = next((one for one in ranked(there, known) if one not in taken), None)
        if found is not None and name not in (given.attributes if given else {}):
            guess.attributes[name] = found
            taken.add(found)


def drop_ratings(frame: pd.DataFrame, guess: Guess, known: dict[str, str]) -> None:
    """Stars that a product has whatever was searched for are an attribute, no grade of a pair."""
    column, item = guess.columns.get("grade"), guess.columns.get("item_id") or known.get("item_id")
    query = guess.columns.get("query") or known.get("query")
    if column is None or not item or not query or item not in frame or query not in frame:
        return
    several = frame.groupby(frame[item].astype(str))[query].nunique()
    of_items = share_one_each(frame[column], frame[item]) == 1.0 and frame[column].nunique() > 1
    if (several > 1).sum() >= 3 and of_items and ranked([column], "rating gain"):
        del guess.columns["grade"]
        guess.attributes["rating"] = column
        guess.notes.append(f"'{column}' is the same for each item whatever the query: an attribute, not a grade.")


def fill_by_values(frame: pd.DataFrame, guess: Guess, taken: set[str], known: dict[str, str]) -> None:
    """Look at the values where no name told the query, the title or the item."""
    have = {**known, **guess.columns}
    free = [name for name in frame.columns if name not in taken and name not in guess.attributes.values()]
    worded = [name for name in free if reads_like_words(frame[name])]
    anchor = next((have[name] for name in ("item_id", "title") if have.get(name) in frame.columns), None)
    if anchor is not None and "query" not in have:
        varied = {name: share_one_each(frame[name], frame[anchor]) for name in worded}
        repeats = {name: frame[name].nunique() < 0.8 * frame[name].notna().sum() for name in worded}
        options = [name for name in worded if varied[name] < 0.5 and repeats[name] and mean_words(frame[name]) < 12]
        take(guess, taken, "query", min(options, key=lambda name: varied[name], default=None))
    if have.get("item_id") in frame.columns and "title" not in have:
        item = frame[have["item_id"]]
        options = [name for name in worded if name not in taken and share_one_each(frame[name], item) >= 0.9]
        options = [name for name in options if mean_words(frame[name]) < 30]
        take(guess, taken, "title", max(options, key=lambda name: frame[name].nunique(), default=None))
    title = have.get("title") or guess.columns.get("title")
    if title in frame.columns and "item_id" not in have:
        items = frame[title]

        def follows(name: str) -> bool:
            return share_one_each(frame[name], items) >= 0.95 and share_one_each(items, frame[name]) >= 0.95

        options = [name for name in free if name not in taken and items.nunique() > 2 and follows(name)]
        sample_id = guess.columns.get("sample_id")
        if sample_id and share_one_each(items, frame[sample_id]) >= 0.95:
            options.insert(0, sample_id)
        found = next(iter(options), None)
        if found is not None and found == sample_id:
            del guess.columns["sample_id"]
        take(guess, taken, "item_id", found)
    if title in frame.columns and "item_id" not in {**known, **guess.columns}:
        guess.columns["item_id"] = str(title)
        guess.notes.append("No column looks like an item id: the title stands for it.")


def take(guess: Guess, taken: set[str], name: str, column: str | None) -> None:
    """Take a column by its values, and say so."""
    if column is not None:
        guess.columns[name] = column
        taken.add(column)
        guess.notes.append(f"Unsure: '{column}' is taken for the {name} by its values alone, not by its name.")


def about_pairs(frame: pd.DataFrame, guess: Guess, known: dict[str, str], given: ColumnMap | None) -> None:
    """Impressions where pairs repeat, and HTML where there is some."""
    have = {**known, **guess.columns}
    marked = given.html if given else []
    named = {name: have[name] for name in TEXTS if have.get(name) in frame.columns and name not in marked}
    guess.html = [name for name, column in named.items() if has_markup(frame[column])]
    pair = [have.get("query"), have.get("item_id")]
    if guess.impressions is not None or (given and given.impressions) or not all(one in frame.columns for one in pair):
        return
    repeated = repeated_pairs(frame[pair[0]], frame[pair[1]])
    if repeated >= max(1, REPEATS * len(frame)):
        guess.impressions, guess.repeated = {"position": "mean"}, repeated
        guess.notes.append(
            f"{repeated:,} of {len(frame):,} rows {REPEATS_TOLD}: rows are impressions, and those of "
            "a pair become one row, with their mean label and their number. Without `impressions` in the map they stay."
        )


def drop_repeated_ids(frame: pd.DataFrame, guess: Guess) -> None:
    """An id that repeats is not a sample id: rows are numbered instead."""
    column = guess.columns.get("sample_id")
    if column is not None and (frame[column].astype(str).duplicated().any() or frame[column].isna().any()):
        del guess.columns["sample_id"]
        guess.notes.append(f"'{column}' repeats or has gaps, so it does not identify rows: rows are numbered.")


def drop_positions(frame: pd.DataFrame, guess: Guess) -> None:
    """A position counts from 1, or from 0, in whole numbers; anything else is left out."""
    column = guess.columns.get("position")
    if column is not None and not counts(frame[column]):
        del guess.columns["position"]
        guess.notes.append(f"'{column}' does not count from 1 or 0, so it is not taken for the position.")
