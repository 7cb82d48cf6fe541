"""Rows that cannot be used: counted, listed in a file, and left out, where they are few or that is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sie_agent.errors import InputError
from sie_agent.files.paths import user_path
from sie_agent.samples.row_places import Sieve
from sie_agent.samples.unusable.listed import RowList, list_in
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say

MOST = 0.05
# so many rows are named where they are not listed
ROWS_TOLD = 20
# what a spreadsheet would take for a formula
FORMULA = ("=", "+", "-", "@", "\t")


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
    first : where the first of these is and what is wrong with it, in words; None as long as none was met.
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
        self.first: str | None = None
        self.total = 0
        self.used: int | None = None
        self.decided = False
        self._begun = False
        self.labels_needed: bool | None = None
        self.limit: int | None = None

    def begin(self) -> None:
        """Note that the source is read: an older list goes once that is done without a fault."""
        if self.listed is not None and not self._begun:
            self._begun = True
            RowList(self.listed).remove_when_done(lambda: not self.rows)

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
        rows: list[int] = []
        worst: InputError | None = None
        listing = None if self.listed is None else RowList(self.listed)
        with nullcontext(lambda row: None) if listing is None else listing.writer() as write:
            for sieve in sieves:
                self.total += len(sieve.numbers)
                self.rows += len({fault.place for fault in sieve.faults})
                for fault in sorted(sieve.faults, key=lambda one: one.place):
                    worst = worst or sieve.told(fault)
                    kinds[fault.field] += 1
                    if len(rows) <= ROWS_TOLD and fault.number not in rows:
                        rows.append(fault.number)
                    write([fault.number, *map(harmless, (fault.field, fault.problem, fault.text))])
        self.decided = True
        if worst is None:
            if listing is not None:
                listing.discard()
            return
        self.first = f"{worst.where}: {worst.problem}"
        first = "the first " if self.limit is not None and self.total >= self.limit else ""
        of_all = f"{self.rows:,} of {first}{counted(self.total, 'row')} cannot be used"
        if self.rows > MOST * self.total and not self.skip:
            problem = f"{worst.problem}. {of_all}{where_refused(listing, rows)}: more than {MOST:.0%}"
            way = (worst.hint or "").rstrip(".")
            hint = f"{way}, or leave such rows out with --skip-invalid (in a suite: data.skip_invalid)"
            raise InputError(problem, where=worst.where, hint=hint)
        fields = ", ".join(f"{field} {count:,}" for field, count in kinds.most_common(5))
        listed = ""
        if listing is not None:
            if not listing.is_free:
                listing.discard()
                problem = "is there already, and nothing says that this program wrote this list of unusable rows"
                raise InputError(problem, where=self.listed, hint="Move it away, or give another --out")
            listed = f", listed in {self.listed}{' once the work is finished' if listing.is_kept else ''}"
            listing.put_when_done()
        say(f"{of_all}{listed}, and are left out (faults by field: {fields})")


def where_refused(listing: RowList | None, rows: Sequence[int]) -> str:
    """Where the rows of refused data are listed; their numbers where another list stays."""
    more = ", …" if len(rows) > ROWS_TOLD else ""
    numbers = f"row {', '.join(map(str, rows[:ROWS_TOLD]))}{more}"
    if listing is None:
        return f" ({numbers})"
    if listing.is_free and not listing.is_kept:
        listing.put()
        return f", listed in {listing.path}"
    listing.discard()
    return f" ({numbers}; {listing.path} is an older file, and stays)"


def rows_policy(
    folder: str | Path | None = None,
    *,
    of: str | Path | None = None,
    skip_invalid: bool = False,
    strict: bool = False,
    data: str | Path | None = None,
) -> InvalidRows | None:
    """What the options ``--skip-invalid`` and ``--strict`` say; None: the first row with a fault is an error.

    Parameters
    ----------
    folder : where ``invalid-rows.csv`` goes; None: it is not written. An older list of the same output goes when
        this work is finished.
    of : the file that is made in the folder, whose name the list then begins with: ``NAME.invalid-rows.csv``.
    skip_invalid : leave all of them out, however many they are. strict : refuse data with any.
    data : what is read, so that it is not taken for such a list.

    Returns
    -------
    What `load_samples` takes as *invalid*.

    Raises
    ------
    InputError : both are given, or the data have the name of the list.

    Examples
    --------
    >>> import sie_agent as sie
    >>> policy = sie.rows_policy(None, skip_invalid=True)
    >>> len(sie.load_samples("sample", limit=100, invalid=policy))
    100
    """
    if skip_invalid and strict:
        hint = "Give one of them: --strict refuses the rows that --skip-invalid leaves out"
        raise InputError("--skip-invalid and --strict exclude each other", hint=hint)
    listed = None if folder is None else list_in(user_path(folder), None if of is None else Path(of))
    if listed is not None:
        if data is not None and listed.exists() and user_path(data).exists() and listed.samefile(user_path(data)):
            hint = "Give the output another name, or the data"
            raise InputError("is what is read, and the list of unusable rows would go there", where=listed, hint=hint)
        if strict:
            RowList(listed).remove_when_done(lambda: True)
    return None if strict else InvalidRows(listed, skip=skip_invalid)


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def note_missing_labels(label: Sequence[float] | npt.NDArray[np.float64], sieve: Sieve) -> None:
    """Note the usable rows that have no label."""
    hint = "Give a label for every row or for none; drop the rows that the log has no label for"
    missing = np.isnan(np.asarray(label, dtype=np.float64)) & sieve.usable
    sieve.refuse_all(missing, "label", "the label is missing here but given elsewhere", hint)
