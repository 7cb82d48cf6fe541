"""Rows kept of a scores file of any length: what ``select_rows`` keeps, in memory that does not grow with it."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from sie_agent.labels import WEAK_LABELS
from sie_agent.samples import BY_SCORE, numbers_of, table_batches, table_columns, texts_of
from sie_agent.samples.tables import TableWriter
from sie_agent.selection.checks import check_name, no_score
from sie_agent.selection.connections import TableStream, database, first_row, inserter, stream
from sie_agent.selection.cuts import (
    POSITIVE_AT,
    QUERY_PARTS,
    REASONS,
    STRATA,
    SelectionRule,
    check_positive_at,
    count_kept,
    decide,
    tie_breakers,
)
from sie_agent.utils.progress import Bar, bar

# queries are only compared, and 64 bits of a hash take less memory than a text
DIGESTED = "* REPLACE (CASE WHEN query IS NOT NULL THEN hash(query) END AS query)"
DROPPED = pa.schema(
    [("sample_id", pa.string()), ("query", pa.string()), ("reason", pa.string()), ("score", pa.float64())]
)
DECISION = pa.schema([("kept", pa.bool_()), ("reason", pa.int8())])
# one row for each combination of flags: all counts of rows are sums over a few of these
COUNTS = """
SELECT stratum, positive, covered, by_score, kept, reason, count(*) AS rows, min(score) AS lowest
FROM decisions GROUP BY ALL
"""
QUERY_COUNTS = """
SELECT count(*) AS before, count(*) FILTER (kept > 0) AS after, count(*) FILTER (kept < rows) AS touched,
    count(*) FILTER (kept = 0) AS dropped
