"""Fields inside of objects, by a path with dots: in JSON lines and Parquet, whole and in chunks alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sie_agent.commands.init import init
from sie_agent.errors import InputError
from sie_agent.samples import load_column_map, load_samples, stream_samples

MAP: dict[str, Any] = {
    "columns": {"query": "request.query", "item_id": "item.id", "title": "item.name", "user_id": "request.user.id"},
    "label": {"column": "outcome.clicks", "minimum": 0, "maximum": 2},
    "attributes": {"price": "item.price"},
    "filters": {"request.shop": ["north"]},
}


def rows(count: int = 40) -> list[dict[str, Any]]:
    """Rows of objects within objects."""
    return [
        {
            "request": {"query": f"lamp {row % 3}", "shop": "north" if row % 4 else "south", "user": {"id": f"u{row}"}},
            "item": {"id": f"i{row}", "name": f"Desk lamp {row}", "price": row + (0.5 if row > 30 else 0.0)},
            "outcome": {"clicks": row % 3},
        }
        for row in range(count)
    ]


def put(folder: Path, table: list[dict[str, Any]], ending: str) -> Path:
    """The rows as a file."""
    path = folder / f"log{ending}"
    if ending == ".parquet":
        pq.write_table(pa.Table.from_pylist(table), path, row_group_size=7)
    elif ending == ".csv":
        pd.DataFrame([{name: json.dumps(cell) for name, cell in row.items()} for row in table]).to_csv(
            path, index=False
        )
    else:
        path.write_text("\n".join(map(json.dumps, table)))
    return path


@pytest.mark.parametrize("ending", [".jsonl", ".parquet", ".csv"])
def test_paths_lead_into_objects_whole_and_streamed(tmp_path: Path, ending: str) -> None:
    path = put(tmp_path, rows(), ending)
    table = load_samples(path, column_map=MAP)
    assert len(table) == 30
    first = table.iloc[0]
    assert (first["query"], first["item_id"], first["title"], first["user_id"]) == ("lamp 1", "i1", "Desk lamp 1", "u1")
    assert table["label"].tolist() == [row % 3 / 2 for row in range(40) if row % 4]
    assert json.loads(first["attributes"]) == {"price": "1.0"}
    streamed = pd.concat(list(stream_samples(path, column_map=MAP, chunk_rows=4)), ignore_index=True)
    pd.testing.assert_frame_equal(streamed, table)


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_a_column_of_that_very_name_wins(tmp_path: Path, ending: str) -> None:
    table = [{**row, "request.query": f"rug {number}"} for number, row in enumerate(rows())]
    path = put(tmp_path, table, ending)
    assert load_samples(path, column_map=MAP)["query"].iloc[0] == "rug 1"
    assert next(stream_samples(path, column_map=MAP, chunk_rows=3))["query"].iloc[0] == "rug 1"


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
@pytest.mark.parametrize("name", ["request.qurey", "item.brand", "request.query.text", "requests.query"])
def test_a_path_that_leads_nowhere_is_named(tmp_path: Path, ending: str, name: str) -> None:
    path = put(tmp_path, rows(), ending)
    wrong = {**MAP, "columns": {**MAP["columns"], "query": name}}
    with pytest.raises(InputError, match=f"the column '{name}' .*which is absent") as whole:
        load_samples(path, column_map=wrong)
    with pytest.raises(InputError) as streamed:
        list(stream_samples(path, column_map=wrong, chunk_rows=4))
    assert str(streamed.value) == str(whole.value)
    if name == "request.qurey":
        assert "did you mean 'request.query'?" in str(whole.value)


def test_a_field_that_only_later_rows_have_is_empty_before(tmp_path: Path) -> None:
    table = rows()
    for row in table[30:]:
        row["item"]["text"] = "of brass"
    path = put(tmp_path, table, ".jsonl")
    more = {**MAP, "columns": {**MAP["columns"], "description": "item.text"}}
    whole = load_samples(path, column_map=more)
    assert (whole["description"] == "of brass").sum() == 8
    streamed = pd.concat(list(stream_samples(path, column_map=more, chunk_rows=4)), ignore_index=True)
    pd.testing.assert_frame_equal(streamed, whole)


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_init_proposes_fields_inside_of_objects(tmp_path: Path, ending: str) -> None:
    said = init(put(tmp_path, rows(), ending), tmp_path / "out")
    mapping = load_column_map(said["map"])
    assert said["exit_code"] == 0 and mapping.attributes == {"price": "item.price"}
    found = {"query": "request.query", "item_id": "item.id", "title": "item.name", "user_id": "request.user.id"}
    assert found.items() <= {str(name): source for name, source in mapping.columns.items()}.items()
    assert said["guessed"]["label"] == "outcome.clicks" and "request.shop" in said["unmapped"]


def test_events_of_a_recommender_inside_of_objects(tmp_path: Path) -> None:
    table = [
        {"user": {"id": f"u{row // 8}"}, "event": {"type": ("impression", "click")[row % 2], "item": {"id": f"i{row}"}},
         "timestamp": row} for row in range(40)
    ]  # fmt: skip
    said = init(put(tmp_path, table, ".jsonl"), tmp_path / "out")
    rule = load_column_map(said["map"]).next_item
    assert rule is not None and rule.event is not None
    assert (rule.user_id, rule.item_id, rule.event.column) == ("user.id", "event.item.id", "event.type")
    assert set(said["rows"][0]) >= {"query", "history"}
