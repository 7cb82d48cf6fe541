"""Impressions of one pair made into one row, in memory that does not grow with the log."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from sie_agent.files.overflow import overflowing
from sie_agent.samples.maps.map_parts import Impressions
from sie_agent.samples.sample_schema import DEFAULTS, IMPRESSIONS
from sie_agent.samples.shop_logs.event_labels import VISIT
from sie_agent.samples.sources.pieces import regrouped
from sie_agent.samples.splits import query_keys

ROWS_PER_BATCH = 50_000
# labels and grades are summed as whole billionths: such sums are the same in any order
UNITS = 1_000_000_000
# kept where all impressions agree in them, else empty
SHOPPER = ("user_id", "history")
HASH_KEYS = ("sie-impression-a", "sie-impression-b")
LOW_AND_HIGH = ", ".join(f"min({name}) AS {name}_low, max({name}) AS {name}_high" for name in SHOPPER)
OF_ROWS = ", ".join(f"{name} AS {name}_low, {name} AS {name}_high" for name in SHOPPER)
ONE_BY_ONE = f"SELECT number, a, b, label, grade, position, shown, {OF_ROWS} FROM facts"
# of the events of one impression the highest counts
BY_VISIT = f"""
SELECT min(number) AS number, a, b, max(label) AS label, max(grade) AS grade, min(position) AS position,
  max(shown) AS shown, {LOW_AND_HIGH} FROM facts GROUP BY a, b, visit
"""
PAIRS = """
SELECT min(number) AS number, sum(shown)::BIGINT AS impressions,
  sum(label::HUGEINT * shown)::DOUBLE / (sum(shown) FILTER (label IS NOT NULL)::DOUBLE * {units}.0) AS label,
  sum(grade::HUGEINT * shown)::DOUBLE / (sum(shown) FILTER (grade IS NOT NULL)::DOUBLE * {units}.0) AS grade,
  {position} AS position,
  {same}
