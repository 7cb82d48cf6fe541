"""A table made in parts that outlive the process: which parts exist, and their assembly."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sie_agent.errors import InputError
from sie_agent.files.json_files import read_object
from sie_agent.files.manifest import file_hash
from sie_agent.files.small_files import MEBIBYTE, too_large
from sie_agent.files.writing import failures_in_words, write_bytes
from sie_agent.samples.tables import TableWriter, read_table
from sie_agent.utils.progress import bar, say

STATE = "state.json"
# names of parts and of the state, whole or half written
OURS = re.compile(r"\.?(state\.json|[0-9a-f]{12}-[0-9]{6}\.parquet)(\.[0-9a-z_-]*)*")
MOST_OF_A_FILE = 256 * MEBIBYTE


class Parts:
    """The parts of a table, in a folder beside it, for what they were made from.

    Parameters
    ----------
    target : the Parquet file that the parts are to become; the folder is its name with ``.parts``.
    made_from : what the content depends on, by name; parts made from anything else are removed, and a message says so.

    Raises
    ------
    EnvironmentFailure : the folder cannot be written.
    """

    def __init__(self, target: Path, made_from: Mapping[str, Any]) -> None:
        self.target = target
        self.folder = target.with_name(f"{target.name}.parts")
        self._state: dict[str, Any] = {"made_from": json.loads(json.dumps(made_from)), "parts": None}
        text = json.dumps(self._state["made_from"], sort_keys=True)
        # in the parts' names, so that a process that outlives its run cannot put its part among those of another
        self._key = hashlib.sha256(text.encode()).hexdigest()[:12]
        found = self._read_state()
        if found.get("made_from") == self._state["made_from"]:
            self._state = found
            return
        if self.folder.is_dir():
            if not all(OURS.fullmatch(entry.name) for entry in self.folder.iterdir()):
                problem = "holds files that this program did not make, and parts of the scores would go there"
                raise InputError(problem, where=self.folder, hint="Move it away, or give another --out")
            before = found.get("made_from")
            known = before if isinstance(before, dict) else {}
            differ = [name for name, value in self._state["made_from"].items() if known.get(name) != value]
            say(f"{self.folder}: parts of another run (other {', '.join(differ)}); starting again")
            shutil.rmtree(self.folder, ignore_errors=True)
        self._write_state()

    @property
    def complete(self) -> int | None:
        """How many parts there are, once all are made."""
        count = self._state.get("parts")
        whole = isinstance(count, int) and all(self.rows(number) is not None for number in range(count))
        return count if whole else None

    def path(self, number: int) -> Path:
        """The file of a part, numbered from 0."""
        return self.folder / f"{self._key}-{number:06d}.parquet"

    def rows(self, number: int) -> int | None:
        """Rows of a part; None if it is missing or not whole."""
        try:
            return int(pq.read_metadata(self.path(number)).num_rows)
        except (OSError, pa.ArrowException):
            return None

    def finish(self, count: int) -> None:
        """Note that all parts were made."""
        self._state["parts"] = count
        self._write_state()

    def assemble(self, metadata: Mapping[bytes, bytes] | None = None) -> int:
        """Put the parts together as the target, one in memory at a time, and remove them; returns its rows.

        Parameters
        ----------
        metadata : what the schema of the target says beside its columns.

        Raises
        ------
        EnvironmentFailure : the target cannot be written.
        """
        count = int(self._state["parts"])
        with TableWriter(self.target) as writer, bar("Putting together", count) as shown:
            for number in range(count):
                part = pa.Table.from_pandas(read_table(self.path(number)), preserve_index=False)
                writer.write(part.replace_schema_metadata({**(part.schema.metadata or {}), **(metadata or {})}))
                shown.advance()
        shutil.rmtree(self.folder, ignore_errors=True)
        return writer.rows

    def tidy(self) -> None:
        """Remove the folder where no part is in it, as after a run that bad input ended."""
        if not any(self.folder.glob("*-*.parquet")):
            shutil.rmtree(self.folder, ignore_errors=True)

    def _read_state(self) -> dict[str, Any]:
        try:
            return read_object(self.folder / STATE)
        except InputError:
            return {}

    def _write_state(self) -> None:
        with failures_in_words(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_bytes(self.folder / STATE, json.dumps(self._state, indent=1).encode("utf-8"))


def source_identity(path: Path) -> list[list[Any]]:
    """Name, size and modification time of a file, or of every file of a folder."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    facts = [(str(file.resolve()), file.stat()) for file in files]
    return [[name, fact.st_size, fact.st_mtime_ns] for name, fact in facts]


def folder_hash(folder: Path) -> str:
    """SHA-256, in hex, of a folder's files and their names, without texts for people (``.md``) and hidden files.

    Raises
    ------
    InputError : a file is larger than any of a scorer's.
    """
    whole = hashlib.sha256()
    for file in sorted(folder.iterdir() if folder.is_dir() else []):
        if file.is_file() and file.suffix != ".md" and not file.name.startswith("."):
            if file.stat().st_size > MOST_OF_A_FILE:
                raise too_large(file, file.stat().st_size, MOST_OF_A_FILE, "Take it out of the scorer's folder.")
            whole.update(f"{file.name}\t{file_hash(file)}\n".encode())
    return whole.hexdigest()
