"""Whether a judgment is as high as the grade that it stands for: reliability points and the calibration error."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from sie_agent.evaluation.bootstrap import NORMAL, interval, query_copies
from sie_agent.results.base import Measured
from sie_agent.results.comparison_parts import Calibrated, Reliability, ReliabilityPoint
from sie_agent.utils.arrays import Doubles, Integers

BINS, FOLDS = 10, 5
REPLICATES, SEED = 1000, 20_241
# a point whose pairs are of fewer queries has no interval
LEAST_QUERIES = 5


def reliability_of(judgments: Doubles, grade: Doubles, queries: Integers) -> Reliability:
    """How far judgments lie from the mean grade of the pairs that have them, as they are and calibrated.

    Ten bins of equal numbers of pairs, pairs of one judgment in one bin; the expected calibration error (Naeini 2015)
    is the mean over the bins, weighted by pairs, of the distance between mean judgment and mean grade. Noise alone
    makes it positive, the more so with few pairs. Calibrated: isotonic regression of the grade on the judgment, fitted
    on four fifths of the queries and applied to the others, five times.

    Parameters
    ----------
    judgments : (n,) in [0, 1]. grade : (n,) in [0, 1]. Rows with a NaN in either are left out.
    queries : (n,) codes from 0.

    Returns
    -------
    points and errors with 95 % intervals that resample queries; ``before`` is None without pairs, ``after`` with fewer
    than five queries.
    """
    known = ~np.isnan(judgments) & ~np.isnan(grade)
    said, true = judgments[known], grade[known]
    codes = np.unique(queries[known], return_inverse=True)[1].astype(np.intp)
    if not len(said):
        return Reliability(bins=BINS)
    before = calibrated(said, true, codes)
    after = calibrated(crossfitted(said, true, codes), true, codes) if codes.max() + 1 >= FOLDS else None
    return Reliability(bins=BINS, before=before, after=after)


def crossfitted(judgments: Doubles, grade: Doubles, queries: Integers) -> Doubles:
    """(n,) judgments calibrated by isotonic regression on the queries of the other folds."""
    from sklearn.isotonic import IsotonicRegression
    from sklearn.model_selection import GroupKFold

    fitted = np.empty(len(judgments))
    for others, own in GroupKFold(FOLDS).split(judgments, groups=queries):
        curve = IsotonicRegression(out_of_bounds="clip").fit(judgments[others], grade[others])
        fitted[own] = curve.predict(judgments[own])
    return fitted


def calibrated(judgments: Doubles, grade: Doubles, queries: Integers) -> Calibrated:
    """Points and error of judgments that all have a grade; *queries* are codes from 0 without gaps."""
    places = bins_of(judgments)
    n_bins, n_queries = int(places.max()) + 1, int(queries.max()) + 1
    cells = queries * n_bins + places
    # by query and bin: pairs, sum of judgments, sum of grades
    counts, said, true = (
        np.bincount(cells, weights, n_queries * n_bins).reshape(n_queries, n_bins)
        for weights in (np.ones(len(judgments)), judgments, grade)
    )
    copies = query_copies(n_queries, REPLICATES, SEED).astype(np.float64)
    drawn = [copies @ sums for sums in (counts, said, true)]
    with np.errstate(invalid="ignore", divide="ignore"):
        means = drawn[2] / drawn[0]
    points = []
    for place in range(n_bins):
        n_pairs = counts[:, place].sum()
        enough = np.count_nonzero(counts[:, place]) >= LEAST_QUERIES
        low, high = interval(means[:, place]) if enough else (None, None)
        points.append(
            ReliabilityPoint(
                judged=float(said[:, place].sum() / n_pairs),
                graded=float(true[:, place].sum() / n_pairs),
                graded_low=low,
                graded_high=high,
                n_pairs=int(n_pairs),
            )
        )
    value = float(np.abs(said.sum(0) - true.sum(0)).sum() / len(judgments))
    again = np.abs(drawn[1] - drawn[2]).sum(1) / drawn[0].sum(1)
    error = Measured(value=value)
    if n_queries >= LEAST_QUERIES:
        # noise lifts the error of each resample, so their quantiles would lie too high; their spread does not
        reach = NORMAL * float(np.std(again, ddof=1))
        error = Measured(value=value, ci_low=max(value - reach, 0.0), ci_high=value + reach)
    return Calibrated(error=error, points=points)


def bins_of(judgments: Doubles) -> Integers:
    """(n,) bin of each judgment, from 0 without gaps: by the middle rank of all pairs with the same judgment."""
    middle = (rankdata(judgments) - 0.5) / len(judgments)
    return np.unique(np.floor(middle * BINS), return_inverse=True)[1].astype(np.intp)
