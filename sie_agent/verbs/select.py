"""``sie select``: the rows worth keeping."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sie_agent.progress import say
from sie_agent.scorer import POSITIVE_AT, only_one, select_file
from sie_agent.verbs.common import check_apart, parquet_target


def select(
    scores: str | Path,
    out: str | Path,
    *,
    keep: float,
    by: str = "support",
    coverage: bool = True,
    positive_at: float = POSITIVE_AT,
    dropped: str | Path | None = None,
) -> dict[str, Any]:
    """Keep the share *keep* of the rows of a scores file and write them to *out* (Parquet), in their order.

    Every query that has positive rows keeps the best of them; the rows that this adds take the place of the least
    important others. Where there are more such queries than rows to keep, more rows are kept. Ties are broken by
    the order of rows. Memory does not grow with the file: rows are ordered on disk, beside *out*.

    Parameters
    ----------
    scores : file that ``sie score`` wrote; one without ``query`` and ``label`` is selected from without coverage.
    keep : share of the rows, above 0 and at most 1.
    by : ``value`` or ``support`` (the highest are kept), or ``hardness`` (the lowest are kept).
    coverage : whether queries keep their best positive row.
    positive_at : the label from which on a row is positive.
    dropped : Parquet file for ``sample_id, query, reason, score`` of every dropped row.

    Returns
    -------
    ``selected`` (path), ``dropped_rows`` (path or None), ``keep``, ``by``, ``positive_at``, and what
    :func:`sie_agent.scorer.select_file` returns.

    Raises
    ------
    InputError : the file, the share, the column or *positive_at* is wrong, or two of the files are one.
    EnvironmentFailure : the result cannot be written, or another process writes it.
    """
    target = parquet_target(out)
    other = None if dropped is None else parquet_target(dropped)
    path = Path(scores).expanduser()
    check_apart({"--out": target, **({} if other is None else {"--dropped": other})}, [path])
    with only_one(target):
        found = select_file(path, target, keep, by, coverage=coverage, positive_at=positive_at, dropped=other)
    if coverage and not found["coverage"]:
        say(f"{scores}: no columns query and label, so queries may lose all positives; score the log again for them")
    return {
        "selected": str(target),
        "dropped_rows": None if other is None else str(other),
        "keep": keep,
        "by": by,
        "positive_at": positive_at,
        **found,
        "exit_code": 0,
    }
