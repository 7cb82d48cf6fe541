"""Ids that differ in the source differ in the table, in every kind of log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import ColumnMap, load_samples, stream_samples
from sie_agent.samples.maps.mapping import joined
from sie_agent.samples.shop_logs.next_items import row_id

EVENTS: dict[str, Any] = {
    "next_item": {"events": True, "user_id": "u", "item_id": "i", "timestamp": "t", "title": None},
    "columns": {name: name for name in ("sample_id", "query", "item_id", "title", "label", "user_id", "history")},
}


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_white_space_around_an_id_is_part_of_it_everywhere(tmp_path: Path) -> None:
    pairs = [{"query": "q", "item_id": one, "title": "t"} for one in ("1", "1 ", " 1")]
    assert load_samples(lines(tmp_path / "pairs.jsonl", pairs))["item_id"].tolist() == ["1", "1 ", " 1"]
    rows = [{"u": "a", "i": one, "t": number} for number, one in enumerate(("1", "1 ", "2", "3"))]
    rows += [{"u": "a ", "i": "9", "t": 0}, {"u": "a ", "i": "2", "t": 1}]
    table = load_samples(lines(tmp_path / "log.jsonl", rows), column_map=EVENTS)
    right = table[table["label"] == 1]
    assert set(right["user_id"]) == {"a", "a "} and "1 " in set(right["item_id"])
    assert json.loads(right.iloc[-1]["history"]) in (["9"], ["1", "1 ", "2"])


@pytest.mark.parametrize("one", ["a\nb", "a\tb", "a\0b", "a\x85b", "a\u2028b"])
@pytest.mark.parametrize("field", ["sample_id", "item_id", "user_id"])
def test_an_id_with_a_control_character_is_refused(field: str, one: str, tmp_path: Path) -> None:
    rows = [{"sample_id": "1", "query": "q", "item_id": "i", "title": "t", field: one}]
    path = lines(tmp_path / "log.jsonl", rows)
    for load in (load_samples, lambda source: list(stream_samples(source))):
        with pytest.raises(InputError, match=f"line 1, field '{field}': the {field} .* holds a control character"):
            load(path)


def test_fractions_of_json_keep_their_digits(tmp_path: Path) -> None:
    written = ["0.10", "0.1", "0.12345678901234567890", "1e2", "100.0", "7"]
    path = tmp_path / "log.jsonl"
    path.write_text(
        "".join(f'{{"query": "q", "item_id": {one}, "title": "t", "position": 1.000}}\n' for one in written)
    )
    for table in (load_samples(path), pd.concat(stream_samples(path, chunk_rows=4))):
        assert table["item_id"].tolist() == written and table["position"].tolist() == [1] * len(written)
    path.write_text("".join(f'{{"u": 1, "i": {one}, "t": {place}}}\n' for place, one in enumerate(written)))
    path.write_text(path.read_text() + '{"u": 2, "i": "x", "t": 1}\n{"u": 2, "i": 0.1, "t": 2}\n')
    table = load_samples(path, column_map=EVENTS)
    assert table.loc[table["label"] == 1, "item_id"].tolist() == [*written[1:], "0.1"]


PARTS = st.text("1-\\ab\n\t\x1f", max_size=4)


@given(st.lists(st.tuples(PARTS, PARTS), min_size=2, max_size=2, unique=True), st.sampled_from("-\x1f"))
def test_joined_ids_are_one_only_where_their_parts_are(pairs: list[tuple[str, str]], between: str) -> None:
    frame = pd.DataFrame(pairs, columns=["a", "b"])
    ids = joined(frame, ["a", "b"], between, "columns.item_id", "log")
    assert ids[0] != ids[1] or not any(map(any, pairs))
    if between == "-":
        assert not any(ids.str.contains("[\n\t\x1f]", regex=True))
        assert row_id(*pairs[0]) != row_id(*pairs[1])


def test_joined_ids_in_a_map(tmp_path: Path) -> None:
    pairs = [("1-2", "3"), ("1", "2-3"), ("7", "8")]
    rows = [{"a": a, "b": b, "query": "q", "title": "t"} for a, b in pairs]
    chosen = ColumnMap(columns={"query": "query", "title": "title", "item_id": ["a", "b"]})
    ids = load_samples(lines(tmp_path / "log.jsonl", rows), column_map=chosen)["item_id"].tolist()
    assert ids == ["1\\-2-3", "1-2\\-3", "7-8"]
