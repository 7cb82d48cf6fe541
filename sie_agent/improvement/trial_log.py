"""``trials.jsonl``: every candidate with its figures, and every answer of the model that reflects, as they come.

A run that was killed goes through the same steps again: what it judged is in the judgment cache, and what was proposed
is here. A line that is there already is not written twice.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TextIO

from sie_agent.errors import InputError
from sie_agent.files.manifest import without_nan
from sie_agent.files.writing import failures_in_words

MOST_BYTES = 256 * 1024 * 1024


class TrialLog:
    """The log of one improvement; it only grows.

    Parameters
    ----------
    path : the file. work : a hash of inputs and settings; a log of other work is begun anew.

    Raises
    ------
    InputError : the file is larger than any log of trials.
    EnvironmentFailure : it cannot be written.
    """

    def __init__(self, path: Path, work: str) -> None:
        self.path = path
        self._lines: set[str] = set()
        self._reflected: dict[str, dict[str, Any]] = {}
        first = self._line({"format": 1, "work": work})
        with failures_in_words(path):
            kept = self._read(first)
            self._stream: TextIO = path.open("a" if kept else "w", encoding="utf-8")
        if not kept:
            self._append(first)

    def _read(self, first: str) -> bool:
        """Take what is there, up to the last whole line; False where it is not of this work."""
        if not self.path.exists():
            return False
        if self.path.stat().st_size > MOST_BYTES:
            raise InputError("is larger than any log of trials", where=self.path, hint="Give another --out.")
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        lines = whole.decode("utf-8", "replace").splitlines()
        if not lines or lines[0] != first:
            return False
        if len(whole) < len(content):
            # the process was killed while it wrote
            os.truncate(self.path, len(whole))
        self._lines = set(lines)
        for line in lines:
            try:
                found = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict) and isinstance(found.get("reflected"), str) and "text" in found:
                self._reflected[found["reflected"]] = found
        return True

    @staticmethod
    def _line(facts: dict[str, Any]) -> str:
        return json.dumps(without_nan(facts), ensure_ascii=True)

    def _append(self, line: str) -> None:
        with failures_in_words(self.path):
            self._stream.write(line + "\n")
            self._stream.flush()
            os.fsync(self._stream.fileno())
        self._lines.add(line)

    def note(self, **facts: Any) -> None:
        """Write a line, unless it is there."""
        if (line := self._line(facts)) not in self._lines:
            self._append(line)

    def reflected(self, key: str) -> dict[str, Any] | None:
        """The answer that a question to the reflecting model got before."""
        return self._reflected.get(key)

    def keep_reflection(self, key: str, text: str, input_tokens: int, output_tokens: int) -> None:
        """Keep an answer of the reflecting model before it counts."""
        facts = {"reflected": key, "text": text, "input_tokens": input_tokens, "output_tokens": output_tokens}
        self._reflected[key] = facts
        self.note(**facts)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
