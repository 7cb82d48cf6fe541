"""Streaming: chunk by chunk the same as all at once."""

from __future__ import annotations

import gzip
import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import ColumnMap, load_samples, stream_samples
from sie_agent.samples.sources import separated
from sie_agent.samples.unusable import repeated_ids as repeats
from sie_agent.samples.unusable.repeated_ids import AcrossChunks
from sie_agent.utils.progress import set_quiet

ENDINGS = [".parquet", ".csv", ".tsv", ".csv.gz", ".jsonl", ".jsonl.gz"]


def save(path: Path, frame: pd.DataFrame) -> Path:
    ending = path.name[path.name.index(".") :]
    if ending == ".parquet":
        frame.to_parquet(path, index=False)
    elif ending.startswith(".jsonl"):
        # as people write it: a key that has no value is not there
        rows = ({name: value for name, value in row.items() if value is not None} for row in frame.to_dict("records"))
        text = "\n\n".join(json.dumps(row) for row in rows) + "\n"
        path.write_bytes(gzip.compress(text.encode()) if ending.endswith(".gz") else text.encode())
    else:
        frame.to_csv(path, index=False, sep="\t" if ".tsv" in ending else ",")
    return path


def streamed(source: Path | str, rows: int, **how: Any) -> pd.DataFrame:
    chunks = list(stream_samples(source, chunk_rows=rows, **how))
    assert all(1 <= len(chunk) <= rows for chunk in chunks)
    assert all(len(chunk) == rows for chunk in chunks[:-1])
    return pd.concat(chunks, ignore_index=True)


def outcome(source: Path | str, rows: int | None, **how: Any) -> pd.DataFrame | str:
    try:
        return load_samples(source, **how) if rows is None else streamed(source, rows, **how)
    except InputError as error:
        return str(error)


def uncounted(said: object) -> str:
    """A message without how many rows share the fault: a chunk does not know of those behind it."""
    return re.sub(r" \([\d,]+ (of (the )?[\d,]+ )?rows [^)]*\)", "", str(said))


def assert_same(source: Path | str, rows: int, **how: Any) -> None:
    whole, chunked = outcome(source, None, **how), outcome(source, rows, **how)
    if isinstance(whole, str) or isinstance(chunked, str):
        assert uncounted(whole) == uncounted(chunked)
    else:
        pd.testing.assert_frame_equal(whole, chunked)


