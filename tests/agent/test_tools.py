"""What each tool shows, and what none shows: a grade, or anything of the pair's own label and judgment."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.agent import TOOLS
from sie_agent.agent.shelf import Shelf
from sie_agent.agent.tools.departments import department

from .conftest import judged_of, log_of

FREE = [name for name, tool in TOOLS.items() if not tool.asks]


def shown(
    name: str, log: pd.DataFrame, place: int = 0, judged: pd.DataFrame | None = None, words: str = ""
) -> list[str]:
    """What a tool says about a row of a log."""
    look_up = TOOLS[name].look_up
    assert look_up is not None
    shelf = Shelf(log, judged_of(log) if judged is None else judged)
    return list(look_up(shelf, log.drop(columns=["grade", "label"]).iloc[place].to_dict(), words))


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("place", [0, 7, 19])
def test_no_tool_shows_a_grade_or_what_is_known_of_the_pair_itself(name: str, place: int) -> None:
    log, judged = log_of(), judged_of(log_of())
    log["history"] = json.dumps(["i1", "i2"])
    before = shown(name, log, place, judged)
    changed, rejudged = log.assign(grade=np.linspace(0, 1, len(log))), judged.copy()
    changed.loc[place, "label"] = 1.0 - changed.loc[place, "label"]
    rejudged.loc[place, "score"] = 0.123
    # the same pair again, as another impression and under another id, with the other label
    own = changed.iloc[[place, place]].assign(sample_id=["again", "other"], label=changed.loc[place, "label"])
    own = own.assign(item_id=[log.loc[place, "item_id"], "twin"], query=own["query"].str.upper())
    both = pd.concat([changed, own], ignore_index=True)
    again = pd.concat([rejudged, judged_of(own)], ignore_index=True)
    told = shown(name, both, place, again)
    if name == "departments":
        # the twin is another item of the catalogue: its department is no label
        told, before = told[1:], before[1:]
    assert told == before
    assert not any("0.12" in line for line in told)


def test_what_others_were_labelled_and_judged_is_shown() -> None:
    log = log_of()
    assert shown("results", log) != shown("results", log.assign(label=1.0 - log["label"]))
    assert shown("neighbours", log) != shown("neighbours", log, judged=judged_of(log).assign(score=0.25))


def test_clicked_results_come_first_and_each_title_once() -> None:
    log = log_of(20)
    log.loc[[3, 4], "label"] = 1.0
    told = shown("results", pd.concat([log, log.assign(sample_id=log["sample_id"] + "b")], ignore_index=True))
    assert told[:2] == [f"also shown: clicked, {log.loc[place, 'title']}" for place in (3, 4)]
    assert all(line.startswith("also shown: not clicked, ") for line in told[2:]) and len(told) == len(set(told)) == 4
    assert shown("results", log.assign(label=float("nan")))[0] == f"also shown: {log.loc[1, 'title']}"


def test_neighbours_are_judged_pairs_that_share_words() -> None:
    log = log_of()
    told = shown("neighbours", log, judged=judged_of(log).assign(score=0.25))
    assert told and all(line.startswith("near: 0.25, ") for line in told)
    failed = judged_of(log).assign(status="unparsed", score=float("nan"))
    assert shown("neighbours", log, judged=failed) == []
    assert "copper kettle" in shown("neighbours", log, words="copper kettle copper kettle")[0].lower()


def test_departments_of_the_hits() -> None:
    log = log_of()
    first, own = shown("departments", log)
    assert first.startswith("departments: ") and own == "this item: garden"
    assert shown("departments", log.assign(attributes="{}")) == []
    assert department('{"Category": "Garden & Home", "type": "x"}') == "Garden & Home"
    assert department("[1]") == department("{broken") == department('{"category": ["a"]}') == ""


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("coper ketle", ["spelling: copper for coper, kettle for ketle"]),
        ("garden hose", []),
        ("xyzzyqwerty", []),
        ("ab2c4", []),
    ],
)
def test_spelling(query: str, told: list[str]) -> None:
    log = log_of()
    assert shown("spelling", pd.concat([log.head(1).assign(query=query), log.iloc[1:]], ignore_index=True)) == told


def test_the_shoppers_history_latest_first_without_the_item() -> None:
    log = log_of()
    log["history"] = json.dumps(["i3", "i0", "unknown", "i5", "i3"])
    assert shown("shopper", log) == [f"had before: {log.loc[place, 'title']}" for place in (3, 5)]
    assert shown("shopper", log.assign(history="{broken")) == shown("shopper", log.assign(history='{"a": 1}')) == []


TEXTS = st.text(max_size=60)


@settings(max_examples=15)
@given(query=TEXTS, title=TEXTS, attributes=TEXTS, history=TEXTS, words=TEXTS)
@pytest.mark.parametrize("name", FREE)
def test_any_text_is_answered_in_short_lines(
    name: str, query: str, title: str, attributes: str, history: str, words: str
) -> None:
    log = log_of(6)
    texts: dict[str, Any] = {"query": query, "title": title, "attributes": attributes, "history": history}
    log = log.assign(**{column: [text, text, *log[column].iloc[2:]] for column, text in texts.items()})
    for line in shown(name, log, words=words):
        assert "\n" not in line and len(line) < 400 and "<" not in line
