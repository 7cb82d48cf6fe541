"""Rows that cannot be used are counted, listed and left out; too many of them, or any with --strict, are refused."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import LIST, ColumnMap, InvalidRows, load_samples, rows_policy, stream_samples
from sie_agent.samples.unusable.listed import RowList
from sie_agent.utils.finishing import finishing

ROW = {"query": "lamp", "item_id": "1", "title": "Lamp", "label": "1", "position": "1", "attributes": ""}


def log(path: Path, count: int, faults: dict[int, dict[str, Any]]) -> Path:
    """A CSV log of *count* rows, with *faults* by row number."""
    pd.DataFrame([{**ROW, **faults.get(number, {})} for number in range(1, count + 1)]).to_csv(path, index=False)
    return path


def listed(folder: Path) -> list[dict[str, str]]:
    """What stands in the list."""
    with (folder / LIST).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(
    ("fault", "field", "problem"),
    [
        ({"title": ""}, "title", "the title is empty"),
        ({"query": "  "}, "query", "the query is empty"),
        ({"item_id": ""}, "item_id", "the item_id is empty"),
        ({"label": "7"}, "label", "the label must be between 0 and 1, found 7"),
        ({"label": "often"}, "label", "the label 'often' is not a number"),
        ({"label": ""}, "label", "the label is missing here but given elsewhere"),
        ({"position": "-3"}, "position", "the position -3 is not a positive whole number"),
        ({"position": "inf"}, "position", "the position inf is not a positive whole number"),
        ({"attributes": "[1]"}, "attributes", "the attributes are not a JSON object but a list"),
        ({"title": "x" * 30_000}, "title", "the title has 30,000 characters; at most 20,000 are allowed"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_one_row_is_left_out_and_listed(
    tmp_path: Path, fault: dict[str, Any], field: str, problem: str, streamed: bool
) -> None:
    path = log(tmp_path / "log.csv", 40, {23: fault})
    policy = rows_policy(tmp_path / "out")
    if streamed:
        table = pd.concat(list(stream_samples(path, chunk_rows=7, invalid=policy)), ignore_index=True)
    else:
        table = load_samples(path, invalid=policy)
    # the ids are those of the rows of the file, with a gap
    assert table["sample_id"].tolist() == [str(row) for row in range(1, 41) if row != 23]
    (told,) = listed(tmp_path / "out")
    assert (told["row"], told["field"], told["problem"]) == ("23", field, problem) and len(told["text"]) < 100
    assert policy is not None and (policy.rows, policy.total) == (1, 40)
    with pytest.raises(InputError, match=f"row 23, field '{field}'"):
        load_samples(path)


@pytest.mark.parametrize("streamed", [False, True])
def test_over_a_twentieth_is_refused_unless_it_may_be_skipped(tmp_path: Path, streamed: bool) -> None:
    path = log(tmp_path / "log.csv", 40, {row: {"title": ""} for row in (3, 20, 40)})

    def read(**options: Any) -> int:
        policy = rows_policy(tmp_path, **options)
        if streamed:
            return sum(len(chunk) for chunk in stream_samples(path, chunk_rows=2, invalid=policy))
        return len(load_samples(path, invalid=policy))

    with pytest.raises(InputError, match=r"row 3, .*3 of 40 rows cannot be used.*more than 5%.*--skip-invalid"):
        read()
    assert [row["row"] for row in listed(tmp_path)] == ["3", "20", "40"]
    assert read(skip_invalid=True) == 37
    with pytest.raises(InputError, match="row 3, field 'title': the title is empty"):
        read(strict=True)


def test_just_a_twentieth_may_be_left_out(tmp_path: Path) -> None:
    path = log(tmp_path / "log.csv", 40, {5: {"title": ""}, 6: {"title": ""}})
    assert len(load_samples(path, invalid=InvalidRows())) == 38


def test_one_line_says_how_many_and_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = log(tmp_path / "log.csv", 40, {5: {"title": "", "position": "x"}})
    list(stream_samples(path, chunk_rows=3, invalid=rows_policy(tmp_path)))
    said = capsys.readouterr().err
    assert said.count("1 of 40 rows cannot be used") == 1 and str(tmp_path / LIST) in said
    assert "title 1" in said and "position 1" in said


@pytest.mark.parametrize("streamed", [False, True])
def test_rows_of_a_part_are_called_the_first(
    tmp_path: Path, streamed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    path = log(tmp_path / "log.csv", 40, {5: {"title": ""}, 35: {"title": ""}})
    if streamed:
        list(stream_samples(path, chunk_rows=3, limit=30, invalid=rows_policy(tmp_path)))
    else:
        load_samples(path, limit=30, invalid=rows_policy(tmp_path))
    assert "1 of the first 30 rows cannot be used" in capsys.readouterr().err
    load_samples(path, limit=50, invalid=rows_policy(tmp_path))
    assert "2 of 40 rows cannot be used" in capsys.readouterr().err


def test_a_log_without_faults_has_no_list_and_an_old_one_goes(tmp_path: Path) -> None:
    bad, good = log(tmp_path / "bad.csv", 40, {5: {"title": ""}}), log(tmp_path / "good.csv", 40, {})
    load_samples(bad, invalid=rows_policy(tmp_path))
    assert (tmp_path / LIST).is_file()
    load_samples(good, invalid=rows_policy(tmp_path))
    assert not (tmp_path / LIST).exists()


def test_a_file_of_somebody_else_stays(tmp_path: Path) -> None:
    some, many = {5: {"title": ""}}, {row: {"title": ""} for row in range(1, 31)}
    for mine in ("mine\n", "row,field,problem,text\n1,title,ask Ann,\n"):
        (tmp_path / LIST).write_text(mine)
        load_samples(log(tmp_path / "log.csv", 40, {}), invalid=rows_policy(tmp_path))
        with pytest.raises(InputError, match="nothing says that this program wrote"):
            load_samples(log(tmp_path / "log.csv", 40, some), invalid=rows_policy(tmp_path))
        with pytest.raises(InputError, match=r"row 1, 2, .*20, …; .* stays"):
            load_samples(log(tmp_path / "log.csv", 40, many), invalid=rows_policy(tmp_path))
        assert (tmp_path / LIST).read_text() == mine


def test_a_list_that_somebody_changed_stays(tmp_path: Path) -> None:
    path = log(tmp_path / "log.csv", 40, {5: {"title": ""}})
    for _ in range(2):
        load_samples(path, invalid=rows_policy(tmp_path))
    with (tmp_path / LIST).open("a") as stream:
        stream.write("6,title,ask Ann,\n")
    load_samples(log(tmp_path / "good.csv", 40, {}), invalid=rows_policy(tmp_path))
    with pytest.raises(InputError, match="nothing says"):
        load_samples(path, invalid=rows_policy(tmp_path))
    assert "ask Ann" in (tmp_path / LIST).read_text()


def test_two_files_in_one_folder_have_lists_of_their_own(tmp_path: Path) -> None:
    path = log(tmp_path / "log.csv", 40, {5: {"title": ""}})
    for name in ("a.parquet", "b.v2.parquet"):
        load_samples(path, invalid=rows_policy(tmp_path, of=tmp_path / name))
    load_samples(log(tmp_path / "good.csv", 40, {}), invalid=rows_policy(tmp_path, of=tmp_path / "a.parquet"))
    assert [one.name for one in tmp_path.glob("*.invalid-rows.csv")] == ["b.v2.invalid-rows.csv"]


@pytest.mark.parametrize("faults", [1, 0, 30])
def test_refused_work_leaves_the_list_of_finished_work(tmp_path: Path, faults: int) -> None:
    """Whether the rows are the reason or something else is, after they were looked through."""
    with finishing():
        load_samples(log(tmp_path / "log.csv", 40, {5: {"title": ""}}), invalid=rows_policy(tmp_path))
    before = (tmp_path / LIST).read_bytes()
    other = log(tmp_path / "log.csv", 40, {row: {"query": ""} for row in range(1, faults + 1)})

    def refused() -> None:
        with finishing():
            load_samples(other, invalid=rows_policy(tmp_path))
            raise InputError("something else")

    with pytest.raises(InputError):
        refused()
    assert (tmp_path / LIST).read_bytes() == before and not list(tmp_path.glob("*.part"))
    with finishing():
        load_samples(other, invalid=rows_policy(tmp_path, skip_invalid=True))
    assert (tmp_path / LIST).exists() == bool(faults)
    assert not faults or len(listed(tmp_path)) == faults


def test_both_options_at_once() -> None:
    with pytest.raises(InputError, match="exclude each other"):
        rows_policy(None, skip_invalid=True, strict=True)


def test_what_a_spreadsheet_would_take_for_a_formula(tmp_path: Path) -> None:
    path = log(tmp_path / "log.csv", 40, {5: {"label": "=1+1"}})
    load_samples(path, invalid=rows_policy(tmp_path))
    assert listed(tmp_path)[0]["text"] == "'=1+1"


def test_no_row_is_left(tmp_path: Path) -> None:
    path = log(tmp_path / "log.csv", 3, {row: {"title": ""} for row in (1, 2, 3)})
    for read in (load_samples, lambda *args, **more: list(stream_samples(*args, **more))):
        with pytest.raises(InputError, match="no row can be used"):
            read(path, invalid=InvalidRows(skip=True))


def test_a_log_without_any_label_has_no_faults(tmp_path: Path) -> None:
    path = log(tmp_path / "log.csv", 5, {row: {"label": ""} for row in range(1, 6)})
    assert len(load_samples(path, invalid=InvalidRows())) == 5


def test_faults_of_a_map_s_scales_and_words(tmp_path: Path) -> None:
    path = log(tmp_path / "log.csv", 60, {5: {"label": "9"}, 6: {"position": "far"}})
    columns = {"query": "query", "item_id": "item_id", "title": "title"}
    ranged = {"column": "label", "minimum": 0, "maximum": 2}
    words = {"column": "position", "values": {"1": 1}}
    column_map = ColumnMap.model_validate({"columns": columns, "label": ranged, "grade": words})
    table = load_samples(path, column_map=column_map, invalid=rows_policy(tmp_path))
    assert len(table) == 58 and [row["row"] for row in listed(tmp_path)] == ["5", "6"]


def test_lines_of_json_are_counted_as_lines(tmp_path: Path) -> None:
    rows = [{**ROW, "title": None if number == 7 else "Lamp"} for number in range(1, 31)]
    (tmp_path / "log.jsonl").write_text("\n\n".join(pd.Series(row).to_json() for row in rows))
    load_samples(tmp_path / "log.jsonl", invalid=rows_policy(tmp_path))
    assert listed(tmp_path)[0]["row"] == "13"


@pytest.mark.slow
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    faults=st.dictionaries(
        st.integers(1, 30),
        st.sampled_from([{"title": ""}, {"label": "x"}, {"label": ""}, {"position": "-1"}, {"query": "", "title": ""}]),
    ),
    chunk=st.integers(1, 11),
    skip=st.booleans(),
    impressions=st.booleans(),
)
def test_whole_and_in_chunks_the_same_rows_list_and_errors(
    tmp_path: Path, faults: dict[int, dict[str, Any]], chunk: int, skip: bool, impressions: bool
) -> None:
    path = log(tmp_path / "log.csv", 30, faults)
    same = {name: name for name in ROW}
    column_map = ColumnMap.model_validate({"columns": same, "impressions": impressions})

    def outcome(streamed: bool) -> tuple[Any, Any]:
        policy = rows_policy(tmp_path, skip_invalid=skip)
        try:
            if streamed:
                chunks = stream_samples(path, column_map=column_map, chunk_rows=chunk, invalid=policy)
                table = pd.concat(list(chunks), ignore_index=True)
            else:
                table = load_samples(path, column_map=column_map, invalid=policy)
        except InputError as error:
            # how many rows of a chunk share a fault is not how many of the whole do
            return error.where, (tmp_path / LIST).exists() and listed(tmp_path)
        return table.to_json(), (tmp_path / LIST).exists() and listed(tmp_path)

    assert outcome(False) == outcome(True)


def test_the_list_does_not_go_among_the_data(tmp_path: Path) -> None:
    log(tmp_path / "log.csv", 40, {5: {"title": ""}})
    with pytest.raises(InputError, match="would lie in the folder of the data"):
        load_samples(tmp_path, invalid=rows_policy(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_list_that_is_not_kept_leaves_no_folder(tmp_path: Path) -> None:
    made = RowList(tmp_path / "runs" / "deep" / LIST)
    with made.writer() as write:
        write([1, "title", "is empty", ""])
    made.discard()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "runs").mkdir()
    with made.writer() as write:
        write([1, "title", "is empty", ""])
    made.discard()
    assert list(tmp_path.rglob("*")) == [tmp_path / "runs"]
