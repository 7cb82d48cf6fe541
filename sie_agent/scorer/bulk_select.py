"""Rows kept of a scores file of any length: what ``select_rows`` keeps, in memory that does not grow with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sie_agent.progress import bar
from sie_agent.samples import TableWriter, numbers_of, table_batches, table_columns, texts_of
from sie_agent.scorer.bulk import Cursor, database, load_scores, one, oriented
from sie_agent.scorer.select import HIGHER_IS_KEPT, POSITIVE_AT, check_name, check_positive_at, count_kept

Mask = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]

BELOW, GAVE_WAY, UNSCORED = "below the threshold", "gave way to coverage", "no score"
REASONS = (BELOW, GAVE_WAY, UNSCORED)
DROPPED = pa.schema(
    [("sample_id", pa.string()), ("query", pa.string()), ("reason", pa.string()), ("score", pa.float64())]
)


@dataclass(frozen=True)
class Cut:
    """The last row that is kept in the order of scores, ties by the order of rows.

    Attributes
    ----------
    score : higher ones are kept; row : from 0.
    """

    score: float
    row: int

    def above(self, score: Doubles, row: npt.NDArray[np.int64]) -> Mask:
        """Which rows are kept, (n,)."""
        return np.asarray((score > self.score) | ((score == self.score) & (row <= self.row)))

    @property
    def sql(self) -> str:
        """:meth:`above` as a condition; the score is written so that it is read back as it is."""
        return f"(score > {literal(self.score)} OR (score = {literal(self.score)} AND row <= {self.row}))"


NOTHING = Cut(np.inf, -1)


@dataclass(frozen=True)
class Choice:
    """What decides whether a row is kept.

    Attributes
    ----------
    by_score : cut of the share to keep; others : cut among rows that coverage does not keep, the same without it.
    middle : the median, which stands for the score of rows without one.
    covered : rows that coverage keeps.
    """

    by_score: Cut
    others: Cut
    middle: float
    covered: int


@dataclass
class Tally:
    """Counts of what was kept and dropped."""

    kept: int = 0
    for_coverage: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    positives: list[int] = field(default_factory=lambda: [0, 0])
    negatives: list[int] = field(default_factory=lambda: [0, 0])


def select_file(
    scores: Path,
    target: Path,
    keep: float,
    by: str,
    *,
    coverage: bool = True,
    positive_at: float = POSITIVE_AT,
    dropped: Path | None = None,
) -> dict[str, Any]:
    """Write the rows of a scores file that :func:`select_rows` keeps, and say what was dropped and why.

    Rows are ordered and grouped on disk, beside *target*.

    Parameters
    ----------
    scores : Parquet file; target : Parquet file to write.
    keep, by, coverage, positive_at : as :func:`select_rows` takes them.
    dropped : Parquet file for ``sample_id, query, reason, score`` of every dropped row.

    Returns
    -------
    ``rows``, ``kept``, ``coverage`` (whether it was asked for and the file has what it needs), ``threshold`` (score of
    the last row that was kept by its score), ``kept_for_coverage``, ``dropped`` (rows by reason), ``positives`` and
    ``negatives`` (before, after; null where there is no label), ``queries`` (``before``, ``after``, ``touched``: lost a
    row, ``dropped``: lost all, ``share_dropped``; null where there is no query).

    Raises
    ------
    InputError : the file, a column, the share or *positive_at* is wrong.
    EnvironmentFailure : the disk is in the way.
    """
    check_positive_at(positive_at)
    count_kept(keep, 1)
    names, rows = table_columns(scores, required=("sample_id",))
    check_name(by, names, str(scores))
    labelled, asked = "label" in names, "query" in names
    covers = coverage and labelled and asked
    with database(target) as connection, bar("Selecting", 2 * rows) as shown, ExitStack() as files:
        load_scores(connection, scores, by, shown, positive_at=positive_at if labelled else None, queries=asked)
        choice = choose(connection, rows, count_kept(keep, rows), covers)
        queries = query_counts(connection, choice) if asked else None
        best = Cursor(connection, "SELECT row FROM best ORDER BY row")
        writer = files.enter_context(TableWriter(target))
        other = None if dropped is None else files.enter_context(TableWriter(dropped))
        tally = Tally()
        for start, batch in numbered(table_batches(scores)):
            mask, reason = judged(batch, start, by, scores, choice, best, tally)
            writer.write(batch.filter(pa.array(mask)))
            if other is not None:
                other.write(dropped_rows(batch, by, scores, mask, reason))
            if labelled:
                count_labels(tally, numbers_of(batch, "label", scores), mask, positive_at)
            shown.advance(len(batch))
    threshold = choice.others.score if np.isfinite(choice.others.score) else None
    return {
        "rows": rows,
        "kept": tally.kept,
        "coverage": covers,
        "threshold": threshold if threshold is None or HIGHER_IS_KEPT[by] else -threshold,
        "kept_for_coverage": tally.for_coverage,
        "dropped": {reason: tally.reasons[reason] for reason in REASONS},
        "positives": dict(zip(("before", "after"), tally.positives, strict=True)) if labelled else None,
        "negatives": dict(zip(("before", "after"), tally.negatives, strict=True)) if labelled else None,
        "queries": queries,
    }


def choose(connection: Any, rows: int, count: int, covers: bool) -> Choice:
    """Find the cuts, and make the view ``keyed`` (``scored`` without nulls) and the table ``best`` of covered rows.

    Parameters
    ----------
    rows : in the table ``scored``; count : to keep; covers : whether queries keep their best positive row.
    """
    middle = median(connection)
    connection.execute(
        f"CREATE VIEW keyed AS SELECT * REPLACE (coalesce(score, {literal(middle)}) AS score) FROM scored"
    )
    connection.execute("CREATE TABLE best (row BIGINT)")
    if covers:
        # a pair is compared by its score first; of equal scores, the row that comes first is the best
        connection.execute(
            "INSERT INTO best SELECT -top.turned FROM (SELECT max(struct_pack(score := score, turned := -row)) AS top "
            "FROM keyed WHERE positive AND query IS NOT NULL GROUP BY query)"
        )
    (covered,) = one(connection, "SELECT count(*) FROM best")
    by_score = cut(connection, "keyed", count)
    others = cut(connection, "keyed ANTI JOIN best USING (row)", count - covered) if covered else by_score
    return Choice(by_score, others, middle, covered)


def median(connection: Any) -> float:
    """The median of the scores that there are, as `numpy.nanmedian` takes it; 0 where all rows have one."""
    known, missing = one(connection, "SELECT count(score), count(*) - count(score) FROM scored")
    if not missing:
        return 0.0
    middle = connection.execute(
        "SELECT score FROM scored WHERE score IS NOT NULL ORDER BY score "
        f"LIMIT {2 - known % 2} OFFSET {(known - 1) // 2}"
    ).fetchall()
    return float(np.mean([score for (score,) in middle]))


def cut(connection: Any, rows: str, count: int) -> Cut:
    """The last of the first *count* rows, by score; nothing is above it where that is none."""
    if count < 1:
        return NOTHING
    return Cut(*one(connection, f"SELECT score, row FROM {rows} ORDER BY score DESC, row LIMIT 1 OFFSET {count - 1}"))


def query_counts(connection: Any, choice: Choice) -> dict[str, Any]:
    """How many queries there are, and how many lost a row or all of their rows."""
    before, touched, gone = one(
        connection,
        "SELECT count(*), count(*) FILTER (kept < n), count(*) FILTER (kept = 0) FROM (SELECT count(*) AS n, "
        f"count(*) FILTER (best.row IS NOT NULL OR {choice.others.sql}) AS kept "
        "FROM (SELECT query, score, row FROM keyed WHERE query IS NOT NULL) LEFT JOIN best USING (row) GROUP BY query)",
    )
    share = gone / before if before else 0.0
    return {"before": before, "after": before - gone, "touched": touched, "dropped": gone, "share_dropped": share}


def numbered(batches: Iterator[pa.Table]) -> Iterator[tuple[int, pa.Table]]:
    """Batches with the number of their first row."""
    start = 0
    for batch in batches:
        yield start, batch
        start += len(batch)


def judged(
    batch: pa.Table, start: int, by: str, scores: Path, choice: Choice, best: Cursor, tally: Tally
) -> tuple[Mask, npt.NDArray[np.object_]]:
    """Which rows of a batch are kept, and why each dropped one is not; both (n,). Counts them in *tally*."""
    score = oriented(numbers_of(batch, by, scores), by)
    unknown = np.isnan(score)
    key = np.where(unknown, choice.middle, score)
    row = np.arange(start, start + len(batch))
    covered = np.zeros(len(batch), dtype=bool)
    covered[best.below(start + len(batch)) - start] = True
    by_score = choice.by_score.above(key, row)
    mask = covered | choice.others.above(key, row)
    reason = np.where(unknown, UNSCORED, np.where(by_score, GAVE_WAY, BELOW)).astype(object)
    tally.kept += int(mask.sum())
    tally.for_coverage += int((covered & ~by_score).sum())
    tally.reasons.update(reason[~mask].tolist())
    return mask, reason


def dropped_rows(batch: pa.Table, by: str, scores: Path, mask: Mask, reason: npt.NDArray[np.object_]) -> pa.Table:
    """What is told of the dropped rows of a batch."""
    query = texts_of(batch, "query", scores) if "query" in batch.column_names else pa.nulls(len(batch), pa.string())
    columns = [texts_of(batch, "sample_id", scores), query, pa.array(reason, pa.string()), batch.column(by)]
    table = pa.Table.from_arrays(columns, names=DROPPED.names)
    return table.filter(pa.array(~mask)).cast(DROPPED)


def count_labels(tally: Tally, label: Doubles, mask: Mask, positive_at: float) -> None:
    """Count positive and negative rows, before and after."""
    positive, negative = label >= positive_at, label < positive_at
    for counts, which in ((tally.positives, positive), (tally.negatives, negative)):
        counts[0] += int(which.sum())
        counts[1] += int((which & mask).sum())


def literal(number: float) -> str:
    """A number in SQL, to its last digit."""
    return f"'{number!r}'::DOUBLE"
