"""How a table of text was written: encoding, separator, what stands before the header. Told from its beginning."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

from sie_agent.errors import InputError
from sie_agent.samples.sources.headers import refuse_too_wide, refuse_twice
from sie_agent.samples.sources.text_files import (
    MOST_CHARACTERS,
    SPOKEN,
    WESTERN,
    TextLines,
    begins_like_gzip,
    decoded_head,
    encoding_of,
    refuse_other_text,
    say_once,
    version_of,
)

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
ROWS_LOOKED_AT = 2_000
# what Excel writes, or is told, in a line before the header
SEPARATOR_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)
ACCENTED = re.compile(r"\w*[^\W\x00-\x7f]\w*|[^\x00-\x7f]")
PLAIN_NAME = re.compile(r"#?\s*[\w.-]+\s*")


@dataclass(frozen=True)
class Dialect:
    """How a file of rows was written.

    Attributes
    ----------
    encoding, separator : of the text.
    before : lines before the header.
    header : the header's fields; a column without a name has an empty one.
    open_end : whether every row ends with one more separator than the header has.
    """

    encoding: str
    separator: str
    before: int
    header: tuple[str, ...]
    open_end: bool = False


@dataclass(frozen=True)
class Fit:
    """What the beginning of a file looks like with one separator: fields of the header, share of rows with as many."""

    width: int = 0
    share: float = 0.0
    open_end: bool = False


def dialect_of(path: Path, usual: str, given: str | None = None) -> Dialect:
    """How a file of rows was written; what is unusual is said once.

    Parameters
    ----------
    path : the file, gzipped or not.
    usual : the separator that its ending stands for.
    given : the separator, where it is known.

    Raises
    ------
    InputError : the file is empty, of another kind, in an encoding that cannot be told, or its header is wrong.
    """
    return detected(path, usual, given, version_of(path))


@lru_cache(maxsize=256)
def detected(path: Path, usual: str, given: str | None, version: object) -> Dialect:
    """What :func:`dialect_of` gives for one version of a file."""
    encoding = encoding_of(path, western=True)
    lines, whole = decoded_head(path, encoding)
    refuse_other_text(lines, path)
    before = blank_lines(lines)
    asked = SEPARATOR_LINE.fullmatch(lines[before]) if before < len(lines) else None
    if asked:
        before += 1 + blank_lines(lines[before + 1 :])
    if before >= len(lines):
        raise InputError("the file is empty", where=path, hint="Give a file with a header line and rows")
    # comments and blank lines, unless there is nothing but these
    texts = (number for number, line in enumerate(lines[before:]) if line.strip() and not line.startswith("#"))
    comments = next(texts, 0)
    rest = lines[before + comments :] or lines[before:]
    separator = given or (asked.group(1) if asked else None)
    if separator is None or (given is None and fit_of(rest, separator, whole).width < 2):
        separator = best_separator(rest, usual, whole)
    if comments and is_header(lines[before + comments - 1], rest, separator):
        comments -= 1
        comments -= blank_lines(lines[before + comments :])
    skipped = before + comments
    header = read_header(path, encoding, separator, skipped)
    dialect = Dialect(encoding, separator, skipped, header, fit_of(lines[skipped:], separator, whole).open_end)
    told = unusual(dialect, lines, usual, given, comments)
    if not path.name.lower().endswith(".gz") and begins_like_gzip(path):
        told.insert(0, "unpacked with gzip")
    if told:
        say_once(f"{path}: {'; '.join(told)}", version)
    return dialect


def blank_lines(lines: Sequence[str]) -> int:
    """How many lines at the beginning hold nothing."""
    return next((number for number, line in enumerate(lines) if line.strip()), len(lines))


def is_header(comment: str, rows: Sequence[str], separator: str) -> bool:
    """Whether a line that begins with ``#`` names the columns of the rows below it."""
    names = comment.strip().split(separator)
    below = rows[0].strip("\r\n").split(separator)
    return 1 < len(names) == len(below) and all(map(PLAIN_NAME.fullmatch, names))


def best_separator(lines: Sequence[str], usual: str, whole: bool) -> str:
    """The separator that cuts most rows into as many fields as the header, the more the better; else the usual one."""
    fits = {one: fit_of(lines, one, whole) for one in dict.fromkeys((usual, *SEPARATORS))}
    several = {one: fit for one, fit in fits.items() if fit.width > 1}
    return max(several, key=lambda one: (several[one].share, several[one].width), default=usual)


