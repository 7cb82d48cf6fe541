"""Files with one JSON object per line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.sources.json_values import parsed_json
from sie_agent.samples.sources.text_files import SPOKEN, TextLines, encoding_of, say_once, version_of
from sie_agent.samples.text_columns import SURROGATES

MOST_NAMES = 10_000


def json_frames(path: Path, rows: int | None, names: Iterable[str] | None = None) -> Iterator[pd.DataFrame]:
    """The objects of a JSONL file, *rows* at a time, under the numbers of their lines; empty lines are skipped.

    Parameters
    ----------
    rows : None for all of them in one table.
    names : the columns of every table; when not given, all keys of its own objects in the order of their appearance.
    """
    found = json_records(path)
    while True:
        records = list(islice(found, rows))
        columns = names or dict.fromkeys(name for _, record in records for name in record)
        cells = {name: [record.get(name) for _, record in records] for name in columns}
        index = pd.Index([number for number, _ in records], name="line", dtype="int64")
        yield pd.DataFrame(cells, index=index, dtype=object)
        if rows is None or len(records) < rows:
            return


def json_names(path: Path) -> list[str]:
    """All keys that the objects of a JSONL file have, in the order of their appearance."""
    return list(dict.fromkeys(name for _, record in json_records(path) for name in record))


def json_records(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """The objects of a file with one per line, each with the number of its line.

    Raises
    ------
    InputError : the file is not text, a line is not a JSON object, or there are too many different keys.
    """
    encoding = encoding_of(path, western=False)
    if encoding != "utf-8-sig":
        say_once(f"{path}: read as {SPOKEN[encoding]}", version_of(path))
    names: set[str] = set()
    is_first = True
    with TextLines(path, encoding) as lines:
        for line in lines:
            text = line.strip()
            if not text:
                continue
            record = json_object(text, f"{path}, line {lines.number}", is_first, line[-1] in "\r\n")
            if not names.issuperset(record):
                # no file and no terminal can hold half of a surrogate pair
                if broken := next(filter(SURROGATES.search, record), None):
                    problem, hint = f"the key {broken[:40]!a} is broken Unicode", "Rename it, or export the file again"
                    raise InputError(problem, where=f"{path}, line {lines.number}", hint=hint)
                names.update(record)
                if len(names) > MOST_NAMES:
                    hint = "Put what differs from row to row into one object, say 'attributes'"
                    problem = f"up to here the objects have more than {MOST_NAMES:,} different keys"
                    raise InputError(problem, where=f"{path}, line {lines.number}", hint=hint)
            is_first = False
            yield lines.number, record


def json_object(text: str, place: str, is_first: bool, is_ended: bool) -> dict[str, object]:
    """The object that a line of JSON holds.

    Parameters
    ----------
    text, place : the line, and where it stands.
    is_first, is_ended : whether it is the first of its file, and whether it has an end.
    """
    one_list = "the file is one JSON list, not an object per line"
    unpack = "Write one object per line, for example with: jq -c '.[]' LIST.json > ROWS.jsonl"
    try:
        record = parsed_json(text)
    except ValueError as error:
        if is_first and text.startswith("[") and text[1:].lstrip()[:1] in ("", "{"):
            raise InputError(one_list, where=place, hint=unpack) from None
        hint = "Write one JSON object per line"
        if is_first and text == "{":
            hint += ", for example with: jq -c . SPREAD.json > ROWS.jsonl"
        elif not is_ended:
            hint += "; the file ends in the middle of this one, so it may be cut off: copy it again"
        raise InputError(f"not a line of JSON ({error})", where=place, hint=hint) from None
    if isinstance(record, list) and is_first and all(isinstance(one, dict) for one in record):
        raise InputError(one_list, where=place, hint=unpack)
    if not isinstance(record, dict):
        raise InputError("the line is JSON but not an object", where=place, hint='Write {"query": …, …}')
    return record
