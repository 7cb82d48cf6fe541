"""``sie weights``: a weight for every row, for a trainer that takes weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sie_agent.samples import read_table, write_table
from sie_agent.scorer import weigh_rows
from sie_agent.verbs.common import parquet_target


def weights(scores: str | Path, out: str | Path, *, by: str = "support", strength: float = 1.0) -> dict[str, Any]:
    """Weigh the rows of a scores file, mean 1, and write ``sample_id`` and ``weight`` to *out* (Parquet).

    w = clip(1 + a · (rank - 0.5) · 2, 0, 2), scaled to mean 1, where the rank of the score is in (0, 1).

    Parameters
    ----------
    scores : file that ``sie score`` wrote.
    by : ``value`` or ``support`` (more weight to higher scores), or ``hardness`` (to lower ones).
    strength : a of the formula, at least 0; 0 gives every row weight 1.

    Returns
    -------
    ``weights`` (path), ``rows``, ``by``, ``strength``, ``smallest``, ``largest``.

    Raises
    ------
    InputError : the file, the column or the strength is wrong.
    EnvironmentFailure : the result cannot be written.
    """
    table = read_table(scores, required=("sample_id",))
    weighed = weigh_rows(table, by, strength, str(scores))
    return {
        "weights": str(write_table(weighed, parquet_target(out))),
        "rows": len(weighed),
        "by": by,
        "strength": strength,
        "smallest": round(float(weighed["weight"].min()), 6),
        "largest": round(float(weighed["weight"].max()), 6),
        "exit_code": 0,
    }