FROM ({impressions}) GROUP BY a, b ORDER BY number
"""
# to the nearest whole place, halves up
MEAN = """((2 * sum(position::HUGEINT * shown) + sum(shown) FILTER (position IS NOT NULL))
  // (2 * sum(shown) FILTER (position IS NOT NULL)))::BIGINT"""
FIRST = "arg_min_null(position, number)"
SAME = ", ".join(f"min({name}_low) = max({name}_high) AS {name}" for name in SHOPPER)


def pairs_of(
    first: Iterable[pd.DataFrame],
    second: Iterable[pd.DataFrame],
    rule: Impressions,
    chunk_rows: int | None,
    spill: Path | None = None,
) -> Iterator[pd.DataFrame]:
    """One row for each pair of query and item, in the order of their first impressions.

    Queries are one where they differ in case and white space alone, items where their ids do in white space around.
    Texts, ids and all else are those of the first impression; ``label`` and ``grade`` are means over the impressions
    that have one, ``position`` as the rule says, ``user_id`` and ``history`` stay where all impressions agree;
    ``impressions`` comes behind the other columns. The figures depend neither on the order of the rows nor on how they
    are cut into tables. Of each row 80 bytes are kept between the two readings, on disk where they are many.

    Parameters
    ----------
    first, second : the samples, table by table; the first is read to its end before the second begins.
    rule : the map's; chunk_rows : rows of each table that comes out, but for the last; None for one table.
    spill : folder for what does not fit into memory; the system's own when not given.

    Raises
    ------
    EnvironmentFailure : the disk is in the way.
    """
    failed, parent = "impressions cannot be grouped on disk", spill or Path(tempfile.gettempdir())
    with overflowing(parent, "sie-impressions", failed, "Free some space there.") as connection:
        fill(connection, first, rule)
        sources = BY_VISIT if rule.visit else ONE_BY_ONE
        position = MEAN if rule.position == "mean" else FIRST
        query = PAIRS.format(units=UNITS, position=position, same=SAME, impressions=sources)
        pairs = (batch.to_pandas() for batch in connection.sql(query).to_arrow_reader(ROWS_PER_BATCH))
        for table in regrouped(joined(second, pairs), chunk_rows):
            yield table.reset_index(drop=True)


def fill(connection: Any, tables: Iterable[pd.DataFrame], rule: Impressions) -> None:
    """Make the table ``facts``: a row for each of the log."""
    start = 0
    for table in tables:
        connection.register("piece", facts_of(table, rule, start))
        made = "INSERT INTO facts" if start else "CREATE TABLE facts AS"
        connection.execute(f"{made} SELECT * FROM piece")
        start += len(table)


def facts_of(table: pd.DataFrame, rule: Impressions, start: int) -> pa.Table:
    """What is grouped of some rows, which are numbered from *start*: no texts, but their hashes."""
    count = len(table)
    keys = np.array(keys_of(table, rule), dtype=object)
    shown = table[IMPRESSIONS].to_numpy(np.int64) if IMPRESSIONS in table and rule.count else np.ones(count, np.int64)
    columns = {
        "number": np.arange(start, start + count),
        "a": hashes(keys, HASH_KEYS[0]),
        "b": hashes(keys, HASH_KEYS[1]),
        "visit": visits(table, start),
        "label": units(table["label"]),
        "grade": units(table["grade"]),
        "position": pa.array(table["position"].array, pa.int64(), from_pandas=True),
        "shown": shown,
        **{name: hashes(table[name].to_numpy(dtype=object), HASH_KEYS[0]) for name in SHOPPER},
    }
    return pa.table(columns)


def keys_of(table: pd.DataFrame, rule: Impressions) -> list[str]:
    """The pair that each row is of, or pair and shopper, as one text."""
    parts = [query_keys(table["query"]), table["item_id"].str.strip()]
    parts += [table["user_id"]] if rule.per == "user" else []
    return ["\x1f".join(row) for row in zip(*(part.tolist() for part in parts), strict=True)]


def visits(table: pd.DataFrame, start: int) -> pa.Array:
    """(n,) by which rows of one impression are known; a row that does not say is one by itself."""
    if VISIT not in table:
        return pa.nulls(len(table), pa.uint64())
    known = (table[VISIT] != "").to_numpy(bool)
    alone = np.arange(start, start + len(table), dtype=np.uint64)
    return pa.array(np.where(known, hashes(table[VISIT].to_numpy(dtype=object), HASH_KEYS[0]), alone))


def hashes(texts: npt.NDArray[np.object_], key: str) -> npt.NDArray[np.uint64]:
    """(n,) 64-bit hashes of texts; two with different keys make one of 128 bits."""
    return pd.util.hash_array(texts, hash_key=key, categorize=True)


def units(column: pd.Series) -> pa.Array:
    """Numbers in [0, 1] as whole billionths, null where there is none."""
    values = column.to_numpy(np.float64)
    missing = np.isnan(values)
    return pa.array(np.rint(np.where(missing, 0.0, values) * UNITS).astype(np.int64), mask=missing)


def joined(tables: Iterable[pd.DataFrame], pairs: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """The first row of each pair, with the figures of all of its impressions; both come in the order of the log."""
    start = 0
    held = next(pairs, None)
    for table in tables:
        end = start + len(table)
        while held is not None and len(held):
            numbers = held["number"].to_numpy(np.int64)
            cut = int(np.searchsorted(numbers, end))
            if cut:
                yield with_figures(table.iloc[numbers[:cut] - start].reset_index(drop=True), held.iloc[:cut])
            if cut < len(numbers):
                held = held.iloc[cut:]
                break
            held = next(pairs, None)
        start = end


def with_figures(rows: pd.DataFrame, figures: pd.DataFrame) -> pd.DataFrame:
    """First impressions with the figures of their pairs in place of their own."""
    figures = figures.reset_index(drop=True)
    changed: dict[str, Any] = {name: figures[name].astype("float64") for name in ("label", "grade")}
    changed["position"] = figures["position"].astype("Int64")
    for name in SHOPPER:
        changed[name] = rows[name].where(figures[name].astype(bool), DEFAULTS[name])
    rows = rows.drop(columns=[IMPRESSIONS, VISIT], errors="ignore").assign(**changed)
    return rows.assign(**{IMPRESSIONS: figures[IMPRESSIONS].astype("int64")})
