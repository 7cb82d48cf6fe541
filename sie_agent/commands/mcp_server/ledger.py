"""What a server's clients have spent: kept in the root, so that the sum holds over restarts and several servers."""

from __future__ import annotations

import fcntl
import json
import math
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sie_agent.errors import InputError
from sie_agent.files.writing import failures_in_words

NAME = ".sie-mcp-spending.jsonl"
MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Balance:
    """USD that were spent, and those that calls under way (or calls that were killed) may spend."""

    spent: float
    reserved: float


class ClientLedger:
    """Reservations before a call and what it cost after it; a file of lines, each written and synced under a lock.

    A call that is killed leaves its reservation: what it spent is not known, and never more than that.

    Parameters
    ----------
    folder : the root. allowed : USD over all calls that the file knows.
    """

    def __init__(self, folder: Path, allowed: float) -> None:
        self.path = folder / NAME
        self.allowed = allowed

    def balance(self) -> Balance:
        """What the file says.

        Raises
        ------
        InputError : a line is damaged, so that it is not known what is left.
        """
        if not self.path.exists():
            return Balance(0.0, 0.0)
        with self._locked() as handle:
            return added_up(self.path, read_all(handle))

    def left(self) -> float:
        """USD that may still be reserved."""
        held = self.balance()
        return max(0.0, self.allowed - held.spent - held.reserved)

    def reserve(self, tool: str, amount: float) -> str:
        """Put *amount* USD aside for a call, and return the reservation's id.

        Raises
        ------
        InputError : less than that is left.
        """
        name = uuid.uuid4().hex
        with self._locked() as handle:
            held = added_up(self.path, read_all(handle))
            left = max(0.0, self.allowed - held.spent - held.reserved)
            if amount > left:
                problem = (
                    f"{amount:g} USD are asked for, and {left:g} of {self.allowed:g} are left "
                    f"({held.spent:g} spent, {held.reserved:g} put aside for other calls)"
                )
                raise InputError(problem, where="max_cost", hint="Ask for less, or restart with a larger --allow-spend")
            append(handle, {"id": name, "tool": tool, "reserved": amount})
        return name

    def settle(self, reservation: str, cost: float | None) -> None:
        """Write down what a call cost; None where that is not known, so that its whole reservation counts as spent."""
        if cost is None:
            return
        with self._locked() as handle:
            append(handle, {"id": reservation, "spent": cost})

    @contextmanager
    def _locked(self) -> Iterator[int]:
        with failures_in_words(self.path):
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                # held for a line: whoever comes meanwhile waits
                fcntl.flock(handle, fcntl.LOCK_EX)
                yield handle
            finally:
                os.close(handle)


def read_all(handle: int) -> bytes:
    """The whole file, up to the bound."""
    return os.pread(handle, MOST_BYTES + 1, 0)


def append(handle: int, entry: dict[str, Any]) -> None:
    """One line, on the disk when this returns."""
    os.write(handle, f"{json.dumps(entry)}\n".encode())
    os.fsync(handle)


def added_up(path: Path, content: bytes) -> Balance:
    """The sums of a ledger's lines.

    Raises
    ------
    InputError : it is too large, or a line is no entry; names the line.
    """
    hint = f"Look at it, and remove {path.name} to begin with nothing spent"
    if len(content) > MOST_BYTES:
        raise InputError(f"has more than {MOST_BYTES:,} bytes", where=path, hint=hint)
    reserved: dict[str, float] = {}
    spent: dict[str, float] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            entry = json.loads(line)
            kind = "spent" if "spent" in entry else "reserved"
            name, amount = str(entry["id"]), float(entry[kind])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InputError(f"line {number} is no entry of a ledger", where=path, hint=hint) from None
        if not (math.isfinite(amount) and amount >= 0) or (kind == "spent" and name not in reserved):
            raise InputError(f"line {number} is no entry of a ledger", where=path, hint=hint)
        (spent if kind == "spent" else reserved)[name] = amount
    return Balance(sum(spent.values()), sum(amount for name, amount in reserved.items() if name not in spent))
