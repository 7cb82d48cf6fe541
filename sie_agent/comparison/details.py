"""What is said of an arm beside its figures: reliability, before and after calibration, and what sways it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from sie_agent.comparison.bias import bias_of
from sie_agent.comparison.bias_features import Feature
from sie_agent.comparison.metrics import Graded
from sie_agent.comparison.reliability import calibrated_reliability, reliability_points
from sie_agent.utils.arrays import Doubles


def details_of(
    rows: pd.DataFrame, graded: Graded, score: Doubles, features: Sequence[tuple[str, Feature]]
) -> dict[str, Any]:
    """The keys ``reliability, ece_calibrated, reliability_calibrated`` and ``bias`` of an arm in ``comparison.json``.

    Parameters
    ----------
    rows : (n) samples. graded : their grades. score : (n,) the arm's judgments, all known.
    features : of *rows*, from :func:`features_of`.
    """
    error, after = calibrated_reliability(graded, score)
    return {
        "reliability": [one.model_dump() for one in reliability_points(graded, score)],
        "ece_calibrated": None if error is None else error.model_dump(),
        "reliability_calibrated": [one.model_dump() for one in after],
        "bias": [one.model_dump() for one in bias_of(rows, score, graded.grade, features)],
    }
