"""A log without queries: who bought what after what. Its query is the shopper's history."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from sie_agent.samples.guessing.column_values import holds_lists
from sie_agent.samples.guessing.names import KIND_OF_EVENT, NAMES, PAGE_OR_LIST, WORTH, ranked, simple, worth_of_words
from sie_agent.samples.maps.column_maps import ColumnMap
from sie_agent.samples.shop_logs.next_items import MADE

if TYPE_CHECKING:
    from sie_agent.samples.guessing.guess import Guess

    Guesser = Callable[[pd.DataFrame, ColumnMap | None], Guess]

# a column with more different values names something else
MOST_EVENT_WORDS = 50
# columns of the log that a rule and a column map call the same
FROM_LOG = ("user_id", "item_id", "timestamp", "history", "title")


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
    event: dict[str, Any] | None = None
    event_notes: list[str] = []
    if lists is not None:
        target = next((name for name in ranked(free, NAMES["target"]) if name != lists), None) or item
        part = {"user_id": user, "history": lists, "target": target}
        which = f"the next one in '{target}'" if target else "whose last is the next"
        told = f"a list of items in '{lists}', {which}"
    elif item in frame.columns and time in frame.columns and frame[user].duplicated().any():
        event, event_notes = event_words(frame, {user, item, time})
        if event is None and shows(frame, guess):
            return
        if title == item or title not in frame.columns:
            title = None
        part = {"events": True, "user_id": user, "item_id": item, "timestamp": time, "title": title}
        part |= {} if event is None else {"event": event}
        told = f"a row for each event, in the order of '{time}'"
    else:
        return
    guess.next_item = {"title": None, "target": None, **part} if lists else {"title": None, **part}
    taken.update(str(value) for value in part.values() if isinstance(value, str))
    if event is not None:
        taken.add(event["column"])
    if guess.source("label") not in (None, event and event["column"]):
        guess.notes.append(f"'{guess.source('label')}' is not used: of a history, what comes next is the label.")
    guess.columns = {name: name for name in MADE}
    guess.scales, guess.events, guess.impressions, guess.html, guess.attributes = {}, {}, None, [], {}
    guess.notes = [note for note in guess.notes if not note.startswith("Rows are events")]
    label = "1 for what came next, 0 for others that are drawn"
    if event is not None:
        label = f"what the next item's event in '{event['column']}' is worth, 0 for other items that are drawn"
    log = f"There is no query, but there are shoppers ('{user}') with {told}: this is a recommender's log."
    guess.notes.append(f"{log} The query is made of the titles of the last items; the label is {label}.")
    guess.notes += event_notes if event is None else [*event_notes, about_events(event)]
    if not part.get("title"):
        guess.notes.append(
            "Items have no titles here, so their ids stand for them, which no judge can read: name a file of items in "
            "the map (next_item: {items: {file: FILE, item_id: …, title: …}}), with what the file calls its columns."
        )


def event_words(frame: pd.DataFrame, others: set[str | None]) -> tuple[dict[str, Any] | None, list[str]]:
    """The column that names the event of each row, what each of its words is worth, and what to say of it.

    What is not known does not count. Where no word is a sign of interest, there is none: all rows count alike.

    Parameters
    ----------
    frame : the log. others : columns that are something else.
    """
    free = [name for name in map(str, frame.columns) if name not in others]
    named = ranked(free, KIND_OF_EVENT)
    notes: list[str] = []
    for kind in [*named, *(name for name in free if name not in named)]:
        known, unknown = worth_of_words(frame[kind], MOST_EVENT_WORDS + 1)
        found = [*known, *unknown]
        if not found or len(found) > MOST_EVENT_WORDS or (kind not in named and (unknown or len(found) < 2)):
            continue
        if WORTH["click"] not in known.values():
            known |= {word: WORTH["click"] for word in known if simple(word) in PAGE_OR_LIST}
        if not any(known.values()):
            none = f"'{kind}' may name the events, but none of its values is known to be a sign of interest"
            way = f"say in the map what each is worth (next_item: {{event: {{column: {kind}, values: {{…}}}}}})"
            notes.append(f"{none} ({', '.join(found[:5])}): all rows count alike. If some should not, {way}.")
            continue
        if unknown:
            fate = "they do not count until the map says what they are worth (next_item.event.values)"
            notes.append(f"'{kind}' has events that are not known ({', '.join(unknown[:5])}): {fate}.")
        values = {**dict.fromkeys(unknown, 0.0), **known}
        return {"column": kind, "values": dict(sorted(values.items(), key=lambda one: (one[1], one[0])))}, notes
    return None, notes


def about_events(event: dict[str, Any]) -> str:
    """Which events count, in words."""
    counted = [f"{word} {worth:g}" for word, worth in event["values"].items() if worth]
    left_out = [word for word, worth in event["values"].items() if not worth]
    told = f"Events in '{event['column']}' that count, and what they are worth as a label: {', '.join(counted)}."
    if left_out:
        told += f" Left out of histories and next items: {', '.join(left_out)}."
    return f"{told} Change it in the map under next_item.event.values."


def completed_rule(frame: pd.DataFrame, given: ColumnMap, guess_columns: Guesser) -> Guess:
    """What a map for a log without queries lacks: the columns of the log that its ``next_item`` does not name.

    Parameters
    ----------
    frame : the log. given : the map, with ``next_item``.
    guess_columns : guesses the columns of a table.
    """
    rule = given.next_item
    assert rule is not None
    named = {*given.columns, *given.constants, *(name for name in ("label", "grade") if getattr(given, name))}
    made = {name: name for name in MADE if name not in named} if not {*MADE[1:5]} <= named else {}
    told = rule.model_dump(mode="json", exclude_unset=True)
    wanted = ["user_id", *(["item_id", "timestamp"] if rule.events else ["history", "target"])]
    # without a file of items the titles are the events' own
    wanted += ["title"] if rule.events and rule.items is None else []
    sources = {name: getattr(rule, name) for name in wanted}
    complete = all(source is None or source in frame.columns for source in sources.values())
    known = {name: source for name, source in told.items() if name in FROM_LOG and source in frame.columns}
    fresh = guess_columns(frame, ColumnMap.model_validate({"columns": known}))
    found = fresh.next_item
    guess = fresh.__class__(columns=made)
    if complete:
        guess.next_item = told if made else None
        named_event = None if found is None else found.get("event")
        if rule.events and rule.event is None and named_event is not None:
            how: dict[str, Any] = {"allow_unicode": True, "sort_keys": False, "width": 10_000}
            line = yaml.safe_dump(named_event, default_flow_style=True, **how)
            way = f"To let events count by their worth, add to next_item: event: {line.strip()}"
            guess.notes.append(f"All rows count alike, as your map does not use '{named_event['column']}'. {way}")
    else:
        guess.notes = fresh.notes
        usable = {
            name: value
            for name, value in told.items()
            if name not in (*FROM_LOG, "target") or value is None or value in frame.columns
        }
        if rule.items is not None:
            # names that the log does not have are the file's
            names = {name: told[name] for name in ("item_id", "title") if name in told and name not in usable}
            usable |= {"items": {**names, **told["items"]}, "title": None}
            guess.notes = [note for note in fresh.notes if not note.startswith("Items have no titles")]
        guess.next_item = {**(found or {}), **usable}
    chosen = guess.next_item or told
    used = {one for one in chosen.values() if isinstance(one, str)}
    used |= {str(chosen["event"]["column"])} if chosen.get("event") else set()
    guess.unmapped = [str(name) for name in frame.columns if str(name) not in used]
    return guess
