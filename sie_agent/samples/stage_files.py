"""Files that one stage wrote for another: what is given in place of them, in words."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path

from sie_agent.errors import InputError
from sie_agent.files.json_files import read_json
from sie_agent.files.small_files import refuse_no_file
from sie_agent.files.stamps import read_stamp
from sie_agent.samples.sources.text_files import KINDS, TEXT_KINDS, head_of

PARQUET = b"PAR1"
ENDINGS = {".csv": "a CSV file", ".tsv": "a TSV file", ".jsonl": "a JSONL file", ".json": "a JSON file"}
IN_FOLDERS = ("judgments.parquet", "labels.parquet", "comparison.json")
BY_SCORE = "`sie score`"
STAGE = "the stage before this one"


def check_there(path: Path, writer: str = STAGE) -> None:
    """Make sure that a file of a stage is there, and is a file.

    Parameters
    ----------
    path : the file. writer : what writes such files, for messages.

    Raises
    ------
    InputError : it is not.
    """
    refuse_no_file(path, f"the Parquet file that {writer} wrote", "Give the file itself")
    if not path.is_file():
        raise InputError("there is no such file", where=path, hint="Check the path, or run the stage that makes it")


def other_kind(path: Path, writer: str = STAGE) -> InputError | None:
    """A file that is of another kind than Parquet, in words; None where it is damaged Parquet, or nothing is known."""
    try:
        head, _ = head_of(path)
    except (OSError, EOFError, zlib.error):
        return None
    if not head or head.startswith(PARQUET):
        return None
    kind = next((name for start, name, _ in KINDS if head.startswith(start)), None) or text_kind(path, head)
    if kind is None:
        return None
    return InputError(f"is {kind}; expected the Parquet file that {writer} wrote", where=path)


def text_kind(path: Path, head: bytes) -> str | None:
    """What kind of text a file holds, None where it holds none."""
    try:
        text = head.decode("utf-8-sig", "ignore" if len(head) > 1000 else "strict").lstrip()
    except UnicodeDecodeError:
        return None
    if "\0" in text:
        return None
    name = path.name.lower().removesuffix(".gz")
    of_ending = next((kind for ending, kind in ENDINGS.items() if name.endswith(ending)), "a text file")
    return next((kind for pattern, kind, _ in TEXT_KINDS if pattern.match(text[:200])), of_ending)


def lacks_column(name: str, there: Sequence[str], path: Path, writer: str = STAGE) -> InputError:
    """A Parquet file that is not of the stage that is needed: says what made it, where the file tells."""
    problem = f"{made_by_words(path)}the column '{name}' is missing; the columns there are: {', '.join(there)}"
    return InputError(problem, where=path, hint=f"Give the file that {writer} wrote")


def made_by_words(path: Path) -> str:
    """Which verb wrote a file or a folder, for the start of a message; "" where nothing says so."""
    try:
        told = json.loads(read_stamp(path) or b"null") if path.is_file() else None
        # of a file in the folder of a verb, and of the folder, the folder says it
        record = (path if path.is_dir() else path.parent) / ".made-by.json"
        if told is None and (path.is_dir() or path.name in IN_FOLDERS) and record.is_file():
            told = read_json(record)
    except (ValueError, OSError, InputError):
        return ""
    verb = told.get("verb") if isinstance(told, dict) else None
    known = isinstance(verb, str) and verb.replace("-", "").isalpha() and len(verb) < 30
    return f"is what `sie {verb}` wrote: " if known else ""
