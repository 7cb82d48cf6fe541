"""Grades that people filled into a file of their own, beside the data: ``sample_id`` and ``grade``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.samples.row_places import Places
from sie_agent.samples.sources.cell_texts import types_named
from sie_agent.samples.sources.cells import short
from sie_agent.samples.sources.readers import read_file
from sie_agent.samples.stage_files import made_by_words
from sie_agent.samples.text_columns import text_column

COLUMNS = ("sample_id", "grade")
HINT = "Give 1 for just what was asked for, 0 for no use, a number between them, or leave the cell empty"


def read_grades(path: str | Path) -> pd.Series:
    """Grades by ``sample_id``, as a person filled them in; rows without one are skipped.

    Parameters
    ----------
    path : a file with the columns ``sample_id`` and ``grade`` (0 to 1; a decimal comma is taken too).

    Returns
    -------
    pandas.Series
        Floats in [0, 1], by id, in the order of the file.

    Raises
    ------
    InputError
        If a column is missing, no grade is filled in, one is not a number from 0 to 1, or a row is graded twice.
    """
    source = user_path(path)
    frame = table_of(source)
    with types_named(str(source)):
        ids, told = (text_column(frame[name]).str.strip() for name in COLUMNS)
    filled = (told != "").to_numpy(bool)
    place = Places(frame.index[filled], str(source))
    ids, told = ids[filled], told[filled]
    grades = pd.to_numeric(told.str.replace(",", ".", regex=False), errors="coerce").to_numpy(np.float64)
    wrong = ~((grades >= 0) & (grades <= 1))
    place.refuse_all(wrong, "grade", "the grade must be a number between 0 and 1, found {}", HINT, told)
    twice = ids.duplicated().to_numpy(bool)
    place.refuse_all(twice, "sample_id", "{} is graded twice", "Keep one of the rows", ids)
    if not len(ids):
        raise InputError("no grade is filled in", where=f"{source}, field 'grade'", hint=HINT)
    return pd.Series(grades, index=ids.to_numpy())


def table_of(source: Path) -> pd.DataFrame:
    """The file's table."""
    if source.is_dir():
        raise InputError("is a folder", where=source, hint="Give the file of grades that lies in it")
    frame = read_file(source)
    for name in COLUMNS:
        if name not in frame.columns:
            hint = "A file of grades has a row per pair, with the columns sample_id and grade"
            raise InputError(f"{made_by_words(source)}the column '{name}' is missing", where=source, hint=hint)
    return frame


def with_grades(samples: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """The samples with the grades of a file put in; a row that has no grade there keeps its own.

    Raises
    ------
    InputError
        As of :func:`read_grades`; or an id is none of the samples', or has another query or title there: ids are often
        mere row numbers.
    """
    grades = read_grades(path)
    there = set(samples["sample_id"])
    # of ids that a spreadsheet would take for a formula, the files to fill in have a mark before
    grades.index = pd.Index([one[1:] if one not in there and one.startswith("'") else one for one in grades.index])
    unknown = ~grades.index.isin(samples["sample_id"])
    if unknown.any():
        problem = f"'{grades.index[unknown][0][:60]}' is the id of no row of the data"
        hint = "Give the grades of these data, or the data, map and split that were graded"
        raise InputError(problem, where=f"{path}, field 'sample_id'", hint=hint)
    refuse_other_rows(samples, table_of(user_path(path)), str(path))
    return samples.assign(grade=samples["sample_id"].map(grades).fillna(samples["grade"]).astype("float64"))


def refuse_other_rows(samples: pd.DataFrame, table: pd.DataFrame, where: str) -> None:
    """Raise InputError at the first graded row whose query or title, where the file has them, is not that of its id."""
    by_id = samples.set_index("sample_id")
    ids = text_column(table["sample_id"]).str.strip().str.removeprefix("'").tolist()
    graded = (text_column(table["grade"]).str.strip() != "").tolist()
    for name in ("query", "title"):
        if name not in table.columns:
            continue
        for one, text, counts in zip(ids, text_column(table[name]).tolist(), graded, strict=True):
            if counts and one in by_id.index and not is_same(text, str(by_id.at[one, name])):
                both = f"is {short(text)} in the file, and the data have {short(by_id.at[one, name])}"
                hint = "Give the grades of these data; in their order, where rows have no ids"
                place = f"{where}, field '{name}'"
                raise InputError(f"the {name} of the row '{one[:60]}' {both}", where=place, hint=hint)


def is_same(written: str, text: str) -> bool:
    """Whether a text is that of a file to fill in, where it may be cut, and marked for a spreadsheet."""
    told, whole = (" ".join(one.removeprefix("'").split()).casefold() for one in (written, text))
    return not told or told == whole or (told.endswith("\u2026") and whole.startswith(told[:-1].rstrip()))
