"""Rows of CSV and TSV files: some at a time, every cell text, every fault named by its line."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa

from sie_agent.errors import InputError
from sie_agent.samples.sources.dialects import SEPARATORS, Dialect, dialect_of, no_header
from sie_agent.samples.sources.swallowed import LINE_END, holds_rows
from sie_agent.samples.sources.text_files import MOST_CHARACTERS, TextLines

PIECE_ROWS = 20_000
PIECE_CHARACTERS = 1024 * 1024
RULER = re.compile(r"\s*(?::?-{2,}:?)?\s*")
# fewer separators in a field than these are no sign that it swallowed rows
FEWEST_SWALLOWED = 2


def separated_tables(path: Path, usual: str, given: str | None = None) -> Iterator[pa.Table]:
    """The rows of a file in tables of about a megabyte; every cell is text, so that ids keep their zeros.

    Parameters
    ----------
    path : the file, gzipped or not.
    usual : the separator that its ending stands for.
    given : the separator, where it is known.

    Yields
    ------
    pyarrow.Table
        Columns of ``large_string``; at least one table, without rows where there are none.

    Raises
    ------
    InputError : a row has another number of fields than the header, a quote is not closed, or the file goes on
        otherwise than it began.
    """
    dialect = dialect_of(path, usual, given)
    names = [name for name in dialect.header if name]
    places = [place for place, name in enumerate(dialect.header) if name]
    for rows in rows_of(path, dialect):
        columns = list(zip(*rows, strict=True)) or [()] * len(dialect.header)
        yield pa.table([pa.array(columns[place], pa.large_string()) for place in places], names=names)


def rows_of(path: Path, dialect: Dialect) -> Iterator[list[list[str]]]:
    """The rows below the header in lists, each row as wide as the header; the last list may be empty."""
    csv.field_size_limit(MOST_CHARACTERS)
    header = list(dialect.header)
    width = len(header) + dialect.open_end
    # nothing may stand where no column has a name at the end of a line
    closed = dialect.open_end or not header[-1]
    with TextLines(path, dialect.encoding) as lines:
        rest = iter(lines)
        for _ in islice(rest, dialect.before):
            pass
        reader = csv.reader(rest, delimiter=dialect.separator, strict=True)
        rows: list[list[str]] = []
        held, before, is_first = lines.characters, lines.number, True
        try:
            for row in reader:
                start, before = before + 1, lines.number
                if is_first or is_blank(row, width):
                    is_first = is_first and is_blank(row, width)
                    continue
                if len(row) != width or (closed and row[-1]):
                    raise ragged(path, dialect, row, start, before)
                if before > start:
                    refuse_swallowed(path, dialect, row, start)
                if width > 1:
                    refuse_no_data(path, row, header, start)
                rows.append(row)
                if len(rows) >= PIECE_ROWS or lines.characters - held >= PIECE_CHARACTERS:
                    yield rows
                    rows, held = [], lines.characters
        except csv.Error as error:
            raise broken_quotes(path, dialect, before + 1, lines.number, str(error)) from None
    yield rows


def is_blank(row: list[str], width: int) -> bool:
    """Whether a line holds nothing; where there is but one column, white space is a value."""
    return not row or (len(row) == 1 < width and not row[0].strip())


def ragged(path: Path, dialect: Dialect, row: list[str], start: int, end: int) -> InputError:
    """A row has more or fewer fields than the header."""
    width = len(dialect.header)
    problem = f"the row has {len(row)} field{'s' * (len(row) != 1)} where the header has {width}"
    what = "the separator (decimal commas, too)" if dialect.separator == "," else "the separator"
    hint = f"Put fields that hold {what} in double quotes, or fill up the row"
    if len(row) == width:
        problem = "the last field holds something, and the header has no name for it"
        hint = "Name the column, or put fields that hold the separator in double quotes"
    elif width == 1:
        hint = f"Put the header in the first line, with {SEPARATORS.get(dialect.separator, 'separators')} between names"
    elif end > start:
        problem += f", and runs on to line {end}"
        hint = "Look for a quote that is not closed"
    elif row[0].startswith("#"):
        hint = "Take comments out of the file"
    return InputError(problem, where=f"{path}, line {start}", hint=hint)


def refuse_no_data(path: Path, row: list[str], header: list[str], line: int) -> None:
    """Raise InputError where a line is the header once more, or a ruler, as some programs draw under the header."""
    if row[-1] == header[-1] and row[1:] == header[1:] and row[0].lstrip("\ufeff") == header[0]:
        hint = f"Where files were put together, leave out the header of all but the first{no_header(row)}"
        raise InputError("the header is there again", where=f"{path}, line {line}", hint=hint)
    if row[0].lstrip()[:2] in ("", "--", ":-") and any(row) and all(map(RULER.fullmatch, row)):
        raise InputError(
            "the line holds dashes only", where=f"{path}, line {line}", hint="Take it out: it is not a row"
        )


def refuse_swallowed(path: Path, dialect: Dialect, row: list[str], start: int) -> None:
    """Raise InputError where a quoted field runs over several lines that are rows themselves: a quote was lost."""
    line = start
    for place, field in enumerate(row):
        breaks = len(LINE_END.findall(field))
        if breaks * (len(row) - 1) >= FEWEST_SWALLOWED and holds_rows(row, place, dialect.separator):
            problem = f"a quote opens here and closes in line {line + breaks}, and what lies between looks like rows"
            hint = "Close it, double it if it is part of the text, or take the line breaks out of the field"
            raise InputError(problem, where=f"{path}, line {line}", hint=hint)
        line += breaks


def broken_quotes(path: Path, dialect: Dialect, start: int, end: int, reason: str) -> InputError:
    """A quote is never closed, or text follows after the quote that closes a field."""
    opening, closing = faulty_quote(path, dialect, start, end)
    problem = "the quote that opens here is never closed"
    hint = "Close it, or double it if it is part of the text and put the field in quotes"
    if closing is None and "limit" in reason:
        problem = f"the quote that opens here is not closed within {MOST_CHARACTERS:,} characters"
    elif closing == opening:
        problem = "text goes on behind the quote that closes a field"
        hint = 'Double quotes that are part of the text: "a 6"" shelf"'
    elif closing is not None:
        problem = f"the quote that opens here is closed in line {closing}, and text goes on behind it"
        hint = "Close it where it belongs, or double it if it is part of the text and put the field in quotes"
    return InputError(problem, where=f"{path}, line {opening}", hint=hint)


def faulty_quote(path: Path, dialect: Dialect, start: int, end: int) -> tuple[int, int | None]:
    """Lines in which the quote opens and closes (None: it does not) that makes the row from *start* to *end* wrong."""
    inside, opening = False, start
    with TextLines(path, dialect.encoding) as lines:
        for line in islice(lines, start - 1, end):
            place, fresh = 0, not inside
            while place < len(line):
                if inside:
                    place = line.find('"', place) + 1
                    if not place:
                        break
                    if line[place : place + 1] == '"':
                        place += 1
                        continue
                    inside = False
                    if line[place : place + 1] not in ("", "\r", "\n", dialect.separator):
                        return opening, lines.number
                elif fresh and line[place] == '"':
                    inside, opening, fresh = True, lines.number, False
                    place += 1
                else:
                    place = line.find(dialect.separator, place) + 1
                    if not place:
                        break
                    fresh = True
    return opening, None
