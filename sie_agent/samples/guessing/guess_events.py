"""Guess the label: columns of clicks, carts and purchases, a column that names the event, or a label and its scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sie_agent.samples.guessing.column_values import counts_from_one, filled, mostly, numbers_in
from sie_agent.samples.guessing.names import EVENTS, KIND_OF_EVENT, NAMES, WORTH, ranked, worth_of_words

if TYPE_CHECKING:
    from sie_agent.samples.guessing.guess import Guess

YES_OR_NO = ("true", "false", "yes", "no", "y", "n", "ja", "nein", "j", "x", "-", "t", "f")

# what rows of one impression have in common, the surest name first
VISITS = """impression_id search_id query_id request_id session_id session sessionid ga_session_id visit visit_id
        sitzung sitzungs_id"""


SCALES: tuple[dict[str, float], ...] = (
    {"exact": 1.0, "substitute": 0.6667, "complement": 0.3333, "irrelevant": 0.0},
    {"e": 1.0, "s": 0.6667, "c": 0.3333, "i": 0.0},
    {"exact": 1.0, "partial": 0.5, "irrelevant": 0.0},
    {"excellent": 1.0, "good": 0.6667, "fair": 0.3333, "bad": 0.0},
    {"relevant": 1.0, "partially relevant": 0.5, "irrelevant": 0.0},
    {"relevant": 1.0, "not relevant": 0.0},
    {"yes": 1.0, "no": 0.0},
    {"ja": 1.0, "nein": 0.0},
)
# a label that some rows lack makes them rows that cannot be used; few may be
GAPS = 0.05


def guess_events(frame: pd.DataFrame, guess: Guess, taken: set[str]) -> None:
    """Find the label: a column of that name, else events; never what says the same as the human grade."""
    there = [name for name in map(str, frame.columns) if name not in taken]
    # of each kind the surest column that holds counts, yes and no, or gaps
    found = {kind: [one for one in ranked(there, known) if tells_events(frame[one])] for kind, known in EVENTS.items()}
    events = {kind: columns[0] for kind, columns in found.items() if columns}
    label = next((name for name in ranked(there, NAMES["label"]) if name not in events.values()), None)
    if label is not None:
        taken.add(label)
        if says_the_grade(frame, guess, label):
            told = f"'{label}' says the same as the grade, which must not become the log's label: left out."
            guess.notes.append(told)
        elif events and graded_label(frame[label]):
            fate = "left out" if "grade" in guess.columns else "taken for a human grade"
            guess.columns.setdefault("grade", label)
            guess.notes.append(f"'{label}' holds degrees beside clicks or purchases: it is {fate}.")
        else:
            guess.columns["label"] = label
            put_scale(frame, guess, "label")
            if guess.source("label") is not None:
                if events:
                    guess.notes.append(f"'{label}' is the label, so {', '.join(events.values())} say nothing more.")
                return
    if events:
        take_events(frame, guess, taken, events)
        return
    kind = next((name for name in ranked(there, KIND_OF_EVENT) if name not in taken), None)
    if kind is not None:
        take_words(frame, guess, taken, kind)


def tells_events(column: pd.Series) -> bool:
    """Whether the cells are counts, or yes and no, and not times or ids of orders."""
    texts = filled(column).str.casefold()
    texts = texts[~texts.isin(YES_OR_NO)]
    values = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
    return not len(values) or mostly((values >= 0) & (values % 1 == 0) & (values < 1e8))


def graded_label(column: pd.Series) -> bool:
    """Whether a label has degrees: more than two values, or words."""
    values = numbers_in(column)
    return bool(len(values)) and (bool(np.isnan(values).mean() > 0.5) or len(np.unique(values[~np.isnan(values)])) > 2)


def says_the_grade(frame: pd.DataFrame, guess: Guess, column: str) -> bool:
    """Whether a column orders all rows as the grade does: then it is the grade under another name."""
    grade = guess.columns.get("grade")
    if grade is None or len(frame) < 10 or frame[grade].nunique() < 2:
        return False
    both = frame[[grade, column]].dropna().astype(str)
    if both[column].nunique() < 2 or len(both) < 10:
        return False
    one_each = both.groupby(grade)[column].nunique().max() == 1
    # two values that follow a binary grade in every row are that grade as well
    return bool(one_each and both.groupby(column)[grade].nunique().max() == 1)


def take_events(frame: pd.DataFrame, guess: Guess, taken: set[str], events: dict[str, str]) -> None:
    """One column of zeros and ones is the label itself; of others, what each event is worth goes into the map."""
    taken.update(events.values())
    there = [name for name in map(str, frame.columns) if name not in taken]
    shown = next((name for name in ranked(there, NAMES["impressions"]) if counts_from_one(frame[name])), None)
    counted = shown is not None and bool((numbers_in(frame[shown]) > 1).any())
    if counted and shown is not None:
        guess.impressions = {"count": shown, "position": "mean"}
        taken.add(shown)
        guess.notes.append(f"'{shown}' counts impressions: a label is a mean over them, and rows of a pair are one.")
    only = next(iter(events.values())) if len(events) == 1 else None
    if (
        only is not None
        and not counted
        and not has_gaps(frame[only])
        # where counts above 1 are few, whether it took place says more than how often
        and not 0 < float((numbers_in(frame[only]) > 1).mean()) <= 0.05
    ):
        guess.columns["label"] = only
        put_scale(frame, guess, "label")
        if guess.source("label") is not None:
            return
    guess.events = {column: WORTH[kind] if only is None else 1.0 for kind, column in reversed(events.items())}
    for name in guess.events:
        if has_gaps(frame[name]):
            guess.notes.append(f"'{name}' is empty in some rows: there it did not take place.")


def has_gaps(column: pd.Series) -> bool:
    """Whether a cell is empty."""
    return len(filled(column)) < len(column)


def take_words(frame: pd.DataFrame, guess: Guess, taken: set[str], kind: str) -> None:
    """A row for each event, which a column names."""
    known, unknown = worth_of_words(frame[kind])
    if len(set(known.values())) < 2 and not (known and max(known.values()) > 0):
        return
    taken.add(kind)
    guess.scales["label"] = {"column": kind, "values": dict(sorted(known.items(), key=lambda one: one[1]))}
    if unknown:
        listed = ", ".join(unknown[:5])
        guess.notes.append(f"'{kind}' has events that are not known ({listed}): say in the map what they are worth.")
    there = [name for name in map(str, frame.columns) if name not in taken]
    visit = next(iter(ranked(there, VISITS)), None) or guess.columns.get("user_id")
    if visit is not None:
        guess.impressions = {"visit": visit, "position": "mean"}
        one_each = f"those of one pair with the same '{visit}' are one impression: its highest counts."
        guess.notes.append(f"Rows are events: {one_each}")
        if visit in there:
            taken.add(visit)


def put_scale(frame: pd.DataFrame, guess: Guess, name: str) -> None:
    """Take the label or grade as it is if it lies in [0, 1], else with the scale its values show."""
    column = guess.columns.pop(name, None)
    if column is None:
        return
    texts = filled(frame[column]).str.casefold()
    if name == "label" and GAPS * len(frame) < len(frame) - len(texts) < len(frame):
        guess.notes.append(f"'{column}' has gaps, and a log has a label in every row or in none: it is left out.")
        return
    values = numbers_in(frame[column])
    unreadable = float(np.isnan(values).mean()) if len(values) else 0.0
    values = values[~np.isnan(values)]
    if unreadable <= GAPS and len(values):
        low, high = float(values.min()), float(values.max())
        # a few slips outside 0 to 1 are rows that cannot be used
        if float(((values < 0) | (values > 1)).mean()) <= GAPS:
            guess.columns[name] = column
        elif low < high:
            low = min(low, 0.0) if low < 1 else low
            guess.scales[name] = {"column": column, "minimum": tidy(low), "maximum": tidy(high)}
            guess.notes.append(f"'{column}' goes from {low:g} to {high:g} here: is that its whole scale?")
        return
    if not len(texts):
        guess.columns[name] = column
        return
    scale = next((words for words in SCALES if set(texts.unique()) <= set(words)), None)
    if scale is not None:
        guess.scales[name] = {"column": column, "values": dict(scale)}
    else:
        shown = ", ".join(sorted(texts.unique())[:5])
        guess.notes.append(f"'{column}' holds words of no known scale ({shown}): it is left out.")


def tidy(value: float) -> int | float:
    """A whole number where it is one."""
    return int(value) if value == int(value) else value
