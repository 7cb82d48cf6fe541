"""What the log says of a row: columns of clicks, carts and purchases, a column that names the event, or a label."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sie_agent.samples.guessing.column_values import counts_from_one, mostly, numbers_in
from sie_agent.samples.guessing.guess_scales import put_scale
from sie_agent.samples.guessing.names import EVENTS, KIND_OF_EVENT, NAMES, WORTH, ranked, worth_of_words

if TYPE_CHECKING:
    from sie_agent.samples.guessing.guess import Guess

YES_OR_NO = ("true", "false", "yes", "no", "y", "n", "ja", "nein", "j", "x", "-", "t", "f")


# what rows of one impression have in common, the surest name first
VISITS = """impression_id search_id query_id request_id session_id session sessionid ga_session_id visit visit_id
        sitzung sitzungs_id"""


def guess_events(frame: pd.DataFrame, guess: Guess, taken: set[str]) -> None:
    """Find the label: a column of that name, else events; never what says the same as the human grade."""
    there = [name for name in map(str, frame.columns) if name not in taken]
    found = {kind: first_event(frame, there, known) for kind, known in EVENTS.items()}
    events = {kind: column for kind, column in found.items() if column is not None}
    label = next((name for name in ranked(there, NAMES["label"]) if name not in events.values()), None)
    if label is not None and says_the_grade(frame, guess, label):
        guess.notes.append(f"'{label}' says the same as the grade, which must not become the log's label: left out.")
        taken.add(label)
        label = None
    if label is not None and events and graded_label(frame[label]):
        fate = "left out" if "grade" in guess.columns else "taken for a human grade"
        guess.columns.setdefault("grade", label)
        guess.notes.append(f"'{label}' holds degrees beside clicks or purchases: it is {fate}.")
        taken.add(label)
        label = None
    if label is not None:
        taken.add(label)
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


def first_event(frame: pd.DataFrame, there: list[str], known: str) -> str | None:
    """The surest column of this kind that holds counts, yes and no, or gaps."""
    return next((name for name in ranked(there, known) if tells_events(frame[name])), None)


def tells_events(column: pd.Series) -> bool:
    """Whether the cells are counts, or yes and no, and not times or ids of orders."""
    texts = column.dropna().astype(str).str.strip().str.casefold()
    texts = texts[(texts != "") & ~texts.isin(YES_OR_NO)]
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
    if only is not None and not counted and not has_gaps(frame[only]) and not rarely_more_than_once(frame[only]):
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
    return bool((column.isna() | (column.astype(str).str.strip() == "")).any())


def rarely_more_than_once(column: pd.Series) -> bool:
    """Whether counts above 1 are few: then whether it took place says more than how often."""
    values = numbers_in(column)
    return bool(0 < float((values > 1).mean()) <= 0.05) if len(values) else False


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
        guess.notes.append(
            f"Rows are events: those of one pair with the same '{visit}' are one impression: its highest counts."
        )
        if visit in there:
            taken.add(visit)