def fit_of(lines: Sequence[str], separator: str, whole: bool) -> Fit:
    """How a separator fits the lines at the beginning of a file, of which there are more unless *whole*."""
    csv.field_size_limit(MOST_CHARACTERS)
    rows: list[list[str]] = []
    broken = False
    try:
        for row in islice(csv.reader(lines, delimiter=separator, strict=True), ROWS_LOOKED_AT):
            if row and (len(row) > 1 or row[0].strip() or (rows and len(rows[0]) == 1)):
                rows.append(row)
    except csv.Error as error:
        # a field that runs over the end of what is looked at says nothing
        broken = whole or "end of data" not in str(error)
    if not rows:
        return Fit()
    width = len(rows[0])
    open_end = len(rows) > 1 and all(len(row) == width + 1 and not row[-1] for row in rows[1:])
    # a row that cannot be read is one that does not fit
    share = sum(len(row) == width + open_end for row in rows[1:]) / max(len(rows) - 1 + broken, 1)
    return Fit(width, 1.0 if len(rows) == 1 and not broken else share, open_end)


def read_header(path: Path, encoding: str, separator: str, before: int) -> tuple[str, ...]:
    """The fields of the header.

    Raises
    ------
    InputError : it cannot be read, no column has a name, or two share one.
    """
    csv.field_size_limit(MOST_CHARACTERS)
    with TextLines(path, encoding) as lines:
        rest = iter(lines)
        for _ in islice(rest, before):
            pass
        try:
            names = next((row for row in csv.reader(rest, delimiter=separator, strict=True) if row), [])
        except csv.Error as error:
            problem = f"the header cannot be read: it has a quote that is not closed ({error})"
            hint = "Close the quote, or double it if it is part of a name"
            raise InputError(problem, where=f"{path}, line {before + 1}", hint=hint) from None
    names = [name if name.strip() else "" for name in names]
    if names and names[0].startswith("#"):
        names[0] = names[0].lstrip("# ")
    where = f"{path}, line {before + 1}"
    if not any(names):
        raise InputError("the header names no column", where=where, hint="Give a header line and rows")
    refuse_too_wide(len(names), where)
    refuse_twice([name for name in names if name], path, no_header(names))
    return tuple(names)


def no_header(names: Sequence[str]) -> str:
    """A hint, where what should be names of columns is none, or looks like a row of data; else nothing."""
    if len(names) == 1 and re.search(r"[^\w.-]", names[0]):
        return f"; between fields there have to be {', '.join(list(SEPARATORS.values())[:-1])} or vertical bars"
    numbers = [name for name in names if re.fullmatch(r"\s*[+-]?\d+(?:[.,]\d+)*\s*", name)]
    return "; if the first line is a row and no header, put a header line before it" if numbers else ""


def unusual(dialect: Dialect, lines: Sequence[str], usual: str, given: str | None, comments: int) -> list[str]:
    """What a person should know: encoding, separator, and the lines and columns that are left out."""
    told = []
    named = SEPARATORS.get(dialect.separator, f"'{dialect.separator}'")
    between = f"with {named} between the fields"
    is_unusual = dialect.separator != usual and given is None
    if dialect.encoding != "utf-8-sig":
        text = f"read as {SPOKEN[dialect.encoding]}"
        accented = next((found.group() for line in lines if (found := ACCENTED.search(line))), None)
        if dialect.encoding == WESTERN and accented:
            text += f", such as '{accented[:40]}' (if that is wrong, save it as UTF-8)"
        told.append(f"{text}, {between}" if is_unusual else text)
    elif is_unusual:
        told.append(f"read {between}")
    if comments:
        many = "a comment line before the header is" if comments == 1 else f"{comments} lines before the header are"
        told.append(f"{many} left out")
    nameless = [str(number) for number, name in enumerate(dialect.header, start=1) if not name]
    # a separator at the end of every line makes no column
    if nameless and nameless != [str(len(dialect.header))]:
        column, verb = ("column", "is") if len(nameless) == 1 else ("columns", "are")
        told.append(f"{column} {', '.join(nameless[:5])} without a name {verb} left out")
    return told
