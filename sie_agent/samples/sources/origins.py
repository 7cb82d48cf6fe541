"""Rows of a folder of data files: which file each is in, and which row of that file it is, for messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.log_source import LogSource
from sie_agent.samples.sources.folders import folder_contents
from sie_agent.samples.sources.readers import read_file
from sie_agent.samples.sources.shards import ROWS_AT_ONCE


@contextmanager
def files_named(source: LogSource) -> Iterator[None]:
    """Name the file and its own row in an error that speaks of a row of a whole folder.

    Files are only read again for this where there is such an error. Maps that read files of several kinds name them
    themselves.
    """
    path, mapping = source.path, source.mapping
    try:
        yield
    except InputError as error:
        several = mapping is not None and (mapping.files or mapping.next_item)
        if path is None or several or not path.is_dir():
            raise
        place = re.fullmatch(rf"{re.escape(str(path))}, (row|line) (\d+)(, .*)?", str(error.where or ""), re.DOTALL)
        found = None if place is None else origin_of(path, source.split, place[1], int(place[2]))
        if place is None or found is None:
            raise
        raise InputError(error.problem, where=f"{found}{place[3] or ''}", hint=error.hint) from None


def origin_of(path: Path, split: str | None, word: str, number: int) -> str | None:
    """File and row of the row that is counted as *number* in a folder; None where the files have changed meanwhile.

    Parameters
    ----------
    word : what was counted; ``line`` where the folder has but one file, of lines.
    """
    before = 0
    shards, files = folder_contents(path, split)
    counts = ((one.where, sum(map(len, one.tables(ROWS_AT_ONCE, one.stored.names[:1])))) for one in shards)
    typed = ((name, pd.RangeIndex(1, count + 1, name="row")) for name, count in counts)
    for name, index in chain(typed, ((str(one.file), read_file(one.file).index) for one in files)):
        if word == "line":
            return f"{name}, line {number}"
        if number <= before + len(index):
            return f"{name}, {index.name or 'row'} {index[number - before - 1]}"
        before += len(index)
    return None
