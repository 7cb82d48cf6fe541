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

from sie_agent.files.tables import TableWriter
from sie_agent.labels import WEAK_LABELS
from sie_agent.samples import BY_SCORE, table_batches, table_columns, texts_of
from sie_agent.selection.bulk import Cursor, Wanted, database, load_scores, one
from sie_agent.selection.bulk_cuts import Choice, Cuts, choose
from sie_agent.selection.select import POSITIVE_AT, STRATA, Ties, check_name, check_positive_at, count_kept
from sie_agent.utils.progress import bar

Mask = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]

BELOW, GAVE_WAY, UNSCORED = "below the threshold", "gave way to coverage", "no score"
REASONS = (BELOW, GAVE_WAY, UNSCORED)
DROPPED = pa.schema(
    [("sample_id", pa.string()), ("query", pa.string()), ("reason", pa.string()), ("score", pa.float64())]
)


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
    EnvironmentFailure : the disk is in the way.
    """
    check_positive_at(positive_at)
    count_kept(keep, 1)
    names, rows = table_columns(scores, required=("sample_id",), writer=BY_SCORE)
    check_name(by, names, str(scores))
    wanted = Wanted(by, "label" in names, "query" in names, positive_at, balance and "label" in names)
    covers = coverage and wanted.labelled and wanted.queries
    tally = Tally()
    with database(target) as connection, bar("Selecting", 2 * rows) as shown, ExitStack() as files:
        load_scores(connection, scores, wanted, shown)
        choice = choose(connection, count_kept(keep, rows), covers)
        queries = query_counts(connection, choice) if wanted.queries else None
        best = Cursor(connection, "SELECT row FROM best ORDER BY row")
        writer = files.enter_context(TableWriter(target))
        other = None if dropped is None else files.enter_context(TableWriter(dropped))
        for start, batch in numbered(table_batches(scores)):
            label = wanted.label(batch, scores)
            mask, reason = judged(batch, start, wanted, label, scores, choice, best, tally)
            writer.write(batch.filter(pa.array(mask)))
            if other is not None:
                other.write(dropped_rows(batch, by, scores, mask, reason))
            if label is not None:
                count_labels(tally, label, mask, positive_at)
            shown.advance(len(batch))
    return {
        "rows": rows,
        "kept": tally.kept,
        "coverage": covers,
        "balance": wanted.balance,
        "thresholds": thresholds(choice.others, wanted),
        "kept_for_coverage": tally.for_coverage,
        "dropped": {reason: tally.reasons[reason] for reason in REASONS},
        "positives": dict(zip(("before", "after"), tally.positives, strict=True)) if wanted.labelled else None,
        "negatives": dict(zip(("before", "after"), tally.negatives, strict=True)) if wanted.labelled else None,
        "queries": queries,
    }


def thresholds(cuts: Cuts, wanted: Wanted) -> dict[str, float | None]:
    """The scores of the cuts as the file has them, by stratum."""
    sign = 1 if WEAK_LABELS[wanted.by].high_is_good else -1
    names = STRATA if wanted.balance else ("all",)
    scores = [sign * cut.score + 0.0 if np.isfinite(cut.score) else None for cut in cuts.each]
    return dict(zip(names, scores, strict=False))


def query_counts(connection: Any, choice: Choice) -> dict[str, Any]:
    """How many queries there are, and how many lost a row or all of their rows."""
    before, touched, gone = one(
        connection,
        "SELECT count(*), count(*) FILTER (kept < n), count(*) FILTER (kept = 0) FROM (SELECT count(*) AS n, "
        f"count(*) FILTER (best.row IS NOT NULL OR {choice.others.sql}) AS kept "
        "FROM (SELECT query, score, tie, row, stratum FROM keyed WHERE query IS NOT NULL) LEFT JOIN best USING (row) "
        "GROUP BY query)",
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
    batch: pa.Table,
    start: int,
    wanted: Wanted,
    label: Doubles | None,
    scores: Path,
    choice: Choice,
    best: Cursor,
    tally: Tally,
) -> tuple[Mask, npt.NDArray[np.object_]]:
    """Which rows of a batch are kept, and why each dropped one is not; both (n,). Counts them in *tally*."""
    score, stratum = wanted.score(batch, scores), wanted.stratum(label, len(batch))
    unknown = np.isnan(score)
    key = np.where(unknown, np.array(choice.middles)[stratum], score)
    row = np.arange(start, start + len(batch))

    def ties(mask: Mask) -> Ties:
        return wanted.ties(batch.filter(pa.array(mask)), scores, unknown[mask])

    covered = np.zeros(len(batch), dtype=bool)
    covered[best.below(start + len(batch)) - start] = True
    by_score = choice.by_score.above(key, ties, row, stratum)
    mask = covered | choice.others.above(key, ties, row, stratum)
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
