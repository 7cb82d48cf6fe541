"""Typed columns: ids are exact, types that have no text are refused, classes have names; whole and streamed alike."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.groups.keys import group_keys
from sie_agent.samples import ColumnMap, load_samples, stream_samples, table_batches, texts_of, with_grades
from sie_agent.samples.tables import read_table, write_table
from sie_agent.utils.progress import set_quiet

BIG = 2**53
READ = [None, 1, 2, 50]


def read(source: Path, rows: int | None, **how: Any) -> pd.DataFrame:
    """The samples, whole or streamed by so many rows."""
    if rows is None:
        return load_samples(source, **how)
    return pd.concat(list(stream_samples(source, chunk_rows=rows, **how)), ignore_index=True)


def table(count: int, **columns: Any) -> pa.Table:
    usual = {name: pa.array([f"{name} {row}" for row in range(count)]) for name in ("query", "item_id", "title")}
    return pa.table({**usual, **columns})


def saved(folder: Path, rows: pa.Table, name: str = "log.parquet") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, folder / name, row_group_size=2)
    return folder / name


D = decimal.Decimal
IDS: dict[str, tuple[pa.Array, list[str]]] = {
    "int64 beside a null": (pa.array([BIG, BIG + 1, None, -BIG - 1]), [str(BIG), str(BIG + 1), "", str(-BIG - 1)]),
    "int64": (pa.array([BIG, BIG + 1, 0, 7]), [str(BIG), str(BIG + 1), "0", "7"]),
    "uint64 beside a null": (
        pa.array([2**64 - 1, 2**64 - 2, None, 1], pa.uint64()),
        [str(2**64 - 1), str(2**64 - 2), "", "1"],
    ),
    "int32 beside a null": (pa.array([1, None, 3, 4], pa.int32()), ["1", "", "3", "4"]),
    "decimal": (
        pa.array([D(BIG + 1), None, D(0), D(10**19)], pa.decimal128(20, 0)),
        [str(BIG + 1), "", "0", str(10**19)],
    ),
    "decimal with places, all whole": (
        pa.array([D(BIG + 1), None, D(0), D(100)], pa.decimal128(30, 10)),
        [str(BIG + 1), "", "0", "100"],
    ),
    "decimal256": (
        pa.array([D(10**40 + 1), D(10**40), None, D(1)], pa.decimal256(50, 0)),
        [str(10**40 + 1), str(10**40), "", "1"],
    ),
    "float, all whole": (pa.array([1.0, None, 30.0, BIG - 1.0]), ["1", "", "30", str(BIG - 1)]),
    "float, not all whole": (pa.array([1.0, None, 2.5, 3.0]), ["1.0", "", "2.5", "3.0"]),
    "half float": (pa.array(np.array([1, 2, 3, 2047], np.float16)), ["1", "2", "3", "2047"]),
    "text with zeros": (pa.array(["007", "7", None, "1e3"]), ["007", "7", "", "1e3"]),
    "large text": (pa.array(["007", "7", None, "x"], pa.large_string()), ["007", "7", "", "x"]),
    "text view": (pa.array(["007", "7", None, "x"], pa.string_view()), ["007", "7", "", "x"]),
    "dictionary of text": (pa.array(["007", "7", None, "007"]).dictionary_encode(), ["007", "7", "", "007"]),
    "dictionary of large text": (
        pa.array(["007", "7", None, "7"], pa.large_string()).dictionary_encode(),
        ["007", "7", "", "7"],
    ),
    "dictionary of int64": (
        pa.array([BIG, BIG + 1, None, BIG]).dictionary_encode(),
        [str(BIG), str(BIG + 1), "", str(BIG)],
    ),
    "date": (
        pa.array([datetime.date(2024, 2, 29), None, datetime.date(1969, 1, 1), datetime.date(9999, 1, 1)]),
        ["2024-02-29", "", "1969-01-01", "9999-01-01"],
    ),
    "boolean": (pa.array([True, None, False, True]), ["true", "", "false", "true"]),
    "null": (pa.nulls(4), ["", "", "", ""]),
    "timestamp": (
        pa.array(
            [datetime.datetime(2024, 2, 29, 1, 2, 3), None, datetime.datetime(9999, 1, 1), None], pa.timestamp("us")
        ),
        ["2024-02-29 01:02:03", "", "9999-01-01 00:00:00", ""],
    ),
    "timestamp of an unknown zone": (
        pa.array([0, None, None, None], pa.timestamp("s", "Mars/Olympus")),
        ["1970-01-01 00:00:00+00:00", "", "", ""],
    ),
    "uuid": (pa.array([uuid.UUID(int=7).bytes, None, None, None], pa.uuid()), [str(uuid.UUID(int=7)), "", "", ""]),
}


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize("case", IDS)
def test_the_text_of_a_typed_column_is_exact(tmp_path: Path, case: str, rows: int | None) -> None:
    column, texts = IDS[case]
    path = saved(tmp_path, table(4, user_id=column))
    assert read(path, rows)["user_id"].tolist() == texts


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize("name", ["sample_id", "item_id", "query"])
@pytest.mark.parametrize(
    "kind", [pa.int64(), pa.uint64(), pa.decimal128(20, 0), pa.string(), pa.dictionary(pa.int32(), pa.int64())]
)
def test_two_ids_never_become_one(tmp_path: Path, name: str, kind: pa.DataType, rows: int | None) -> None:
    numbers = [BIG, BIG + 1, BIG + 2, BIG + 3]
    values = pa.array(numbers)
    path = saved(
        tmp_path, table(4, **{name: values.dictionary_encode() if pa.types.is_dictionary(kind) else values.cast(kind)})
    )
    assert read(path, rows)[name].tolist() == [str(number) for number in numbers]


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize(
    ("kind", "number"), [(pa.float64(), BIG), (pa.float64(), 1e300), (pa.float32(), 2**24), (pa.float16(), 2048)]
)
@pytest.mark.parametrize("name", ["user_id", "item_id", "sample_id"])
def test_floats_in_which_ids_may_have_become_one_are_refused(
    tmp_path: Path, name: str, kind: pa.DataType, number: float, rows: int | None
) -> None:
    path = saved(tmp_path, table(2, **{name: pa.array([1.0, float(number)]).cast(kind)}))
    with pytest.raises(InputError, match=rf"log\.parquet, field '{name}': the column '{name}' holds \d+ as a float"):
        read(path, rows)


@pytest.mark.parametrize("rows", READ)
def test_frames_that_pandas_wrote(tmp_path: Path, rows: int | None) -> None:
    """Nullable types, categories, a named index, and row labels that are not a column."""
    frame = pd.DataFrame(
        {
            "query": pd.Categorical(["a", "b", "a"]),
            "item_id": pd.array([BIG + 1, BIG, 3], dtype="UInt64"),
            "title": pd.array(["x", "y", "z"], dtype="string"),
            "user_id": pd.array([BIG + 1, None, BIG], dtype="Int64"),
            "label": pd.array([True, False, True], dtype="boolean"),
        },
        index=pd.Index(["s1", "s2", "s3"], name="sample_id"),
    )
    frame.to_parquet(tmp_path / "named.parquet")
    found = read(tmp_path / "named.parquet", rows)
    assert found["sample_id"].tolist() == ["s1", "s2", "s3"]
    assert found["item_id"].tolist() == [str(BIG + 1), str(BIG), "3"]
    assert found["user_id"].tolist() == [str(BIG + 1), "", str(BIG)]
    assert found["label"].tolist() == [1.0, 0.0, 1.0]
    frame.reset_index().set_axis([5, 9, 2]).to_parquet(tmp_path / "labels.parquet")
    assert "__index_level_0__" not in read(tmp_path / "labels.parquet", rows).columns


@pytest.mark.parametrize("rows", READ)
def test_histories_hold_the_ids_of_the_items(tmp_path: Path, rows: int | None) -> None:
    lists: dict[str, pa.Array] = {
        "int64": pa.array([[BIG, BIG + 1], None, []]),
        "uint64": pa.array([[BIG, BIG + 1], None, []], pa.list_(pa.uint64())),
        "decimal": pa.array([[D(BIG), D(BIG + 1)], None, []], pa.list_(pa.decimal128(20, 0))),
        "text": pa.array([[str(BIG), str(BIG + 1)], None, []], pa.large_list(pa.string_view())),
        "json": pa.array([json.dumps([BIG, BIG + 1]), None, "[]"]),
        "dictionary": pa.array([json.dumps([BIG, BIG + 1]), None, "[]"]).dictionary_encode(),
    }
    for name, column in lists.items():
        path = saved(tmp_path / name, table(3, history=column))
        assert read(path, rows)["history"].tolist() == [f'["{BIG}", "{BIG + 1}"]', "[]", "[]"], name
    path = saved(tmp_path, table(1, history=pa.array([[1.0, 20.0]])))
    assert read(path, rows)["history"].tolist() == ['["1", "20"]']
    for wrong in ([[1.5]], [[float(BIG)]], [[1, None]], [[b"a"]], [[[1]]], [{"a": 1}]):
        path = saved(tmp_path / "wrong", table(1, history=pa.array(wrong)))
        with pytest.raises(InputError, match=r"row 1, field 'history': the history"):
            read(path, rows)


NO_TEXT: dict[str, tuple[pa.Array, str]] = {
    "binary": (pa.array([b"Lamp", b"Desk"]), "binary"),
    "large binary": (pa.array([b"Lamp", b"Desk"], pa.large_binary()), "binary"),
    "fixed binary": (pa.array([b"Lamp", b"Desk"], pa.binary(4)), "binary"),
    "binary view": (pa.array([b"Lamp", b"Desk"], pa.binary_view()), "binary"),
    "dictionary of binary": (pa.array([b"Lamp", b"Desk"]).dictionary_encode(), "binary"),
    "struct": (pa.array([{"t": "a"}, {"t": "b"}]), "struct"),
    "list": (pa.array([["a"], ["b"]]), "list"),
    "large list": (pa.array([["a"], ["b"]], pa.large_list(pa.string())), "list"),
    "list of fixed size": (pa.array([["a"], ["b"]], pa.list_(pa.string(), 1)), "list"),
    "map": (pa.array([[("a", "b")], []], pa.map_(pa.string(), pa.string())), "map"),
    "duration": (pa.array([1, 2], pa.duration("s")), "duration"),
}


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize("name", ["query", "title", "description", "item_id", "user_id", "timestamp"])
@pytest.mark.parametrize("case", NO_TEXT)
def test_a_type_that_has_no_text_is_refused(tmp_path: Path, case: str, name: str, rows: int | None) -> None:
    column, kind = NO_TEXT[case]
    path = saved(tmp_path, table(2, **{name: column}))
    with pytest.raises(InputError, match=rf"log\.parquet, field '{name}': the column '{name}' .*{kind}") as caught:
        read(path, rows)
    assert caught.value.exit_code == 2 and caught.value.hint and "\n" not in str(caught.value)


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize("name", ["label", "grade", "position"])
@pytest.mark.parametrize("case", [*NO_TEXT, "date", "timestamp", "time"])
def test_a_type_that_is_no_number_is_refused(tmp_path: Path, case: str, name: str, rows: int | None) -> None:
    others = {
        "date": pa.array([0, 1], pa.date32()),
        "timestamp": pa.array([0, 1], pa.timestamp("s")),
        "time": pa.array([0, 1], pa.time32("s")),
    }
    column = others[case] if case in others else NO_TEXT[case][0]
    path = saved(tmp_path, table(2, **{name: column}))
    with pytest.raises(InputError, match=rf"log\.parquet, field '{name}': the column '{name}' is of the type"):
        read(path, rows)


@pytest.mark.parametrize("rows", READ)
def test_a_type_that_is_not_mapped_is_no_hindrance(tmp_path: Path, rows: int | None) -> None:
    others = {name: column for name, (column, _) in NO_TEXT.items()}
    path = saved(tmp_path, table(2, **others))
    own = ColumnMap(columns={"query": "query", "item_id": "item_id", "title": "title"})
    assert len(read(path, rows, column_map=own)) == 2
    assert len(read(path, rows)) == 2
    kept = own.model_copy(update={"keep": ["struct", "binary"]})
    assert read(path, rows, column_map=kept)["struct"].tolist() == [{"t": "a"}, {"t": "b"}]


LABELS: dict[str, tuple[pa.Array, list[float]]] = {
    "boolean": (pa.array([True, False, True]), [1, 0, 1]),
    "boolean in a dictionary": (pa.array(["true", "False", "true"]).dictionary_encode(), [1, 0, 1]),
    "decimal": (pa.array([D("0.5"), D(0), D(1)], pa.decimal128(5, 2)), [0.5, 0, 1]),
    "half float": (pa.array(np.array([0.5, 0, 1], np.float16)), [0.5, 0, 1]),
    "float": (pa.array([0.5, 0, 1], pa.float32()), [0.5, 0, 1]),
    "uint8": (pa.array([1, 0, 1], pa.uint8()), [1, 0, 1]),
    "text": (pa.array(["0.5", "0", "1"], pa.string_view()), [0.5, 0, 1]),
    "dictionary of int64": (pa.array([1, 0, 1]).dictionary_encode(), [1, 0, 1]),
}


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize("case", LABELS)
def test_labels_of_every_number_type(tmp_path: Path, case: str, rows: int | None) -> None:
    column, expected = LABELS[case]
    path = saved(tmp_path, table(3, label=column, grade=column))
    found = read(path, rows)
    assert found["label"].tolist() == expected and found["grade"].tolist() == expected


@pytest.mark.parametrize("rows", READ)
def test_values_of_a_scale_stand_for_numbers_and_booleans(tmp_path: Path, rows: int | None) -> None:
    columns = {name: name for name in ("query", "item_id", "title")}
    path = saved(
        tmp_path,
        table(
            3,
            stars=pa.array([D("3.00"), D("2.50"), None], pa.decimal128(5, 2)),
            bought=pa.array([True, False, True]),
            word=pa.array(["yes", "no", "Yes"]).dictionary_encode(),
        ),
    )
    own = tmp_path / "map.yaml"
    own.write_text(
        "columns: {query: query, item_id: item_id, title: title}\ngrade: {column: stars, values: {3: 1, 2.5: 0.5}}\n"
    )
    assert read(path, rows, column_map=own)["grade"].tolist()[:2] == [1.0, 0.5]
    for name, values in (
        ("bought", "{true: 1, false: 0}"),
        ("word", "{yes: 1, no: 0}"),
        ("word", "{'yes': 1, 'no': 0}"),
    ):
        own.write_text(f"columns: {json.dumps(columns)}\nlabel: {{column: {name}, values: {values}}}\n")
        assert read(path, rows, column_map=own)["label"].tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("rows", READ)
def test_attributes_of_typed_columns(tmp_path: Path, rows: int | None) -> None:
    columns = {
        "struct": pa.array([{"brand": "Acme", "price": 2}, None]),
        "map": pa.array([[("brand", "Acme")], None], pa.map_(pa.string(), pa.string())),
        "json": pa.array(['{"brand": "Acme"}', None], pa.json_()),
    }
    for name, column in columns.items():
        found = read(saved(tmp_path / name, table(2, attributes=column)), rows)["attributes"].tolist()
        assert json.loads(found[0])["brand"] == "Acme" and found[1] == "{}"
    path = saved(tmp_path, table(2, attributes=pa.array([{"brand": b"Acme"}, None])))
    with pytest.raises(InputError, match=r"row 1, field 'attributes': the attributes hold bytes"):
        read(path, rows)
    own = ColumnMap(
        columns={name: name for name in ("query", "item_id", "title")}, attributes={"stock": "stock", "price": "price"}
    )
    stock = table(2, stock=pa.array([True, None]), price=pa.array([D("2.50"), None], pa.decimal128(9, 2)))
    found = read(saved(tmp_path, stock), rows, column_map=own)["attributes"].tolist()
    assert found == ['{"stock": "true", "price": "2.50"}', "{}"]


@pytest.mark.parametrize("rows", READ)
def test_text_that_is_not_utf8_is_named(tmp_path: Path, rows: int | None) -> None:
    broken = pa.Array.from_buffers(pa.string(), 2, pa.array([b"ok", b"\xff\xfe"]).buffers())
    path = saved(tmp_path, table(2, title=broken))
    with pytest.raises(InputError, match=r"log\.parquet, field 'title': .*not UTF-8"):
        read(path, rows)


@pytest.mark.parametrize("limit", [None, 2])
def test_joined_files_keep_their_ids(tmp_path: Path, limit: int | None) -> None:
    """64-bit keys, beside nulls in another column, joined to a file that has them as text."""
    own = ColumnMap(
        columns={"sample_id": ["user", "sku"], "query": "q", "item_id": "sku", "title": "name", "user_id": "user"},
        files={
            "main": "log.parquet",
            "joins": [{"file": "items.csv", "key": "sku"}, {"file": "users.parquet", "key": "user"}],
        },
    )
    log = {"sku": pa.array([BIG, BIG + 1, BIG]), "user": pa.array([BIG + 1, BIG + 1, BIG]), "q": pa.array(["a"] * 3)}
    saved(tmp_path, pa.table(log))
    saved(
        tmp_path,
        pa.table({"user": pa.array([BIG + 1, BIG], pa.uint64()), "age": pa.array([None, BIG + 1])}),
        "users.parquet",
    )
    (tmp_path / "items.csv").write_text(f"sku,name\n{BIG},lamp\n{BIG + 1},desk\n")
    keep = own.model_copy(update={"keep": ["age"]})
    for rows in READ:
        found = read(tmp_path, rows, column_map=keep, limit=limit)
        assert found["title"].tolist() == ["lamp", "desk", "lamp"][:limit]
        assert found["sample_id"].tolist() == [f"{BIG + 1}-{BIG}", f"{BIG + 1}-{BIG + 1}", f"{BIG}-{BIG}"][:limit]
        assert [str(age) for age in found["age"]] == ["<NA>", "<NA>", str(BIG + 1)][:limit]


whole_numbers = st.none() | st.sampled_from([BIG, BIG + 1, -BIG - 1, 2**63 - 1, -(2**63)]) | st.integers(-9, 9)


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    users=st.lists(whole_numbers, min_size=1, max_size=12),
    decimals=st.booleans(),
    size=st.integers(1, 13),
    group=st.integers(1, 5),
)
def test_every_whole_number_comes_back(
    users: list[int | None], decimals: bool, size: int, group: int, tmp_path: Path
) -> None:
    set_quiet(True)
    kind = pa.decimal128(38, 2) if decimals else pa.int64()
    path = tmp_path / "log.parquet"
    pq.write_table(table(len(users), user_id=pa.array(users, pa.int64()).cast(kind)), path, row_group_size=group)
    texts = ["" if user is None else str(user) for user in users]
    assert load_samples(path)["user_id"].tolist() == texts
    assert read(path, size)["user_id"].tolist() == texts


STAGE_IDS = {
    "int64": (pa.array([BIG, BIG + 1, None]), [str(BIG), str(BIG + 1), None]),
    "uint64": (pa.array([2**64 - 1, None, 2], pa.uint64()), [str(2**64 - 1), None, "2"]),
    "decimal": (pa.array([D(BIG + 1), None, D(2)], pa.decimal128(20, 0)), [str(BIG + 1), None, "2"]),
    "float": (pa.array([1.0, None, 2.0]), ["1", None, "2"]),
    "dictionary": (pa.array(["007", None, "7"]).dictionary_encode(), ["007", None, "7"]),
    "view": (pa.array(["007", None, "7"], pa.string_view()), ["007", None, "7"]),
    "null": (pa.nulls(3), [None, None, None]),
}


@pytest.mark.parametrize("case", STAGE_IDS)
def test_ids_of_a_scores_file_are_exact(tmp_path: Path, case: str) -> None:
    column, texts = STAGE_IDS[case]
    path = saved(tmp_path, pa.table({"sample_id": column}), "scores.parquet")
    found = [text for batch in table_batches(path) for text in texts_of(batch, "sample_id", path).to_pylist()]
    assert found == texts


@pytest.mark.parametrize(
    "column", [*(column for column, _ in NO_TEXT.values()), pa.array([0.5, 1.0]), pa.array([float(BIG), 1.0])]
)
def test_ids_of_a_scores_file_that_are_no_ids(tmp_path: Path, column: pa.Array) -> None:
    path = saved(tmp_path, pa.table({"sample_id": column}), "scores.parquet")
    with pytest.raises(
        InputError, match=r"scores\.parquet, field 'sample_id': the column 'sample_id' cannot be read as"
    ):
        texts_of(next(table_batches(path)), "sample_id", path)


def test_a_table_of_a_stage_keeps_ids_beside_nulls(tmp_path: Path) -> None:
    path = saved(
        tmp_path, pa.table({"sample_id": ["a", "b", "c"], "user_id": [BIG + 1, None, BIG], "score": [1, None, 2]})
    )
    table = read_table(path)
    assert [str(user) for user in table["user_id"]] == [str(BIG + 1), "None", str(BIG)]
    assert table["score"].dtype == np.float64
    saved(tmp_path, pa.table([["a"], ["b"]], names=["sample_id", "sample_id"]))
    with pytest.raises(InputError, match="the column 'sample_id' occurs twice"):
        read_table(path)


KEPT = {
    **{name: column for name, (column, _) in NO_TEXT.items()},
    "null": pa.nulls(2),
    "int64 beside a null": pa.array([BIG + 1, None]),
    "boolean beside a null": pa.array([True, None]),
    "decimal": pa.array([D("1.50"), None], pa.decimal128(9, 2)),
    "date": pa.array([datetime.date(2024, 2, 29), None]),
    "time": pa.array([1, None], pa.time32("s")),
    "timestamp": pa.array([1, None], pa.timestamp("us", "UTC")),
    "list with nulls": pa.array([[BIG + 1, None], None]),
}


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize("case", KEPT)
def test_columns_that_are_kept_can_be_written_read_and_grouped_by(tmp_path: Path, case: str, rows: int | None) -> None:
    samples = read(saved(tmp_path, table(2, shop=KEPT[case])), rows)
    assert not isinstance(samples["shop"].dtype, pd.ArrowDtype)
    again = read_table(write_table(samples, tmp_path / "samples.parquet"))
    assert again["shop"].isna().tolist() == samples["shop"].isna().tolist()
    keys = group_keys(samples, "shop").tolist()
    if case == "int64 beside a null":
        assert keys == [str(BIG + 1), ""] and str(again["shop"].iloc[0]) == str(BIG + 1)


def test_purchase_sequences_keep_their_ids(tmp_path: Path) -> None:
    """Histories as lists of int64, items as uint64, the next item beside a null column."""
    ids = [BIG + number for number in range(6)]
    saved(
        tmp_path,
        pa.table({"item_id": pa.array(ids, pa.uint64()), "title": [f"t{one}" for one in ids]}),
        "items.parquet",
    )
    shoppers = {"user_id": [BIG + 1, BIG], "history": [ids[:2], ids[1:3]], "target_item_id": pa.array([ids[3], ids[4]])}
    saved(tmp_path, pa.table(shoppers), "shoppers.parquet")
    names = ("sample_id", "query", "item_id", "title", "label", "user_id", "history")
    files = {"items": "items.parquet", "sequences": "shoppers.parquet"}
    own = ColumnMap(columns={name: name for name in names}, next_item=files)
    found = load_samples(tmp_path, column_map=own)
    bought = found[found["label"] == 1]
    assert bought["item_id"].tolist() == [str(BIG + 3), str(BIG + 4)]
    assert bought["user_id"].tolist() == [str(BIG + 1), str(BIG)]
    assert bought["history"].tolist() == [f'["{BIG}", "{BIG + 1}"]', f'["{BIG + 1}", "{BIG + 2}"]']


def test_a_file_of_grades_with_typed_ids(tmp_path: Path) -> None:
    samples = load_samples(saved(tmp_path, table(2, sample_id=[BIG, BIG + 1])))
    grades = {"sample_id": [BIG + 1, BIG], "grade": pa.array([D("0.50"), D(1)], pa.decimal128(5, 2))}
    path = saved(tmp_path, pa.table(grades), "grades.parquet")
    assert with_grades(samples, path)["grade"].tolist() == [1.0, 0.5]
    saved(tmp_path, pa.table({"sample_id": [b"a"], "grade": [1.0]}), "grades.parquet")
    with pytest.raises(InputError, match=r"grades\.parquet, field 'sample_id': .* is of the type binary"):
        with_grades(samples, path)


@pytest.mark.parametrize("rows", READ)
def test_names_of_columns_may_hold_anything(tmp_path: Path, rows: int | None) -> None:
    """Dots are not paths into objects, and a column that begins alike is another one."""
    columns = {
        "user.id": pa.array([BIG + 1, None]),
        "a position": pa.array([0, 1]),
        "user": pa.array([{"id": 1}] * 2),
        "": pa.array([1, 2]),
    }
    path = saved(tmp_path, table(2, **columns))
    names = {"query": "query", "item_id": "item_id", "title": "title", "user_id": "user.id", "position": "a position"}
    found = read(path, rows, column_map=ColumnMap(columns=names))
    assert found["user_id"].tolist() == [str(BIG + 1), ""] and found["position"].tolist() == [1, 2]
    found = read(path, rows, column_map=ColumnMap(columns={**names, "user_id": "a position"}))
    assert found["user_id"].tolist() == ["0", "1"] and found["position"].tolist() == [1, 2]
