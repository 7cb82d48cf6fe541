"""Impressions become pairs: the same as by hand, in any order, whole or in chunks of any size."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import ColumnMap, count_rows, load_column_map, load_samples, stream_samples, without_grade

from .raw_logs import MAP, raw_file

EVENTS = {"clicked": 0.3, "cart": 0.6, "bought": 1.0}
COLUMNS = {"query": "q", "item_id": "i", "title": "t", "position": "p", "user_id": "u"}


def mapped(**more: Any) -> ColumnMap:
    """A map of the columns of this file's logs."""
    return ColumnMap.model_validate({"columns": COLUMNS, "events": EVENTS, "impressions": {}, **more})


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A log with these rows, the rest by default."""
    usual = {"q": "lamp", "i": "1", "t": "Lamp", "p": 1, "u": "a", "clicked": 0, "cart": 0, "bought": 0}
    pd.DataFrame([{**usual, **row} for row in rows]).to_csv(path, index=False)
    return path


def by_hand(rows: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[float, int, int | None, str]]:
    """Label, impressions, position and user of each pair, by the definition."""
    pairs: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        pairs.setdefault((" ".join(row["q"].casefold().split()), row["i"].strip()), []).append(row)
    found = {}
    for pair, shown in pairs.items():
        label = sum(max([worth for name, worth in EVENTS.items() if row[name]], default=0.0) for row in shown)
        places = [row["p"] for row in shown if row["p"] is not None]
        users = {row["u"] for row in shown}
        place = math.floor(sum(places) / len(places) + 0.5) if places else None
        found[pair] = (label / len(shown), len(shown), place, users.pop() if len(users) == 1 else "")
    return found


ROW = st.fixed_dictionaries(
    {
        "q": st.sampled_from(["lamp", "Lamp", " lamp ", "desk  lamp", "desk lamp", "台灯"]),
        "i": st.sampled_from(["1", "2", " 1"]),
        "t": st.sampled_from(["Lamp", "Lamp, green"]),
        "p": st.one_of(st.none(), st.integers(1, 9)),
        "u": st.sampled_from(["a", "b"]),
        **{name: st.integers(0, 1) for name in EVENTS},
    }
)


@pytest.mark.slow
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=1, max_size=25), chunk=st.integers(1, 7), random=st.randoms())
def test_pairs_are_those_made_by_hand(tmp_path: Path, rows: list[dict[str, Any]], chunk: int, random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    for order in (rows, shuffled):
        path = written(tmp_path / "log.csv", order)
        whole = load_samples(path, column_map=mapped())
        chunks = list(stream_samples(path, column_map=mapped(), chunk_rows=chunk))
        pd.testing.assert_frame_equal(pd.concat(chunks, ignore_index=True), whole)
        assert all(len(one) == chunk for one in chunks[:-1])
        expected = by_hand(order)
        assert len(whole) == len(expected)
        for row in whole.to_dict("records"):
            label, count, place, user = expected[(" ".join(row["query"].casefold().split()), row["item_id"].strip())]
            assert row["label"] == pytest.approx(label, abs=1e-9) and row["impressions"] == count
            assert (None if pd.isna(row["position"]) else row["position"]) == place and row["user_id"] == user


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(ROW, min_size=1, max_size=30), random=st.randoms())
def test_figures_are_the_same_to_the_last_bit_in_any_order(
    tmp_path: Path, rows: list[dict[str, Any]], random: Any
) -> None:
    def figures(order: list[dict[str, Any]]) -> pd.DataFrame:
        table = load_samples(written(tmp_path / "log.csv", order), column_map=mapped())
        key = table["query"].str.casefold().str.split().str.join(" ") + "/" + table["item_id"].str.strip()
        return table.assign(key=key).set_index("key")[["label", "impressions", "position", "user_id"]].sort_index()

    shuffled = list(rows)
    random.shuffle(shuffled)
    pd.testing.assert_frame_equal(figures(rows), figures(shuffled), check_exact=True)


def test_texts_and_id_are_those_of_the_first_impression(tmp_path: Path) -> None:
    rows = [{"i": "2"}, {"t": "Lamp, new"}, {"t": "Lamp", "q": "LAMP"}]
    table = load_samples(written(tmp_path / "log.csv", rows), column_map=mapped())
    assert table[["sample_id", "title", "query"]].to_numpy().tolist() == [
        ["1", "Lamp", "lamp"],
        ["2", "Lamp, new", "lamp"],
    ]


def test_the_first_position_if_the_map_says_so(tmp_path: Path) -> None:
    path = written(tmp_path / "log.csv", [{"p": 2}, {"p": 9}])
    assert load_samples(path, column_map=mapped(impressions={"position": "first"}))["position"].tolist() == [2]
    assert load_samples(path, column_map=mapped())["position"].tolist() == [6]  # 5.5, halves up


def test_shoppers_stay_apart_if_the_map_says_so(tmp_path: Path) -> None:
    path = written(tmp_path / "log.csv", [{"u": "a"}, {"u": "b"}, {"u": "a", "bought": 1}])
    table = load_samples(path, column_map=mapped(impressions={"per": "user"}))
    assert table[["user_id", "impressions", "label"]].to_numpy().tolist() == [["a", 2, 0.5], ["b", 1, 0.0]]


def test_of_the_events_of_one_visit_the_highest_counts(tmp_path: Path) -> None:
    rows = [
        {"s": "x", "event": "view"}, {"s": "x", "event": "click"}, {"s": "y", "event": "view"},
        {"s": "", "event": "view"}, {"s": "", "event": "purchase"},
    ]  # fmt: skip
    path = written(tmp_path / "log.csv", rows)
    column_map = ColumnMap.model_validate(
        {
            "columns": COLUMNS,
            "label": {"column": "event", "values": {"view": 0, "click": 0.3, "purchase": 1}},
            "impressions": {"visit": ["s"]},
        }
    )
    table = load_samples(path, column_map=column_map)
    # x is one impression, y another, and rows without a visit are one each
    assert table["impressions"].tolist() == [4] and table["label"].iloc[0] == pytest.approx((0.3 + 0 + 0 + 1) / 4)
    chunks = stream_samples(path, column_map=column_map, chunk_rows=1)
    pd.testing.assert_frame_equal(pd.concat(list(chunks), ignore_index=True), table)


def test_rows_that_are_counts_already(tmp_path: Path) -> None:
    path = written(tmp_path / "log.csv", [{"n": 10, "clicked": 4, "cart": 2, "bought": 1}, {"n": 30}])
    table = load_samples(path, column_map=mapped(impressions={"count": "n"}))
    assert table["impressions"].tolist() == [40]
    # one bought, one more put into the cart, two more clicked
    assert table["label"].iloc[0] == pytest.approx((1.0 + 0.6 + 2 * 0.3) / 40)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("yes", 0.3), ("ja", 0.3), ("TRUE", 0.3), ("3", 0.3), ("", 0.0), ("no", 0.0), ("False", 0.0), ("0.0", 0.0)],
)
def test_how_events_are_written(tmp_path: Path, value: str, expected: float) -> None:
    path = written(tmp_path / "log.csv", [{"clicked": value}])
    assert load_samples(path, column_map=mapped())["label"].tolist() == [expected]


@pytest.mark.parametrize("value", ["perhaps", "-1", "inf"])
def test_what_is_no_event(tmp_path: Path, value: str) -> None:
    path = written(tmp_path / "log.csv", [{}, {"clicked": value}])
    with pytest.raises(InputError, match=r"row 2, field 'clicked'.*neither a count nor yes or no"):
        load_samples(path, column_map=mapped())


def test_events_need_no_impressions(tmp_path: Path) -> None:
    path = written(tmp_path / "log.csv", [{"clicked": 1}, {"clicked": 1, "bought": 1}])
    table = load_samples(path, column_map=ColumnMap.model_validate({"columns": COLUMNS, "events": EVENTS}))
    assert table["label"].tolist() == [0.3, 1.0] and "impressions" not in table


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"events": {"clicked": 2}}, "a number of at most 1, found 2"),
        ({"events": EVENTS, "label": {"column": "x", "minimum": 0, "maximum": 1}}, "given in two ways"),
        ({"impressions": {"positions": "mean"}}, "did you mean 'position'"),
    ],
)
def test_what_is_wrong_in_a_map(tmp_path: Path, part: dict[str, Any], says: str) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(yaml.safe_dump({"columns": COLUMNS, **part}))
    with pytest.raises(InputError, match=says):
        load_column_map(path)


def test_the_counts_go_on_beside_the_schema_and_how_many_pairs_is_not_known_before(tmp_path: Path) -> None:
    path = written(tmp_path / "log.csv", [{}, {}])
    assert without_grade(load_samples(path, column_map=mapped()))["impressions"].tolist() == [2]
    assert count_rows(path) == 2 and count_rows(path, mapped()) is None


@pytest.mark.slow
def test_a_raw_log_whole_and_in_chunks_and_by_pandas(tmp_path: Path) -> None:
    path = raw_file(tmp_path, count=3_000, missing_names=0)
    column_map = ColumnMap.model_validate(MAP)
    whole = load_samples(path, column_map=column_map)
    streamed = pd.concat(list(stream_samples(path, column_map=column_map, chunk_rows=97)), ignore_index=True)
    pd.testing.assert_frame_equal(streamed, whole)
    raw = pd.read_csv(path)
    label = raw[["clicked", "added_to_cart", "purchased"]].mul([0.3, 0.6, 1.0]).max(axis=1)
    keys = [raw["search_phrase"].str.casefold().str.strip(), raw["sku"]]
    plain = label.groupby(keys, sort=False).mean()
    assert whole["label"].to_numpy() == pytest.approx(plain.to_numpy(), abs=1e-9)
    assert whole["impressions"].sum() == 3_000 and not whole["description"].str.contains("[<&]p|&amp;").any()
    assert whole["attributes"].str.contains('"brand"').all()
