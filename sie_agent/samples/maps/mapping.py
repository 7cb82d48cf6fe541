"""Apply a column map to a table."""

from __future__ import annotations

import difflib
import json
import re

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples.maps.column_maps import ColumnMap
from sie_agent.samples.maps.map_parts import Key, Scale, looked_up
from sie_agent.samples.maps.nested import field_names
from sie_agent.samples.row_places import Places
from sie_agent.samples.sample_schema import COLUMNS, IMPRESSIONS
from sie_agent.samples.shop_logs.event_labels import VISIT, counts, highest_event
from sie_agent.samples.sources.cells import listed
from sie_agent.samples.sources.decimals import Marks, numbers
from sie_agent.samples.sources.dialects import no_header
from sie_agent.samples.text_columns import as_written, plain_text, text_column
from sie_agent.utils.values import in_digits

# what becomes a space in an id of one column, and is refused there
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def apply_map(
    frame: pd.DataFrame, column_map: ColumnMap, where: str, marks: Marks | None = None, place: Places | None = None
) -> pd.DataFrame:
    """Rename, scale and join columns as the map says; rows and their index stay.

    Parameters
    ----------
    frame : source table.
    column_map : the map.
    where : name of the source, for messages.
    marks : decimal marks of label and grade, where *frame* is one of several; else the frame's rows tell.
    place : what refuses rows; raises InputError when not given.

    Returns
    -------
    pandas.DataFrame
        Columns of the schema that the map gives, not validated yet, and those that it keeps; ``impressions`` and
        ``visit`` where the map says how often rows were shown, or which of them are one impression.

    Raises
    ------
    InputError
        If the map names a column that is absent, or a value is outside a scale.
    """
    place = Places(frame.index, where) if place is None else place
    mapped: dict[str, pd.Series] = {}
    for target, source in column_map.columns.items():
        sources = [source] if isinstance(source, str) else source
        between = "-" if target.endswith("_id") else "\n"
        mapped[target] = joined(frame, sources, between, f"columns.{target}", where)
    for target, value in column_map.constants.items():
        mapped[target] = pd.Series([value] * len(frame), index=frame.index, dtype=object)
    if column_map.attributes:
        mapped["attributes"] = gathered(frame, column_map.attributes, where)
    for name, scale in (("label", column_map.label), ("grade", column_map.grade)):
        if scale is not None:
            mapped[name] = scaled(pick(frame, scale.column, name, where), scale, name, place, marks)
    if column_map.position is not None:
        mapped["position"] = pick(frame, column_map.position.column, "position", where)
    mapped |= impressions(frame, column_map, where, place)
    for field in column_map.html:
        if field in mapped:
            mapped[field] = plain_text(text_column(mapped[field])).set_axis(frame.index)
    for name in column_map.keep:
        if name not in COLUMNS:
            mapped[name] = pick(frame, name, "keep", where)
    return pd.DataFrame(mapped, index=frame.index)


def impressions(frame: pd.DataFrame, column_map: ColumnMap, where: str, place: Places) -> dict[str, pd.Series]:
    """What the map says of impressions: how often a row was shown, what came of it, and which rows are one of them."""
    found: dict[str, pd.Series] = {}
    rule = column_map.impressions
    if rule is not None and rule.count is not None:
        found[IMPRESSIONS] = counts(pick(frame, rule.count, "impressions.count", where), place)
    if rule is not None and rule.visit:
        names = [rule.visit] if isinstance(rule.visit, str) else rule.visit
        # a separator that no id holds: "a" and "bc" are not "ab" and "c"
        visits = joined(frame, names, "\x1f", "impressions.visit", where)
        found[VISIT] = text_column(visits).set_axis(frame.index)
    if column_map.events:
        events = {name: pick(frame, name, "events", where) for name in column_map.events}
        found["label"] = highest_event(events, column_map.events, found.get(IMPRESSIONS), place)
    return found


