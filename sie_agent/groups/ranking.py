"""Groups of rows, ranked by DuckDB: of a table in memory, and of a scores file of any length in little memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sie_agent.errors import InputError
from sie_agent.groups.aligned import WORDS, aligned, score_stream
from sie_agent.groups.keys import group_keys, names_in, no_group
from sie_agent.groups.scores import direction_of
from sie_agent.groups.shrink import DIGITS, FEWEST_GROUPS, Groups, Prior, fit_prior, shrink
from sie_agent.samples import BY_SCORE, table_columns
from sie_agent.samples.tables import TableWriter
from sie_agent.selection import TableStream, database, first_row, inserter, stream
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.progress import Bar, bar

# so many say how groups differ to within a hundredth
GROUPS_READ = 20_000
TITLE_LENGTH = 200
ROWS_AT_ONCE = 50_000
# rows whose attributes a message names
ROWS_NAMED = 1_000
SHRUNKEN = pa.schema(
    [
        ("group", pa.string()),
        ("title", pa.string()),
        ("rows", pa.int64()),
        ("mean_of_rows", pa.float64()),
        ("mean", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("total", pa.float64()),
    ]
)
IDS = pa.schema([("sample_id", pa.string()), ("row", pa.int64())])


@dataclass
class RowCounts:
    """Counts of the rows that were read, and the names that they could be grouped by."""

    rows: int = 0
    unscored: int = 0
    ungrouped: dict[str, int] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)


def rank_groups(keys: pd.Series[str], score: Doubles, *, higher: bool = True) -> pd.DataFrame:
    """The groups of some rows, the best one first.

    Parameters
    ----------
    keys : (n,) the group of each row, "" where it is in none. score : (n,), NaN where there is none.
    higher : whether a high score is a good one.

    Returns
    -------
    ``group, rows, mean_of_rows, mean, low, high, total``: number of rows, mean of their scores, the mean drawn towards
    that of all groups with its 95 % interval (NaN where there is one row in all, see :func:`shrink`), and the sum.
    Rows without a group or a score are left out. Fewer than three groups are not drawn together.
    """
    known = (keys != "").to_numpy(dtype=bool) & ~np.isnan(score)
    rows = pa.table({"key0": pa.array(keys.to_numpy(dtype=object)[known], pa.string()), "score": score[known]})
    with database() as connection:
        inserter(connection, "scored", rows.schema)(rows)
        shrink_groups(connection, 0, len(rows) + 1)
        found: pd.DataFrame = (
            connection.sql(f"SELECT * EXCLUDE (title) FROM shrunken ORDER BY {order_of(higher)}")
            .to_arrow_table()
            .to_pandas()
        )
    return found


def rank_file(
    scores: Path,
    target: Path,
    score: str,
    by: Sequence[str],
    *,
    log: Callable[[Path], Iterable[pd.DataFrame]] | None,
    where: str,
    top: int,
) -> dict[str, Any]:
    """Rank the groups of a scores file and write them to *target*, kind by kind, the best group of each kind first.

    Rows are grouped and groups are ordered on disk, beside *target*.

    Parameters
    ----------
    scores : Parquet file with ``sample_id``, *score* and, where there is no log, ``query``.
    score : a name in :func:`score_names`. by : kinds of groups, as :func:`group_keys` takes them.
    log : from a folder for temporary files to the log's chunks; None where *by* needs nothing but ``query``.
    where : name of the log, for messages. top : how many groups of each end are returned.

    Returns
    -------
    ``rows`` and ``unscored`` (they lack the score and are left out), and ``kinds``: per kind ``by``, ``groups``,
    ``ungrouped`` (rows that are in no group), ``mean, between, within`` (of the model, see :class:`Prior`; None of
    fewer than three groups), ``level`` (0, or for a score that has a range the mean of all groups), ``above`` and
    ``below`` (groups whose interval lies on one side of it), ``apart`` (groups whose interval does not hold the mean
    of all groups; with 0, no difference between groups is certain; None of fewer than three groups), ``best`` and
    ``worst``: at most *top* groups on the good and on the bad side of the level, the farthest first, each a row of the
    file as a dictionary.

    Raises
    ------
    InputError : a file, a column or a score is wrong, a sample occurs twice, the scores are not of this log, or no
        row is in a group of some kind.
    EnvironmentFailure : the disk is full or cannot be written.
    """
    names, rows = table_columns(scores, required=("sample_id",), writer=BY_SCORE)
    rows_scored = score_stream(str(scores), score, beside=[name for name in WORDS if name in names])
    counts = RowCounts(ungrouped=dict.fromkeys(by, 0))
    with database(target) as connection, bar("Grouping", rows) as shown, TableWriter(target) as writer:
        pieces = (
            scored_alone(rows_scored, str(scores), connection)
            if log is None
            else aligned(rows_scored, str(scores), log(target.parent), where)
        )
        load_rows(connection, pieces, by, counts, shown)
        if counts.unscored == counts.rows:
            raise InputError(f"column '{score}' holds no score", where=scores, hint="Was this weak label distilled?")
        kinds = []
        for place, name in enumerate(by):
            if counts.ungrouped[name] == counts.rows:
                raise no_group(name, where, list(counts.names))
            prior = shrink_groups(connection, place, GROUPS_READ, title=name == "item")
            told = write_ranked(connection, writer, name, score, prior, top)
            kinds.append({"by": name, **told, "ungrouped": counts.ungrouped[name]})
    return {"rows": counts.rows, "unscored": counts.unscored, "kinds": kinds}


def scored_alone(scored: TableStream, path: str, connection: Any) -> Iterator[tuple[pd.DataFrame, Doubles]]:
    """The rows of a scores file that needs no log, and their scores, (n,).

    Raises
    ------
    InputError : a sample is there more than once; known once all rows were read.
    """
    insert, start = inserter(connection, "ids", IDS), 0
    while len(rows := scored.take(ROWS_AT_ONCE)):
        numbers = np.arange(start + 1, start + len(rows) + 1)
        insert(pa.table([rows["sample_id"], numbers], schema=IDS))
        yield rows.to_pandas(), rows["score"].to_numpy()
        start += len(rows)
    check_once(connection, path)
    connection.execute("DROP TABLE ids")


def check_once(connection: Any, path: str) -> None:
    """Raise InputError where the table ``ids`` has a sample more than once, at the first such sample."""
    # hashes overflow to disk in less memory and time than texts, and are nearly always enough
    repeated = connection.execute(
        """SELECT sample_id, count(*), min(row) FROM ids
        WHERE hash(sample_id) IN (SELECT hash(sample_id) FROM ids GROUP BY 1 HAVING count(*) > 1)
        GROUP BY sample_id HAVING count(sample_id) > 1 ORDER BY min(row) LIMIT 1"""
    ).fetchall()
    for name, times, row in repeated:
        raise InputError(
            f"the sample '{name}' is there {times:,} times",
            where=f"{path}, row {row}, field 'sample_id'",
            hint="Give one row per sample.",
        )


def load_rows(
    connection: Any, pieces: Iterable[tuple[pd.DataFrame, Doubles]], by: Sequence[str], counts: RowCounts, shown: Bar
) -> None:
    """Make the table ``scored``: the score, the group of each kind (null: none), a title where items are grouped."""
    titled = "item" in by
    fields = [("score", pa.float64()), *((f"key{place}", pa.string()) for place in range(len(by)))]
    schema = pa.schema([*fields, *([("title", pa.string())] if titled else [])])
    insert = inserter(connection, "scored", schema)
    for rows, score in pieces:
        known = ~np.isnan(score)
        counts.rows += len(rows)
        counts.unscored += int((~known).sum())
        if not counts.names and "attributes" in rows.columns:
            counts.names.update(dict.fromkeys(names_in(rows.head(ROWS_NAMED))))
        columns = [pa.array(score[known])]
        for name in by:
            keys = group_keys(rows, name)
            counts.ungrouped[name] += int((keys == "").sum())
            columns.append(pa.array(keys[known].where(keys[known] != "", None), pa.string(), from_pandas=True))
        if titled:
            columns.append(pa.array(rows["title"][known].str.slice(0, TITLE_LENGTH), pa.string(), from_pandas=True))
        insert(pa.Table.from_arrays(columns, schema=schema))
        shown.advance(len(rows))


def shrink_groups(connection: Any, place: int, most: int, *, title: bool = False) -> Prior | None:
    """Make the table ``shrunken`` of one kind of group, see ``SHRUNKEN``.

    Parameters
    ----------
    place : of the kind; most : groups that the prior is fitted on, drawn by a hash of their names.

    Returns
    -------
    What the groups say of each other; None of fewer than three.
    """
    connection.execute(
        f"""CREATE OR REPLACE TABLE groups AS
        SELECT key{place} AS "group", {"min(title)" if title else "''"} AS title, count(*) AS rows,
               avg(score) AS mean_of_rows, var_samp(score) AS variance, sum(score) AS total
        FROM scored WHERE key{place} IS NOT NULL GROUP BY key{place}"""
    )
    sample = connection.sql(f'SELECT * FROM groups ORDER BY hash("group"), "group" LIMIT {most}').to_arrow_table()
    prior = None if len(sample) < FEWEST_GROUPS else fit_prior(groups_in(sample))
    connection.execute("DROP TABLE IF EXISTS shrunken")
    insert = inserter(connection, "shrunken", SHRUNKEN)
    for batch in stream(connection.cursor(), "SELECT * FROM groups"):
        found = shrink(groups_in(batch), prior)
        # an interval that is not known is null
        for name, column in (("mean", found.mean), ("low", found.low), ("high", found.high)):
            batch = batch.append_column(name, pa.array(column, from_pandas=True))
        insert(batch.select(SHRUNKEN.names))
    return prior


def groups_in(table: pa.Table) -> Groups:
    """The groups in a piece of the table ``groups``."""
    rows, mean, variance = (table[name].to_numpy() for name in ("rows", "mean_of_rows", "variance"))
    return Groups(rows.astype(np.int64), mean.astype(np.float64), variance.astype(np.float64))


def order_of(high_is_good: bool) -> str:
    """The order of groups, the best first; the last digits of a mean depend on the order of its rows."""
    return f'round(mean, {DIGITS}) {"DESC" if high_is_good else "ASC"}, "group"'


def write_ranked(
    connection: Any, writer: TableWriter, by: str, score: str, prior: Prior | None, top: int
) -> dict[str, Any]:
    """Write the table ``shrunken`` in order, and return counts of the groups, and the first and the last ones."""
    direction = direction_of(score)
    middle = first_row(connection, "SELECT avg(mean) AS mean FROM shrunken")["mean"] if prior is None else prior.mean
    level = 0.0 if direction.signed else middle
    outside = f"low > '{middle!r}'::DOUBLE OR high < '{middle!r}'::DOUBLE"
    counts = first_row(
        connection,
        f"""SELECT count(*) AS groups, count(*) FILTER (low > '{level!r}'::DOUBLE) AS above,
        count(*) FILTER (high < '{level!r}'::DOUBLE) AS below, count(*) FILTER ({outside}) AS apart FROM shrunken""",
    )
    start, best, worst = 0, list[dict[str, Any]](), list[dict[str, Any]]()
    for batch in stream(connection, f"SELECT * FROM shrunken ORDER BY {order_of(direction.high_is_good)}"):
        ranks = pa.array(np.arange(start + 1, start + len(batch) + 1))
        table = batch.add_column(2, "rank", ranks).add_column(0, "by", pa.array([by] * len(batch)))
        writer.write(table)
        good = pc.greater(table["mean"], level) if direction.high_is_good else pc.less(table["mean"], level)
        best = [*best, *table.filter(good).slice(0, top).to_pylist()][:top]
        bad = table.filter(pc.invert(good))
        worst = [*worst, *bad.slice(max(len(bad) - top, 0)).to_pylist()][-top:]
        start += len(batch)
    return {
        "groups": counts["groups"],
        "mean": None if prior is None else prior.mean,
        "between": None if prior is None else prior.between,
        "within": None if prior is None else prior.within**0.5,
        "level": level,
        "above": counts["above"],
        "below": counts["below"],
        "apart": None if prior is None else counts["apart"],
        "best": best,
        "worst": worst[::-1],
    }
