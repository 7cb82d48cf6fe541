"""``sie select``: the rows worth keeping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sie_agent.samples import read_table, write_table
from sie_agent.scorer import select_rows
from sie_agent.verbs.common import parquet_target


def select(scores: str | Path, out: str | Path, *, keep: float, by: str = "support") -> dict[str, Any]:
    """Keep the share *keep* of the rows of a scores file and write them to *out* (Parquet).

    Parameters
    ----------
    scores : file that ``sie score`` wrote.
    keep : share of the rows, above 0 and at most 1.
    by : ``value`` or ``support`` (the highest are kept), or ``hardness`` (the lowest are kept).

    Returns
    -------
    ``selected`` (path), ``rows``, ``kept``, ``keep``, ``by``.

    Raises
    ------
    InputError : the file, the share or the column is wrong.
    EnvironmentFailure : the result cannot be written.
    """
    table = read_table(scores, required=("sample_id",))
    kept = select_rows(table, keep, by, str(scores))
    return {
        "selected": str(write_table(kept, parquet_target(out))),
        "rows": len(table),
        "kept": len(kept),
        "keep": keep,
        "by": by,
        "exit_code": 0,
    }
