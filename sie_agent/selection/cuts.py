"""Which rows of a scores table are kept, decided by DuckDB: for a table in memory and a file of any length alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from sie_agent.errors import InputError
from sie_agent.selection.connections import first_row
from sie_agent.utils.arrays import Doubles

Ties = npt.NDArray[np.int64]

# the label from which on a row counts as a yes; graded labels are cut there, too
POSITIVE_AT = 0.5
# kinds of rows that each lose the same share where labels stay in balance, in the order of their numbers
STRATA = ("positives", "negatives", "unlabelled")
# why a row is dropped, by the number that `decisions` has for it
REASONS = ("below the threshold", "gave way to coverage", "no score")
# queries are grouped part by part, since the groups of all of them would be in memory at once
QUERY_PARTS = 4


@dataclass(frozen=True)
class SelectionRule:
    """How rows are selected.

    Attributes
    ----------
    higher : whether high scores are kept. positive_at : the label from which on a row is positive, in [0, 1].
    coverage : whether every query keeps its best positive row.
    balance : whether positive rows, others and rows without a label lose the same share each.
    """

    higher: bool = True
    positive_at: float = POSITIVE_AT
    coverage: bool = False
    balance: bool = False

    def rows(
        self,
        score: Doubles,
        *,
        label: Doubles | None = None,
        query: pa.Array | pa.ChunkedArray | None = None,
        ties: Ties | None = None,
        first: int = 0,
    ) -> pa.Table:
        """Rows for the table ``scored`` that :func:`decide` reads.

        Parameters
        ----------
        score : (n,), NaN where there is none; label : (n,) what the log says, NaN where it says nothing.
        query : (n,) of each row, null where it has none.
        ties : (n,), 0 or more: of equal scores the lowest is kept, and rows without a score come last; None: the order
            of the rows. first : number of the first row.
        """
        count, unknown = len(score), np.isnan(score)
        stratum = np.zeros(count, np.int8)
        if self.balance and label is not None:
            stratum = np.where(np.isnan(label), 2, label < self.positive_at).astype(np.int8)
        # one number for both: whether the score is known, then the tie breaker
        tie = np.zeros(count, np.int64) if ties is None else np.where(unknown, ties, ties + np.iinfo(np.int64).min)
        positive = pa.nulls(count, pa.bool_())
        if label is not None:
            positive = pa.array(label >= self.positive_at, mask=np.isnan(label))
        columns = {
            "row": np.arange(first, first + count),
            # a negative zero equals zero, and is not below it
            "score": pa.array((score if self.higher else -score) + 0.0, from_pandas=True),
            "stratum": stratum,
            "tie": tie,
            "positive": positive,
            "query": pa.nulls(count, pa.string()) if query is None else query,
        }
        return pa.table(columns)


def decide(connection: Any, keep: float, rule: SelectionRule) -> None:
    """Make the view ``decisions`` of ``scored``.

    Its columns are ``row``, ``score`` (of rows without one the median of their stratum), ``stratum``, ``positive``,
    ``query``, ``covered`` (the best positive row of its query), ``by_score`` (among the share to keep by score alone),
    ``kept``, and ``reason``, a place in ``REASONS``.

    Parameters
    ----------
    keep : share of the rows, in (0, 1].
    """
    sizes, middles = [0] * len(STRATA), [0.0] * len(STRATA)
    strata = "SELECT stratum, count(*), count(score) FROM scored GROUP BY stratum"
    for stratum, size, known in connection.execute(strata).fetchall():
        sizes[stratum] = size
        if 0 < known < size:
            middles[stratum] = median(connection, stratum, known)
    connection.execute(
        f"""CREATE VIEW complete AS
        SELECT * REPLACE (coalesce(score, ('{middles}'::DOUBLE[])[stratum + 1]) AS score), score IS NULL AS unscored
        FROM scored"""
    )
    connection.execute("CREATE TABLE best (row BIGINT)")
    for part in range(QUERY_PARTS if rule.coverage else 0):
        # compared by the score first, then by what is the lower the better
        connection.execute(
            f"""INSERT INTO best SELECT -top.turned FROM (
                SELECT max(struct_pack(score := score, tie := ~tie, turned := -row)) AS top FROM complete
                WHERE positive AND query IS NOT NULL AND hash(query) % {QUERY_PARTS} = {part} GROUP BY query
            )"""
        )
    covered = first_row(connection, "SELECT count(*) AS n FROM best")["n"]
    count = count_kept(keep, sum(sizes))
    # covered rows are all in the first stratum
    first, *further = shares_with_coverage(count, sizes, covered)
    make_cuts(connection, "cuts", "complete", apportioned(count, sizes))
    make_cuts(connection, "other_cuts", "(FROM complete ANTI JOIN best USING (row))", [first - covered, *further])
    # a stratum without a cut keeps nothing
    connection.execute(
        """CREATE VIEW decisions AS
        SELECT s.row, s.score, s.stratum, s.positive, s.query, best.row IS NOT NULL AS covered,
            c.row IS NOT NULL AND (c.score, s.tie, s.row) <= (s.score, c.tie, c.row) AS by_score,
            covered OR (o.row IS NOT NULL AND (o.score, s.tie, s.row) <= (s.score, o.tie, o.row)) AS kept,
            (CASE WHEN unscored THEN 2 WHEN by_score THEN 1 ELSE 0 END)::TINYINT AS reason
        FROM complete AS s LEFT JOIN best ON s.row = best.row
        LEFT JOIN cuts AS c ON s.stratum = c.stratum LEFT JOIN other_cuts AS o ON s.stratum = o.stratum"""
    )


def make_cuts(connection: Any, name: str, rows: str, shares: Sequence[int]) -> None:
    """Make a table of the last row that each stratum keeps of *rows*: ``stratum, score, tie, row``.

    Sorted, since a window function holds a whole stratum in memory.

    Parameters
    ----------
    shares : how many rows each stratum keeps; one that keeps none has no row in the table.
    """
    connection.execute(f"CREATE TABLE {name} (stratum TINYINT, score DOUBLE, tie BIGINT, row BIGINT)")
    for stratum, share in enumerate(shares):
        if share > 0:
            connection.execute(
                f"""INSERT INTO {name} SELECT stratum, score, tie, row FROM {rows} WHERE stratum = {stratum}
                ORDER BY score DESC, tie, row LIMIT 1 OFFSET {share - 1}"""
            )


def median(connection: Any, stratum: int, known: int) -> float:
    """The median of the *known* scores of a stratum; sorted, since an aggregate holds all of them in memory."""
    return float(
        first_row(
            connection,
            f"""SELECT avg(score) AS middle FROM (
                SELECT score FROM scored WHERE stratum = {stratum} AND score IS NOT NULL ORDER BY score
                LIMIT {2 - known % 2} OFFSET {(known - 1) // 2}
            )""",
        )["middle"]
    )


def count_kept(keep: float, rows: int) -> int:
    """How many rows are the share *keep* of *rows*, at least one.

    Raises
    ------
    InputError : *keep* is not in (0, 1].
    """
    if not 0 < keep <= 1:
        raise InputError(f"share to keep is {keep}", hint="It must be above 0 and at most 1.")
    return max(1, round(keep * rows))


def apportioned(count: int, sizes: Sequence[int]) -> list[int]:
    """*count* rows shared out among strata by their sizes, by largest remainder (Hamilton); ties to the first one."""
    whole = sum(sizes)
    if not whole:
        return [0] * len(sizes)
    shares = [count * size // whole for size in sizes]
    # in whole numbers, since rounding must not decide which of two remainders is larger
    order = sorted(range(len(sizes)), key=lambda place: -(count * sizes[place] % whole))
    for place in order[: count - sum(shares)]:
        shares[place] += 1
    return shares


def shares_with_coverage(count: int, sizes: Sequence[int], covered: int) -> list[int]:
    """:func:`apportioned`, except that the first stratum keeps at least *covered* rows, at the cost of the others."""
    shares = apportioned(count, sizes)
    if covered <= shares[0]:
        return shares
    return [covered, *apportioned(max(0, count - covered), sizes[1:])]


def tie_breakers(ids: Sequence[str] | pd.Series[str] | npt.NDArray[np.object_]) -> Ties:
    """A number of each sample, (n,), 0 or more, by which rows with the same score are kept: a hash of its id.

    The same rows are kept whatever the order of the file, and from all parts of it, since ids often follow time.
    """
    texts = np.asarray(ids, object)
    # a bit less, so that it fits the signed numbers that databases sort
    return (pd.util.hash_array(texts, categorize=False) >> np.uint64(1)).view(np.int64)


def check_positive_at(positive_at: float) -> None:
    """Raise InputError for a label that no row can have."""
    if not 0 <= positive_at <= 1:
        raise InputError(
            f"labels are positive from {positive_at} on", where="--positive-at", hint="It must be from 0 to 1."
        )