def pick(frame: pd.DataFrame, name: str, field: str, where: str) -> pd.Series:
    """A source column, or InputError that says which are there."""
    if name not in frame.columns:
        there = [str(column) for column in frame.columns]
        # of the fields inside of objects those that the name may lead to
        near = difflib.get_close_matches(name, [*there, *field_names(frame.head(1_000))], n=1)
        hint = f"; did you mean '{near[0]}'?" if near else "."
        absent = f"the column map names the column '{name}' (field '{field}'), which is absent{hint}"
        problem = f"{absent} The columns there are: {listed(there)}"
        way = f"Change the name in the column map, or choose another map{no_header(there)}"
        raise InputError(problem, where=where, hint=way)
    column: pd.Series = frame[name]
    return column


def joined(frame: pd.DataFrame, sources: list[str], between: str, field: str, where: str) -> pd.Series:
    """One source column as it is, or the texts of several, joined.

    Of texts with a line break between them the empty ones are left out. Of ids they are not: ``1-`` is not ``-1``; and
    what stands between is escaped inside of them: ``1-2`` and ``3`` are ``1\\-2-3``.
    """
    columns = [pick(frame, source, field, where) for source in sources]
    if len(columns) == 1:
        return columns[0]
    texts = [as_written(column) for column in columns]
    keeps_empty = between != "\n"
    if keeps_empty:
        texts = [escaped(text, between) for text in texts]
    rows = zip(*texts, strict=True)
    told = [between.join(part for part in parts if part or keeps_empty) if any(parts) else "" for parts in rows]
    return pd.Series(told, index=frame.index, dtype=object)


def escaped(texts: pd.Series, between: str) -> pd.Series:
    """Texts with a backslash before what stands between them when they are joined; control characters as escapes."""
    doubled: pd.Series = texts.str.replace("\\", "\\\\", regex=False)
    if (controls := doubled.str.contains(CONTROL)).any():
        doubled = doubled.astype(object)
        doubled[controls] = [CONTROL.sub(lambda one: ascii(one[0])[1:-1], text) for text in doubled[controls]]
    return doubled.str.replace(between, f"\\{between}", regex=False)


def gathered(frame: pd.DataFrame, names: dict[str, str], where: str) -> pd.Series:
    """JSON objects of several source columns, without the empty cells."""
    texts = [as_written(pick(frame, source, f"attributes.{name}", where)) for name, source in names.items()]
    rows = []
    for parts in zip(*texts, strict=True):
        attributes = {name: text for name, text in zip(names, parts, strict=True) if text.strip()}
        rows.append(json.dumps(attributes, ensure_ascii=False))
    return pd.Series(rows, index=frame.index, dtype=object)


def scaled(given: pd.Series, scale: Scale, name: str, place: Places, marks: Marks | None = None) -> pd.Series:
    """Numbers in [0, 1], NaN where the source is empty."""
    if scale.values is not None:
        return by_word(given, scale.values, name, place)
    low, high = float(scale.minimum or 0.0), float(scale.maximum or 0.0)
    values = numbers(name, given, place, field=scale.column, low=low, high=high, marks=marks)
    outside = (values < low) | (values > high)
    hint = "Correct the value, or the minimum and maximum in the column map"

    def problem(row: int) -> str:
        return f"the {name} must be on its scale, between {low:g} and {high:g}, found {in_digits(values[row])}"

    place.refuse_all(outside, scale.column, problem, hint, given)
    return pd.Series(np.where(outside, np.nan, (values - low) / (high - low)), index=given.index)


def by_word(given: pd.Series, values: dict[Key, float], name: str, place: Places) -> pd.Series:
    """Numbers for words (or for numbers that stand for words), case folded."""
    texts = text_column(given).str.strip()
    result = looked_up(given, values)
    unknown = (result.isna() & (texts != "")).to_numpy(dtype=bool)
    hint = "Correct the value, or add it to the values in the column map"
    known = ", ".join(map(str, values))
    place.refuse_all(unknown, str(given.name), f"unknown {name} {{}}; known are: {known}", hint, given)
    return result.set_axis(given.index)
