"""Rows that cannot be used: counted, listed in a file, and left out, where they are few or that is asked for."""

from __future__ import annotations

import csv
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.counts import counted
from sie_agent.errors import InputError
from sie_agent.progress import say
from sie_agent.samples.cells import short
from sie_agent.samples.schema import Places
from sie_agent.writing import failures_in_words

LIST = "invalid-rows.csv"
HEADER = ("row", "field", "problem", "text")
MOST = 0.05
TEXT_SHOWN = 80
# what a spreadsheet would take for a formula
FORMULA = ("=", "+", "-", "@", "\t")


@dataclass(frozen=True)
class Fault:
    """What is wrong with one row: its place in the table, its number in the source, and how `InputError` tells it."""

    place: int
    number: int
    field: str
    problem: str
    mend: str
    text: str


class Sieve(Places):
    """Notes rows that cannot be used instead of raising.

    Attributes
    ----------
    faults : in the order in which they were found; a row can have several.
    """

    def __init__(self, index: pd.Index, where: str) -> None:
        super().__init__(index, where)
        self.faults: list[Fault] = []

    def refuse(self, row: int, field: str, problem: str, mend: str, text: object = "") -> None:
        """Note a fault; see :meth:`Places.refuse`."""
        shown = "" if text is None or text is pd.NA else short(text, TEXT_SHOWN)[1:-1]
        self.faults.append(Fault(row, int(self.numbers[row]), field, problem, mend, shown))

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """(n,) whether a row is without a fault."""
        usable = np.ones(len(self.numbers), dtype=bool)
        usable[[fault.place for fault in self.faults]] = False
        return usable

    def left(self) -> Places:
        """The places of the usable rows."""
        return Places(pd.Index(self.numbers[self.usable], name=self.word), self.where)

    def told(self, fault: Fault) -> InputError:
        """A fault as the error that it would have been."""
        return InputError(fault.problem, where=self(fault.place, fault.field), mend=fault.mend)


class InvalidRows:
    """What is to be done with rows that cannot be used, and how many there were.

    Up to 5 % of the rows are left out; of more, nothing is done before somebody says so.

    Parameters
    ----------
    listed : the CSV file that names them (``row, field, problem, text``); none is written when None.
    skip : leave them out, however many they are.

    Attributes
    ----------
    rows : how many rows cannot be used; total : of how many. Both 0 as long as none was met.
    used : how many rows are used, before impressions are put together; None as long as not all were read.
    decided : whether the source was looked through. limit : how many rows of it are read at most; None: all.
    labels_needed : whether a row without a label cannot be used, since others have one; None: not known yet.

    Examples
    --------
    >>> import sie_agent as sie
    >>> invalid = sie.InvalidRows(skip=True)
    >>> samples = sie.load_samples("sample", limit=100, invalid=invalid)
    >>> invalid.rows, invalid.used
    (0, 100)
    """

    def __init__(self, listed: Path | None = None, *, skip: bool = False) -> None:
        self.listed = listed
        self.skip = skip
        self.rows = 0
        self.total = 0
        self.used: int | None = None
        self.decided = False
        self.labels_needed: bool | None = None
        self.limit: int | None = None

    def decide(self, sieves: Iterator[Sieve]) -> None:
        """Count and list the faults of a whole source, and refuse it if they are too many.

        Raises
        ------
        InputError : over 5 % of the rows have a fault, and they are not to be skipped; or another file has the name of
            the list.
        EnvironmentFailure : the list cannot be written.
        """
        if self.decided:
            return
        kinds: Counter[str] = Counter()
        worst: InputError | None = None
        with self._writer() as write:
            for sieve in sieves:
                self.total += len(sieve.numbers)
                self.rows += len({fault.place for fault in sieve.faults})
                for fault in sorted(sieve.faults, key=lambda one: one.place):
                    worst = worst or sieve.told(fault)
                    kinds[fault.field] += 1
                    write([fault.number, *map(harmless, (fault.field, fault.problem, fault.text))])
        self.decided = True
        listed = "" if self.listed is None else f", listed in {self.listed}"
        first = "the first " if self.limit is not None and self.total >= self.limit else ""
        of_all = f"{self.rows:,} of {first}{counted(self.total, 'row')} cannot be used{listed}"
        if worst is not None and self.rows > MOST * self.total and not self.skip:
            raise InputError(
                f"{worst.problem}. {of_all}: more than {MOST:.0%}",
                where=worst.where,
                mend=f"{worst.mend}, or leave such rows out with --skip-invalid (in a suite: data.skip_invalid)",
            )
        if worst is not None:
            fields = ", ".join(f"{field} {count:,}" for field, count in kinds.most_common(5))
            say(f"{of_all}, and are left out (faults by field: {fields})")

    @contextmanager
    def _writer(self) -> Iterator[Any]:
        """What takes the rows of the list; the file is there when all are in it."""
        if self.listed is None:
            yield lambda row: None
            return
        check_list(self.listed)
        with failures_in_words(self.listed):
            self.listed.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.listed.parent, prefix=f".{LIST}-")
            try:
                with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
                    writer = csv.writer(stream)
                    writer.writerow(HEADER)
                    yield writer.writerow
                umask = os.umask(0)
                os.umask(umask)
                os.chmod(name, 0o666 & ~umask)
                os.replace(name, self.listed)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise


