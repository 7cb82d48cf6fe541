"""A sheet that a person fills in: one pair per row, with an empty column for the grade."""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.files.small_files import read_bytes
from sie_agent.files.writing import write_bytes
from sie_agent.samples import read_file, text_column
from sie_agent.samples.row_places import Places
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.extras import require_extra

COLUMNS = ("sample_id", "query", "title", "description", "grade", "scale", "sampling_probability")
TEXTS = ("sample_id", "query", "title", "description")
# what stands beside every row, so that nobody has to look it up
SCALE = "1 exactly this, 0.67 would do instead, 0.33 goes with it, 0 of no use"
GRADES = ("0", "0.33", "0.67", "1")
# characters of a description that are shown
DESCRIPTION = 300
# what a spreadsheet would take for a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r")
# no XML may hold them, so no workbook
NO_XML = ("\ufffe", "\uffff")
HINT = f"Give {SCALE}, or leave the cell empty"
WIDTHS = {"sample_id": 14, "query": 28, "title": 50, "description": 60, "grade": 8, "scale": 40}

# what a sheet may take: 100,000 rows of the longest texts are far below
MOST_BYTES = 200_000_000
MOST_ROWS = 1_000_000
# no draw gives a pair less, and its inverse is a weight
LEAST_CHANCE = 1e-12
# an archive that unpacks to more than this many times its size is no workbook of somebody's grades
MOST_UNPACKED = 1_000_000_000


def write_sheet(path: str | Path, rows: pd.DataFrame) -> None:
    """Write a sheet to be graded, CSV (UTF-8 with its mark, so that Excel reads it) or XLSX by the ending.

    A text that a spreadsheet would run as a formula, or that begins with an apostrophe, gets an apostrophe before it,
    which :func:`read_sheet` takes away.

    Parameters
    ----------
    path : ends in ``.csv`` or ``.xlsx``; a file that is there is replaced.
    rows : ``sample_id``, ``query``, ``title`` and ``sampling_probability``, maybe ``description`` and ``grade``.

    Raises
    ------
    InputError : the path has another ending, or there is no row.
    MissingExtraError : XLSX without the extra ``sheets``.
    """
    target = user_path(path)
    ending = _ending(target)
    if not len(rows):
        raise InputError("there is no row to grade", where=target, hint="Give pairs that have no grade yet")
    table = _shown(rows)
    if ending == ".csv":
        write_bytes(target, table.to_csv(index=False).encode("utf-8-sig"))
    else:
        write_bytes(target, _workbook(table))


def read_sheet(path: str | Path) -> pd.DataFrame:
    """The rows of a sheet that were graded; those whose grade is empty are left out.

    Parameters
    ----------
    path : CSV or XLSX that :func:`write_sheet` wrote, whatever a spreadsheet made of its quotes and separators.

    Returns
    -------
    pandas.DataFrame
        ``sample_id, query, title, grade, sampling_probability``: grades in [0, 1], where 0.33 and 0.67 (also ``1/3``,
        a decimal comma) are thirds; indexed by the row of the sheet, from 1 below its header.

    Raises
    ------
    InputError : names file, row and field: no such file or column, no grade filled in, a grade that is no number from 0
        to 1, a probability that is not above 0 and at most 1, a pair twice.
    MissingExtraError : XLSX without the extra ``sheets``.
    """
    source = user_path(path)
    frame = _workbook_rows(source) if _ending(source) == ".xlsx" else read_file(source)
    for name in ("sample_id", "grade", "sampling_probability"):
        if name not in frame.columns:
            hint = "Give the sheet that `sie compare-prompts --grade-next` wrote, with its columns"
            raise InputError(f"the column '{name}' is missing", where=source, hint=hint)
    names = [name for name in COLUMNS if name in frame.columns]
    texts = pd.DataFrame({name: text_column(frame[name]).str.strip().tolist() for name in names}, index=frame.index)
    filled = texts[texts["grade"] != ""]
    if not len(filled):
        raise InputError("no grade is filled in", where=f"{source}, field 'grade'", hint=HINT)
    return _checked(filled, source)


def _checked(filled: pd.DataFrame, source: Path) -> pd.DataFrame:
    """The graded rows as values; raises as :func:`read_sheet`."""
    place = Places(filled.index, str(source))
    grades = filled["grade"].map(_number).to_numpy(np.float64)
    wrong = ~((grades >= 0) & (grades <= 1))
    place.refuse_all(wrong, "grade", "the grade must be a number from 0 to 1, found {}", HINT, filled["grade"])
    chances = filled["sampling_probability"].map(_number).to_numpy(np.float64)
    hint = "Leave this column as it was written: the estimates are weighted by it"
    problem = f"the probability must be {LEAST_CHANCE:g} or more and at most 1, found {{}}"
    field = "sampling_probability"
    place.refuse_all(~((chances >= LEAST_CHANCE) & (chances <= 1)), field, problem, hint, filled[field])
    told = {name: filled[name].str.removeprefix("'") for name in ("sample_id", "query", "title") if name in filled}
    ids = told["sample_id"]
    place.refuse_all((ids == "").to_numpy(bool), "sample_id", "the id is missing", "Leave the ids as they were written")
    place.refuse_all(ids.duplicated().to_numpy(bool), "sample_id", "{} is there twice", "Keep one of the rows", ids)
    return pd.DataFrame({**told, "grade": _thirds(grades), field: chances})


