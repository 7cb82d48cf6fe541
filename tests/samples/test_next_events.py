"""A recommender's log whose rows name their event: from the raw file to labels, whole and in chunks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.commands.init import init
from sie_agent.errors import InputError
from sie_agent.samples import ColumnMap, load_column_map, load_samples, rows_policy, stream_samples

COLUMNS = {name: name for name in ("sample_id", "query", "item_id", "title", "label", "user_id", "history")}
Row = tuple[str, str, object, str]
START = 1_700_000_000
FUNNEL: list[Row] = [
    ("a", "x", START, "impression"),
    ("a", "w", START + 1, "impression"),
    ("a", "x", START + 2, "click"),
    ("a", "x", START + 3, "cart"),
    ("a", "y", START + 90_000, "click"),
    ("a", "z", START + 90_010, "click"),
    ("a", "y", START + 90_020, "purchase"),
    ("b", "w", START, "impression"),
    ("b", "x", START + 5, "impression"),
    ("c", "v", START, "click"),
    ("c", "x", START + 5, "cart"),
]


def written(path: Path, rows: list[Row]) -> Path:
    """A log of events: shopper, item, time, event."""
    pd.DataFrame(rows, columns=["user", "item", "timestamp", "event"]).to_csv(path, index=False)
    return path


def mapped(values: dict[str, float], **part: Any) -> ColumnMap:
    """A map that names what each event is worth."""
    rule = {"events": True, "user_id": "user", "item_id": "item", "title": None, **part}
    rule["event"] = {"column": "event", "values": values}
    return ColumnMap.model_validate({"columns": COLUMNS, "next_item": rule})


def steps(table: pd.DataFrame) -> list[list[object]]:
    """Shopper, history, next item and its label, by shopper."""
    chosen = table[table["label"] > 0].sort_values("user_id", kind="stable")
    return [list(row) for row in chosen[["user_id", "history", "item_id", "label"]].to_numpy()]


def test_from_the_raw_file_to_labels_whole_and_streamed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "events.csv", FUNNEL)
    said = init(path, tmp_path)
    assert said["exit_code"] == 0 and not any("is not used" in note for note in said["notes"])
    told = next(note for note in said["notes"] if "that count" in note)
    assert "click 0.3, cart 0.6, purchase 1." in told and "next items: impression." in told
    capsys.readouterr()
    table = load_samples(path, column_map=said["map"])
    assert (
        "events.csv: 7 events (click 4, cart 2, purchase 1) count; 2 of them come close after another one of the same "
        "item and count together with it; left out as no sign of interest: 4 events (impression 4)"
    ) in capsys.readouterr().err
    assert steps(table) == [
        ["a", '["x"]', "y", 1.0],
        ["a", '["x", "y"]', "z", 0.3],
        ["c", '["v"]', "x", 0.6],
    ]
    assert "b" not in set(table["user_id"]) and (table["label"] == 0).sum() == 3
    # what was only shown may be drawn, and is in no history
    assert not table["history"].str.contains('"w"').any()
    streamed = pd.concat(list(stream_samples(path, column_map=said["map"], chunk_rows=2)), ignore_index=True)
    pd.testing.assert_frame_equal(streamed, table)


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["view", "addtocart", "transaction"], {"view": 0.3, "addtocart": 0.6, "transaction": 1.0}),
        (["view", "click", "purchase"], {"view": 0.0, "click": 0.3, "purchase": 1.0}),
        (["view", "cart", "remove_from_cart", "purchase"], 
            {"remove_from_cart": 0.0, "view": 0.3, "cart": 0.6, "purchase": 1.0}),
        (["pv", "fav", "cart", "buy"], {"pv": 0.3, "cart": 0.6, "fav": 0.6, "buy": 1.0}),
        (["曝光", "点击", "加购", "购买"], {"曝光": 0.0, "点击": 0.3, "加购": 0.6, "购买": 1.0}),
        (["Impression", "Click", "gesture"], {"Impression": 0.0, "gesture": 0.0, "Click": 0.3}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("column", ["event", "type"])
def test_what_each_word_is_worth(tmp_path: Path, words: list[str], values: dict[str, float], column: str) -> None:
    rows: list[Row] = [(f"u{row // 15}", f"i{row}", START + row, words[row % len(words)]) for row in range(60)]
    path = written(tmp_path / "log.csv", rows)
    pd.read_csv(path).rename(columns={"event": column}).to_csv(path, index=False)
    said = init(path, tmp_path)
    rule = load_column_map(said["map"]).next_item
    assert rule is not None
    if column == "type" and "gesture" in words:
        assert rule.event is None
        return
    assert rule.event is not None and rule.event.column == column and rule.event.values == values
    assert any("not known (gesture)" in note for note in said["notes"]) == ("gesture" in words)


def test_words_of_which_none_is_known_count_alike_and_that_is_said(tmp_path: Path) -> None:
    rows: list[Row] = [(f"u{row // 10}", f"i{row}", START + row, f"kind{row % 2}") for row in range(30)]
    said = init(written(tmp_path / "log.csv", rows), tmp_path)
    rule = load_column_map(said["map"]).next_item
    assert rule is not None and rule.event is None
    assert any("none of its values is known" in note and "next_item: {event:" in note for note in said["notes"])


def test_impressions_with_places_are_a_recommender_s_log_too(tmp_path: Path) -> None:
    path = written(tmp_path / "log.csv", FUNNEL * 3)
    frame = pd.read_csv(path)
    frame.assign(position=[1 + row % 5 for row in range(len(frame))]).to_csv(path, index=False)
    said = init(path, tmp_path)
    rule = load_column_map(said["map"]).next_item
    assert said["exit_code"] == 0 and rule is not None and rule.event is not None


@pytest.mark.parametrize("times", ["epoch", "milliseconds", "dates"])
def test_what_is_close_together(tmp_path: Path, times: str) -> None:
    write = {
        "epoch": lambda seconds: START + seconds,
        "milliseconds": lambda seconds: (START + seconds) * 1000,
        "dates": lambda seconds: pd.Timestamp(START + seconds, unit="s").isoformat(),
    }[times]
    # within half an hour of one another, whatever came between; and later, where something came between
    plan = [(0, "p", "click"), (10, "q", "click"), (1_700, "p", "cart"), (9_000, "q", "cart"), (9_900, "p", "purchase")]
    rows: list[Row] = [("a", item, write(seconds), event) for seconds, item, event in plan]
    path = written(tmp_path / "log.csv", [*rows, *(("z", f"o{row}", write(row), "click") for row in range(3))])
    values = {"click": 0.3, "cart": 0.6, "purchase": 1.0}
    table = load_samples(path, column_map=mapped(values, longest=9))
    assert [step for step in steps(table) if step[0] == "a"] == [["a", '["p"]', "q", 0.3]]
    late = written(tmp_path / "late.csv", [*rows, ("a", "r", write(20_000), "click"), ("z", "o", write(9), "click")])
    last = steps(load_samples(late, column_map=mapped(values)))
    assert ["a", '["p", "q", "q", "p"]', "r", 0.3] in last or ["a", '["p", "q", "p"]', "r", 0.3] in last


def test_of_numbers_without_a_unit_only_neighbours_are_together(tmp_path: Path) -> None:
    rows: list[Row] = [("a", "p", 1, "click"), ("a", "p", 2, "cart"), ("a", "q", 3, "click"), ("a", "p", 4, "cart"),
                       ("a", "r", 5, "purchase"), ("z", "s", 1, "click"), ("z", "t", 2, "click")]  # fmt: skip
    table = load_samples(
        written(tmp_path / "log.csv", rows), column_map=mapped({"click": 0.3, "cart": 0.6, "purchase": 1.0})
    )
    assert [step for step in steps(table) if step[0] == "a"] == [
        ["a", '["p"]', "q", 0.3], ["a", '["p", "q", "p"]', "r", 1.0],
    ]  # fmt: skip


def test_an_event_that_the_map_does_not_know(tmp_path: Path) -> None:
    rows: list[Row] = [(f"u{row % 5}", f"i{row}", START + 9_999 * row, "click") for row in range(30)]
    path = written(tmp_path / "log.csv", [*rows, ("u1", "q", START, "swipe")])
    with pytest.raises(InputError, match=r"row 31, field 'event': unknown event 'swipe'; known are: click.*values"):
        load_samples(path, column_map=mapped({"click": 0.3}))
    policy = rows_policy(tmp_path)
    assert len(load_samples(path, column_map=mapped({"click": 0.3}), invalid=policy)) == 50


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"event": "event"}, r"values: \{impression: 0, click: 0.3"),
        ({"event": {"column": "event", "values": {"click": 0}}}, "no event counts"),
        ({"event": {"column": "event", "values": {"click": 0.3}}, "events": False}, "add events: true"),
        ({"items": 3}, r"items: \{file: FILE"),
    ],
)
def test_a_rule_that_is_wrong_says_how_to_write_it(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_column_map({"columns": COLUMNS, "next_item": {"events": True, **rule}})


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (1, "1 shopper is left out: only one item, so there is no next item to predict"),
        (2, "2 shoppers are left out: only one item, so there is no next item to predict"),
    ],
)
def test_who_is_left_out_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: int, told: str) -> None:
    lone: list[Row] = [(f"s{row}", "x", START, "click") for row in range(rows)]
    many: list[Row] = [("m", f"i{row}", START + row, "click") for row in range(3)]
    load_samples(written(tmp_path / "log.csv", [*lone, *many]), column_map=mapped({"click": 0.3}))
    assert told in capsys.readouterr().err


def items_file(folder: Path) -> None:
    """The items of the log, under names of their own."""
    pd.DataFrame({"item_id": list("vwxyz"), "name": [f"Thing {one}" for one in "vwxyz"]}).to_csv(
        folder / "items.csv", index=False
    )


def test_the_file_of_items_has_names_of_its_own(tmp_path: Path) -> None:
    items_file(tmp_path)
    path = written(tmp_path / "log.csv", FUNNEL)
    values = {"impression": 0, "click": 0.3, "cart": 0.6, "purchase": 1.0}
    items = {"file": "items.csv", "item_id": "item_id", "title": "name"}
    table = load_samples(path, column_map=mapped(values, items=items))
    assert table["title"].iloc[0] == "Thing x" and table["query"].iloc[0] == "Thing v"
    with pytest.raises(InputError, match=r"items.csv: the file of items has no column 'item' .*item_id, name.*items: "):
        load_samples(path, column_map=mapped(values, items={"file": "items.csv", "title": "name"}))
    with pytest.raises(InputError, match=r"log.csv: .*'item_id'.*the log's own column.*item_id: item_id"):
        load_samples(path, column_map=mapped(values, items="items.csv", item_id="item_id"))


@pytest.mark.parametrize(
    "rule",
    [
        {"items": {"file": "items.csv", "item_id": "item_id", "title": "name"}},
        {"items": "items.csv", "item_id": "item_id", "title": "name"},
        {"items": {"file": "items.csv", "item_id": "item_id", "title": "name"}, "events": True, "item_id": "item"},
    ],
)
def test_the_keys_that_init_advises_are_enough_for_it(tmp_path: Path, rule: dict[str, Any]) -> None:
    items_file(tmp_path)
    path = written(tmp_path / "log.csv", FUNNEL)
    said = init(path, tmp_path / "one")
    assert any("next_item: {items: {file: FILE, item_id: …, title: …}}" in note for note in said["notes"])
    (tmp_path / "some.yaml").write_text(f"next_item: {rule}\n")
    said = init(path, tmp_path / "two", column_map=tmp_path / "some.yaml")
    assert said["exit_code"] == 0 and not said["missing"] and said["rows"][0]["title"] == "Thing x"
    assert steps(load_samples(path, column_map=said["map"]))[0] == ["a", '["x"]', "y", 1.0]
    # and what it wrote is accepted again, as it is
    again = init(path, tmp_path / "three", column_map=said["map"])
    assert again["map"] is None and again["map_in_use"] == said["map"] and again["rows"] == said["rows"]
