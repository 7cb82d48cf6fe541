"""Rows of a table as messages name them, and what is done with a row that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.sources.cells import short
from sie_agent.utils.arrays import Booleans

TEXT_SHOWN = 80


class Places:
    """Turns the position of a row and a field into words (``file, row 3, field 'title'``), and refuses rows."""

    def __init__(self, index: pd.Index, where: str) -> None:
        self.where = where
        self.word = str(index.name) if index.name in ("row", "line") else "row"
        self.numbers = index.to_numpy() if index.name in ("row", "line") else np.arange(1, len(index) + 1)

    def __call__(self, row: int, field: str) -> str:
        return f"{self.where}, {self.word} {self.numbers[row]}, field '{field}'"

    def refuse(self, row: int, field: str, problem: str, hint: str, text: object = "") -> None:
        """Raise InputError: a row cannot be used. A subclass may write it down instead, and go on.

        Parameters
        ----------
        row : its place in the table, from 0; field : where the fault is; problem, hint : as `InputError` takes them.
        text : what stands there.
        """
        raise InputError(problem, where=self(row, field), hint=hint)

    def refuse_all(
        self,
        wrong: Booleans,
        field: str,
        problem: str | Callable[[int], str],
        hint: str,
        given: pd.Series | None = None,
    ) -> None:
        """Refuse every row of a mask.

        Parameters
        ----------
        wrong : (n,) which rows cannot be used.
        problem : in words, with ``{}`` for what stands there; or made for each row from its place.
        given : (n,) what stands there.
        """
        for row in np.flatnonzero(wrong).tolist():
            text = "" if given is None else given.iloc[row]
            told = problem.replace("{}", short(text), 1) if isinstance(problem, str) else problem(row)
            self.refuse(row, field, told, hint, text)


@dataclass(frozen=True)
class RowFault:
    """What is wrong with one row: its place in the table, its number in the source, and how `InputError` tells it."""

    place: int
    number: int
    field: str
    problem: str
    hint: str
    text: str


class Sieve(Places):
    """Notes rows that cannot be used instead of raising.

    Attributes
    ----------
    faults : in the order in which they were found; a row can have several.
    """

    def __init__(self, index: pd.Index, where: str) -> None:
        super().__init__(index, where)
        self.faults: list[RowFault] = []

    def refuse(self, row: int, field: str, problem: str, hint: str, text: object = "") -> None:
        """Note a fault; see :meth:`Places.refuse`."""
        shown = "" if text is None or text is pd.NA else short(text, TEXT_SHOWN)[1:-1]
        self.faults.append(RowFault(row, int(self.numbers[row]), field, problem, hint, shown))

    @property
    def usable(self) -> Booleans:
        """(n,) whether a row is without a fault."""
        usable = np.ones(len(self.numbers), dtype=bool)
        usable[[fault.place for fault in self.faults]] = False
        return usable

    def left(self) -> Places:
        """The places of the usable rows."""
        return Places(pd.Index(self.numbers[self.usable], name=self.word), self.where)

    def told(self, fault: RowFault) -> InputError:
        """A fault as the error that it would have been."""
        return InputError(fault.problem, where=self(fault.place, fault.field), hint=fault.hint)
