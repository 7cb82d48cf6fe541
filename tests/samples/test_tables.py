"""Parquet files of the stages: whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.samples import load_samples, validate_samples
from sie_agent.samples.tables import TableWriter, log_hash, read_table, write_table


def test_a_table_comes_back_as_it_was_written(graded: pd.DataFrame, tmp_path: Path) -> None:
    path = write_table(graded, tmp_path / "deep" / "er" / "samples.parquet")
    pd.testing.assert_frame_equal(read_table(path), graded)
    pd.testing.assert_frame_equal(load_samples(path), graded)
    assert os.listdir(path.parent) == ["samples.parquet"]


texts = st.text(st.characters(codec="utf-8"), max_size=15).map(lambda text: f"a{text}b")
unit = st.floats(0, 1)


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(texts, texts, unit, st.none() | unit, st.none() | st.integers(1, 99)), min_size=1))
def test_every_table_of_the_schema_survives_the_disk(rows: list[tuple[object, ...]], tmp_path: Path) -> None:
    frame = pd.DataFrame(rows, columns=["query", "title", "label", "grade", "position"])
    samples = validate_samples(frame.assign(item_id="i"), "test")
    path = write_table(samples, tmp_path / "samples.parquet")
    pd.testing.assert_frame_equal(read_table(path), samples)
    assert log_hash(read_table(path)) == log_hash(samples)


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(
    graded: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_table(graded.head(3), tmp_path / "samples.parquet")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(EnvironmentFailure, match=r"samples\.parquet: the disk is full"):
        write_table(graded, path)
    assert os.listdir(tmp_path) == ["samples.parquet"]
    assert len(read_table(path)) == 3


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.EACCES, "cannot be written to"),
        (errno.EROFS, "cannot be written to"),
        (errno.EIO, "the disk has a fault"),
    ],
)
def test_what_the_system_refuses_is_said_in_one_line(
    graded: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(EnvironmentFailure, match=message) as caught:
        write_table(graded, tmp_path / "samples.parquet")
    assert "\n" not in str(caught.value)


def test_a_file_where_a_folder_should_be(graded: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("not a folder")
    with pytest.raises(EnvironmentFailure, match="cannot be written"):
        write_table(graded, tmp_path / "run" / "samples.parquet")


def test_reading_names_what_is_wrong(graded: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "scores.parquet")
    path = write_table(graded, tmp_path / "samples.parquet")
    with pytest.raises(InputError, match="the column 'value' is missing"):
        read_table(path, required=["sample_id", "value"])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="not a whole Parquet file"):
        read_table(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="the file is empty"):
        read_table(path)


def test_a_folder_named_like_a_partition_adds_no_column(graded: pd.DataFrame, tmp_path: Path) -> None:
    path = write_table(graded, tmp_path / "seed=3" / "samples.parquet")
    assert "seed" not in read_table(path)
    assert "seed" not in load_samples(path)


def test_the_hash_is_of_ids_and_labels_in_order(graded: pd.DataFrame) -> None:
    log = graded.assign(label=1.0)
    assert log_hash(log) == log_hash(log.assign(title="other"))
    assert log_hash(log) != log_hash(log.iloc[::-1])
    assert log_hash(log) != log_hash(log.assign(label=0.0))
    assert log_hash(log) != log_hash(graded)
    one = pd.DataFrame({"sample_id": ["a"], "label": [0.5]})
    # printf 'a\t0.5\n' | sha256sum
    assert log_hash(one) == ONE_ROW


ONE_ROW = "eccfd3f62b5c20deb954e093d4ac977f8e4a0eca3f82b6e89a06c6156059b74e"


def test_tables_are_appended(graded: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "samples.parquet"
    with TableWriter(path) as writer:
        for start in range(0, len(graded), 7):
            writer.write(graded.iloc[start : start + 7])
            assert not path.exists()
    assert writer.rows == len(graded)
    assert pq.ParquetFile(path).num_row_groups == 5
    pd.testing.assert_frame_equal(read_table(path), graded)
    assert os.listdir(path.parent) == ["samples.parquet"]


def test_nothing_written_is_a_file_without_rows(graded: pd.DataFrame, tmp_path: Path) -> None:
    with TableWriter(tmp_path / "samples.parquet", empty=graded):
        pass
    pd.testing.assert_frame_equal(read_table(tmp_path / "samples.parquet"), graded.head(0))


def test_types_are_those_of_the_first_table(tmp_path: Path) -> None:
    with TableWriter(tmp_path / "a.parquet") as writer:
        writer.write(pd.DataFrame({"text": ["a"], "number": [0.5]}))
        writer.write(pd.DataFrame({"text": pd.Series([None], dtype=object), "number": [1]}))
    table = read_table(tmp_path / "a.parquet")
    assert table["number"].tolist() == [0.5, 1.0] and table["text"].isna().tolist() == [False, True]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_error_between_two_tables_leaves_the_old_file(
    graded: pd.DataFrame, tmp_path: Path, error: type[BaseException]
) -> None:
    path = write_table(graded.head(3), tmp_path / "samples.parquet")

    def stopped() -> None:
        with TableWriter(path) as writer:
            writer.write(graded)
            raise error

    with pytest.raises(error):
        stopped()
    assert os.listdir(tmp_path) == ["samples.parquet"]
    assert len(read_table(path)) == 3


@pytest.mark.parametrize("failing", ["open", "write", "close"])
def test_a_disk_that_is_full_at_any_step(
    graded: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    where = {"open": (pq, "ParquetWriter"), "write": (pq.ParquetWriter, "write_table"), "close": (os, "fsync")}
    monkeypatch.setattr(*where[failing], full)
    with (
        pytest.raises(EnvironmentFailure, match=r"samples\.parquet: the disk is full"),
        TableWriter(tmp_path / "samples.parquet") as writer,
    ):
        writer.write(graded)
    assert os.listdir(tmp_path) == []


def test_a_device_that_is_really_full(graded: pd.DataFrame, tmp_path: Path) -> None:
    def write() -> None:
        with open("/dev/full", "wb", buffering=0) as stream, TableWriter(tmp_path / "samples.parquet") as writer:
            assert writer._unfinished is not None
            os.dup2(stream.fileno(), writer._unfinished.stream.fileno())
            writer.write(pd.concat([graded] * 1000))

    with pytest.raises(EnvironmentFailure, match=r"samples\.parquet: the disk is full"):
        write()
    assert os.listdir(tmp_path) == []


def test_the_file_gets_the_permissions_of_any_other(graded: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    path = write_table(graded, tmp_path / "samples.parquet")
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
