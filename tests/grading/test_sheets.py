"""Sheets that people fill in: what comes back, what a spreadsheet must not run, and what is wrong in them."""

from __future__ import annotations

import contextlib
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from sie_agent.commands.comparing.grades import grades_from_sheet
from sie_agent.errors import InputError
from sie_agent.grading import read_sheet, write_sheet
from sie_agent.grading.sheets import _cell

HOSTILE = ["=1+1", "+49", "-x", "@import", "'quoted", "''twice", "＝cmd()", 'plain, with "quotes"; and; more']


def rows(grades: list[float] | None = None) -> pd.DataFrame:
    count = len(HOSTILE)
    frame = pd.DataFrame(
        {
            "sample_id": [f"{place:03d}" for place in range(count - 1)] + ["=id"],
            "query": HOSTILE[::-1],
            "title": HOSTILE,
            "description": "x " * 400,
            "sampling_probability": np.linspace(0.001, 1, count),
        }
    )
    return frame if grades is None else frame.assign(grade=grades)


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_what_is_written_comes_back(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"sheet.{ending}"
    given_rows = rows([0, 1 / 3, 2 / 3, 1, np.nan, 0.5, np.nan, 1])
    write_sheet(path, given_rows)
    found = read_sheet(path)
    kept = given_rows[given_rows["grade"].notna()]
    for name in ("sample_id", "query", "title"):
        assert found[name].tolist() == kept[name].tolist()
    assert found["grade"].tolist() == kept["grade"].tolist()
    assert found["sampling_probability"].to_numpy() == pytest.approx(kept["sampling_probability"].to_numpy(), rel=1e-12)
    assert found.index.tolist() == [1, 2, 3, 4, 6, 8]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_no_cell_is_a_formula(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"sheet.{ending}"
    write_sheet(path, rows())
    if ending == "xlsx":
        cells = [cell for line in load_workbook(path).worksheets[0].iter_rows() for cell in line]
        assert all(cell.data_type != "f" for cell in cells)
        texts = [cell.value for cell in cells if isinstance(cell.value, str)]
    else:
        texts = pd.read_csv(path, dtype=str, keep_default_na=False).to_numpy().ravel().tolist()
    assert not any(text.startswith(("=", "+", "-", "@", "＝")) for text in texts)


def test_a_description_is_cut_and_the_scale_stands_beside(tmp_path: Path) -> None:
    write_sheet(tmp_path / "sheet.csv", rows())
    table = pd.read_csv(tmp_path / "sheet.csv", dtype=str, keep_default_na=False)
    assert list(table.columns) == [
        "sample_id", "query", "title", "description", "grade", "scale", "sampling_probability",
    ]  # fmt: skip
    assert table["description"].str.len().max() == 300 and table["description"].str.endswith("…").all()
    assert (table["grade"] == "").all() and table["scale"].str.startswith("1 exactly this").all()


@given(st.text(max_size=30))
def test_a_cell_is_one_line_no_formula_and_comes_back(text: str) -> None:
    cell = _cell(text, None)
    assert "\n" not in cell and not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    shown = "".join(one for one in " ".join(text.split()) if unicodedata.category(one) not in ("Cc", "Cs"))
    assert cell.removeprefix("'") == shown


@pytest.mark.parametrize(
    ("told", "grade"),
    [
        ("1", 1.0),
        ("0,33", 1 / 3),
        ("0.67", 2 / 3),
        ("1/3", 1 / 3),
        ("2 / 3", 2 / 3),
        ("0.5", 0.5),
        (" 0 ", 0.0),
        (".25", 0.25),
    ],
)
def test_grades_as_people_write_them(tmp_path: Path, told: str, grade: float) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text(f'sample_id,grade,sampling_probability\na,"{told}",0.5\n', "utf-8")
    assert read_sheet(path)["grade"].tolist() == [pytest.approx(grade)]


def test_a_sheet_that_a_spreadsheet_saved_with_semicolons(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text("sample_id;query;grade;sampling_probability\na;sofa;0,67;0,25\nb;bed;;0,5\n", "utf-8")
    found = read_sheet(path)
    assert found["grade"].tolist() == [2 / 3] and found["sampling_probability"].tolist() == [0.25]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["a,3,0.5"], "row 1, field 'grade': the grade must be a number from 0 to 1, found '3'"),
        (["a,,0.5", "b,good,0.5"], "row 2, field 'grade': the grade must be a number from 0 to 1, found 'good'"),
        (["a,-1,0.5"], "row 1, field 'grade'"),
        (["a,nan,0.5"], "row 1, field 'grade'"),
        (
            ["a,1,0"],
            "row 1, field 'sampling_probability': the probability must be 1e-12 or more and at most 1, found '0'",
        ),
        (["a,1,"], "row 1, field 'sampling_probability'"),
        (["a,1,1.5"], "row 1, field 'sampling_probability'"),
        (["a,1,0.5", "'a,0,0.5"], "row 2, field 'sample_id': 'a' is there twice"),
        ([",1,0.5"], "row 1, field 'sample_id': the id is missing"),
        (["a,,0.5"], "field 'grade': no grade is filled in"),
    ],
)
def test_what_is_wrong_is_named_with_its_row(tmp_path: Path, lines: list[str], words: str) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text("\n".join(["sample_id,grade,sampling_probability", *lines, ""]), "utf-8")
    with pytest.raises(InputError) as error:
        read_sheet(path)
    assert words in str(error.value) and str(path) in str(error.value)
    book, cells = Workbook(), [line.split(",") for line in ["sample_id,grade,sampling_probability", *lines]]
    for line in cells:
        book.worksheets[0].append([cell or None for cell in line])
    book.save(tmp_path / "sheet.xlsx")
    with pytest.raises(InputError) as error:
        read_sheet(tmp_path / "sheet.xlsx")
    assert words in str(error.value)


