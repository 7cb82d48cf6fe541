"""Whether a judgment is as high as the grade that it stands for: reliability points, and calibration across queries."""

from __future__ import annotations

import numpy as np

from sie_agent.comparison.metrics import METRICS, Graded, bins_of, figure_of
from sie_agent.results.base import Measured
from sie_agent.results.comparison_rows import ReliabilityPoint
from sie_agent.utils.arrays import Doubles

FOLDS = 5


def reliability_points(graded: Graded, score: Doubles) -> list[ReliabilityPoint]:
    """Mean judgment beside mean grade in ten bins of equal numbers of pairs, equal judgments in one bin.

    Parameters
    ----------
    graded : the pairs. score : (n,) judgments in [0, 1], all known.

    Returns
    -------
    the bins by rising judgment; the interval of the mean grade is by query, as of a ratio of sums.
    """
    points = []
    bins = bins_of(score)
    for place in range(int(bins.max(initial=-1)) + 1):
        inside = bins == place
        n_pairs, mean = int(inside.sum()), float(graded.grade[inside].mean())
        apart = np.bincount(graded.queries[inside], graded.grade[inside] - mean, graded.n_queries)
        found = figure_of(mean + apart * (graded.n_queries / n_pairs))
        points.append(
            ReliabilityPoint(judged=float(score[inside].mean()), graded=Measured.model_validate(found), n=n_pairs)
        )
    return points


def calibrated_reliability(graded: Graded, score: Doubles) -> tuple[Measured | None, list[ReliabilityPoint]]:
    """The expected calibration error and the reliability points after calibration that no query had a part in itself.

    Isotonic regression of the grade on the judgment, fitted on four fifths of the queries and applied to the others,
    five times (:func:`crossfitted`).

    Returns
    -------
    None and no points with fewer than five queries.
    """
    if graded.n_queries < FOLDS:
        return None, []
    fitted = crossfitted(graded, score)
    error = figure_of(METRICS["ece"].values(graded, fitted), METRICS["ece"])
    return Measured.model_validate(error), reliability_points(graded, fitted)


def crossfitted(graded: Graded, score: Doubles) -> Doubles:
    """(n,) judgments calibrated by isotonic regression on the queries of the other folds."""
    from sklearn.isotonic import IsotonicRegression
    from sklearn.model_selection import GroupKFold

    fitted = np.empty(len(score))
    for others, own in GroupKFold(FOLDS).split(score, groups=graded.queries):
        curve = IsotonicRegression(out_of_bounds="clip").fit(score[others], graded.grade[others])
        fitted[own] = curve.predict(score[own])
    return fitted
