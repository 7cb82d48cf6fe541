"""A log without queries: who bought what after what. Its query is the shopper's history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from sie_agent.verbs.guess_names import NAMES, ranked
from sie_agent.verbs.guess_values import holds_lists

if TYPE_CHECKING:
    from sie_agent.verbs.guess import Guess

# what next_item makes of a log, in names of the schema
MADE = ("sample_id", "query", "item_id", "title", "label", "user_id", "history")


def shows(frame: pd.DataFrame, guess: Guess) -> bool:
    """Whether rows are what a shopper was shown, not what a shopper chose: they have places, or came to nothing."""
    told = [*guess.events, *([guess.columns["label"]] if "label" in guess.columns else [])]
    chosen = pd.Series(False, frame.index)
    for name in told:
        texts = frame[name].astype(str).str.strip().str.casefold()
        chosen |= ~(frame[name].isna() | texts.isin(["", "0", "0.0", "false", "no", "nein"]))
    return "position" in guess.columns or bool(told and not chosen.all())


def guess_histories(frame: pd.DataFrame, guess: Guess, taken: set[str], known: dict[str, str]) -> None:
    """Recognise a recommender log: no query, but shoppers, and a list of items each or a row for each item and time."""
    have = {**known, **guess.columns}
    user = have.get("user_id")
    if "query" in have or user not in frame.columns:
        return
    free = [name for name in frame.columns if name not in taken or name in guess.columns.values()]
    lists = next((name for name in ranked(free, NAMES["history"]) if holds_lists(frame[name])), None)
    lists = lists or next((name for name in free if holds_lists(frame[name])), None)
    item, time, title = have.get("item_id"), have.get("timestamp"), have.get("title")
    part: dict[str, Any]
    if lists is not None:
        target = next((name for name in ranked(free, NAMES["target"]) if name != lists), None) or item
        part = {"user_id": user, "history": lists, "target": target}
        told = f"a list of items in '{lists}'" + (
            f", the next one in '{target}'" if target else ", whose last is the next"
        )
    elif item in frame.columns and time in frame.columns and frame[user].duplicated().any() and not shows(frame, guess):
        if title == item or title not in frame.columns:
            title = None
        part = {"events": True, "user_id": user, "item_id": item, "timestamp": time, "title": title}
        told = f"a row for each event, in the order of '{time}'"
    else:
        return
    guess.next_item = {"title": None, "target": None, **part} if lists else {"title": None, **part}
    taken.update(str(value) for value in part.values() if isinstance(value, str))
    gone = [name for name in ("label",) if guess.source(name) is not None]
    for name in gone:
        guess.notes.append(f"'{guess.source(name)}' is not used: of a history, what comes next is the label.")
    guess.columns = {name: name for name in MADE}
    guess.scales, guess.events, guess.impressions, guess.html = {}, {}, None, []
    guess.attributes = {}
    guess.notes = [note for note in guess.notes if not note.startswith("Rows are events")]
    guess.notes.append(
        f"There is no query, but there are shoppers ('{user}') with {told}: this is a recommender's log. The query "
        "is made of the titles of the last items; the label is 1 for what came next, 0 for others that are drawn."
    )
    if not part.get("title"):
        guess.notes.append(
            "Items have no titles here, so their ids stand for them, which no judge can read: name a file of items in "
            "the map (next_item: {items: FILE, item_id: …, title: …})."
        )
