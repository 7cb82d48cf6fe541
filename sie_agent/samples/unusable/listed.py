"""The file that lists rows which cannot be used: its name, whose it is, and when it takes the place of an older one."""

from __future__ import annotations

import codecs
import csv
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sie_agent.errors import InputError
from sie_agent.files.json_files import read_object
from sie_agent.files.manifest import file_hash
from sie_agent.files.writing import Unfinished, failures_in_words, remove_leftovers, short, write_bytes
from sie_agent.utils.finishing import when_done
from sie_agent.utils.progress import say

LIST = "invalid-rows.csv"
HEADER = ("row", "field", "problem", "text")


def list_in(folder: Path, of: Path | None) -> Path:
    """The list in a folder; *of*: of this file in it alone."""
    return folder / (LIST if of is None else f"{short(of.stem)}.{LIST}")


class RowList:
    """The list of one output.

    A note beside it holds the hash of what was written: a list without one, or one that somebody changed, stays.
    A list of finished work is replaced, or removed, only when the new work is finished.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.note = path.with_name(f".{path.name}.made-by.json")
        self._unfinished: Unfinished | None = None
        self._written = ""
        self._made: list[Path] = []

    @property
    def is_free(self) -> bool:
        """Whether nothing is there, or a list that this program wrote."""
        return not os.path.lexists(self.path) or self._is_ours()

    @property
    def is_kept(self) -> bool:
        """Whether what is there stays until new work is finished."""
        return os.path.lexists(self.path) and bool(self._noted().get("finished", True))

    @contextmanager
    def writer(self) -> Iterator[Any]:
        """What takes the rows; afterwards comes :meth:`put`, :meth:`put_when_done` or :meth:`discard`."""
        with failures_in_words(self.path):
            folder = self.path.parent
            self._made = [one for one in (folder, *folder.parents) if not one.exists()]
            folder.mkdir(parents=True, exist_ok=True)
            remove_leftovers(self.path)
            self._unfinished = Unfinished(self.path)
            # a TextIOWrapper would close the file when it goes
            rows = csv.writer(codecs.getwriter("utf-8")(self._unfinished.stream, "replace"))
            try:
                rows.writerow(HEADER)
                yield rows.writerow
                self._unfinished.stream.flush()
                self._written = file_hash(self._unfinished.path)
            except BaseException:
                self.discard()
                raise

    def put(self, *, finished: bool = False) -> None:
        """Give the list its name."""
        if self._unfinished is None:
            return
        with failures_in_words(self.path):
            # both hashes: whichever list is there when the process ends is known to be ours
            before = self._noted().get("sha256") if self._is_ours() else None
            hashes = [self._written, *(before if isinstance(before, list) else [])][:2]
            write_bytes(self.note, json.dumps({"sha256": hashes, "finished": finished}).encode())
            try:
                self._unfinished.finish()
            finally:
                self.discard()

    def put_when_done(self) -> None:
        """Give the list its name now, or, where one of finished work is there, once the new work is finished."""
        if not self.is_kept:
            self.put()
            when_done(self._mark_finished)
            return

        def settle(finished: bool) -> None:
            if finished:
                self.put(finished=True)
            else:
                self.discard()
                say(f"{self.path} still lists the rows of the work that was finished before")

        when_done(settle)

    def discard(self) -> None:
        """Forget what was written."""
        if self._unfinished is not None:
            self._unfinished.discard()
            self._unfinished = None
            # folders that were made for this list alone; one with something in it stays
            with suppress(OSError):
                for one in self._made:
                    one.rmdir()
            self._made = []

    def remove_when_done(self, none_is_needed: Callable[[], bool]) -> None:
        """Remove an older list of ours once the work is finished and needs none."""

        def settle(finished: bool) -> None:
            if finished and none_is_needed() and os.path.lexists(self.path) and self._is_ours():
                with failures_in_words(self.path):
                    self.path.unlink(missing_ok=True)
                    self.note.unlink(missing_ok=True)

        when_done(settle)

    def _mark_finished(self, finished: bool) -> None:
        if finished and self._is_ours():
            with failures_in_words(self.note):
                write_bytes(self.note, json.dumps({"sha256": [self._written], "finished": True}).encode())

    def _noted(self) -> dict[str, Any]:
        try:
            return read_object(self.note)
        except InputError:
            return {}

    def _is_ours(self) -> bool:
        known = self._noted().get("sha256")
        with suppress(OSError):
            return isinstance(known, list) and self.path.is_file() and file_hash(self.path) in known
        return False
