"""Damaged Parquet and Arrow files, and folders whose files differ: one line that names the file, or all of the rows."""

from __future__ import annotations

import decimal
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.samples import load_samples, stream_samples, table_batches
from sie_agent.samples.tables import read_table
from sie_agent.utils.progress import set_quiet

BIG = 2**53
READ = [None, 1, 3, 500]


def read(source: Path, rows: int | None, **how: Any) -> pd.DataFrame:
    if rows is None:
        return load_samples(source, **how)
    return pd.concat(list(stream_samples(source, chunk_rows=rows, **how)), ignore_index=True)


def rows_of(count: int, start: int = 0, **columns: Any) -> pa.Table:
    ids = [f"s{start + number}" for number in range(count)]
    usual = {"sample_id": ids, "query": ["lamp"] * count, "item_id": ids, "title": [f"lamp {one}" for one in ids]}
    return pa.table({**usual, **columns})


def cut(path: Path) -> None:
    pq.write_table(rows_of(50), path)
    path.write_bytes(path.read_bytes()[:-40])


def cut_in_front(path: Path) -> None:
    pq.write_table(rows_of(50), path)
    path.write_bytes(path.read_bytes()[20:])


def without_end(path: Path) -> None:
    pq.write_table(rows_of(50), path)
    path.write_bytes(path.read_bytes()[:30])


def with_wrong_length(path: Path) -> None:
    pq.write_table(rows_of(50), path)
    content = bytearray(path.read_bytes())
    content[-8:-4] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(content)


def with_zeros_in_its_footer(path: Path) -> None:
    pq.write_table(rows_of(50), path)
    content = bytearray(path.read_bytes())
    content[-60:-8] = bytes(52)
    path.write_bytes(content)


def with_zeros_in_its_pages(path: Path) -> None:
    pq.write_table(rows_of(50), path)
    content = bytearray(path.read_bytes())
    content[4:120] = bytes(116)
    path.write_bytes(content)


def with_a_damaged_dictionary(path: Path) -> None:
    pq.write_table(rows_of(50), path, compression="NONE")
    content = path.read_bytes()
    # the length of the first text in the first dictionary page
    place = content.index(b"\x02\x00\x00\x00s0")
    path.write_bytes(content[:place] + b"\xff\xff\xff\x7f" + content[place + 4 :])


def encrypted(path: Path, *, footer: bool = True) -> None:
    import pyarrow.parquet.encryption as pe

    class Keys(pe.KmsClient):
        def __init__(self, config: object) -> None:
            pe.KmsClient.__init__(self)

        def wrap_key(self, key: bytes, name: str) -> bytes:
            return key.hex().encode()

        def unwrap_key(self, key: bytes, name: str) -> bytes:
            return bytes.fromhex(key.decode())

    how = pe.EncryptionConfiguration(footer_key="f", column_keys={"c": ["title"]}, plaintext_footer=not footer)
    factory = pe.CryptoFactory(Keys)
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), how)
    with pq.ParquetWriter(path, rows_of(50).schema, encryption_properties=properties) as writer:
        writer.write_table(rows_of(50))


def with_encrypted_columns(path: Path) -> None:
    encrypted(path, footer=False)


def with_a_column_twice(path: Path) -> None:
    pq.write_table(pa.table([["q"], ["i"], ["t"], ["u"]], names=["query", "item_id", "title", "title"]), path)


def without_columns(path: Path) -> None:
    pq.write_table(pa.table({}), path)


def without_rows(path: Path) -> None:
    pq.write_table(rows_of(0), path)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def a_text(path: Path) -> None:
    path.write_text("query,item_id,title\n")


DAMAGES: list[tuple[Callable[[Path], None], str]] = [
    (cut, "not a whole Parquet file"),
    (cut_in_front, "not a whole Parquet file"),
    (without_end, "not a whole Parquet file"),
    (with_wrong_length, "not a whole Parquet file"),
    (with_zeros_in_its_footer, "not a whole Parquet file"),
    (with_zeros_in_its_pages, "not a whole Parquet file"),
    (with_a_damaged_dictionary, "not a whole Parquet file"),
    (encrypted, "the Parquet file is encrypted"),
    (with_encrypted_columns, "the Parquet file is encrypted"),
    (with_a_column_twice, "the column 'title' occurs twice"),
    (without_columns, "the table has no rows"),
    (without_rows, "the table has no rows"),
    (empty, "the file is empty"),
    (a_text, "not a whole Parquet file"),
]


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_a_damaged_file_is_one_line(
    tmp_path: Path, damage: Callable[[Path], None], message: str, rows: int | None
) -> None:
    path = tmp_path / "log.parquet"
    damage(path)
    with pytest.raises(InputError, match=rf"log\.parquet.*: {message}") as caught:
        read(path, rows)
    assert caught.value.exit_code == 2 and caught.value.hint and "\n" not in str(caught.value)


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize(
    ("damage", "message"), [one for one in DAMAGES if one[0] not in (without_columns, without_rows)]
)
def test_the_damaged_file_of_a_folder_is_named(
    tmp_path: Path, damage: Callable[[Path], None], message: str, rows: int | None
) -> None:
    pq.write_table(rows_of(5, start=100), tmp_path / "a.parquet")
    damage(tmp_path / "b.parquet")
    with pytest.raises(InputError, match=rf"b\.parquet.*: {message}"):
        read(tmp_path, rows)


