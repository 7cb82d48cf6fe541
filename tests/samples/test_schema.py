"""The schema: what validation fills in, coerces and keeps."""

from __future__ import annotations

import json
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import COLUMNS, validate_samples, without_grade


def small(**columns: object) -> pd.DataFrame:
    return pd.DataFrame({"query": ["lamp", "desk"], "item_id": [1, 2], "title": ["A lamp", "A desk"], **columns})


def test_optional_columns_are_filled_in() -> None:
    table = validate_samples(small(), "test")
    assert tuple(table.columns) == COLUMNS
    assert table["sample_id"].tolist() == ["1", "2"]
    assert table["item_id"].tolist() == ["1", "2"]
    assert table["attributes"].tolist() == ["{}", "{}"]
    assert table["history"].tolist() == ["[]", "[]"]
    assert table[["label", "grade", "position"]].isna().all().all()
    assert table["label"].dtype == np.float64
    assert str(table["position"].dtype) == "Int64"


def test_ids_that_became_floats_are_whole_numbers_again() -> None:
    table = validate_samples(small(sample_id=[7.0, 8.0], user_id=[3.0, np.nan]), "test")
    assert table["sample_id"].tolist() == ["7", "8"]
    assert table["user_id"].tolist() == ["3", ""]


def test_control_characters_become_spaces() -> None:
    table = validate_samples(small(title=["A\0lamp\x1b[0m", "A\tdesk\n"], description=["one\ntwo\x07", "\x85"]), "test")
    assert table["title"].tolist() == ["A lamp [0m", "A desk"]
    assert table["description"].tolist() == ["one\ntwo ", " "]


def test_half_a_surrogate_pair_does_not_stop_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    ids = pd.Series(["6", "\udc00 7"], dtype=object)
    frame = small(sample_id=ids).astype(object)
    frame.loc[0, "title"] = "lamp \ud83d"
    table = validate_samples(frame, "test")
    assert table["title"].iloc[0] == "lamp \ufffd" and table["sample_id"].iloc[1] == "\ufffd 7"
    said = capsys.readouterr().err
    assert "'title': in 1 text, halves" in said and "'sample_id': in 1 text" in said


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", " 0.5 "], [1.0, 0.5]),
        ([True, False], [1.0, 0.0]),
        (["true", "False"], [1.0, 0.0]),
        ([1, 0], [1.0, 0.0]),
        (pd.array([1, 0], dtype="Int8"), [1.0, 0.0]),
    ],
)
def test_labels_of_every_make(values: object, expected: list[float]) -> None:
    assert validate_samples(small(label=values), "test")["label"].tolist() == expected


def test_grades_may_be_given_for_some_rows() -> None:
    assert validate_samples(small(grade=["", "1"]), "test")["grade"].isna().tolist() == [True, False]


def test_objects_and_lists_become_json() -> None:
    table = validate_samples(
        small(attributes=[{"color": "grün"}, '{"size": 3}'], history=[np.array([4, 5]), '["a", 6]']), "test"
    )
    assert [json.loads(text) for text in table["attributes"]] == [{"color": "grün"}, {"size": 3}]
    assert [json.loads(text) for text in table["history"]] == [["4", "5"], ["a", "6"]]


def test_positions_may_be_missing() -> None:
    table = validate_samples(small(position=[3, None]), "test")
    assert table["position"].iloc[0] == 3
    assert table["position"].isna().tolist() == [False, True]


def test_further_columns_are_kept_behind_the_schema() -> None:
    table = validate_samples(small(season=["spring", "fall"]), "test")
    assert table.columns[-1] == "season"
    assert "season" not in without_grade(table)


def test_without_grade_hides_the_grade_and_leaves_the_frame_alone(graded: pd.DataFrame) -> None:
    hidden = without_grade(graded)
    assert "grade" not in hidden
    assert list(hidden.columns) == [name for name in COLUMNS if name != "grade"]
    assert "grade" in graded


def test_the_row_that_messages_quote_is_that_of_the_source() -> None:
    frame = small(title=["A lamp", " "])
    frame.index = pd.Index([4, 9], name="line")
    with pytest.raises(InputError, match=r"log\.jsonl, line 9, field 'title'"):
        validate_samples(frame, "log.jsonl")


def test_validating_twice_changes_nothing(graded: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(validate_samples(graded, "again"), graded)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1, max_size=8))
def test_any_text_is_either_refused_or_storable(texts: list[tuple[str, str]]) -> None:
    frame = pd.DataFrame(
        {"query": [query for query, _ in texts], "item_id": "i", "title": [title for _, title in texts]},
        dtype=object,
    )
    with suppress(InputError):
        table = validate_samples(frame, "test")
        for name in ("query", "title"):
            assert all(text.encode() and text == text.strip() for text in table[name])
