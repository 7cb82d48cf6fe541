"""Fields inside of objects: ``request.query`` is the field ``query`` of the column ``request``, unless a column is
called so.

Such a field becomes a column of its own, before anything else is made of the table, whole and in pieces alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sie_agent.samples.sources.json_values import parsed_json
from sie_agent.samples.sources.pieces import Pieces
from sie_agent.samples.sources.typed import plain, series_of

ROWS_LOOKED_AT = 200
MOST_LEVELS = 5
MOST_FIELDS = 200
TEXT_TYPES = (pa.string(), pa.large_string(), pa.string_view())


def with_fields(frame: pd.DataFrame, names: Sequence[str | None]) -> pd.DataFrame:
    """The table with a column for each of the names that is a path into one of its columns of objects.

    A name that is a column, or leads nowhere in all of the rows, adds nothing.
    """
    found = {}
    for name in dict.fromkeys(names):
        if name is not None and name not in frame.columns and (column := field_of(frame, name)) is not None:
            found[name] = column
    return frame if not found else pd.concat([frame, pd.DataFrame(found, index=frame.index)], axis=1)


def pieces_with_fields(pieces: Pieces, names: Sequence[str]) -> Pieces:
    """The same pieces, with fields as columns wherever any piece has them."""
    paths = [name for name in names if "." in name]
    if not paths:
        return pieces

    @cache
    def fields() -> list[str]:
        """The paths that exist in any piece: in JSON lines a field may first appear in a late row."""
        left = set(paths)
        for piece in pieces():
            left -= set(with_fields(piece, sorted(left)).columns)
            if not left:
                break
        return [name for name in paths if name not in left]

    def roots(name: str) -> list[str]:
        parts = name.split(".")
        return [".".join(parts[:end]) for end in range(1, len(parts))]

    def given(columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        wanted = columns if columns is None else [*columns, *(root for name in columns for root in roots(name))]
        for piece in pieces(wanted):
            asked = [name for name in fields() if columns is None or name in columns]
            table = with_fields(piece, asked)
            empty = [name for name in asked if name not in table.columns]
            yield table.assign(**{name: pd.Series([None] * len(table), table.index, dtype=object) for name in empty})

    return given


def field_of(frame: pd.DataFrame, name: str) -> pd.Series | None:
    """The values of a path such as ``request.query``; None where no column of objects has such a field."""
    parts = name.split(".")
    # a column that has a dot in its own name goes before one that has not
    for end in range(len(parts) - 1, 0, -1):
        root = ".".join(parts[:end])
        if root in frame.columns and (found := inside(frame[root], parts[end:])) is not None:
            return found
    return None


def inside(column: pd.Series, path: Sequence[str]) -> pd.Series | None:
    """The field of a column of structs or of objects."""
    if isinstance(column.dtype, pd.ArrowDtype):
        values = pa.chunked_array(column.array.__arrow_array__())
        for key in path:
            if pa.types.is_struct(values.type) and values.type.get_field_index(key) >= 0:
                values = pc.struct_field(values, [values.type.get_field_index(key)])
            elif pa.types.is_map(values.type) and values.type.key_type in TEXT_TYPES:
                values = pc.map_lookup(values, pa.scalar(key, values.type.key_type), "first")
            else:
                return None
        return series_of(plain(values)).set_axis(column.index)
    cells: list[Any] = [object_in(cell) for cell in column.tolist()]
    met = False
    for key in path:
        met = any(isinstance(cell, dict) and key in cell for cell in cells)
        cells = [cell.get(key) if isinstance(cell, dict) else None for cell in cells]
    return pd.Series(cells, column.index, dtype=object) if met else None


def object_in(cell: object) -> object:
    """The object that a text of JSON holds; anything else as it is."""
    if not isinstance(cell, str) or not cell.lstrip().startswith("{"):
        return cell
    try:
        return parsed_json(cell)
    except ValueError:
        return None


def field_names(frame: pd.DataFrame) -> list[str]:
    """The paths to all fields inside of columns of objects that hold no further objects, in their order."""
    found: dict[str, None] = {}
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pd.ArrowDtype):
            found.update(dict.fromkeys(paths_in(str(name), column.dtype.pyarrow_dtype)))
        elif column.dtype == object:
            for cell in column.iloc[:ROWS_LOOKED_AT]:
                found.update(dict.fromkeys(paths_in(str(name), cell)))
    return list(found)[:MOST_FIELDS]


def paths_in(name: str, value: Any, level: int = 0) -> Iterator[str]:
    """The paths into a struct (by its type) or an object of JSON."""
    if isinstance(value, pa.StructType):
        fields = {field.name: field.type for field in value}
    elif isinstance(value, dict):
        fields = value
    else:
        yield from [name] if level else []
        return
    for key, inner in fields.items() if level < MOST_LEVELS else ():
        yield from paths_in(f"{name}.{key}", inner, level + 1)


def flattened(frame: pd.DataFrame, named: Sequence[str] = ()) -> pd.DataFrame:
    """The table with the fields of its objects in place of the objects, for a look at what they hold.

    Parameters
    ----------
    named : columns that stay whatever they hold, and paths that become columns.
    """
    names = field_names(frame)
    table = with_fields(frame, [*named, *names])
    roots = {str(name) for name in frame.columns if any(one.startswith(f"{name}.") for one in names)}
    # a null in some rows where others hold an object is not a field
    gone = [name for name in table.columns if str(name) in roots or is_objects(table[name])]
    return table.drop(columns=[name for name in gone if str(name) not in named])


def is_objects(column: pd.Series) -> bool:
    """Whether a column of fields holds objects after all."""
    return bool(column.dtype == object and any(isinstance(cell, dict) for cell in column.iloc[:ROWS_LOOKED_AT]))
