"""A page of a Parquet file: filtered, sorted and read by DuckDB, bounded in rows and bytes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from sie_agent.commands.mcp_server.answers import RowsAnswer
from sie_agent.commands.mcp_server.shown import cell, is_cut, short
from sie_agent.errors import InputError
from sie_agent.samples.tables import PARQUET_FAULTS

MOST_ROWS = 100
MOST_COLUMNS = 200
MOST_BYTES = 200_000
OFFSET = 10_000_000
MEMORY = "1GB"
# the columns are those of the file: none is made of the names of its folders
FILE = "read_parquet(?, hive_partitioning = false)"

Rows = Annotated[int, Field(ge=1, le=MOST_ROWS, description=f"rows of the page, at most {MOST_ROWS}")]
Offset = Annotated[int, Field(ge=0, le=OFFSET, description="rows to pass over")]


class RowFilter(BaseModel):
    """A condition on one column; several must all hold."""

    model_config = ConfigDict(extra="forbid")

    column: str = Field(max_length=200)
    op: Literal["=", "!=", "<", "<=", ">", ">=", "contains", "is null", "is not null"] = "="
    value: str | float | bool | None = None


def page_of(
    path: Path,
    shown: str,
    filters: list[RowFilter],
    *,
    columns: list[str] | None = None,
    sort_by: str | None = None,
    descending: bool = True,
    offset: int = 0,
    limit: int = 20,
) -> RowsAnswer:
    """The rows of a page.

    Parameters
    ----------
    path : a Parquet file. shown : what clients call it. columns : all where none are named.

    Raises
    ------
    InputError : no Parquet file, a column that is not there, or a value that the column cannot be compared with.
    """
    import duckdb

    known = columns_of(path, shown)
    wanted = columns or known[:MOST_COLUMNS]
    asked = [*wanted, *(one.column for one in filters), *([sort_by] if sort_by else [])]
    if missing := [name for name in asked if name not in known]:
        problem = f"there is no column '{short(missing[0], 60)}'"
        raise InputError(problem, where=shown, hint=f"It has {short(', '.join(known))}")
    texts, values = zip(*map(condition, filters), strict=True) if filters else ((), ())
    where = f" WHERE {' AND '.join(texts)}" if texts else ""
    given = [exactly(path), *(value for several in values for value in several)]
    order = f" ORDER BY {quoted(sort_by)} {'DESC' if descending else 'ASC'} NULLS LAST" if sort_by else ""
    selected = ", ".join(map(quoted, wanted))
    # a connection of this call's own, on whose settings no query can have an effect
    with duckdb.connect(config={"threads": "1", "memory_limit": MEMORY, "preserve_insertion_order": "true"}) as base:
        try:
            counted = base.execute(f"SELECT count(*) FROM {FILE}{where}", given).fetchone()
            page = f"SELECT {selected} FROM {FILE}{where}{order} LIMIT {int(limit)} OFFSET {int(offset)}"
            found = base.execute(page, given).fetchall()
        except duckdb.Error as error:
            said = str(error).splitlines()[0]
            raise InputError(f"cannot be read so: {short(said, 200)}", where=shown) from None
    rows, cut = bounded([dict(zip(wanted, row, strict=True)) for row in found])
    total = 0 if counted is None else int(counted[0])
    return RowsAnswer(path=shown, columns=known, rows=rows, offset=offset, total=total, truncated=cut)


def exactly(path: Path) -> str:
    """A path as DuckDB reads this file alone: it takes stars, question marks and brackets for patterns of names."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(path))


def columns_of(path: Path, shown: str) -> list[str]:
    """The names of a Parquet file's columns.

    Raises
    ------
    InputError : it is none.
    """
    try:
        return [str(name) for name in pq.read_schema(path).names]
    except PARQUET_FAULTS:
        raise InputError("is no Parquet file, or a damaged one", where=shown, hint="list_folder says what is") from None


def condition(one: RowFilter) -> tuple[str, list[Any]]:
    """A filter in SQL, and the values that it compares with."""
    column = quoted(one.column)
    if one.op in ("is null", "is not null"):
        return f"{column} {one.op.upper()}", []
    if one.value is None:
        raise InputError(f"the filter '{one.op}' has no value", where=f"filters, column '{short(one.column, 60)}'")
    if one.op == "contains":
        return f"contains(lower(CAST({column} AS VARCHAR)), lower(?))", [str(one.value)]
    return f"{column} {one.op} ?", [one.value]


def quoted(name: str) -> str:
    """A column's name in SQL."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


def bounded(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
    """Rows with short texts, as many as fit into the bound, and whether anything was cut."""
    kept: list[dict[str, Any]] = []
    cut, size = False, 0
    for row in rows:
        cut |= any(map(is_cut, row.values()))
        told = {short(name, 100): cell(value) for name, value in row.items()}
        size += len(json.dumps(told))
        if size > MOST_BYTES and kept:
            return kept, True
        kept.append(told)
    return kept, cut
