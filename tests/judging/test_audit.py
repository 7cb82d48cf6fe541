"""What `sie prompts check` finds in a variant, alone and beside data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.judging import DataAudit, audit, list_variants, load_variant
from sie_agent.judging.prompts.audit_data import near, normalised

from .conftest import table

SCALE = [{"token": "0", "value": 0.0, "meaning": "no"}, {"token": "1", "value": 1.0, "meaning": "yes"}]
GOOD: dict[str, Any] = {
    "about": "a test",
    "aspect": "relevance",
    "method": "graded",
    "scale": SCALE,
    "system": "Grade it.\n0: no.\n1: yes.",
    "examples": [
        {"query": "red mug", "title": "Red Stoneware Mug, 350 ml, Dishwasher Safe", "answer": "1"},
        {"query": "bath mat", "title": "Door Mat", "answer": "0"},
    ],
    "user": "<query>{{ query }}</query> <item>{{ title }}</item>",
}
LIKELIHOOD = {"about": "a test", "aspect": "relevance", "method": "likelihood", "user": "{{ title }} =>"}


def found(folder: Path, content: Mapping[str, Any], columns: tuple[str, ...] = (), count: Any = None) -> list[str]:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(dict(content)), encoding="utf-8")
    return [f"{one.level} {one.kind} {one.where}: {one.told}" for one in audit(load_variant(path), count, columns)]


@pytest.mark.parametrize("name", list_variants())
def test_what_ships_has_no_problem(name: str) -> None:
    assert [one for one in audit(load_variant(name)) if one.level == "problem"] == []


def levels(*tokens: str) -> dict[str, Any]:
    """The variant with other tokens, explained as they should be."""
    scale = [{"token": token, "value": place / 9, "meaning": "x"} for place, token in enumerate(tokens)]
    return {**GOOD, "scale": scale, "system": "\n".join(f"{token}: x" for token in tokens), "examples": []}


SYSTEM = GOOD["system"]
EXAMPLE = GOOD["examples"][0]
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("long token", levels("irrelevant", "good"), "problem tokens scale: 'irrelevant' may be several tokens"),
    ("alike", levels("good", "great"), "problem tokens scale: 'good' and 'great' begin alike"),
    ("alike but for capitals", levels("Yes", "yep"), "problem tokens scale: 'Yes' and 'yep' begin alike"),
    ("sign", levels("+", "-"), "problem tokens scale: '+' may be several"),
    ("not told", {**GOOD, "system": "0: no."}, "problem levels system: level '1' of the scale stands neither"),
    ("within a number", {**GOOD, "system": "0: no, 10 times."}, "problem levels system: level '1'"),
    ("told too many", {**GOOD, "system": f"{SYSTEM}\n2: more."}, "problem levels system: explains a level '2'"),
    ("no example", {**GOOD, "examples": [EXAMPLE]}, "note levels examples: none has the answer '0'"),
    (
        "field of no use",
        {**GOOD, "examples": [{**EXAMPLE, "description": "Fired twice"}, GOOD["examples"][1]]},
        "problem fields examples, number 1: has 'description', which the template does not show",
    ),
    (
        "reason of no use",
        {**GOOD, "examples": [{**EXAMPLE, "rationale": "It is red"}, GOOD["examples"][1]]},
        "problem fields examples, number 1: has 'rationale'",
    ),
    (
        "an example that is cleaned away",
        {
            **GOOD,
            "user": "<query>{{ query }}</query> <item>{{ title }} {{ description }}</item>",
            "examples": [{**EXAMPLE, "description": "grade: 3"}, GOOD["examples"][1]],
        },
        "problem fields examples, number 1: of 'description' nothing is shown",
    ),
    ("limit of no use", {**GOOD, "max_description_chars": 50}, "note fields max_description_chars: is of no use"),
    (
        "limit that hides",
        {
            **GOOD,
            "user": "<query>{{ query }}</query> <item>{{ title }} {{ attributes }}</item>",
            "max_attributes_chars": 0,
        },
        "problem fields max_attributes_chars: is 0",
    ),
    ("column", {**GOOD, "system": f"{SYSTEM} Think of esci_label."}, "problem grades system: names 'esci_label'"),
    ("column of the data", {**GOOD, "system": f"{SYSTEM} As my_stars."}, "problem grades system: names 'my_stars'"),
    (
        "stated grade",
        {**GOOD, "examples": [{**EXAMPLE, "title": "Red Mug (relevance: 2.67)"}, GOOD["examples"][1]]},
        "problem grades examples, number 1: the text of an item states a grade: 'relevance: 2'",
    ),
    ("no curve", LIKELIHOOD, "problem calibration calibration: none is given"),
]


@pytest.mark.parametrize(("content", "words"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_found(tmp_path: Path, content: dict[str, Any], words: str) -> None:
    told = found(tmp_path, content, ("my_stars", "grade"))
    assert any(one.startswith(words) for one in told), told


def test_nothing_is_found_in_a_sound_one(tmp_path: Path) -> None:
    assert found(tmp_path, GOOD, ("my_stars", "grade")) == []
    assert found(tmp_path, {**LIKELIHOOD, "calibration": {"center": 1.0, "width": 2.0}}) == []


def test_a_tokenizer_at_hand_is_believed(tmp_path: Path) -> None:
    assert not found(tmp_path, levels("irrelevant", "good"), count=lambda text: 1)
    told = found(tmp_path, GOOD, count=lambda text: 2 if "1" in text else 1)
    assert len(told) == 1 and told[0].startswith(
        "problem tokens scale: '1' is 2 tokens to the embedded model, and only"
    )


def test_a_part_is_named(tmp_path: Path) -> None:
    facets = [{"name": "kind", "question": "0: no. 1: yes."}, {"name": "use", "question": "Is it 1?"}]
    told = found(tmp_path, {**GOOD, "method": "facets", "facets": facets, "system": "", "examples": []})
    assert told == ["problem levels use, system: level '0' of the scale stands neither in system nor in user"]


def beside(folder: Path, content: Mapping[str, Any], *chunks: pd.DataFrame) -> list[str]:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(dict(content)), encoding="utf-8")
    watch = DataAudit(load_variant(path))
    for chunk in chunks:
        watch.add(chunk)
    return [f"{one.level} {one.kind} {one.where}: {one.told}" for one in watch.findings()]


def test_examples_that_stand_in_the_data(tmp_path: Path) -> None:
    plain = table([("blue mug", "Blue Mug"), ("shelf", "Oak Shelf")])
    assert beside(tmp_path, GOOD, plain) == []
    same = table([("Red  MUG", "red stoneware mug 350 ml - dishwasher safe")]).assign(grade=1.0)
    told = beside(tmp_path, GOOD, plain, same)
    assert told == [
        "problem examples examples, number 1: its title stands in the data, under the same query: "
        "it is judged with its answer in view",
        "problem grades examples, number 1: its answer is the grade that the data has for this pair",
    ]
    nearly = table([("mug", "Red Stoneware Mug 350 ml, Dishwasher Safe, New")])
    (told_near,) = beside(tmp_path, GOOD, nearly)
    assert told_near.startswith("problem examples examples, number 1: its title is nearly one of the data")
    assert beside(tmp_path, GOOD, table([("bath mat", "Bath Towel")])) == [
        "note examples examples, number 2: its query is one of the data"
    ]


def test_a_rubric_that_quotes_the_data(tmp_path: Path) -> None:
    quoting = {**GOOD, "system": f"{SYSTEM} A tall oak shelf with doors is furniture."}
    assert "quotes a title" in beside(tmp_path, quoting, table([("shelf", "Tall Oak Shelf with Doors")]))[0]
    assert beside(tmp_path, quoting, table([("shelf", "Oak Shelf")])) == []


def test_fields_that_only_one_of_both_has(tmp_path: Path) -> None:
    rows = table([("shelf", "Oak Shelf"), ("shelf", "Pine Shelf")]).assign(description=["Tall", ""])
    assert beside(tmp_path, GOOD, rows) == [
        "note fields user: the data has 'description' in 50% of its rows, and the template does not show it"
    ]
    shown = {**GOOD, "user": "<query>{{ query }}</query> <item>{{ title }} {{ attributes }}</item>"}
    assert "note fields user: shows 'attributes', which no row of the data has" in beside(tmp_path, shown, rows)


@given(st.text(max_size=30))
def test_the_same_words_are_the_same_however_they_are_written(text: str) -> None:
    assert normalised(f"  {text}!") == normalised(text)
    assert normalised(" ".join(normalised(text))) == normalised(text)


def test_near_is_four_fifths_of_all_words() -> None:
    words = [f"w{number}" for number in range(10)]
    assert near(set(words), set(words[:8])) and not near(set(words), set(words[:7])) and not near(set(), set())
