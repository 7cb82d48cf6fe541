"""Rows that a lost quote made part of a field, told apart from a text of several lines."""

from __future__ import annotations

import re
from collections.abc import Sequence

LINE_END = re.compile(r"\r\n|\n|\r")
NUMBER = re.compile(r"\d+(?:[.:/-]\d+)*")
LETTERS = re.compile(r"[^\W\d_]+")
# a decimal comma, or one between thousands, separates nothing
INSIDE_NUMBER = r"(?<=\d){0}(?=\d)"


def holds_rows(row: Sequence[str], place: int, separator: str) -> bool:
    """Whether the lines of a field of several lines look exactly like rows of the file.

    Cut at every line break and separator, all lines have as many cells as the file has columns, the first and the last
    together with the row's own cells around the field. Then either a column holds numbers or ids of one form in every
    line, or the cells stand side by side as programs write them and people do not: no space beside a separator.

    Parameters
    ----------
    row : as it was read; place : of the field in it.
    """
    texts = LINE_END.split(row[place])
    cut = [text.split(separator) for text in (texts[0], *(one for one in texts[1:-1] if one.strip()), texts[-1])]
    cut[0] = [*row[:place], *cut[0]]
    cut[-1] = [*cut[-1], *row[place + 1 :]]
    if len(cut) < 2 or any(len(cells) != len(row) for cells in cut):
        return False
    spaced = any(cell != cell.strip() for cells in cut for cell in cells)
    coded = sum(is_coded([cells[column] for cells in cut]) for column in range(len(row)))
    # "3, 4, and 5" in a text begins like a row of numbers
    if coded >= 1 + spaced:
        return True
    if spaced:
        return False
    between_words = re.sub(INSIDE_NUMBER.format(re.escape(separator)), "", row[place])
    columns = zip(*cut, strict=True)
    return separator in between_words and all(len(set(map(bool, column))) == 1 for column in columns)


def is_coded(cells: Sequence[str]) -> bool:
    """Whether all cells are numbers, or ids of one form (``i1`` and ``i20``)."""
    forms = {LETTERS.sub("a", NUMBER.sub("9", cell.strip())) for cell in cells}
    form = forms.pop()
    return not forms and "9" in form and " " not in form
