"""Positions that count from 0: found out over the whole source, and counted from 1, whole and streamed alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import ColumnMap, load_samples, stream_samples
from sie_agent.utils.progress import set_quiet

READ = [None, 1, 2, 50]
ENDINGS = [".parquet", ".csv", ".jsonl"]
COLUMNS = {name: name for name in ("query", "item_id", "title")}


def read(source: Path, rows: int | None, **how: Any) -> pd.DataFrame:
    if rows is None:
        return load_samples(source, **how)
    return pd.concat(list(stream_samples(source, chunk_rows=rows, **how)), ignore_index=True)


def save(path: Path, positions: list[Any], **columns: list[Any]) -> Path:
    count = len(positions)
    usual = {"query": ["lamp"] * count, "item_id": [str(row) for row in range(count)], "title": ["A lamp"] * count}
    table = {**usual, "position": positions, **columns}
    if path.suffix == ".parquet":
        pq.write_table(pa.table(table), path, row_group_size=2)
    elif path.suffix == ".csv":
        pd.DataFrame(table).astype({"position": object}).to_csv(path, index=False)
    else:
        rows = pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in table.items()}).to_dict(
            "records"
        )
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def positions_in(table: pd.DataFrame) -> list[int | None]:
    return [None if pd.isna(position) else int(position) for position in table["position"]]


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize("ending", ENDINGS)
def test_positions_from_0_are_counted_from_1(
    tmp_path: Path, ending: str, rows: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    set_quiet(False)
    # the 0 comes late: what was given before it is right as well
    path = save(tmp_path / f"log{ending}", [3, 1, None, 2, 0])
    assert positions_in(read(path, rows)) == [4, 2, None, 3, 1]
    said = [line for line in capsys.readouterr().err.splitlines() if "begin with 0" in line]
    assert len(said) == 1 and f"log{ending}" in said[0] and "'position'" in said[0]
    assert positions_in(read(save(path, [3, 1, None, 2, 5]), rows)) == [3, 1, None, 2, 5]
    assert "begin with 0" not in capsys.readouterr().err


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize("ending", ENDINGS)
def test_the_map_says_where_positions_begin(tmp_path: Path, ending: str, rows: int | None) -> None:
    path = save(tmp_path / f"log{ending}", [3, 1, None, 2, 5])
    own = ColumnMap(columns=COLUMNS, position={"column": "position", "first": 0})
    assert positions_in(read(path, rows, column_map=own)) == [4, 2, None, 3, 6]
    own = ColumnMap(columns=COLUMNS, position={"column": "position", "first": 1})
    assert positions_in(read(path, rows, column_map=own)) == [3, 1, None, 2, 5]
    save(path, [3, 1, None, 2, 0])
    with pytest.raises(InputError, match=r"(row|line) 5") as caught:
        read(path, rows, column_map=own)
    assert "the position 0 is not a positive whole number" in str(caught.value)
    own = ColumnMap(columns=COLUMNS, position={"column": "position"})
    assert positions_in(read(path, rows, column_map=own)) == [4, 2, None, 3, 1]
    renamed = ColumnMap(columns={**COLUMNS, "position": "position"})
    assert positions_in(read(path, rows, column_map=renamed)) == [4, 2, None, 3, 1]


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("others", [[1, -1], [0.5, 1], [1, "top"], [1, 0.5]])
def test_a_0_without_evidence_is_refused_or_the_other_fault_is(
    tmp_path: Path, ending: str, others: list[Any], rows: int | None
) -> None:
    if ending == ".parquet" and "top" in others:
        others = [str(one) for one in others]
    path = save(tmp_path / f"log{ending}", ["0" if isinstance(others[0], str) else 0, *others])
    with pytest.raises(InputError, match=r"(row|line) \d, field 'position': the position"):
        read(path, rows)


@pytest.mark.parametrize("rows", READ)
def test_what_is_left_out_counts_for_where_positions_begin(tmp_path: Path, rows: int | None) -> None:
    """The same position whatever the limit, the split and the filters are."""
    path = save(tmp_path / "log.parquet", [2, 1, 0, 1], split=["a", "a", "b", "b"], market=["x", "x", "y", "x"])
    assert positions_in(read(path, rows, limit=2)) == [3, 2]
    assert positions_in(read(path, rows, split="a")) == [3, 2]
    own = ColumnMap(columns={**COLUMNS, "position": "position"}, filters={"market": ["x"]})
    assert positions_in(read(path, rows, column_map=own)) == [3, 2, 2]


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize(
    "kind",
    [
        pa.int8(),
        pa.uint64(),
        pa.float16(),
        pa.float64(),
        pa.decimal128(30, 2),
        pa.string(),
        pa.dictionary(pa.int8(), pa.string()),
    ],
)
def test_positions_of_every_number_type(tmp_path: Path, kind: pa.DataType, rows: int | None) -> None:
    numbers = pa.array([2, None, 0, 1])
    column = numbers.cast(pa.string()).dictionary_encode() if pa.types.is_dictionary(kind) else numbers.cast(kind)
    path = save(tmp_path / "log.parquet", column)
    assert positions_in(read(path, rows)) == [3, None, 1, 2]


@pytest.mark.parametrize("rows", READ)
def test_booleans_are_no_positions_from_0(tmp_path: Path, rows: int | None) -> None:
    with pytest.raises(InputError, match="the position 0 is not a positive whole number"):
        read(save(tmp_path / "log.parquet", [True, False]), rows)


def test_a_map_with_two_positions_or_another_first_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "log.csv", [1])
    own = tmp_path / "map.yaml"
    for text, message in (
        (
            "columns: {query: query, position: position}\nposition: {column: position, first: 0}\n",
            "'position' is given in",
        ),
        ("columns: {query: query}\nposition: {column: position, first: 2}\n", r"field 'position\.first'"),
        (
            "columns: {query: query}\nposition: {column: position, frist: 0}\n",
            "unknown key 'frist'; did you mean 'first'",
        ),
    ):
        own.write_text(text)
        with pytest.raises(InputError, match=message):
            load_samples(path, column_map=own)
    own.write_text("columns: {query: query, item_id: item_id, title: title}\nposition: {column: absent, first: 0}\n")
    for rows in READ:
        with pytest.raises(InputError, match="the column map names the column 'absent'"):
            read(path, rows, column_map=own)


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    positions=st.lists(st.none() | st.integers(0, 5), min_size=1, max_size=9),
    size=st.integers(1, 10),
    ending=st.sampled_from(ENDINGS),
)
def test_never_off_by_one(positions: list[int | None], size: int, ending: str, tmp_path: Path) -> None:
    set_quiet(True)
    path = save(tmp_path / f"log{ending}", pa.array(positions, pa.int64()).to_pylist())
    there = {position for position in positions if position is not None}
    if there == {0}:
        for rows in (None, size):
            with pytest.raises(InputError, match="the position 0 is not a positive whole number"):
                read(path, rows)
        return
    higher = 1 if 0 in there else 0
    expected = [None if position is None else position + higher for position in positions]
    assert positions_in(load_samples(path)) == expected
    assert positions_in(read(path, size)) == expected
