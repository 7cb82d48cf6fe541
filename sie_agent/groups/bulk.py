"""Groups of a scores file of any length, ranked: in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sie_agent.errors import InputError
from sie_agent.files.tables import TableWriter
from sie_agent.groups.aligned import WORDS, Scored, aligned
from sie_agent.groups.keys import group_keys, names_in, no_group
from sie_agent.groups.scores import direction_of
from sie_agent.groups.shrink import DIGITS, FEWEST_GROUPS, Groups, Prior, fit_prior, shrink
from sie_agent.samples import BY_SCORE, table_columns
from sie_agent.selection import database, inserter, stream
from sie_agent.utils.progress import Bar, bar

Doubles = npt.NDArray[np.float64]

# so many say how groups differ to within a hundredth
GROUPS_READ = 20_000
TITLE_LENGTH = 200
ROWS_NAMED = 1_000
RANKED = pa.schema(
    [
        ("by", pa.string()),
        ("group", pa.string()),
        ("title", pa.string()),
        ("rank", pa.int64()),
        ("rows", pa.int64()),
        ("mean_of_rows", pa.float64()),
        ("mean", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("total", pa.float64()),
    ]
)
IDS = pa.schema([("sample_id", pa.string()), ("row", pa.int64())])
DRAWN = pa.schema(
    [
        ("name", pa.string()),
        ("title", pa.string()),
        ("rows", pa.int64()),
        ("of_rows", pa.float64()),
        ("mean", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("total", pa.float64()),
    ]
)


@dataclass
class Tally:
    """What was met while the rows were read."""

    rows: int = 0
    unscored: int = 0
    ungrouped: dict[str, int] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)


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
    where : name of the log, for messages. top : how many groups of each end are told.

    Returns
    -------
    ``rows`` and ``unscored`` (they lack the score and count for nothing), and ``kinds``: per kind ``by``, ``groups``,
    ``ungrouped`` (rows that are in no group), ``mean, between, within`` (of the model, see :class:`Prior`; None of
    fewer than three groups), ``level`` (0, or for a score that has a range the mean of all groups), ``above`` and
    ``below`` (groups whose interval lies on one side of it), ``apart`` (groups whose interval does not hold the mean
    of all groups; with 0, no difference between groups is certain; None of fewer than three groups), ``best`` and
    ``worst``: at most *top* groups on the good
    and on the bad side of it, the farthest first, each a row of the file as a dictionary.

    Raises
    ------
    InputError : a file, a column or a score is wrong, a sample is there twice, the scores are not of this log, or no
        row is in a group of some kind.
    EnvironmentFailure : the disk is in the way.
    """
    names, rows = table_columns(scores, required=("sample_id",), writer=BY_SCORE)
    reader = Scored(str(scores), score, beside=[name for name in WORDS if name in names])
    tally = Tally(ungrouped=dict.fromkeys(by, 0))
    with database(target) as connection, bar("Grouping", rows) as shown, TableWriter(target) as writer:
        pieces = scored_alone(reader, connection) if log is None else aligned(reader, log(target.parent), where)
        load_rows(connection, pieces, by, tally, shown)
        if tally.unscored == tally.rows:
            raise InputError(f"column '{score}' holds no score", where=scores, hint="Was this weak label distilled?")
        kinds = []
        for place, name in enumerate(by):
            if tally.ungrouped[name] == tally.rows:
                raise no_group(name, where, list(tally.names))
            make_groups(connection, place, title=name == "item")
            kinds.append({"by": name, **ranked(connection, writer, name, score, top)})
            kinds[-1]["ungrouped"] = tally.ungrouped[name]
    return {"rows": tally.rows, "unscored": tally.unscored, "kinds": kinds}


def scored_alone(scored: Scored, connection: Any) -> Iterator[tuple[pd.DataFrame, Doubles]]:
    """The rows of a scores file that tells all that is needed of the log.

    Raises
    ------
    InputError : a sample is there more than once; known once all rows were read.
    """
    insert, start = inserter(connection, "ids", IDS), 0
    while len(rows := scored.ahead(50_000)):
        ids = pa.array(rows["sample_id"], pa.string(), from_pandas=True)
        insert(pa.Table.from_arrays([ids, pa.array(np.arange(start + 1, start + len(rows) + 1))], schema=IDS))
        yield rows, rows["score"].to_numpy(np.float64)
        scored.pass_over(len(rows))
        start += len(rows)
    check_once(connection, scored.path)
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
    connection: Any, pieces: Iterable[tuple[pd.DataFrame, Doubles]], by: Sequence[str], tally: Tally, shown: Bar
) -> None:
    """Make the table ``scored``: the score, the group of each kind (null: none), a title where items are grouped."""
    titled = "item" in by
    fields = [("score", pa.float64()), *((f"key{place}", pa.string()) for place in range(len(by)))]
    schema = pa.schema([*fields, *([("title", pa.string())] if titled else [])])
    insert = inserter(connection, "scored", schema)
    for rows, score in pieces:
        known = ~np.isnan(score)
        tally.rows += len(rows)
        tally.unscored += int((~known).sum())
        if not tally.names and "attributes" in rows.columns:
            tally.names.update(dict.fromkeys(names_in(rows.head(ROWS_NAMED))))
        columns = [pa.array(score[known])]
        for name in by:
            keys = group_keys(rows, name)
            tally.ungrouped[name] += int((keys == "").sum())
            columns.append(pa.array(keys[known].where(keys[known] != "", None), pa.string(), from_pandas=True))
        if titled:
            columns.append(pa.array(rows["title"][known].str.slice(0, TITLE_LENGTH), pa.string(), from_pandas=True))
        insert(pa.Table.from_arrays(columns, schema=schema))
        shown.advance(len(rows))


