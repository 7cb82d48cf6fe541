"""A fitted calibration: a rising curve from judgments to probabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.special import expit, logit

from sie_agent.utils.arrays import Doubles
from sie_agent.utils.values import in_digits

# judgments of 0 and 1 have no finite log-odds
CLOSEST = 1e-4


def mode_of_grades(count: int) -> str:
    """What figures of judgments are marked with that *count* human grades were used for."""
    return f"gold-calibrated ({count:,} {'grade' if count == 1 else 'grades'})"


@dataclass(frozen=True)
class CalibrationCurve:
    """From a judgment in [0, 1] to the probability that its pair is relevant. Never falls.

    Attributes
    ----------
    method : a name in ``METHODS``.
    relevant_at : grade from which on a pair counts as relevant.
    n_grades, n_queries : human grades and queries that it was fitted on; no grade for ``prior``.
    share : of ``prior``, the stated share of relevant pairs.
    scores, values : of ``isotonic``, its knots; straight lines between them, level outside.
    slope, intercept : of ``platt``, log-odds are ``slope * score + intercept``; of ``prior``, ``intercept`` is added
        to the log-odds of the score.
    """

    method: str
    relevant_at: float = 0.75
    n_grades: int = 0
    n_queries: int = 0
    share: float | None = None
    scores: tuple[float, ...] = ()
    values: tuple[float, ...] = ()
    slope: float = 1.0
    intercept: float = 0.0

    @property
    def mode(self) -> str:
        """What every figure of calibrated judgments is marked with."""
        if self.share is not None:
            return f"share-calibrated (share {in_digits(self.share)})"
        return mode_of_grades(self.n_grades)

    def apply(self, scores: Doubles) -> Doubles:
        """Probabilities in [0, 1], (n,), of judgments, (n,); NaN stays NaN.

        Examples
        --------
        >>> import numpy as np
        >>> from sie_agent.calibration import CalibrationCurve
        >>> curve = CalibrationCurve("isotonic", scores=(0.2, 0.6), values=(0.0, 0.5))
        >>> curve.apply(np.array([0.1, 0.4, 0.9])).tolist()
        [0.0, 0.25, 0.5]
        """
        given = np.asarray(scores, np.float64)
        return np.where(np.isnan(given), np.nan, np.clip(CURVES[self.method](self, given), 0.0, 1.0))


def log_odds(scores: Doubles) -> Doubles:
    """Log-odds of judgments, (n,), those of 0 and 1 held finite."""
    return np.asarray(logit(np.clip(scores, CLOSEST, 1 - CLOSEST)), np.float64)


def along_knots(curve: CalibrationCurve, scores: Doubles) -> Doubles:
    """Straight lines between the knots."""
    return np.interp(scores, curve.scores, curve.values)


def along_line(curve: CalibrationCurve, scores: Doubles) -> Doubles:
    """A logistic curve over the judgments."""
    return np.asarray(expit(curve.slope * scores + curve.intercept), np.float64)


def shifted(curve: CalibrationCurve, scores: Doubles) -> Doubles:
    """The judgments with their odds multiplied by a constant."""
    return np.asarray(expit(log_odds(scores) + curve.intercept), np.float64)


CURVES: Mapping[str, Callable[[CalibrationCurve, Doubles], Doubles]] = MappingProxyType(
    {"isotonic": along_knots, "platt": along_line, "prior": shifted}
)
