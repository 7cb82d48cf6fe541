"""Ids that occur more than once in a log read chunk by chunk, found in memory that does not grow with the log."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.files.writing import failures_in_words
from sie_agent.samples.row_places import Places
from sie_agent.samples.sample_schema import Across, repeated_id

Hashes = npt.NDArray[np.uint64]

HASHES_IN_MEMORY = 2_000_000
BLOCK_HASHES = 500_000


class AcrossChunks(Across):
    """Finds ids that were in an earlier chunk by their 64-bit hashes, and makes sure by reading the ids again.

    The hashes of the last rows, up to ``HASHES_IN_MEMORY``, are in memory in sorted arrays. Those of all rows
    before are in one sorted file, with which the ones in memory are merged when they are many, and at the end:
    a repetition so far apart shows only then.

    Parameters
    ----------
    ids : gives the ids of all chunks, from the first on, under the index of their rows.
    where : name of the source, for messages.
    spill : folder of the file, which has no name there and is gone when the process is; the system's own for
        temporary files when None.
    """

    def __init__(self, ids: Callable[[], Iterator[pd.Series]], where: str = "", spill: Path | None = None) -> None:
        super().__init__()
        self._ids = ids
        self._where = where
        self._spill = spill
        self._runs: list[Hashes] = []
        self._file: IO[bytes] | None = None

    def repeated(self, ids: pd.Series, *, given: bool) -> npt.NDArray[np.bool_]:
        """Which rows of the next chunk have an id that one of the rows before has, as far as memory tells.

        Raises
        ------
        InputError : the file tells that a row before has an id for the second time.
        EnvironmentFailure : the file cannot be written.
        """
        before = self.count
        repeated = super().repeated(ids, given=given)
        if given:
            hashes = pd.util.hash_array(ids.to_numpy(dtype=object), categorize=False)
            suspect = self._known(hashes)
            if suspect.any():
                repeated = repeated | ids.isin(self._earlier(set(ids[suspect]), before)).to_numpy(dtype=bool)
            self._add(np.sort(hashes))
        # a fault of this chunk is told before the file is asked: both are of rows that were read
        if sum(map(len, self._runs)) >= HASHES_IN_MEMORY and not repeated.any():
            self._merge()
        return repeated

    def finish(self) -> None:
        """Hold the last rows against the file; raises as :meth:`repeated` does."""
        if self._file is not None:
            self._merge()
            self._file.close()

    def _known(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        found = np.zeros(len(hashes), dtype=bool)
        for run in self._runs:
            places = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
            found |= run[places] == hashes
        return found

    def _earlier(self, suspects: set[str], left: int) -> set[str]:
        """Those of the suspects that really are among the first *left* ids."""
        there: set[str] = set()
        for ids in self._ids():
            there |= suspects.intersection(ids.iloc[:left])
            left -= min(left, len(ids))
            if not left:
                break
        return there

    def _add(self, run: Hashes) -> None:
        """Keep a sorted run; runs of about one size are merged, so that there are never many."""
        self._runs.append(run)
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            last = self._runs.pop()
            self._runs[-1] = merged(self._runs[-1], last)

    def _merge(self) -> None:
        """Move the hashes in memory into the file, and look whether any was there already."""
        fresh = np.sort(np.concatenate(self._runs)) if self._runs else np.empty(0, np.uint64)
        self._runs = []
        with failures_in_words(self._spill or Path(tempfile.gettempdir())):
            handle, name = tempfile.mkstemp(dir=self._spill, prefix=".sie-ids-")
            # without a name it is gone when the process is, however that ends
            os.unlink(name)
            new = os.fdopen(handle, "w+b")
            suspects = [np.empty(0, np.uint64)]
            for old in blocks(self._file):
                upto = int(np.searchsorted(fresh, old[-1], side="right"))
                part, fresh = fresh[:upto], fresh[upto:]
                both = merged(old, part)
                suspects.append(both[1:][both[1:] == both[:-1]])
                both.tofile(new)
            fresh.tofile(new)
            if self._file is not None:
                self._file.close()
            self._file = new
        if len(found := np.unique(np.concatenate(suspects))):
            self._refuse(found)

    def _refuse(self, suspects: Hashes) -> None:
        """Raise InputError at the first row whose id is there for the second time, if hashes did not just clash."""
        left = self.count
        seen: set[str] = set()
        for ids in self._ids():
            ids = ids.iloc[:left]
            left -= len(ids)
            hashes = pd.util.hash_array(ids.to_numpy(dtype=object), categorize=False)
            for row in np.flatnonzero(np.isin(hashes, suspects)).tolist():
                text = str(ids.iloc[row])
                if text in seen:
                    raise repeated_id(text, Places(ids.index, self._where)(row, "sample_id"))
                seen.add(text)
            if not left:
                return


def merged(first: Hashes, second: Hashes) -> Hashes:
    """Two sorted arrays as one: a stable sort merges what is in order already."""
    return np.sort(np.concatenate([first, second]), kind="stable")


def blocks(file: IO[bytes] | None) -> Iterator[Hashes]:
    """The sorted hashes of a file, some at a time."""
    if file is None:
        return
    file.seek(0)
    while len(block := np.fromfile(file, np.uint64, BLOCK_HASHES)):
        yield block
