"""Grades that people filled into a file of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.samples import load_samples, read_grades, validate_samples, with_grades


def written(folder: Path, text: str, name: str = "grades.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_filled_cells_are_read_and_empty_ones_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path, 'sample_id,query,grade\n007,"a, b",1\n8,c,\n9,d, 0.5 \n')
    assert read_grades(path).to_dict() == {"007": 1.0, "9": 0.5}


def test_what_spreadsheets_make_of_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffsample_id;query;grade\r\n007;b;0,5\r\n8;c;1\r\n")
    assert read_grades(path).to_dict() == {"007": 0.5, "8": 1.0}


def test_other_files_are_read_too(tmp_path: Path) -> None:
    table = pd.DataFrame({"sample_id": [1, 2, 3], "grade": [0.0, None, 1.0]})
    table.to_parquet(tmp_path / "grades.parquet")
    assert read_grades(tmp_path / "grades.parquet").to_dict() == {"1": 0.0, "3": 1.0}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sample_id,grade\na,1\nb,3\n", r"row 2, field 'grade': the grade must be a number between 0 and 1, found '3'"),
        (
            "sample_id,grade\na,\nb,good\n",
            r"row 2, field 'grade': the grade must be a number between 0 and 1, found 'good'",
        ),
        ("sample_id,grade\na,1\na,0\n", r"row 2, field 'sample_id': 'a' is graded twice"),
        ("sample_id,grade\na,\nb,\n", r"field 'grade': no grade is filled in"),
        ("id,grade\na,1\n", r"the column 'sample_id' is missing"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        read_grades(written(tmp_path, text))


def test_grades_are_put_in_and_others_stay(tmp_path: Path) -> None:
    rows = [{"sample_id": name, "query": "q", "item_id": name, "title": "t"} for name in "abc"]
    samples = validate_samples(pd.DataFrame(rows).assign(grade=[0.25, None, None]), "test")
    graded = with_grades(samples, written(tmp_path, "sample_id,grade\nb,1\n"))
    assert graded["grade"].tolist()[:2] == [0.25, 1.0] and graded["grade"].isna().tolist() == [False, False, True]
    with pytest.raises(InputError, match="'d' is the id of no row of the data"):
        with_grades(samples, written(tmp_path, "sample_id,grade\nd,1\n"))


def test_ids_that_a_spreadsheet_would_run_come_back_without_their_mark(tmp_path: Path) -> None:
    samples = pd.DataFrame({"sample_id": ["=1", "'b", "c"], "grade": [np.nan] * 3})
    (tmp_path / "g.csv").write_text("sample_id,grade\n'=1,1\n'b,0\n", encoding="utf-8")
    assert with_grades(samples, tmp_path / "g.csv")["grade"].tolist()[:2] == [1.0, 0.0]


def test_grades_of_other_rows_are_refused(tmp_path: Path) -> None:
    """Without ids rows are known by their place: after one was put in, grades would be those of their neighbours."""
    rows = [f"q{row},i{row},thing {row}" for row in range(6)]
    for name, listed in (("log.csv", rows), ("more.csv", ["new,i9,another", *rows])):
        (tmp_path / name).write_text("\n".join(["query,item_id,title", *listed]) + "\n")
    samples = load_samples(tmp_path / "log.csv")
    file = tmp_path / "grades.csv"
    samples[["sample_id", "query", "title"]].assign(grade=[1, 0, 1, "", "", ""]).to_csv(file, index=False)
    assert with_grades(samples, file)["grade"].tolist()[:3] == [1.0, 0.0, 1.0]
    with pytest.raises(InputError, match="the query of the row '1' is 'q0' in the file, and the data have 'new'"):
        with_grades(load_samples(tmp_path / "more.csv"), file)