@pytest.mark.parametrize("rows", READ)
def test_files_without_rows_or_columns_beside_others(tmp_path: Path, rows: int | None) -> None:
    without_columns(tmp_path / "a.parquet")
    without_rows(tmp_path / "b.parquet")
    pq.write_table(rows_of(3), tmp_path / "c.parquet")
    pd.DataFrame(columns=["query", "title"]).to_parquet(tmp_path / "d.parquet")
    assert read(tmp_path, rows)["sample_id"].tolist() == ["s0", "s1", "s2"]


@pytest.mark.parametrize("rows", READ)
def test_what_spark_and_systems_leave_behind_is_no_data(tmp_path: Path, rows: int | None) -> None:
    pq.write_table(rows_of(2), tmp_path / "part-00000.snappy.parquet")
    deeper = tmp_path / "2024" / "market=us"
    deeper.mkdir(parents=True)
    pq.write_table(rows_of(2, start=2), deeper / "part-00001.snappy.parquet")
    for name in (
        "_SUCCESS",
        "_metadata",
        ".part-00000.snappy.parquet.crc",
        "part-00000.snappy.parquet.crc",
        ".DS_Store",
    ):
        (tmp_path / name).write_bytes(b"")
    for name in ("_temporary", "_delta_log", ".ipynb_checkpoints", "__MACOSX"):
        (tmp_path / name).mkdir()
        pq.write_table(pa.table({"add": [1]}), tmp_path / name / "00.parquet")
    (tmp_path / "_committed.parquet").write_bytes(b"")
    (tmp_path / "folder.parquet").mkdir()
    table = read(tmp_path, rows)
    assert sorted(table["sample_id"]) == ["s0", "s1", "s2", "s3"] and "market" not in table.columns


ORDER = ["title", "query", "item_id", "sample_id"]
D = decimal.Decimal
TYPES: list[tuple[pa.Array, pa.Array, list[str]]] = [
    (pa.array([BIG + 1]), pa.array([BIG], pa.uint64()), [str(BIG + 1), str(BIG)]),
    (pa.array([-1]), pa.array([2**64 - 1], pa.uint64()), ["-1", str(2**64 - 1)]),
    (pa.array([1], pa.int32()), pa.array([BIG + 1]), ["1", str(BIG + 1)]),
    (pa.array([BIG + 1]), pa.array(["007"]), [str(BIG + 1), "007"]),
    (pa.array(["007"]).dictionary_encode(), pa.array(["7"], pa.string_view()), ["007", "7"]),
    (pa.array([7]), pa.array([8.0]), ["7", "8"]),
    (pa.nulls(1), pa.array([BIG + 1]), ["", str(BIG + 1)]),
    (pa.array([BIG + 1]), pa.array([D(3)], pa.decimal128(9, 2)), [str(BIG + 1), "3"]),
]


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize("case", range(len(TYPES)))
def test_files_whose_columns_differ_in_order_and_type(tmp_path: Path, case: int, rows: int | None) -> None:
    first, second, texts = TYPES[case]
    pq.write_table(rows_of(1, user_id=first), tmp_path / "a.parquet")
    pq.write_table(rows_of(1, start=1).select(ORDER).append_column("user_id", second), tmp_path / "b.parquet")
    table = read(tmp_path, rows)
    assert table["title"].tolist() == ["lamp s0", "lamp s1"]
    assert table["user_id"].tolist() == texts


@pytest.mark.parametrize("rows", READ)
@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (pa.array([BIG + 1]), pa.array([0.5]), r"a\.parquet.*: the column 'user_id' \(int64\) is double in other"),
        (
            pa.array(["a"]),
            pa.array([0.5]),
            r"b\.parquet: the column 'user_id' is double here and large_string in .*a\.",
        ),
        (pa.array(["a"]), pa.array([b"a"]), r"b\.parquet: the column 'user_id' is binary here and large_string in"),
        (pa.array([True]), pa.array([1]), r"b\.parquet: the column 'user_id' is int64 here and bool in"),
        (pa.array([1]), pa.array([[1]]), r"b\.parquet: the column 'user_id' is list<.*> here and int64 in"),
    ],
)
def test_files_whose_types_do_not_go_together(
    tmp_path: Path, first: pa.Array, second: pa.Array, message: str, rows: int | None
) -> None:
    pq.write_table(rows_of(1, user_id=first), tmp_path / "a.parquet")
    pq.write_table(rows_of(1, start=1, user_id=second), tmp_path / "b.parquet")
    with pytest.raises(InputError, match=message):
        read(tmp_path, rows)


