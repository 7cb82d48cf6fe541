"""Parquet files of unknown origin: what they say to pandas is not trusted, and wrong types are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sie_agent.errors import InputError
from sie_agent.pipeline.judged_log import read_judgments
from sie_agent.samples import load_samples, stream_samples
from sie_agent.samples.tables import read_table
from sie_agent.selection import Recipe, weigh_file
from sie_agent.selection.recipe import recipe_metadata

ROWS = pa.table(
    {
        "sample_id": ["a", "b"],
        "query": ["lamp", "lamp"],
        "item_id": ["1", "2"],
        "title": ["Lamp", "Rug"],
        "label": [1.0, 0.0],
        "value": [0.5, 0.2],
    }
)
TOLD = [
    b"no json",
    b"[]",
    b"{}",
    b'{"index_columns": ["query"], "columns": []}',
    b'{"index_columns": 7, "columns": 3, "column_indexes": {}}',
    b'{"index_columns": [{"kind": "range", "start": "x"}], "columns": [], "column_indexes": []}',
    b'{"index_columns": [], "columns": [{"name": "title", "field_name": "title", "pandas_type": "datetimetz",'
    b' "numpy_type": "datetime64[ns]", "metadata": {"timezone": "Nowhere/Land"}}], "column_indexes": []}',
    b'{"index_columns": [], "columns": [{"name": "title", "field_name": "title", "pandas_type": "object",'
    b' "numpy_type": "os.system", "metadata": null}], "column_indexes": []}',
    b"\xff\xfe",
    b"[" * 100_000,
]


@pytest.mark.parametrize("told", TOLD)
def test_what_a_file_says_to_pandas_is_not_trusted(tmp_path: Path, told: bytes) -> None:
    path = tmp_path / "log.parquet"
    pq.write_table(ROWS.replace_schema_metadata({b"pandas": told}), path)
    assert list(read_table(path)["title"]) == list(load_samples(path)["title"]) == ["Lamp", "Rug"]
    assert [len(piece) for piece in stream_samples(path)] == [2]


def test_a_column_twice_is_named(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    names = ["sample_id", "query", "title", "title", "label", "value"]
    pq.write_table(ROWS.rename_columns(names), path)
    with pytest.raises(InputError, match=r"table\.parquet: the column 'title' occurs twice"):
        read_table(path)


KINDS = {
    "lists": pa.array([[0.5], [0.1]]),
    "structures": pa.array([{"a": 1}, {"a": 2}]),
    "flags": pa.array([True, False]),
    "bytes": pa.array([b"\xff", b"\xfe"]),
    "times": pa.array([2**62, 1], pa.timestamp("us")),
    "texts": pa.array(["x", "y"]),
    "maps": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
}


@pytest.mark.parametrize("column", list(KINDS.values()), ids=list(KINDS))
def test_scores_of_another_type_are_named(tmp_path: Path, column: pa.Array) -> None:
    path = tmp_path / "scores.parquet"
    recipe = Recipe(by="value", strength=0.5, mean_label=0.5, quantiles={"value": (0.0, 1.0)})
    table = ROWS.set_column(5, "value", column).replace_schema_metadata(recipe_metadata(recipe))
    pq.write_table(table, path)
    if column.type == pa.bool_():
        weigh_file(path, tmp_path / "out.parquet")
        return
    with pytest.raises(InputError, match=r"scores\.parquet.*'value' holds no numbers"):
        weigh_file(path, tmp_path / "out.parquet")


def test_a_label_out_of_range_is_named_with_its_file(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    recipe = Recipe(by="value", strength=0.5, mean_label=0.5, quantiles={"value": (0.0, 1.0)})
    table = ROWS.set_column(4, "label", pa.array([7.0, 0.0]))
    pq.write_table(table.replace_schema_metadata(recipe_metadata(recipe)), path)
    with pytest.raises(InputError, match=r"scores\.parquet, field 'label': the label must be between 0 and 1, found 7"):
        weigh_file(path, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


JUDGED = pa.table(
    {name: ["a", "b"] for name in ("sample_id", "query", "aspect", "model", "variant", "status", "detail")}
    | {"score": [0.5, 0.1]}
)


@pytest.mark.parametrize("name", ["sample_id", "query", "aspect", "model", "variant", "score"])
@pytest.mark.parametrize("column", [KINDS[name] for name in ("lists", "structures", "bytes", "times", "maps")])
def test_judgments_of_another_type_are_named(tmp_path: Path, name: str, column: pa.Array) -> None:
    path = tmp_path / "judgments.parquet"
    pq.write_table(JUDGED.set_column(JUDGED.column_names.index(name), name, column), path)
    reading: Callable[..., object] = read_judgments
    with pytest.raises(InputError) as caught:
        reading([path])
    message = str(caught.value)
    assert str(path) in message and "'" + name + "'" in message and "\n" not in message
