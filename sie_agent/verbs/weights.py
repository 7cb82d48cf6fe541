"""``sie weights``: a weight for every row, for a trainer that takes weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sie_agent.scorer import only_one, weigh_file
from sie_agent.verbs.common import check_apart, parquet_target


def weights(scores: str | Path, out: str | Path, *, by: str = "support", strength: float = 1.0) -> dict[str, Any]:
    """Weigh the rows of a scores file, mean 1, and write ``sample_id`` and ``weight`` to *out* (Parquet).

    w = clip(1 + a · (rank - 0.5) · 2, 0, 2), scaled to mean 1, where the rank of the score is in (0, 1).
    Memory does not grow with the file: rows are ranked on disk, beside *out*.

    Parameters
    ----------
    scores : file that ``sie score`` wrote.
    by : ``value`` or ``support`` (more weight to higher scores), or ``hardness`` (to lower ones).
    strength : a of the formula, at least 0; 0 gives every row weight 1.

    Returns
    -------
    ``weights`` (path), ``rows``, ``unscored`` (rows without a score), ``by``, ``strength``, ``smallest``, ``largest``.

    Raises
    ------
    InputError : the file, the column or the strength is wrong, or *out* is the scores file.
    EnvironmentFailure : the result cannot be written, or another process writes it.
    """
    target = parquet_target(out)
    path = Path(scores).expanduser()
    check_apart({"--out": target}, [path])
    with only_one(target):
        found = weigh_file(path, target, by, strength)
    return {
        "weights": str(target),
        "rows": found["rows"],
        "unscored": found["unscored"],
        "by": by,
        "strength": strength,
        "smallest": round(found["smallest"], 6),
        "largest": round(found["largest"], 6),
        "exit_code": 0,
    }