def test_a_missing_column_another_ending_and_no_rows(tmp_path: Path) -> None:
    (tmp_path / "sheet.csv").write_text("sample_id,grade\na,1\n", "utf-8")
    with pytest.raises(InputError, match="the column 'sampling_probability' is missing"):
        read_sheet(tmp_path / "sheet.csv")
    with pytest.raises(InputError, match=r"a sheet is a \.csv or a \.xlsx file"):
        write_sheet(tmp_path / "sheet.ods", rows())
    with pytest.raises(InputError, match="there is no row to grade"):
        write_sheet(tmp_path / "sheet.csv", rows().iloc[:0])
    with pytest.raises(InputError, match=r"missing\.xlsx"):
        read_sheet(tmp_path / "missing.xlsx")


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=20), st.floats(0.1, 1))
def test_a_damaged_workbook_is_one_line_of_error(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[float, int]], kept: float
) -> None:
    path = tmp_path_factory.mktemp("sheet") / "sheet.xlsx"
    write_sheet(path, rows([1.0] * len(HOSTILE)))
    content = bytearray(path.read_bytes())
    for place, change in changes:
        content[int(place * (len(content) - 1))] ^= change
    path.write_bytes(bytes(content[: int(kept * len(content))]))
    with contextlib.suppress(InputError):
        read_sheet(path)


def test_ids_with_odd_spaces_are_found_again(tmp_path: Path) -> None:
    ids = ["a  b", " c ", "'d", "=e", "f", "f "]
    samples = pd.DataFrame({"sample_id": ids, "grade": np.nan})
    shown = pd.DataFrame({"sample_id": ids[:5], "query": "q", "title": "t", "sampling_probability": 0.5, "grade": 1.0})
    write_sheet(tmp_path / "sheet.csv", shown[:4])
    found, chances, given_grades = grades_from_sheet(samples, tmp_path / "sheet.csv")
    assert found["grade"].notna().tolist() == [True] * 4 + [False] * 2 and given_grades == 4
    assert chances is not None and np.isfinite(chances).sum() == 4
    write_sheet(tmp_path / "sheet.csv", shown)
    with pytest.raises(InputError, match="row 5, field 'sample_id': several ids of the data read 'f'"):
        grades_from_sheet(samples, tmp_path / "sheet.csv")


def test_what_no_xml_may_hold_is_left_out_of_a_workbook(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"sample_id": ["a"], "query": ["q"], "title": ["x\ufffe\uffffy"], "sampling_probability": [0.5]}
    )
    write_sheet(tmp_path / "sheet.xlsx", table.assign(grade=1.0))
    assert read_sheet(tmp_path / "sheet.xlsx")["title"].tolist() == ["xy"]


def test_a_column_that_was_moved_is_refused(tmp_path: Path) -> None:
    samples = pd.DataFrame({"sample_id": list("abc"), "query": ["lamp", "lamp", "desk"], "title": ["L 1", "L 2", "D"]})
    samples = samples.assign(grade=np.nan)
    shown = samples.assign(grade=1.0, sampling_probability=0.5)
    write_sheet(tmp_path / "sheet.csv", shown.assign(title=["l1", "date", "D\u00e9"]))
    assert grades_from_sheet(samples, tmp_path / "sheet.csv")[2] == 3
    write_sheet(tmp_path / "sheet.csv", shown.assign(sample_id=list("bca")))
    with pytest.raises(InputError, match="row 2, field 'title': 'L 2' is not of this id, which is 'D'"):
        grades_from_sheet(samples, tmp_path / "sheet.csv")


def test_a_chance_whose_inverse_is_no_weight_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text("sample_id,grade,sampling_probability\na,1,1e-310\n", encoding="utf-8")
    with pytest.raises(InputError, match="row 1, field 'sampling_probability'"):
        read_sheet(path)
