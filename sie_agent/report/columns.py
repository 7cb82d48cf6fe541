"""Tables from column specifications. Cells are plain text; the template escapes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sie_agent.report.number_words import ABSENT, count, ends_of, interval

NUMBER, TEXT, LONG = "number", "text", "long"
# the name of a row's attribute, or a function of the row
Value = str | Callable[[Any], Any]


def text(value: Any) -> str:
    """A text as it is, or a dash if it is empty."""
    return str(value) if value else ABSENT


@dataclass(frozen=True)
class TableColumn:
    """One column of a table.

    Parameters
    ----------
    title : its heading.
    value : what of a row it shows; None where rows are tuples: what stands at the column's own place.
    written : how the value is written.
    kind : ``number``, ``text``, or ``long`` (may break anywhere).
    """

    title: str
    value: Value | None = None
    written: Callable[[Any], str] = text
    kind: str = TEXT

    def cell(self, row: Any, place: int) -> str:
        """The cell of a row in this column, which is at *place*."""
        if self.value is None:
            return self.written(row[place])
        return self.written(getattr(row, self.value) if isinstance(self.value, str) else self.value(row))


def numeric(title: str, value: Value | None = None, written: Callable[[Any], str] = text) -> TableColumn:
    """A column of figures."""
    return TableColumn(title, value, written, NUMBER)


@dataclass(frozen=True)
class ShownTable:
    """A table of words.

    Parameters
    ----------
    caption : what it holds.
    columns : heading and kind of each column; the first column heads its row.
    rows : cells, as many as columns.
    """

    caption: str
    columns: tuple[tuple[str, str], ...]
    rows: list[tuple[str, ...]]


def table(caption: str, columns: Sequence[TableColumn], rows: Iterable[Any]) -> ShownTable | None:
    """A table of *rows*; None where there are none."""
    cells = [tuple(column.cell(row, place) for place, column in enumerate(columns)) for row in rows]
    return ShownTable(caption, tuple((column.title, column.kind) for column in columns), cells) if cells else None


JUDGE, MODE, MODEL = TableColumn("Judge", "judge"), TableColumn("Mode", "mode"), TableColumn("Model", "ranker")
LABEL, DRAWS = TableColumn("Label", "label"), numeric("Draws", "n_draws", count)
ROWS, QUERIES = numeric("Rows", "n_samples", count), numeric("Queries", "n_queries", count)
INTERVAL = numeric("Interval", lambda row: interval(*ends_of(row)[1:]))
