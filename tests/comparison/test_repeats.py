"""Stability: what a change does to a query, what is asked again, and how far answers stay the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.comparison.repeats import (
    PARAPHRASES,
    asked_again,
    last_word_first,
    other_case,
    other_number,
    sampled,
    stability_row,
)
from sie_agent.judging import load_variant
from sie_agent.judging.cache.key import key_maker

ROWS = pd.DataFrame(
    {"sample_id": ["a", "b", "c"], "query": ["garden hose", "lamp", "Brass Hooks"], "item_id": "i", "title": "t"}
)
LEVELS = np.array([0.0, 0.5, 1.0])


def test_changes_of_a_query() -> None:
    assert last_word_first("blue garden hose") == "hose blue garden" and last_word_first("lamp") == "lamp"
    assert other_number("garden hose") == "garden hoses" and other_number("hooks") == "hook"
    assert other_number("glass") == "glass" and other_number("size 12") == "size 12" and other_number("") == ""
    assert other_case("garden hose") == "Garden Hose" and other_case("USB hub") == "usb hub"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_no_query_breaks_a_change(query: str) -> None:
    for change in PARAPHRASES.values():
        assert isinstance(change(query), str)
    assert sorted(last_word_first(query).split()) == sorted(query.split())


def test_what_is_asked_again() -> None:
    variant = load_variant("relevance/graded")
    again = list(asked_again(variant, ROWS, 2))
    assert [one.change for one in again] == ["repeat", "repeat", "examples", "word order", "plural", "letter case"]
    assert [one.repeat for one in again] == [1, 2, 0, 0, 0, 0]
    by_change = {one.change: one for one in again}
    assert by_change["examples"].variant.examples == variant.examples[::-1] and len(variant.examples) > 1
    # a query of one word has no order, and is left out
    assert by_change["word order"].rows["sample_id"].tolist() == ["a", "c"]
    assert by_change["letter case"].rows["query"].tolist() == ["Garden Hose", "Lamp", "brass hooks"]
    bare = {one.change: one for one in asked_again(load_variant("relevance/lexical"), ROWS, 1)}
    assert "no example" in bare["examples"].note and bare["examples"].rows.empty


def test_a_repeat_has_a_key_of_its_own_and_the_first_time_the_former_one() -> None:
    def key(**more: int) -> str:
        return key_maker(None, model="m", **more)([{"role": "user", "content": "x"}])

    assert key() == key(repeat=0) and len({key(), key(repeat=1), key(repeat=2)}) == 3
    # as it was before there were repeats
    assert key() == "adea0c18061a63849185080c522d91a1abc8c01efe30abf70ad726ce20cd1ac8"


def test_the_same_pairs_are_chosen_however_they_come() -> None:
    rows = pd.DataFrame({"sample_id": [f"s{n}" for n in range(50)], "query": "q"})
    chosen = sampled(rows, 10)["sample_id"].tolist()
    assert sampled(rows.sample(frac=1, random_state=3), 10)["sample_id"].tolist() == chosen and len(chosen) == 10


def test_how_far_answers_stay_the_same() -> None:
    first, again = np.array([0.0, 0.5, 1.0, 0.2]), np.array([0.0, 1.0, 1.0, np.nan])
    row = stability_row("repeat", [first], [again], [np.array([0, 0, 1, 2])], LEVELS)
    assert (row["n_pairs"], row["n_failed"]) == (3, 1)
    assert row["same_level"]["value"] == pytest.approx(2 / 3) and row["mean_change"]["value"] == pytest.approx(1 / 6)
    assert 0 <= row["same_level"]["ci_low"] <= row["same_level"]["ci_high"] <= 1
    several = stability_row("repeat", [first] * 2, [again] * 2, [np.array([0, 0, 1, 2])] * 2, LEVELS)
    assert several["n_pairs"] == 6 and several["same_level"]["value"] == row["same_level"]["value"]
    # asked twice, a query is not two queries
    assert several["same_level"]["ci_low"] == pytest.approx(row["same_level"]["ci_low"])
    assert "same_level" not in stability_row("examples", [], [], [], LEVELS)
