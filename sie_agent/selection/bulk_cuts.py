"""Where a selection cuts the rows of a scores file: found by sorting on disk, a cut for each kind of row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sie_agent.selection.bulk import one
from sie_agent.selection.select import STRATA, Ties, apportioned, shares_with_coverage

Mask = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cut:
    """The last row of a stratum that is kept in the order of scores, then of ``tie``, then of rows.

    Attributes
    ----------
    score : higher ones are kept; tie : lower ones are kept; row : from 0.
    """

    score: float
    tie: int
    row: int


NOTHING = Cut(np.inf, np.iinfo(np.int64).min, -1)


@dataclass(frozen=True)
class Cuts:
    """A cut for each stratum."""

    each: tuple[Cut, ...]

    def above(
        self, score: Doubles, ties: Callable[[Mask], Ties], row: npt.NDArray[np.int64], stratum: npt.NDArray[np.int8]
    ) -> Mask:
        """Which rows are kept, (n,).

        Parameters
        ----------
        ties : gives the number that decides of the rows of a mask, which costs more than to compare scores.
        """
        last, last_tie, last_row = (
            np.array([getattr(cut, name) for cut in self.each])[stratum] for name in ("score", "tie", "row")
        )
        kept, level = score > last, score == last
        if level.any():
            tie, last_tie = ties(level), last_tie[level]
            kept[level] = (tie < last_tie) | ((tie == last_tie) & (row[level] <= last_row[level]))
        return np.asarray(kept)

    @property
    def sql(self) -> str:
        """:meth:`above` as a condition; scores are written so that they are read back as they are."""
        parts = [
            f"(stratum = {place} AND (score > {literal(cut.score)} "
            f"OR (score = {literal(cut.score)} AND (tie < {cut.tie} OR (tie = {cut.tie} AND row <= {cut.row})))))"
            for place, cut in enumerate(self.each)
            if cut != NOTHING
        ]
        return f"({' OR '.join(parts)})" if parts else "false"


@dataclass(frozen=True)
class Choice:
    """What decides whether a row is kept.

    Attributes
    ----------
    by_score : cuts of the share to keep; others : cuts among rows that coverage does not keep, the same without it.
    middles : by stratum, the median, which stands for the score of rows without one.
    """

    by_score: Cuts
    others: Cuts
    middles: tuple[float, ...]


def choose(connection: Any, count: int, covers: bool) -> Choice:
    """Find the cuts, and make the view ``keyed`` (``scored`` without nulls) and the table ``best`` of covered rows.

    Parameters
    ----------
    count : of rows to keep; covers : whether queries keep their best positive row.
    """
    found = dict(connection.execute("SELECT stratum, count(*) FROM scored GROUP BY stratum").fetchall())
    sizes = [int(found.get(place, 0)) for place in range(len(STRATA))]
    middles = tuple(median(connection, place) for place in range(len(STRATA)))
    cases = " ".join(f"WHEN {place} THEN {literal(middle)}" for place, middle in enumerate(middles))
    connection.execute(
        f"CREATE VIEW keyed AS SELECT * REPLACE (coalesce(score, CASE stratum {cases} END) AS score) FROM scored"
    )
    connection.execute("CREATE TABLE best (row BIGINT)")
    if covers:
        # compared by the score first, then by what is the lower the better
        connection.execute(
            "INSERT INTO best SELECT -top.turned FROM "
            "(SELECT max(struct_pack(score := score, tie := ~tie, turned := -row)) AS top "
            "FROM keyed WHERE positive AND query IS NOT NULL GROUP BY query)"
        )
    (covered,) = one(connection, "SELECT count(*) FROM best")
    by_score = tuple(cut(connection, "keyed", place, share) for place, share in enumerate(apportioned(count, sizes)))
    if not covered:
        return Choice(Cuts(by_score), Cuts(by_score), middles)
    # covered rows are all in the first stratum
    first, *further = shares_with_coverage(count, sizes, covered)
    others = [cut(connection, "keyed ANTI JOIN best USING (row)", 0, first - covered)]
    others += [cut(connection, "keyed", place, share) for place, share in enumerate(further, 1)]
    return Choice(Cuts(by_score), Cuts(tuple(others)), middles)


def median(connection: Any, stratum: int) -> float:
    """The median of a stratum's scores, as `numpy.nanmedian` takes it; 0 where all of its rows have one, or none."""
    known, missing = one(
        connection, f"SELECT count(score), count(*) - count(score) FROM scored WHERE stratum = {stratum}"
    )
    if not missing or not known:
        return 0.0
    middle = connection.execute(
        f"SELECT score FROM scored WHERE stratum = {stratum} AND score IS NOT NULL ORDER BY score "
        f"LIMIT {2 - known % 2} OFFSET {(known - 1) // 2}"
    ).fetchall()
    return float(np.mean([score for (score,) in middle]))


def cut(connection: Any, rows: str, stratum: int, count: int) -> Cut:
    """The last of the first *count* rows of a stratum, by score; nothing is above it where that is none."""
    if count < 1:
        return NOTHING
    return Cut(
        *one(
            connection,
            f"SELECT score, tie, row FROM {rows} WHERE stratum = {stratum} "
            f"ORDER BY score DESC, tie, row LIMIT 1 OFFSET {count - 1}",
        )
    )


def literal(number: float) -> str:
    """A number in SQL, to its last digit."""
    return f"'{number!r}'::DOUBLE"
