"""What a calibration is worth: expected calibration error and Brier score, before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from sie_agent.calibration.fitting import Queries
from sie_agent.evaluation import calibration, interval, query_copies
from sie_agent.utils.arrays import Booleans, Doubles

REPLICATES = 1000
SEED = 16_000


def calibration_quality(
    before: Doubles, after: Doubles, grades: Doubles, queries: Queries, *, relevant_at: float = 0.75
) -> dict[str, Any]:
    """Judgments as probabilities that a pair is relevant, before and after calibration.

    Parameters
    ----------
    before, after : (n,) in [0, 1]; grades : (n,). Rows with a NaN among the three are left out. queries : (n,) keys.
    relevant_at : grade from which on a pair counts as relevant.

    Returns
    -------
    The fields of `sie_agent.results.calibration.CalibrationQuality`: expected calibration error over ten groups of
    equal size (Naeini 2015), Brier score (Brier 1950), and the change of the second with a 95 % interval that
    resamples queries. NaN for no rows.
    """
    known = ~(np.isnan(before) | np.isnan(after) | np.isnan(grades))
    relevant = grades[known] >= relevant_at
    codes, names = pd.factorize(pd.Series(np.asarray(queries)[known]))
    errors = [squared_errors(one[known], relevant) for one in (before, after)]
    told: dict[str, Any] = {"n_pairs": int(known.sum()), "n_queries": len(names)}
    for name, one, error in zip(("before", "after"), (before, after), errors, strict=True):
        told[f"ece_{name}"] = calibration(one[known], relevant)["error"]
        told[f"brier_{name}"] = float(error.mean()) if len(error) else float("nan")
    told["brier_change"] = told["brier_after"] - told["brier_before"]
    low, high = float("nan"), float("nan")
    if len(names) > 1:
        sums, counts = np.bincount(codes, errors[1] - errors[0]), np.bincount(codes)
        copies = query_copies(len(names), REPLICATES, SEED)
        low, high = interval((copies @ sums) / (copies @ counts))
    return {**told, "ci_low": low, "ci_high": high}


def squared_errors(probability: Doubles, right: Booleans) -> Doubles:
    """(n,) squared distance of a probability from what is true."""
    return np.asarray((probability - right) ** 2, np.float64)