def _number(text: str) -> float:
    """A number with a decimal point or comma, or a fraction; NaN for anything else."""
    fraction = re.fullmatch(r"([0-3])\s?/\s?3", text)
    if fraction:
        return int(fraction.group(1)) / 3
    found = re.fullmatch(r"\d{0,3}(?:[.,]\d{0,20})?(?:[eE]-?\d{1,3})?", text)
    try:
        return float(text.replace(",", ".")) if found else float("nan")
    except ValueError:
        return float("nan")


def _thirds(grades: Doubles) -> Doubles:
    """Grades with 0.33 and 0.67 as the thirds that they stand for."""
    nearest = np.rint(grades * 3) / 3
    return np.where(np.abs(grades - nearest) < 0.01, nearest, grades)


def _ending(path: Path) -> str:
    """``.csv`` or ``.xlsx``."""
    if (ending := path.suffix.lower()) not in (".csv", ".xlsx"):
        raise InputError("a sheet is a .csv or a .xlsx file", where=path, hint="Give a name with one of these endings")
    return ending


def _shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The cells of a sheet."""
    columns: dict[str, object] = {}
    for name in COLUMNS:
        if name in TEXTS:
            texts = rows[name].astype(str) if name in rows else pd.Series("", index=rows.index)
            columns[name] = [_cell(text, DESCRIPTION if name == "description" else None) for text in texts]
        elif name == "grade":
            known = rows[name] if name in rows else pd.Series(np.nan, index=rows.index)
            columns[name] = ["" if pd.isna(grade) else f"{grade:.3g}" for grade in known]
        else:
            columns[name] = SCALE if name == "scale" else rows[name].to_numpy(np.float64)
    return pd.DataFrame(columns, index=rows.index)


def _cell(text: str, most: int | None) -> str:
    """A text on one line that no spreadsheet runs as a formula."""
    line = "".join(
        one for one in " ".join(text.split()) if unicodedata.category(one) not in ("Cc", "Cs") and one not in NO_XML
    )
    if most and len(line) > most:
        line = f"{line[:most].rstrip()}…"
    return f"'{line}" if unicodedata.normalize("NFKC", line).startswith((*FORMULA, "'")) else line


def same_text(shown: str, text: str) -> bool:
    """Whether a cell holds the text, whatever a spreadsheet made of its spaces, quotes and accents."""
    return _plain(shown) == _plain(text)


def _plain(text: str) -> str:
    """Its letters and digits of ASCII alone."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


def shown_id(text: str) -> str:
    """An id as it comes back from a sheet: on one line, without spaces at its ends."""
    return _cell(text, None).strip().removeprefix("'")


def _workbook(table: pd.DataFrame) -> bytes:
    """The table as XLSX: a header that stays, lines that wrap, and a list of grades to choose from."""
    require_extra("sheets", "openpyxl")
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    page = book.active if book.active is not None else book.create_sheet()
    page.title = "grades"
    page.append(list(table.columns))
    for row in table.itertuples(index=False):
        page.append([None if cell == "" else cell for cell in row])
    for cells in page.iter_rows():
        for cell in cells:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    for place, name in enumerate(table.columns, 1):
        page.cell(1, place).font = Font(bold=True)
        page.column_dimensions[get_column_letter(place)].width = WIDTHS.get(name, 20)
    page.freeze_panes = "A2"
    choice = DataValidation(type="list", formula1=f'"{",".join(GRADES)}"', allow_blank=True, showErrorMessage=False)
    letter = get_column_letter(list(table.columns).index("grade") + 1)
    choice.add(f"{letter}2:{letter}{len(table) + 1}")
    page.add_data_validation(choice)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _workbook_rows(source: Path) -> pd.DataFrame:
    """The first page of a workbook as text, indexed by ``row`` from 1 below its header; raises InputError."""
    require_extra("sheets", "openpyxl")
    from openpyxl import load_workbook

    try:
        content = read_bytes(source, MOST_BYTES, "Give the sheet that was graded")
    except OSError as error:
        reason = (
            "there is no such file" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
        )
        raise InputError(reason, where=source, hint="Check the path") from None
    hint = "Save the sheet anew as XLSX, or as CSV (UTF-8)"
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(part.file_size for part in archive.infolist()) > MOST_UNPACKED:
                raise InputError("unpacks to more than a sheet of grades can hold", where=source, hint=hint)
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        lines = []
        for number, cells in enumerate(book.worksheets[0].iter_rows(values_only=True)):
            if number > MOST_ROWS:
                raise InputError(f"has more than {MOST_ROWS:,} rows", where=source, hint=hint)
            lines.append(["" if cell is None else _written(cell) for cell in cells])
    except InputError:
        raise
    except Exception as error:
        # openpyxl raises whatever the parsers below it raise
        raise InputError(f"cannot be read as an XLSX sheet ({type(error).__name__})", where=source, hint=hint) from None
    if not lines:
        raise InputError("is empty", where=source, hint="Give the sheet that was graded")
    frame = pd.DataFrame(lines[1:], columns=[name.strip() for name in lines[0]], dtype=object)
    if frame.columns.has_duplicates:
        twice = [name for name in frame.columns[frame.columns.duplicated()] if name]
        if twice:
            raise InputError(f"the column '{twice[0]}' is there twice", where=source, hint="Keep one of them")
        frame = frame.loc[:, frame.columns != ""]
    frame.index = pd.RangeIndex(1, len(frame) + 1, name="row")
    return frame


def _written(cell: object) -> str:
    """A cell as text; a whole number without a decimal point."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
