"""Guesses about columns."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.verbs.guess import guess_columns, simple


def frame(**columns: Any) -> pd.DataFrame:
    """A table with a query and a title, and these columns."""
    return pd.DataFrame({"query": ["a", "b", "c"], "title": ["x", "y", "z"], **columns})


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Product Title", "product_title"), ("productTitle", "product_title"), ("SKU", "sku"), ("is-click ", "is_click")],
)
def test_names_are_folded(name: str, expected: str) -> None:
    assert simple(name) == expected


def test_columns_of_a_typical_export() -> None:
    table = pd.DataFrame(
        {
            "ID": ["1", "2"],
            "Search Term": ["a", "b"],
            "productId": ["p", "q"],
            "Product Name": ["x", "y"],
            "clicked": [0, 1],
            "relevance": ["1.5", "3"],
            "unrelated": [1, 1],
        }
    )
    guess = guess_columns(table, "log.csv")
    assert guess.columns == {
        "query": "Search Term", "title": "Product Name", "item_id": "productId", "sample_id": "ID", "label": "clicked",
    }  # fmt: skip
    assert guess.scales == {"grade": {"column": "relevance", "minimum": 1.5, "maximum": 3}}
    assert any("whole scale" in note for note in guess.notes)


def test_home_depot_s_columns() -> None:
    table = pd.DataFrame(
        {
            "id": [2, 3],
            "product_uid": [1, 1],
            "product_title": ["x", "y"],
            "search_term": ["a", "b"],
            "relevance": [1, 3],
        }
    )
    guess = guess_columns(table, "pairs.parquet")
    assert guess.source("query") == "search_term" and guess.source("item_id") == "product_uid"
    assert guess.scales["grade"] == {"column": "relevance", "minimum": 1, "maximum": 3}


def test_counts_of_clicks_get_a_scale_from_nothing() -> None:
    guess = guess_columns(frame(clicks=[0, 4, 2]), "log.csv")
    assert guess.scales["label"] == {"column": "clicks", "minimum": 0, "maximum": 4}


def test_words_of_a_known_scale() -> None:
    guess = guess_columns(frame(esci_label=["Exact", "Irrelevant", "Substitute"]), "log.csv")
    assert guess.scales["grade"]["values"]["substitute"] == 0.6667


def test_words_of_no_known_scale_are_left_out() -> None:
    guess = guess_columns(frame(label=[0, 1, 0], grade=["hot", "cold", "warm"]), "log.csv")
    assert guess.source("grade") is None
    assert any("cold, hot, warm" in note for note in guess.notes)


@pytest.mark.parametrize("values", [[True, False, True], ["true", "false", "true"], ["1", "0", "1"]])
def test_true_and_false_are_a_label(values: list[Any]) -> None:
    assert guess_columns(frame(clicked=values), "log.csv").columns["label"] == "clicked"


def test_a_label_with_gaps_is_left_out() -> None:
    guess = guess_columns(frame(label=[1, None, 0], grade=[1, 0, 1]), "log.csv")
    assert guess.source("label") is None and any("has gaps" in note for note in guess.notes)


def test_an_id_that_repeats_is_none() -> None:
    guess = guess_columns(frame(id=["1", "1", "2"], label=[0, 1, 0]), "log.csv")
    assert guess.source("sample_id") is None and any("rows are numbered" in note for note in guess.notes)


def test_a_rank_that_begins_at_zero_is_no_position() -> None:
    assert guess_columns(frame(rank=[0, 1, 2], label=[0, 1, 0]), "log.csv").source("position") is None
    assert guess_columns(frame(rank=[1, 2, 3], label=[0, 1, 0]), "log.csv").source("position") == "rank"


def test_the_title_stands_for_a_missing_item_id() -> None:
    guess = guess_columns(frame(label=[0, 1, 0]), "log.csv")
    assert guess.columns["item_id"] == "title"


@pytest.mark.parametrize(
    ("columns", "says"),
    [({"title": ["x"]}, "query"), ({"query": ["a"]}, "title"), ({"query": ["a"], "title": ["x"]}, "label")],
)
def test_what_cannot_be_guessed(columns: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        guess_columns(pd.DataFrame(columns), "log.csv")
    assert "log.csv" in str(caught.value) and "--map" in str(caught.value)
