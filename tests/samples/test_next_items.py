"""A log without queries: what a step is, what is drawn beside it, and rows that are broken."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import ColumnMap, load_samples, rows_policy, stream_samples

COLUMNS = {name: name for name in ("sample_id", "query", "item_id", "title", "label", "user_id", "history")}
README = Path(__file__).resolve().parents[2] / "sie_agent" / "samples" / "README.md"


def mapped(**part: Any) -> ColumnMap:
    """A map of events, changed."""
    rule = {"events": True, "user_id": "u", "item_id": "i", "timestamp": "t", "title": None, **part}
    return ColumnMap.model_validate({"columns": COLUMNS, "next_item": rule})


def events(path: Path, rows: list[tuple[str, str, object]]) -> Path:
    """A log of events: shopper, item, time."""
    pd.DataFrame(rows, columns=["u", "i", "t"]).to_csv(path, index=False)
    return path


def test_every_item_after_the_first_is_foretold_once(tmp_path: Path) -> None:
    rows = [("a", "z", 3), ("a", "x", 1), ("a", "y", 2), ("a", "x", 4), ("b", "x", 1), ("c", "v", 1), ("c", "w", 2)]
    table = load_samples(events(tmp_path / "log.csv", rows), column_map=mapped())
    steps = table[table["label"] == 1][["user_id", "history", "item_id", "query"]].to_numpy().tolist()
    assert steps == [["a", '["x"]', "y", "x"], ["a", '["x", "y"]', "z", "x; y"], ["c", '["v"]', "w", "v"]]
    had = {"a": {"x", "y", "z"}, "c": {"v", "w"}}
    others = table[table["label"] == 0]
    assert len(others) == 3 and all(item not in had[user] for user, item in others[["user_id", "item_id"]].to_numpy())


def test_rows_have_the_time_of_their_event_and_lists_have_none(tmp_path: Path) -> None:
    """Of the drawn rows too: what a shopper had done before is told by it."""
    timed = {"columns": {**COLUMNS, "timestamp": "timestamp"}}
    rows = [
        ("a", "x", "2026-01-02"),
        ("a", "y", "2026-01-05 08:00"),
        ("b", "z", "2026-01-01"),
        ("b", "x", "2026-01-03"),
    ]
    rule = mapped().model_copy(update={"columns": timed["columns"]})
    table = load_samples(events(tmp_path / "log.csv", rows), column_map=rule)
    assert table.groupby("user_id")["timestamp"].agg(set).to_dict() == {"a": {"2026-01-05 08:00"}, "b": {"2026-01-03"}}
    assert load_samples(tmp_path / "log.csv", column_map=mapped())["timestamp"].eq("").all()
    (tmp_path / "lists.csv").write_text('u,h\na,"[""x"", ""y""]"\nb,"[""z"", ""x""]"\n')
    lists = {"user_id": "u", "history": "h", "target": None, "title": None}
    found = load_samples(tmp_path / "lists.csv", column_map={**timed, "next_item": lists})
    assert len(found) == 4 and found["timestamp"].eq("").all()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations([(user, f"i{item}", 10 * item + len(user)) for user in ("a", "bb", "ccc") for item in range(4)]))
@pytest.mark.slow
def test_the_order_of_events_in_the_file_does_not_matter(tmp_path: Path, rows: list[tuple[str, str, object]]) -> None:
    more = [("d", f"j{item}", item) for item in range(6)]
    path = events(tmp_path / "log.csv", [*rows, *more])
    table = load_samples(path, column_map=mapped())
    steps = table[table["label"] == 1]
    found = {(user, history, item) for user, history, item in steps[["user_id", "history", "item_id"]].to_numpy()}
    expected = {
        (user, json.dumps([f"i{one}" for one in range(item)]), f"i{item}")
        for user in ("a", "bb", "ccc")
        for item in range(1, 4)
    }
    assert expected <= found and len(found) == len(expected) + 5
    streamed = pd.concat(list(stream_samples(path, column_map=mapped(), chunk_rows=5)), ignore_index=True)
    pd.testing.assert_frame_equal(streamed, table)


@pytest.mark.parametrize("times", [["2026-01-02", "2026-01-01T10:00"], ["5", "4.5"], ["1700000001", "1700000000"]])
def test_how_times_are_written(tmp_path: Path, times: list[str]) -> None:
    rows: list[tuple[str, str, object]] = [("a", "late", times[0]), ("a", "early", times[1]), ("b", "x", times[0])]
    table = load_samples(events(tmp_path / "log.csv", rows), column_map=mapped())
    assert table["query"].iloc[0] == "early" and table["item_id"].iloc[0] == "late"


@pytest.mark.parametrize(
    ("fault", "field"), [(("", "x", 1), "u"), (("a", "", 1), "i"), (("a", "q", "soon"), "t"), (("a", "q", ""), "t")]
)
def test_broken_events_are_refused_or_left_out(tmp_path: Path, fault: tuple[str, str, object], field: str) -> None:
    rows: list[tuple[str, str, object]] = [(f"u{row % 5}", f"i{row}", row) for row in range(30)]
    path = events(tmp_path / "log.csv", [*rows, fault])
    with pytest.raises(InputError, match=f"row 31, field '{field}'"):
        load_samples(path, column_map=mapped())
    policy = rows_policy(tmp_path)
    assert len(load_samples(path, column_map=mapped(), invalid=policy)) == 50
    assert policy is not None and policy.rows == 1
    assert (tmp_path / "invalid-rows.csv").read_text().splitlines()[1].startswith(f"31,{field},")


def test_a_list_whose_last_item_comes_next(tmp_path: Path) -> None:
    rows = [{"u": "a", "h": ["1", "2", "3"]}, {"u": "b", "h": ["4"]}, {"u": "c", "h": ["5", "6"]}]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, rows)))
    rule = {"user_id": "u", "history": "h", "target": None, "title": None}
    column_map = ColumnMap.model_validate({"columns": COLUMNS, "next_item": rule})
    table = load_samples(tmp_path / "log.jsonl", column_map=column_map)
    assert table[table["label"] == 1][["user_id", "history", "item_id"]].to_numpy().tolist() == [
        ["a", '["1", "2"]', "3"], ["c", '["5"]', "6"],
    ]  # fmt: skip


def test_nothing_can_be_foretold(tmp_path: Path) -> None:
    path = events(tmp_path / "log.csv", [("a", "x", 1), ("b", "y", 1)])
    with pytest.raises(InputError, match="no shopper has a next item"):
        load_samples(path, column_map=mapped())


def test_an_item_that_the_file_of_items_lacks(tmp_path: Path) -> None:
    pd.DataFrame({"id": ["x", "z"], "name": ["X", "Z"]}).to_csv(tmp_path / "items.csv", index=False)
    path = events(tmp_path / "log.csv", [("a", "x", 1), ("a", "y", 2)])
    column_map = mapped(items="items.csv", item_id="i")
    with pytest.raises(
        InputError, match=r"items.csv: the file of items has no column 'i' .*id, name.*items: {file: items.csv"
    ):
        load_samples(path, column_map=column_map)
    pd.DataFrame({"i": ["x", "z"], "title": ["X", "Z"]}).to_csv(tmp_path / "items.csv", index=False)
    with pytest.raises(InputError, match=r"row 2, field 'i': the item 'y' is not in items.csv"):
        load_samples(path, column_map=mapped(items="items.csv", title="title"))


def test_the_maps_of_the_documentation_are_maps() -> None:
    block = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)[0]
    *rules, columns = (yaml.safe_load(part) for part in re.split(r"^# .*\n", block, flags=re.MULTILINE)[1:])
    assert len(rules) == 4
    for rule in rules:
        assert ColumnMap.model_validate({**columns, **rule}).next_item is not None