def rows_policy(
    folder: str | Path | None = None,
    *,
    skip_invalid: bool = False,
    strict: bool = False,
    data: str | Path | None = None,
) -> InvalidRows | None:
    """What the options ``--skip-invalid`` and ``--strict`` say; None: the first row with a fault is an error.

    Parameters
    ----------
    folder : where ``invalid-rows.csv`` goes; None: it is not written. A list of an earlier run is removed.
    skip_invalid : leave all of them out, however many they are. strict : refuse data with any.
    data : what is read, so that it is not taken for such a list.

    Returns
    -------
    What `load_samples` takes as *invalid*.

    Raises
    ------
    InputError : both are given, or another file has the name of the list, or the data have.

    Examples
    --------
    >>> import sie_agent as sie
    >>> policy = sie.rows_policy(None, skip_invalid=True)
    >>> len(sie.load_samples("sample", limit=100, invalid=policy))
    100
    """
    if skip_invalid and strict:
        mend = "Give one of them: --strict refuses the rows that --skip-invalid leaves out"
        raise InputError("--skip-invalid and --strict exclude each other", mend=mend)
    listed = None if folder is None else Path(folder).expanduser() / LIST
    if listed is not None:
        if (
            data is not None
            and listed.exists()
            and Path(data).expanduser().exists()
            and listed.samefile(Path(data).expanduser())
        ):
            mend = "Give the output another folder, or the data another name"
            raise InputError("is what is read, and the list of unusable rows would go there", where=listed, mend=mend)
        check_list(listed)
        with failures_in_words(listed):
            listed.unlink(missing_ok=True)
    return None if strict else InvalidRows(listed, skip=skip_invalid)


def check_list(path: Path) -> None:
    """Raise InputError if a file of somebody else's has the name of the list."""
    if not path.exists():
        return
    ours = False
    if path.is_file():
        with failures_in_words(path), path.open(encoding="utf-8", errors="replace") as stream:
            ours = stream.readline().strip() == ",".join(HEADER)
    if not ours:
        problem = "is there already, and is no list of rows that cannot be used"
        raise InputError(problem, where=path, mend="Move it away, or give another --out")


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def note_missing_labels(label: Sequence[float] | npt.NDArray[np.float64], sieve: Sieve) -> None:
    """Note the usable rows that have no label."""
    mend = "Give a label for every row or for none; drop the rows that the log has no label for"
    missing = np.isnan(np.asarray(label, dtype=np.float64)) & sieve.usable
    for row in np.flatnonzero(missing).tolist():
        sieve.refuse(row, "label", "the label is missing here but given elsewhere", mend)