@pytest.mark.parametrize("rows", READ)
def test_a_column_that_a_file_lacks_is_empty_there(
    tmp_path: Path, rows: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    set_quiet(False)
    pq.write_table(rows_of(2, user_id=[BIG + 1, BIG]), tmp_path / "a.parquet")
    pq.write_table(rows_of(1, start=2), tmp_path / "b.parquet")
    assert read(tmp_path, rows)["user_id"].tolist() == [str(BIG + 1), str(BIG), ""]
    assert "b.parquet has no column 'user_id'" in capsys.readouterr().err


def test_parquet_beside_text_files_keeps_its_ids(tmp_path: Path) -> None:
    pq.write_table(rows_of(3, user_id=[BIG + 1, None, BIG]), tmp_path / "a.parquet")
    pq.write_table(rows_of(2, start=3, user_id=[1.0, None]), tmp_path / "b.parquet")
    (tmp_path / "c.csv").write_text("sample_id,query,item_id,title,user_id\ns9,q,i,t,007\n")
    for rows in READ:
        assert read(tmp_path, rows)["user_id"].tolist() == [str(BIG + 1), "", str(BIG), "1", "", "007"]
    pq.write_table(rows_of(1, start=5, title=[b"t"]), tmp_path / "d.parquet")
    with pytest.raises(InputError, match="the column 'title' holds bytes, which are not read as text"):
        load_samples(tmp_path)


def test_a_large_row_group_is_read_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pq.write_table(rows_of(60_000, user_id=pa.array([BIG + 1, None] * 30_000)), path, row_group_size=60_000)
    chunks = list(stream_samples(path, chunk_rows=25_000))
    assert [len(chunk) for chunk in chunks] == [25_000, 25_000, 10_000]
    assert chunks[2]["user_id"].tolist() == [str(BIG + 1), ""] * 5_000


def saved(folder: Path) -> Path:
    import datasets

    datasets.Dataset(rows_of(50)).save_to_disk(str(folder))
    return folder


@pytest.mark.parametrize("rows", READ)
def test_damaged_saved_data_sets(tmp_path: Path, rows: int | None) -> None:
    def cut_arrow(folder: Path) -> None:
        path = next(folder.glob("*.arrow"))
        path.write_bytes(path.read_bytes()[:700])

    def other_arrow(folder: Path) -> None:
        next(folder.glob("*.arrow")).write_bytes(b"\xff" * 900)

    def selected(folder: Path) -> None:
        state = json.loads((folder / "state.json").read_text())
        (folder / "state.json").write_text(json.dumps({**state, "_indices_data_files": [{"filename": "x"}]}))

    damages: list[tuple[Callable[[Path], object], str]] = [
        (cut_arrow, r"data-.*\.arrow: not a whole Arrow file"),
        (other_arrow, r"data-.*\.arrow: not a whole Arrow file"),
        (lambda folder: next(folder.glob("*.arrow")).write_bytes(b""), r"data-.*\.arrow: "),
        (lambda folder: next(folder.glob("*.arrow")).unlink(), r"data-.*\.arrow: the file is missing"),
        (lambda folder: (folder / "state.json").write_text("{"), r"state\.json: is not a JSON object"),
        (lambda folder: (folder / "state.json").write_text("{}"), r"state\.json: names no data files"),
        (lambda folder: (folder / "dataset_dict.json").write_text("{}"), r"dataset_dict\.json: names no splits"),
        (selected, "saved with a selection of rows apart"),
    ]
    for damage, message in damages:
        folder = saved(tmp_path / "shop")
        damage(folder)
        with pytest.raises(InputError, match=message) as caught:
            read(folder, rows)
        assert "\n" not in str(caught.value) and caught.value.hint
        shutil.rmtree(folder)


@pytest.mark.slow
@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=st.floats(0, 1),
    bytes_there=st.binary(min_size=1, max_size=12),
    cut_off=st.none() | st.floats(0, 1),
    plain=st.booleans(),
)
def test_whatever_is_damaged_is_one_line_or_rows(
    place: float, bytes_there: bytes, cut_off: float | None, plain: bool, tmp_path: Path
) -> None:
    set_quiet(True)
    path = tmp_path / "log.parquet"
    columns = {"user_id": pa.array([BIG + 1, None] * 10), "history": [["a"]] * 20, "label": np.linspace(0, 1, 20)}
    how = {"compression": "NONE", "use_dictionary": False} if plain else {}
    pq.write_table(rows_of(20, **columns), path, row_group_size=7, **how)
    content = bytearray(path.read_bytes())
    start = int(place * (len(content) - 1))
    content[start : start + len(bytes_there)] = bytes_there
    path.write_bytes(content if cut_off is None else content[: int(cut_off * len(content))])
    calls: list[Callable[[], object]] = [
        lambda: read(path, None, allow_missing_labels=True),
        lambda: read(path, 3, allow_missing_labels=True),
        lambda: read_table(path),
        lambda: list(table_batches(path)),
    ]
    for call in calls:
        message = fault_of(call)
        assert "\n" not in message and (not message or "log.parquet" in message)


def fault_of(call: Callable[[], object]) -> str:
    """What a call says of its input; empty where it finds no fault. Any other error is one of ours."""
    try:
        call()
    except (InputError, EnvironmentFailure) as error:
        return str(error)
    return ""