def log(count: int, **columns: list[Any]) -> pd.DataFrame:
    numbers = range(count)
    table = {
        "sample_id": [f"s{number}" for number in numbers],
        "query": [f"desk  lamp\n{number % 7}" for number in numbers],
        "item_id": [f"{number:03d}" for number in numbers],
        "title": ["lamp"] * count,
        "label": [number % 2 for number in numbers],
    }
    return pd.DataFrame({**table, **columns})


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1, max_size=6).map("a{}".format)
cells = {
    "query": words,
    "item_id": st.integers(0, 99).map(str),
    "title": words,
    "description": st.just("") | words,
    "label": st.sampled_from([0.0, 1.0, 0.5]),
    "grade": st.none() | st.floats(0, 1),
    "position": st.none() | st.integers(1, 9),
    "user_id": st.sampled_from([1.0, 2.0, 2.5]),
    "other": st.none() | st.integers(0, 3),
    "split": st.sampled_from(["train", "test"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.fixed_dictionaries(cells), min_size=1, max_size=25),
    size=st.integers(1, 30),
    left_out=st.sets(st.sampled_from(["description", "label", "grade", "position", "other"])),
    split=st.sampled_from([None, "train"]),
    limit=st.none() | st.integers(1, 30),
)
def test_the_chunks_together_are_the_table(
    rows: list[dict[str, Any]],
    size: int,
    left_out: set[str],
    split: str | None,
    limit: int | None,
    ending: str,
    tmp_path: Path,
) -> None:
    set_quiet(True)
    path = save(tmp_path / f"log{ending}", pd.DataFrame(rows).drop(columns=list(left_out)))
    assert_same(path, size, split=split, limit=limit)


@pytest.mark.parametrize("ending", ENDINGS)
def test_blocks_of_a_file_end_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    monkeypatch.setattr(separated, "PIECE_CHARACTERS", 2000)
    long = ["x" * (3000 if number == 150 else 20) for number in range(400)]
    path = save(tmp_path / f"log{ending}", log(400, description=long))
    for rows in (33, 1000):
        assert_same(path, rows)
        assert_same(path, rows, limit=155)


FAULTS: list[tuple[str, int, Any]] = [
    ("title", 37, " "),
    ("query", 60, "x" * 30_000),
    ("sample_id", 55, "s3"),
    ("sample_id", 12, "s11"),
    ("label", 41, 1.5),
    ("grade", 41, "high"),
    ("position", 70, 0.5),
    ("attributes", 70, "[1]"),
    ("history", 9, "{}"),
]


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
@pytest.mark.parametrize(("name", "row", "value"), FAULTS)
def test_a_fault_is_named_by_the_same_row(tmp_path: Path, ending: str, name: str, row: int, value: object) -> None:
    usual = {"grade": 0.5, "position": 1, "attributes": "{}", "history": "[]"}
    frame = log(80)
    column = (frame[name] if name in frame else pd.Series([usual[name]] * 80)).astype(object)
    column[row] = value
    path = save(tmp_path / f"log{ending}", frame.assign(**{name: column.astype(str)}))
    for rows in (1, 7, 40, 100):
        with pytest.raises(InputError) as whole:
            load_samples(path)
        with pytest.raises(InputError) as chunked:
            streamed(path, rows)
        assert uncounted(whole.value) == uncounted(chunked.value)


def test_an_id_far_behind_the_first_that_has_it(tmp_path: Path) -> None:
    frame = log(500)
    frame.loc[499, "sample_id"] = "s0"
    path = save(tmp_path / "log.csv", frame)
    chunks = stream_samples(path, chunk_rows=10)
    assert sum(len(next(chunks)) for _ in range(49)) == 490
    with pytest.raises(InputError, match=r"log\.csv, row 500, field 'sample_id': the id 's0' occurs more than once"):
        next(chunks)


def test_labels_that_only_later_rows_have(tmp_path: Path) -> None:
    path = save(tmp_path / "log.csv", log(30, label=[None] * 13 + [1.0] * 17))
    for rows in (1, 5, 13, 20, 99):
        with pytest.raises(InputError, match=r"row 1, field 'label': the label is missing here but given elsewhere"):
            streamed(path, rows)
    path = save(tmp_path / "log.csv", log(30, label=[1.0] * 13 + [None] * 17))
    for rows in (1, 5, 13, 20, 99):
        with pytest.raises(InputError, match=r"row 14, field 'label': the label is missing"):
            streamed(path, rows)


def test_ids_whose_hashes_clash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pd.util, "hash_array", lambda values, categorize: np.zeros(len(values), dtype=np.uint64))
    chunks = [pd.Series(["a", "b"]), pd.Series(["c", "d"]), pd.Series(["e", "b"]), pd.Series(["g", "g"])]
    across = AcrossChunks(lambda: iter(chunks))
    assert [across.repeated(ids, given=True).tolist() for ids in chunks] == [
        [False, False],
        [False, False],
        [False, True],
        [False, True],
    ]


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ids=st.lists(st.integers(0, 60), min_size=1, max_size=60),
    clash=st.booleans(),
    rows=st.integers(1, 9),
    memory=st.integers(1, 25),
    block=st.integers(1, 7),
)
def test_ids_are_found_in_the_file_as_in_memory(
    ids: list[int], clash: bool, rows: int, memory: int, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever of the hashes is on disk, and however many of them clash, the same rows are refused or none."""
    path = save(tmp_path / "log.csv", log(len(ids), sample_id=[f"s{number}" for number in ids]))
    expected = outcome(path, None)
    with monkeypatch.context() as patched:
        patched.setattr(repeats, "HASHES_IN_MEMORY", memory)
        patched.setattr(repeats, "BLOCK_HASHES", block)
        if clash:
            real = pd.util.hash_array
            patched.setattr(pd.util, "hash_array", lambda values, **how: real(values, **how) % np.uint64(3))
        found = outcome(path, rows)
    if isinstance(expected, str):
        # of several ids that stand there twice another may be met first: the row that is named has it, and one before
        assert isinstance(found, str)
        row, name = (int(re.findall(what, found)[0]) for what in (r"row (\d+)", r"id 's(\d+)'"))
        assert re.sub(r"row \d+|'s\d+'", "", found) == re.sub(r"row \d+|'s\d+'", "", expected)
        assert ids[row - 1] == name and name in ids[: row - 1]
    else:
        pd.testing.assert_frame_equal(expected, found)
    assert [file.name for file in tmp_path.iterdir()] == ["log.csv"]


def test_what_is_in_memory_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "HASHES_IN_MEMORY", 50)
    across = AcrossChunks(lambda: iter([]))
    for number in range(200):
        across.repeated(pd.Series([f"{number}-{place}" for place in range(10)]), given=True)
        assert sum(map(len, across._runs)) < 50
    assert across._file is not None
    across.finish()


def test_runs_of_hashes_stay_few() -> None:
    across = AcrossChunks(lambda: iter([]))
    for number in range(200):
        assert not across.repeated(pd.Series([f"{number}-{place}" for place in range(10)]), given=True).any()
    assert len(across._runs) <= 8 and sum(map(len, across._runs)) == 2000


CSV_FAULTS = [
    b"a,b\n" * 200,
    b"query,item_id,title\n" + b"q,i,t\n" * 200 + b"q,i,t,more\n" + b"q,i,t\n" * 50,
    b"query,item_id,title\n" + b"q,i,t\n" * 200 + b"q,\xff,t\n",
    b"query,item_id,title\n" + b"q,i,t\n" * 200 + b'q,i,"t\n' + b"q,i,t\n" * 9000,
    b"query,item_id,title\n",
    b"query,query,title\nq,i,t\n",
    b"",
]


@pytest.mark.parametrize("content", CSV_FAULTS)
def test_a_damaged_file_is_described_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(separated, "PIECE_CHARACTERS", 500)
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    assert_same(path, 10)
    packed = tmp_path / "log.csv.gz"
    packed.write_bytes(gzip.compress(content)[:-9])
    assert isinstance(outcome(packed, 10), str)
    assert_same(packed, 10)


@pytest.mark.parametrize(
    "content", ["", "\n", "{}\n", '{"query": 1}\n[]\n', '{"query": "a", "item_id": 1, "title": "t"}\n{"query"\n']
)
def test_damaged_json_lines_are_described_alike(tmp_path: Path, content: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(content)
    assert isinstance(outcome(path, 1), str)
    assert_same(path, 1)


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    path = save(tmp_path / "log.parquet", log(50))
    raw = path.read_bytes()
    path.write_bytes(raw[:-30])
    assert "log.parquet: not a whole Parquet file" in str(outcome(path, 7))
    save(path, log(0))
    assert_same(path, 7)


@pytest.mark.parametrize(
    "columns",
    [
        {"sample_id": [1.0, 2.0, 3.0, 3.5, 5.0, 6.0]},
        {"item_id": [1, 2, 3, None, 5, 6]},
        {"item_id": [0.5, None, 3, 4, 5, 6], "description": [1.5, 2, None, None, 5, 6]},
        {"user_id": [True, False, None, True, True, False], "other": [1, 2, None, 4, 5, 6]},
        {"timestamp": list(pd.date_range("2024-01-01", periods=6)), "other": [[1], [2], [], [4], None, [6]]},
        {"attributes": [{"brand": "A"}, None, {"brand": "B"}, None, None, None], "history": [["a"]] * 5 + [None]},
    ],
)
def test_the_type_of_a_column_is_that_of_the_whole(tmp_path: Path, columns: dict[str, list[Any]]) -> None:
    path = save(tmp_path / "log.parquet", log(6, **columns))
    for rows in (1, 2, 3, 6):
        assert_same(path, rows)
        assert_same(path, rows, limit=3)


@pytest.mark.slow
def test_maps_filters_and_splits(tmp_path: Path) -> None:
    frame = log(60, market=[["uk", "us", "de"][number % 3] for number in range(60)], stars=[0.5, 1.0, 2.0] * 20)
    frame = frame.assign(part=["train"] * 50 + ["dev"] * 10)
    columns = {"sample_id": ["sample_id", "market"], "query": "query", "item_id": "stars", "title": "title"}
    maps = [
        ColumnMap(columns=columns, filters={"market": ["us", "de"]}, keep=["market"], attributes={"stars": "stars"}),
        ColumnMap(columns=columns, filters={"market": ["us"], "part": ["dev"]}),
        ColumnMap(columns=columns, filters={"stars": ["1.0", "2.0"]}),
        ColumnMap(columns=columns, filters={"market": ["fr"]}),
        ColumnMap(columns=columns, filters={"absent": ["fr"]}),
        ColumnMap(columns=columns, split_column="part", label={"column": "stars", "values": {0.5: 0, 1: 0.5, 2: 1}}),
        ColumnMap(
            columns={**columns, "item_id": "item_id"},
            split_column="part",
            grade={"column": "stars", "minimum": 0, "maximum": 2},
        ),
    ]
    for ending in (".parquet", ".csv"):
        path = save(tmp_path / f"log{ending}", frame)
        for chosen in maps:
            for split in (None, "dev", "absent"):
                for rows, limit in ((7, None), (25, 29)):
                    assert_same(path, rows, column_map=chosen, split=split, limit=limit)


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_folders_of_several_files(tmp_path: Path, hub_cache: Path, ending: str) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    frame = log(40, other=[None, 2] * 20)
    # the last has one column less
    last = frame.drop(columns="other")
    for name, part in (("train-0", frame[:10]), ("train-1", frame[10:20]), ("test-0", last[20:30])):
        save(folder / f"{name}{ending}", part)
    for split in (None, "train", "test", "dev", "all"):
        for rows in (7, 100):
            assert_same(folder, rows, split=split)
    save(folder / f"train-3{ending}", frame[5:8])
    assert "more than once" in str(outcome(folder, 7, split="all"))
    assert_same(folder, 7, split="all")


def test_a_folder_of_one_file_and_one_of_several_kinds(tmp_path: Path) -> None:
    save(tmp_path / "train.jsonl", log(10))
    assert_same(tmp_path, 4)
    save(tmp_path / "test.csv", log(20).iloc[10:])
    assert_same(tmp_path, 4)
    assert_same(tmp_path, 4, split="all")
    save(tmp_path / "dev.parquet", log(30).iloc[20:])
    assert_same(tmp_path, 4, split="all")
    assert_same(tmp_path, 4, split="validation")


@pytest.mark.slow
@pytest.mark.parametrize("differ", [False, True])
def test_data_sets_saved_to_disk(tmp_path: Path, differ: bool) -> None:
    import datasets

    train = datasets.Dataset.from_pandas(log(25), preserve_index=False)
    test = log(40).iloc[25:]
    test = datasets.Dataset.from_pandas(test.assign(other=1) if differ else test, preserve_index=False)
    datasets.DatasetDict({"train": train, "test": test}).save_to_disk(str(tmp_path / "both"))
    train.save_to_disk(str(tmp_path / "one"))
    for rows in (1, 7, 99):
        assert_same(tmp_path / "both", rows)
        assert_same(tmp_path / "both", rows, split="all")
        assert_same(tmp_path / "both", rows, split="test")
        assert_same(tmp_path / "one", rows, limit=12)


def test_purchase_sequences_are_cut(tmp_path: Path) -> None:
    items = pd.DataFrame({"item_id": [str(number) for number in range(20)], "title": [f"t{n}" for n in range(20)]})
    draw = random.Random(0)
    shoppers = [[str(n) for n in draw.sample(range(20), 4)] for _ in range(15)]
    users = pd.DataFrame({"user_id": [f"u{n}" for n in range(15)], "history": [json.dumps(s[:3]) for s in shoppers]})
    save(tmp_path / "items.csv", items)
    save(tmp_path / "users.csv", users.assign(target_item_id=[shopper[3] for shopper in shoppers]))
    chosen = ColumnMap(next_item={"items": "items.csv", "sequences": "users.csv"})
    for rows in (1, 4, 99):
        assert_same(tmp_path, rows, column_map=chosen)
        assert_same(tmp_path, rows, column_map=chosen, limit=7)


def test_wrong_arguments_are_told_at_the_call(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the limit is 0"):
        stream_samples("sample", limit=0)
    with pytest.raises(InputError, match="chunk_rows is 0"):
        stream_samples("sample", chunk_rows=0)
    with pytest.raises(InputError, match="no such file"):
        stream_samples(tmp_path / "absent.csv")


def test_rows_behind_the_limit_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("query,item_id,title\n" + "q,i,t\n" * 30 + "q,,t\n" * 300_000)
    assert len(streamed(path, 10, limit=30)) == 30


@pytest.mark.slow
def test_the_shipped_sample(tmp_path: Path) -> None:
    assert_same("sample", 1, limit=452)  # a chunk of one row is slow
    for rows in (100, 1000):
        assert_same("sample", rows)


@pytest.mark.parametrize("rows", [1, 5, 13, 99])
def test_labels_that_some_rows_may_lack(tmp_path: Path, rows: int) -> None:
    path = save(tmp_path / "log.csv", log(30, label=[None] * 13 + [1.0] * 7 + [None] + [0.0] * 9))
    whole = load_samples(path, allow_missing_labels=True)
    assert whole["label"].isna().sum() == 14
    chunks = list(stream_samples(path, chunk_rows=rows, allow_missing_labels=True))
    pd.testing.assert_frame_equal(pd.concat(chunks, ignore_index=True), whole)
