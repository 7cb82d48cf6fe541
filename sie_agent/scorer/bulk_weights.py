"""Weights of a scores file of any length: what ``weights_from`` gives, in memory that does not grow with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sie_agent.progress import bar
from sie_agent.samples import TableWriter, table_batches, table_columns
from sie_agent.scorer.bulk import Cursor, database, load_scores, stream
from sie_agent.scorer.select import check_name, check_strength, raw_weights

STEP = pa.schema([("score", pa.float64()), ("weight", pa.float64())])


def weigh_file(scores: Path, target: Path, by: str, strength: float = 1.0) -> dict[str, Any]:
    """Write ``sample_id`` and ``weight`` of every row of a scores file, in its order.

    Scores are ordered and ranked on disk, beside *target*.

    Parameters
    ----------
    scores : Parquet file; target : Parquet file to write.
    by : ``value``, ``support`` or ``hardness``; strength : a of the formula of :func:`weights_from`.

    Returns
    -------
    ``rows``, ``unscored`` (rows without a score, which get weight 1 before the mean is taken), ``smallest``,
    ``largest``.

    Raises
    ------
    InputError : the file, the column or the strength is wrong.
    EnvironmentFailure : the disk is in the way.
    """
    check_strength(strength)
    names, rows = table_columns(scores, required=("sample_id",))
    check_name(by, names, str(scores))
    smallest, largest = np.inf, -np.inf
    with database(target) as connection, bar("Weighing", 2 * rows) as shown:
        known = load_scores(connection, scores, by, shown)
        mean = make_steps(connection, known, rows, strength)
        weights = Cursor(
            connection, "SELECT coalesce(weight, 1.0) FROM scored LEFT JOIN steps USING (score) ORDER BY row"
        )
        with TableWriter(target) as writer:
            for batch in table_batches(scores, ["sample_id"]):
                weight = weights.take(len(batch)) / mean
                smallest, largest = min(smallest, weight.min()), max(largest, weight.max())
                writer.write(batch.append_column("weight", pa.array(weight)))
                shown.advance(len(batch))
    return {"rows": rows, "unscored": rows - known, "smallest": float(smallest), "largest": float(largest)}


def make_steps(connection: Any, known: int, rows: int, strength: float) -> float:
    """Make the table ``steps`` of the weight of each distinct score, mean not yet 1; returns the mean over rows.

    Parameters
    ----------
    known : rows with a score; rows : all rows.
    """
    connection.execute(
        "CREATE TABLE counted AS SELECT score, count(*) AS n FROM scored WHERE score IS NOT NULL GROUP BY 1"
    )
    total = float(rows - known)
    connection.execute("CREATE TABLE steps (score DOUBLE, weight DOUBLE)")
    before = 0
    # a second connection to the same file, as one that gives a stream can do nothing else
    with connection.cursor() as reading:
        for batch in stream(reading, "SELECT score, n FROM counted ORDER BY score"):
            counts = batch.column(1).to_numpy()
            ends = before + np.cumsum(counts)
            # the mean of the ranks of a tie, as in Kendall 1945
            weight = raw_weights(ends - (counts - 1) / 2, known, strength)
            total += float(weight @ counts)
            before = int(ends[-1])
            step = pa.Table.from_arrays([batch.column(0), pa.array(weight)], schema=STEP)
            connection.register("step", step)
            connection.execute("INSERT INTO steps SELECT * FROM step")
    connection.unregister("step")
    return total / rows