def make_groups(connection: Any, place: int, *, title: bool) -> None:
    """Make the table ``groups`` of one kind: name, title, number of rows, their mean, variance and sum."""
    connection.execute(
        f"""CREATE OR REPLACE TABLE groups AS
        SELECT key{place} AS name, {"min(title)" if title else "''"} AS title, count(*) AS rows, avg(score) AS mean,
               var_samp(score) AS variance, sum(score) AS total
        FROM scored WHERE key{place} IS NOT NULL GROUP BY key{place}"""
    )


def ranked(connection: Any, writer: TableWriter, by: str, score: str, top: int) -> dict[str, Any]:
    """Shrink the groups, write them in order, and tell the first and the last ones."""
    prior = prior_of(connection)
    direction = direction_of(score)
    level = 0.0 if direction.signed else middle_of(connection, prior)
    count = above = below = apart = 0
    insert = inserter(connection, "drawn", DRAWN)
    for batch in stream(connection.cursor(), "SELECT name, title, rows, mean, variance, total FROM groups"):
        groups = groups_in(batch)
        drawn = shrink(groups, prior)
        count += len(groups.rows)
        above += int((drawn.low > level).sum())
        below += int((drawn.high < level).sum())
        if prior is not None:
            apart += int(((drawn.low > prior.mean) | (drawn.high < prior.mean)).sum())
        # an interval that is not known is null
        numbers = [pa.array(one, from_pandas=True) for one in (groups.mean, drawn.mean, drawn.low, drawn.high)]
        kept = [batch.column(name) for name in ("name", "title", "rows")]
        insert(pa.Table.from_arrays([*kept, *numbers, batch.column("total")], schema=DRAWN))
    # a sum differs in its last digits by the order of the rows, which is not to order groups of one mean
    order = f"round(mean, {DIGITS}) {'DESC' if direction.high_is_good else 'ASC'}, name"
    start = 0
    best, worst = RANKED.empty_table(), RANKED.empty_table()
    for batch in stream(connection, f"SELECT * FROM drawn ORDER BY {order}"):
        places = pa.array(np.arange(start + 1, start + len(batch) + 1))
        named = [pa.array([by] * len(batch)), batch.column("name"), batch.column("title"), places]
        table = pa.Table.from_arrays([*named, *batch.columns[2:]], schema=RANKED)
        writer.write(table)
        good = pc.greater(table["mean"], level) if direction.high_is_good else pc.less(table["mean"], level)
        best = pa.concat_tables([best, table.filter(good)]).slice(0, top)
        rest = pa.concat_tables([worst, table.filter(pc.invert(good))])
        worst = rest.slice(max(len(rest) - top, 0))
        start += len(batch)
    connection.execute("DROP TABLE drawn")
    return {
        "groups": count,
        "mean": None if prior is None else prior.mean,
        "between": None if prior is None else prior.between,
        "within": None if prior is None else prior.within**0.5,
        "level": level,
        "above": above,
        "below": below,
        "apart": None if prior is None else apart,
        "best": best.to_pylist(),
        "worst": worst.to_pylist()[::-1],
    }


def middle_of(connection: Any, prior: Prior | None) -> float:
    """The mean of all groups."""
    if prior is not None:
        return prior.mean
    ((mean,),) = connection.execute("SELECT avg(mean) FROM groups").fetchall()
    return float(mean)


def prior_of(connection: Any) -> Prior | None:
    """What the groups say of each other; None of fewer than three."""
    held = connection.sql(f"SELECT rows, mean, variance FROM groups ORDER BY hash(name), name LIMIT {GROUPS_READ}")
    groups = groups_in(held.to_arrow_table())
    return None if len(groups.rows) < FEWEST_GROUPS else fit_prior(groups)


def groups_in(table: pa.Table | pa.RecordBatch) -> Groups:
    """The groups in a piece of the table ``groups``."""
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    rows, mean, variance = (table.column(name).to_numpy() for name in ("rows", "mean", "variance"))
    return Groups(rows.astype(np.int64), mean.astype(np.float64), variance.astype(np.float64))
