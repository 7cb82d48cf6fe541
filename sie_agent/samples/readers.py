"""Files into tables: Parquet, CSV, TSV and JSONL, with every fault named by its line or row."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv

from sie_agent.errors import InputError
from sie_agent.samples.shards import parquet_shard, whole_frame
from sie_agent.samples.tables import unreadable

BLOCK = 64 * 1024 * 1024


def data_ending(path: Path) -> str | None:
    """The ending that decides how a file is read (``.csv``, …), or None if it is not a data file."""
    name = path.name.lower().removesuffix(".gz")
    return next((ending for ending in READERS if name.endswith(ending)), None)


def read_file(path: Path, *, separator: str | None = None) -> pd.DataFrame:
    """Read one data file.

    Parameters
    ----------
    path : Parquet, CSV, TSV or JSONL file; the last three may be gzipped.
    separator : column separator of a CSV file, where it is not the ending's own.

    Returns
    -------
    pandas.DataFrame
        Index from 1, named ``row`` (data rows) or ``line`` (JSONL), for messages.

    Raises
    ------
    InputError
        If the file is missing, empty, damaged, not UTF-8 or of an unknown kind.
    EnvironmentFailure
        If the system does not let it be read.
    """
    with faults_in_words(path):
        ending = checked_ending(path)
        if separator is not None and ending in (".csv", ".tsv"):
            return read_separated(path, separator)
        return READERS[ending](path)


def checked_ending(path: Path) -> str:
    """The ending of a data file that is there and holds something."""
    if not path.exists():
        raise InputError("there is no such file", where=path, mend="Check the path")
    ending = data_ending(path)
    if ending is None:
        raise InputError(
            f"unknown file ending '{path.suffix}'",
            where=path,
            mend=f"Give a file that ends in {', '.join(READERS)} (all but Parquet may be gzipped: .gz)",
        )
    if path.stat().st_size == 0:
        raise InputError("the file is empty", where=path, mend="Give a file with at least one row")
    return ending


@contextmanager
def faults_in_words(path: Path) -> Iterator[None]:
    """What the system or a damaged gzip file says while a file is read, in words."""
    try:
        yield
    except PermissionError:
        raise unreadable(path) from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        mend = "It is cut off or damaged: copy it anew"
        raise InputError("not a whole gzip file", where=path, mend=mend) from None


def numbered(frame: pd.DataFrame, word: str = "row") -> pd.DataFrame:
    """Count the rows from 1 in an index of that name."""
    frame.index = pd.RangeIndex(1, len(frame) + 1, name=word)
    return frame


def read_parquet(path: Path) -> pd.DataFrame:
    """A Parquet file as a table."""
    return numbered(whole_frame([parquet_shard(path)]))


def read_separated(path: Path, separator: str) -> pd.DataFrame:
    """A CSV or TSV file with a header line; every cell is text, so that ids keep their zeros."""
    with csv_batches(path, separator, BLOCK) as batches:
        table = batches.read_all()
    return numbered(table.to_pandas())


@contextmanager
def csv_batches(path: Path, separator: str, block: int) -> Iterator[Any]:
    """A reader of record batches, each of about *block* bytes; a row has to fit into one."""
    ragged: list[str] = []

    def note(row: pacsv.InvalidRow) -> str:
        ragged.append(f"line {row.number}" if row.number is not None else "some line")
        ragged.append(f"{row.actual_columns} fields where the header has {row.expected_columns}")
        return "error"

    parse = pacsv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=note)
    # without threads, or arrow does not know the number of a ragged line
    how = pacsv.ReadOptions(use_threads=False, block_size=block)
    try:
        with opened(path) as stream:
            header = pacsv.open_csv(stream, read_options=how, parse_options=parse).schema.names
        refuse_repeated(header, path)
        cells = pacsv.ConvertOptions(column_types=dict.fromkeys(header, pa.large_string()), strings_can_be_null=False)
        with opened(path) as stream:
            yield pacsv.open_csv(stream, read_options=how, parse_options=parse, convert_options=cells)
    except pa.ArrowInvalid as error:
        if ragged:
            raise InputError(
                f"the row has {ragged[1]}",
                where=f"{path}, {ragged[0]}",
                mend="Put fields that hold the separator in double quotes, or fill up the row",
            ) from None
        if "straddling" in str(error) and block < BLOCK:
            raise LongRow from None
        raise csv_fault(path, error) from None


class LongRow(Exception):
    """A row of a CSV file does not fit into a block; it may, into a larger one."""


def csv_fault(path: Path, error: Exception) -> InputError:
    """What arrow found wrong with a CSV file, in words."""
    reason = " ".join(str(error).split())
    if "utf8" in reason.lower() or "utf-8" in reason.lower():
        place = f"{path}, line {undecodable_line(path)}"
        return InputError("the text is not UTF-8", where=place, mend="Save the file as UTF-8")
    if "Empty CSV" in reason:
        return InputError("the file is empty", where=path, mend="Give a file with a header line and rows")
    mend = "Look for an unclosed quote"
    return InputError(f"cannot be read as a table ({reason[:160]})", where=path, mend=mend)


def refuse_repeated(names: list[str], path: Path) -> None:
    """Raise InputError if two columns share a name."""
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"the column '{name}' is there twice", where=path, mend="Rename one of them")


def undecodable_line(path: Path) -> int:
    """Number of the first line that is not UTF-8."""
    for number, line in raw_lines(path):
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            return number
    return 1


def opened(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked if it is gzipped; the caller closes it."""
    if path.name.lower().endswith(".gz"):
        return cast(IO[bytes], gzip.open(path, "rb"))
    return path.open("rb")


def raw_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file, gzipped or not, with their numbers from 1."""
    with opened(path) as stream:
        yield from enumerate(stream, start=1)


def read_jsonl(path: Path) -> pd.DataFrame:
    """A file with one JSON object per line; empty lines are passed over."""
    numbers: list[int] = []
    records: list[dict[str, object]] = []
    for number, record in json_records(path):
        records.append(record)
        numbers.append(number)
    return json_table(numbers, records, list(dict.fromkeys(name for record in records for name in record)))


def json_table(numbers: list[int], records: list[dict[str, object]], names: list[str]) -> pd.DataFrame:
    """Records as a table with these columns, under the numbers of their lines."""
    columns = {name: [record.get(name) for record in records] for name in names}
    return pd.DataFrame(columns, index=pd.Index(numbers, name="line", dtype="int64"), dtype=object)


def json_records(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """The objects of a file with one per line, each with the number of its line."""
    for number, raw in raw_lines(path):
        place = f"{path}, line {number}"
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError:
            raise InputError("the text is not UTF-8", where=place, mend="Save the file as UTF-8") from None
        if line:
            yield number, json_object(line, place)


def json_object(line: str, place: str) -> dict[str, object]:
    """The object that a line of JSON holds."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        # a number of thousands of digits is a ValueError, too
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "too deeply nested, or too long a number"
        raise InputError(f"not a line of JSON ({reason})", where=place, mend="Write one JSON object per line") from None
    if not isinstance(record, dict):
        raise InputError("the line is JSON but not an object", where=place, mend='Write {"query": …, …}')
    return record


READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": read_parquet,
    ".csv": lambda path: read_separated(path, ","),
    ".tsv": lambda path: read_separated(path, "\t"),
    ".jsonl": read_jsonl,
}
