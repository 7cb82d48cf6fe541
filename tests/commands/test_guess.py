"""Guesses about columns."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from sie_agent.samples import ColumnMap
from sie_agent.samples.guessing.guess import guess_columns
from sie_agent.samples.guessing.names import simple, squashed

from ..samples.raw_logs import MAP, raw_log


def frame(**columns: Any) -> pd.DataFrame:
    """A table with a query and a title, and these columns."""
    return pd.DataFrame({"query": ["a", "b", "c"], "title": ["x", "y", "z"], **columns})


def shop(names: dict[str, str], count: int = 60) -> pd.DataFrame:
    """A log with these names for ``query``, ``item``, ``title`` and whatever else is asked for."""
    usual = {
        "query": [("red shoes", "blue socks", "warm hat")[row % 3] for row in range(count)],
        "item": [f"A-{row % 20}" for row in range(count)],
        "title": [f"Fine thing number {row % 20}" for row in range(count)],
        "click": [int(row % 4 == 0) for row in range(count)],
        "cart": [int(row % 8 == 0) for row in range(count)],
        "buy": [int(row % 16 == 0) for row in range(count)],
        "user": [f"u{row % 7}" for row in range(count)],
        "time": [f"2026-01-{1 + row % 28:02d}" for row in range(count)],
        "place": [1 + row % 5 for row in range(count)],
        "brand": ["Acme"] * count,
        "price": ["9,99 €"] * count,
    }
    return pd.DataFrame({name: usual[what] for name, what in names.items()})


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Product Title", "product_title"), ("productTitle", "product_title"), ("SKU", "sku"), ("is-click ", "is_click"),
     ("Größe", "groesse")],
)  # fmt: skip
def test_names_are_folded(name: str, expected: str) -> None:
    assert simple(name) == expected


def test_how_a_name_is_written_does_not_matter() -> None:
    assert {squashed(name) for name in ("departmenT", "Department", "DEPARTMENT", "depart-ment")} == {"department"}


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
    guess = guess_columns(table)
    assert guess.columns == {
        "query": "Search Term", "title": "Product Name", "item_id": "productId", "sample_id": "ID", "label": "clicked",
    }  # fmt: skip
    assert guess.scales == {"grade": {"column": "relevance", "minimum": 1.5, "maximum": 3}}
    assert any("whole scale" in note for note in guess.notes) and guess.unmapped == ["unrelated"]


def test_a_raw_log_whole() -> None:
    guess = guess_columns(raw_log(count=1_000, missing_names=38))
    assert guess.columns == MAP["columns"] and guess.attributes == MAP["attributes"]
    assert guess.events == MAP["events"] and guess.impressions == MAP["impressions"] and guess.html == MAP["html"]
    assert not guess.missing and guess.unmapped == ["session"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        # a German shop
        ({"Suchbegriff": "query", "Artikelnummer": "item", "Produktname": "title", "Geklickt": "click",
          "Warenkorb": "cart", "Gekauft": "buy", "Kundennummer": "user", "Zeitstempel": "time", "Platz": "place",
          "Hersteller": "brand", "Preis": "price"},
         {"query": "Suchbegriff", "item_id": "Artikelnummer", "title": "Produktname", "user_id": "Kundennummer",
          "timestamp": "Zeitstempel", "position": "Platz", "attributes.brand": "Hersteller",
          "attributes.price": "Preis", "label": "Geklickt 0.3, Warenkorb 0.6, Gekauft 1"}),
        # a GA4 export to BigQuery, flattened
        ({"event_timestamp": "time", "user_pseudo_id": "user", "event_params.search_term": "query",
          "items.item_id": "item", "items.item_name": "title", "items.item_brand": "brand", "items.price": "price",
          "items.item_list_index": "place", "select_item": "click", "add_to_cart": "cart", "purchase": "buy"},
         {"query": "event_params.search_term", "item_id": "items.item_id", "title": "items.item_name",
          "user_id": "user_pseudo_id", "timestamp": "event_timestamp", "position": "items.item_list_index",
          "attributes.brand": "items.item_brand", "attributes.price": "items.price",
          "label": "select_item 0.3, add_to_cart 0.6, purchase 1"}),
        # Shopify
        ({"Search Query": "query", "Variant SKU": "item", "Title": "title", "Vendor": "brand", "Variant Price": "price",
          "Clicks": "click", "Orders": "buy"},
         {"query": "Search Query", "item_id": "Variant SKU", "title": "Title", "attributes.brand": "Vendor",
          "attributes.price": "Variant Price", "label": "Clicks 0.3, Orders 1"}),
        # Algolia
        ({"query": "query", "objectID": "item", "name": "title", "userToken": "user", "positions": "place",
          "clicked": "click", "converted": "buy"},
         {"query": "query", "item_id": "objectID", "title": "name", "user_id": "userToken", "position": "positions",
          "label": "clicked 0.3, converted 1"}),
        # click logs in Elasticsearch
        ({"@timestamp": "time", "_source.user_query": "query", "_source.doc_id": "item", "_source.title": "title",
          "_source.rank": "place", "_source.click": "click"},
         {"query": "_source.user_query", "item_id": "_source.doc_id", "title": "_source.title",
          "position": "_source.rank", "timestamp": "@timestamp", "label": "_source.click"}),
        # names that stand over ids here and over titles there
        ({"keyword": "query", "product": "item", "product_name": "title", "user": "user", "department": "brand",
          "is_click": "click"},
         {"query": "keyword", "item_id": "product", "title": "product_name", "user_id": "user",
          "attributes.department": "department", "label": "is_click"}),
        ({"search": "query", "product": "title", "ean": "item", "departmenT": "brand", "bought": "buy"},
         {"query": "search", "item_id": "ean", "title": "product", "attributes.department": "departmenT",
          "label": "bought"}),
    ],
    ids=["german", "ga4", "shopify", "algolia", "elasticsearch", "product-is-id", "product-is-title"],
)  # fmt: skip
def test_what_shops_and_tools_call_their_columns(names: dict[str, str], expected: dict[str, str]) -> None:
    guess = guess_columns(shop(names))
    told = {**guess.told, "label": guess.told.get("label", guess.columns.get("label"))}
    assert told == expected and not guess.missing


def test_values_tell_where_names_do_not() -> None:
    table = shop({"was_gesucht": "query", "code": "item", "etwas": "title", "ja_nein": "click"}).rename(
        columns={"ja_nein": "clicked", "code": "sku"}
    )
    guess = guess_columns(table)
    assert guess.columns["query"] == "was_gesucht" and guess.columns["title"] == "etwas"
    assert sum("Unsure" in note for note in guess.notes) == 2


def test_a_row_for_each_event() -> None:
    table = shop({"search_term": "query", "item_id": "item", "item_name": "title", "session_id": "user"})
    table["event_name"] = ["view_item_list", "select_item", "add_to_cart", "purchase"] * 15
    guess = guess_columns(table)
    assert guess.scales["label"]["values"] == {
        "view_item_list": 0.0, "select_item": 0.3, "add_to_cart": 0.6, "purchase": 1.0,
    }  # fmt: skip
    assert guess.impressions == {"visit": "session_id", "position": "mean"}


def test_rows_that_count_impressions() -> None:
    table = shop({"query": "query", "sku": "item", "title": "title", "clicks": "click", "orders": "buy"})
    table = table.assign(impressions=range(10, 70), clicks=range(60))
    guess = guess_columns(table)
    assert guess.impressions == {"count": "impressions", "position": "mean"}
    assert guess.events == {"clicks": 0.3, "orders": 1.0}


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
    guess = guess_columns(table)
    assert guess.source("query") == "search_term" and guess.source("item_id") == "product_uid"
    assert guess.scales["grade"] == {"column": "relevance", "minimum": 1, "maximum": 3}


def test_counts_of_clicks_get_a_scale_from_nothing() -> None:
    guess = guess_columns(frame(clicks=[0, 4, 2]))
    assert guess.scales["label"] == {"column": "clicks", "minimum": 0, "maximum": 4}


def test_an_event_with_empty_cells_did_not_take_place_there() -> None:
    guess = guess_columns(frame(clicked=["1", "", None]))
    assert guess.events == {"clicked": 1.0} and any("did not take place" in note for note in guess.notes)


def test_words_of_a_known_scale() -> None:
    guess = guess_columns(frame(esci_label=["Exact", "Irrelevant", "Substitute"]))
    assert guess.scales["grade"]["values"]["substitute"] == 0.6667


def test_words_of_no_known_scale_are_left_out() -> None:
    guess = guess_columns(frame(label=[0, 1, 0], grade=["hot", "cold", "warm"]))
    assert guess.source("grade") is None
    assert any("cold, hot, warm" in note for note in guess.notes)


@pytest.mark.parametrize("values", [[True, False, True], ["true", "false", "true"], ["1", "0", "1"]])
def test_true_and_false_are_a_label(values: list[Any]) -> None:
    assert guess_columns(frame(clicked=values)).columns["label"] == "clicked"


def test_a_label_with_gaps_is_left_out() -> None:
    guess = guess_columns(frame(label=[1, None, 0], grade=[1, 0, 1]))
    assert guess.source("label") is None and any("has gaps" in note for note in guess.notes)


def test_the_grade_under_another_name_is_no_label() -> None:
    table = shop({"query": "query", "sku": "item", "title": "title"})
    grades = [row % 4 for row in range(60)]
    guess = guess_columns(table.assign(relevance=grades, label=[grade / 3 for grade in grades]))
    assert guess.source("label") is None and guess.source("grade") == "relevance"
    assert any("must not become the log's label" in note for note in guess.notes)


def test_degrees_beside_clicks_are_a_grade() -> None:
    table = shop({"query": "query", "sku": "item", "title": "title", "clicked": "click"})
    guess = guess_columns(table.assign(label=[row % 4 for row in range(60)]))
    assert guess.source("grade") == "label" and guess.source("label") == "clicked"


def test_stars_of_a_product_are_no_grade() -> None:
    table = shop({"query": "query", "sku": "item", "title": "title", "clicked": "click"})
    guess = guess_columns(table.assign(rating=[1 + row % 20 % 5 for row in range(60)]))
    assert guess.source("grade") is None and guess.attributes == {"rating": "rating"}


def test_an_id_that_repeats_is_none() -> None:
    guess = guess_columns(frame(id=["1", "1", "2"], label=[0, 1, 0]))
    assert guess.source("sample_id") is None and any("rows are numbered" in note for note in guess.notes)


def test_a_rank_counts_from_one_or_zero() -> None:
    assert guess_columns(frame(rank=[0.5, 1, 2], label=[0, 1, 0])).source("position") is None
    assert guess_columns(frame(rank=[-1, 1, 2], label=[0, 1, 0])).source("position") is None
    assert guess_columns(frame(rank=[0, 1, 2], label=[0, 1, 0])).source("position") == "rank"
    assert guess_columns(frame(rank=[1, 2, 3], label=[0, 1, 0])).source("position") == "rank"


def test_the_title_stands_for_a_missing_item_id() -> None:
    guess = guess_columns(frame(label=[0, 1, 0]))
    assert guess.columns["item_id"] == "title"


@pytest.mark.parametrize(
    ("columns", "missing"),
    [
        ({"title": ["x"], "clicked": [1]}, ["query"]),
        ({"query": ["a"], "sku": ["1"], "clicked": [1]}, ["title"]),
        ({"query": ["a"], "title": ["x"]}, ["label"]),
    ],
)
def test_what_cannot_be_guessed_is_named(columns: dict[str, Any], missing: list[str]) -> None:
    assert guess_columns(pd.DataFrame(columns)).missing == missing


def test_what_is_given_is_not_guessed_again() -> None:
    given = ColumnMap.model_validate({"columns": {"query": "name"}, "attributes": {"shop": "brand"}})
    guess = guess_columns(raw_log(count=200, missing_names=0), given)
    assert "query" not in guess.columns and "name" not in guess.told.values() and "brand" not in guess.attributes


def test_logs_of_recommenders() -> None:
    events = shop({"customer_id": "user", "product_id": "item", "ts": "time", "product_name": "title"})
    guess = guess_columns(events)
    assert guess.next_item == {
        "title": "product_name", "events": True, "user_id": "customer_id", "item_id": "product_id", "timestamp": "ts",
    }  # fmt: skip
    assert not guess.missing and guess.columns["query"] == "query"
    lists = pd.DataFrame({"user": ["a", "b"], "items": ['["1", "2"]', '["2", "3"]'], "next_item": ["3", "1"]})
    guess = guess_columns(lists)
    assert guess.next_item == {"title": None, "target": "next_item", "user_id": "user", "history": "items"}
    without = guess_columns(lists.drop(columns="next_item"))
    assert without.next_item is not None and without.next_item["target"] is None
    assert any("no titles" in note for note in without.notes)