FROM (
    SELECT count(*) AS rows, count(*) FILTER (kept) AS kept FROM decisions
    WHERE query IS NOT NULL AND hash(query) % {parts} = {part} GROUP BY query
)
"""


def select_file(
    scores: Path,
    target: Path,
    keep: float,
    by: str,
    *,
    coverage: bool = True,
    balance: bool = True,
    positive_at: float = POSITIVE_AT,
    dropped: Path | None = None,
) -> dict[str, Any]:
    """Write the rows of a scores file that :func:`select_rows` keeps, and say what was dropped and why.

    Rows are ordered and grouped on disk, beside *target*.

    Parameters
    ----------
    scores : Parquet file; target : Parquet file to write.
    keep, by, coverage, balance, positive_at : as :func:`select_rows` takes them; *by* is a weak label.
    dropped : Parquet file for ``sample_id, query, reason, score`` of every dropped row.

    Returns
    -------
    ``rows``, ``kept``, ``coverage`` and ``balance`` (whether each was asked for and the file has what it needs),
    ``thresholds`` (score of the last row that was kept by its score: of ``positives, negatives, unlabelled``, or of
    ``all`` without balance; null where none was), ``kept_for_coverage``, ``dropped`` (rows by reason), ``positives``
    and ``negatives`` (before, after; null where there is no label), ``queries`` (``before``, ``after``, ``touched``:
    lost a row, ``dropped``: lost all, ``share_dropped``; null where there is no query).

    Raises
    ------
    InputError : the file, a column, the share or *positive_at* is wrong.
    EnvironmentFailure : the disk is full or cannot be written.
    """
    check_positive_at(positive_at)
    count_kept(keep, 1)
    names, rows = table_columns(scores, required=("sample_id",), writer=BY_SCORE)
    check_name(by, names, str(scores))
    labelled, queries = "label" in names, "query" in names
    rule = SelectionRule(
        WEAK_LABELS[by].high_is_good, positive_at, coverage and labelled and queries, balance and labelled
    )
    with database(target, threads=1) as connection, bar("Selecting", 2 * rows) as shown:
        load_scores(connection, scores, by, names, rule, shown)
        decide(connection, keep, rule)
        # counted before the files are written: both take memory
        counts = connection.sql(COUNTS).df()
        of_queries: Counter[str] = Counter()
        for part in range(QUERY_PARTS):
            of_queries.update(first_row(connection, QUERY_COUNTS.format(parts=QUERY_PARTS, part=part)))
        write_decisions(connection, scores, by, target, dropped, shown)
    sign = 1 if rule.higher else -1
    share = of_queries["dropped"] / of_queries["before"] if of_queries["before"] else 0.0
    kept, positive = counts["kept"], counts["positive"]
    reasons = counts[~kept].groupby("reason")["rows"].sum()
    thresholds = counts[kept & ~counts["covered"]].groupby("stratum")["lowest"].min()

    def total(rows: pd.Series[bool]) -> int:
        return int(counts.loc[rows, "rows"].sum())

    def sides(rows: pd.Series[bool]) -> dict[str, int]:
        return {"before": total(rows), "after": total(rows & kept)}

    return {
        "rows": rows,
        "kept": total(kept),
        "coverage": rule.coverage,
        "balance": rule.balance,
        "thresholds": {
            name: sign * thresholds[place] + 0.0 if np.isfinite(thresholds.get(place, np.nan)) else None
            for place, name in enumerate(STRATA if rule.balance else ("all",))
        },
        "kept_for_coverage": total(counts["covered"] & ~counts["by_score"]),
        "dropped": {name: int(reasons.get(place, 0)) for place, name in enumerate(REASONS)},
        "positives": sides(positive.eq(True)) if labelled else None,
        "negatives": sides(positive.eq(False)) if labelled else None,
        "queries": {**of_queries, "share_dropped": share} if queries else None,
    }


def load_scores(connection: Any, path: Path, by: str, names: list[str], rule: SelectionRule, shown: Bar) -> None:
    """Make the table ``scored`` of the rows of a scores file, see :meth:`SelectionRule.rows`.

    Raises
    ------
    InputError : a column does not hold numbers or texts, or no row has a score.
    """
    # tables in memory are compressed only in a database that is told to
    connection.execute("ATTACH ':memory:' AS compressed (COMPRESS); USE compressed")
    insert = inserter(connection, "scored", rule.rows(np.empty(0)).schema, DIGESTED)
    start = known = 0
    for batch in table_batches(path, ["sample_id", by, *(name for name in ("label", "query") if name in names)]):
        score = numbers_of(batch, by, path)
        label = numbers_of(batch, "label", path) if "label" in names else None
        query = texts_of(batch, "query", path) if "query" in names else None
        ties = tie_breakers(texts_of(batch, "sample_id", path).to_numpy(zero_copy_only=False))
        insert(rule.rows(score, label=label, query=query, ties=ties, first=start))
        known += int((~np.isnan(score)).sum())
        start += len(batch)
        shown.advance(len(batch))
    if not known:
        raise no_score(by, str(path))


def write_decisions(connection: Any, scores: Path, by: str, target: Path, dropped: Path | None, shown: Bar) -> None:
    """Write the rows that are kept and, if a file is named, those that are *dropped*."""
    with ExitStack() as files:
        writer = files.enter_context(TableWriter(target))
        other = None if dropped is None else files.enter_context(TableWriter(dropped))
        in_order = TableStream(stream(connection, "SELECT kept, reason FROM decisions ORDER BY row"), DECISION)
        for batch in table_batches(scores):
            decisions = in_order.take(len(batch))
            writer.write(batch.filter(decisions["kept"]))
            if other is not None:
                query = texts_of(batch, "query", scores) if "query" in batch.column_names else [None] * len(batch)
                reason = np.array(REASONS, object)[decisions["reason"].to_numpy()]
                told = pa.table([texts_of(batch, "sample_id", scores), query, reason, batch[by]], names=DROPPED.names)
                other.write(told.cast(DROPPED).filter(pa.compute.invert(decisions["kept"])))
            shown.advance(len(batch))
