"""What a column map reads each source column for: the one list of it, by which grades are kept apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sie_agent.samples.maps.column_maps import ColumnMap

GRADE = "grade"
# what the judge reads
JUDGED = ("query", "title", "description", "attributes", "history")


def columns_read(mapping: ColumnMap) -> Iterator[tuple[str, str]]:
    """Every use that a map makes of a source column, and the column; what is only kept behind the rows is no use."""
    for target, source in mapping.columns.items():
        yield from of_each(str(target), source)
    yield from of_each("attributes", mapping.attributes.values())
    for name, scale in (("label", mapping.label), (GRADE, mapping.grade), ("position", mapping.position)):
        yield from of_each(name, None if scale is None else scale.column)
    yield from of_each("label", mapping.events)
    if (rule := mapping.impressions) is not None:
        yield from of_each("impressions.count", rule.count)
        yield from of_each("impressions.visit", rule.visit)
    yield from of_each("filters", mapping.filters)
    yield from of_each("split_column", mapping.split_column)
    for join in mapping.files.joins if mapping.files else ():
        yield from of_each("files.joins.key", join.key)
    yield from of_next_item(mapping)


def named_sources(mapping: ColumnMap | None) -> list[str]:
    """All columns of the log itself that a map names."""
    if mapping is None:
        return []
    of_log = (column for use, column in columns_read(mapping) if not use.startswith(("files.", "next_item.")))
    return list(dict.fromkeys([*of_log, *mapping.keep]))


def of_next_item(mapping: ColumnMap) -> Iterator[tuple[str, str]]:
    """The columns of a log without queries."""
    if (rule := mapping.next_item) is None:
        return
    shape = ("item_id", "timestamp") if rule.events else ("history", "target")
    for name in ("user_id", *shape, *(("item_id", "title") if rule.events or rule.items else ())):
        yield from of_each(f"next_item.{name}", getattr(rule, name))
    if rule.event is not None:
        yield "next_item.event.column", rule.event.column
    if rule.items is not None:
        for name in ("item_id", "title"):
            yield from of_each(f"next_item.items.{name}", getattr(rule.items, name))


def of_each(use: str, columns: str | Iterable[str] | None) -> Iterator[tuple[str, str]]:
    """One use of one or several columns."""
    for column in (columns,) if isinstance(columns, str) else columns or ():
        yield use, column


def refuse_grade_elsewhere(mapping: ColumnMap) -> None:
    """Raise ValueError where a column of the grades is read for anything else.

    Neither the log nor what the judge reads may hold it, nor may it decide which rows are taken.
    """
    uses = list(columns_read(mapping))
    grades = {column for use, column in uses if use == GRADE}
    met = [(use, column) for use, column in uses if use != GRADE and column in grades]
    if not met:
        return
    # the label first, then what the judge reads
    use, column = min(met, key=lambda one: (one[0] != "label", one[0] not in JUDGED))
    uses_of, why = f"the grade and to '{use}'", "what is learned could know what it is measured by"
    way = f"Give '{use}' another column, or leave it out"
    if use == "label":
        uses_of, why = "the label and to the grade", "what was learned from it would be measured by itself"
        way = "Give the grade a column of its own, or leave it out"
    elif use in JUDGED:
        why = "it would be told what it is measured by"
        uses_of, way = f"{uses_of}, which the judge reads", f"Leave it out of '{use}'"
    raise ValueError(f"the column '{column}' is mapped to {uses_of}: {why}. {way}")
