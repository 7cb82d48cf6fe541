"""Whether a probability is as often right as it says: a calibration table by groups of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from sie_agent.utils.arrays import Booleans, Doubles

BINS = 10


def calibration(probability: Doubles, right: Booleans, bins: int = BINS) -> dict[str, Any]:
    """Mean probability beside the share that is right, and the expected calibration error (Naeini 2015).

    Parameters
    ----------
    probability : (n,) in [0, 1], NaN rows are left out; right : (n,). bins : of equal numbers of rows. Rows of one
        probability that fall into several bins are in each of them as a mean row of theirs.

    Returns
    -------
    ``n``, ``mean`` (probability), ``share`` (right) and ``error``: mean over bins of the distance of the two. NaN for
    no rows.
    """
    known = ~np.isnan(probability)
    said, true = probability[known], right[known].astype(np.float64)
    if not len(said):
        return {"n": 0, "mean": float("nan"), "share": float("nan"), "error": float("nan")}
    values, tie, counts = np.unique(said, return_inverse=True, return_counts=True)
    ordered, expected = np.repeat(values, counts), np.repeat(np.bincount(tie, true) / counts, counts)
    parts = np.array_split(np.arange(len(said)), min(bins, len(said)))
    error = sum(len(rows) * abs(ordered[rows].mean() - expected[rows].mean()) for rows in parts) / len(said)
    return {"n": len(said), "mean": float(said.mean()), "share": float(true.mean()), "error": float(error)}
