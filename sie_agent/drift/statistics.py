"""Has a distribution moved? Population stability index and change of a mean, where rows come in clusters."""

from __future__ import annotations

import numpy as np
from scipy.special import fdtri, stdtrit

from sie_agent.utils.arrays import Doubles

SMOOTHING = 0.5  # of a row in every bin, so that an empty bin has a finite logarithm
FEWEST_GROUPS = 8  # below this the spread between groups says too little about the spread of the data


def edges_of(quantiles: Doubles, bins: int) -> tuple[Doubles, Doubles]:
    """Inner edges of at most *bins* bins of equal share, and the share of each bin, from evenly spaced quantiles.

    Parameters
    ----------
    quantiles : (m,) rising values at probabilities 0, 1/(m-1), ..., 1.

    Returns
    -------
    (k - 1,) edges, bin i holding values in (edge i-1, edge i], and (k,) shares that sum to 1. Fewer than *bins* where
    scores are tied, so that no bin is empty by construction.
    """
    last = len(quantiles) - 1
    inner = np.unique(quantiles[np.rint(np.linspace(0, last, bins + 1)[1:-1]).astype(np.int64)])
    edges = inner[inner < quantiles[-1]]
    up_to = (np.searchsorted(quantiles, edges, side="right") - 1) / last
    return edges, np.diff(np.concatenate([[0.0], up_to, [1.0]]))


def stability_index(live: Doubles, expected: Doubles) -> float:
    """PSI, the sum over bins of (p - q) · ln(p / q), at least 0 (Kullback and Leibler 1951; Siddiqi 2006).

    Parameters
    ----------
    live, expected : (k,) counts of rows, each smoothed by half a row a bin.
    """
    p, q = live + SMOOTHING, expected + SMOOTHING
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum((p - q) * np.log(p / q)))


def group_variances(totals: Doubles, sizes: Doubles) -> tuple[Doubles, int]:
    """Variance of ratios total/size over groups of whole queries, and its degrees of freedom.

    The random-groups estimator with the linearised ratio (Wolter 2007, chapters 2 and 6): right whatever the
    correlation within a query is, because a query lies in one group whole.

    Parameters
    ----------
    totals : (groups, k); sizes : (groups,) rows of each.

    Returns
    -------
    (k,) variances of ``totals.sum(0) / sizes.sum()``, NaN where fewer than two groups have rows.
    """
    filled = int(np.count_nonzero(sizes))
    if filled < 2:
        return np.full(totals.shape[1], np.nan), 0
    whole = sizes.sum()
    residuals = totals - sizes[:, None] * (totals.sum(axis=0) / whole)
    return (residuals**2).sum(axis=0) / whole**2 * filled / (filled - 1), filled - 1


def standardised_spread(counts: Doubles) -> tuple[Doubles, int]:
    """Covariance of the shares of bins over that of independent rows, and its degrees of freedom.

    Of independent rows its eigenvalues are about 1, save one of 0. The trace over k - 1 is the design effect of Rao and
    Scott (1981): how many times a sample of clusters varies as much.

    Parameters
    ----------
    counts : (groups, k) rows of each group in each bin.

    Returns
    -------
    (k, k), NaN where fewer than two groups have rows.
    """
    sizes = counts.sum(axis=1)
    rows = sizes.sum()
    filled = int(np.count_nonzero(sizes))
    if filled < 2:
        return np.full((counts.shape[1], counts.shape[1]), np.nan), 0
    shares = counts.sum(axis=0) / rows
    residuals = (counts - sizes[:, None] * shares) / np.sqrt(np.where(shares > 0, shares, 1.0))
    return residuals.T @ residuals / rows * filled / (filled - 1), filled - 1


def critical_index(live: Doubles, baseline: Doubles, baseline_rows: float, bins: int, level: float) -> float:
    """PSI that chance exceeds with probability *level* if nothing has changed; NaN if there is too little data.

    Without change PSI is about (1/n + 1/m) · chi-square with k - 1 degrees of freedom (Yurdakul 2018). Rows of a query
    are alike, so it is a sum of chi-squares weighted by the eigenvalues of :func:`standardised_spread`: its mean and
    variance are matched (the second-order correction of Rao and Scott 1981, after Satterthwaite 1946), and F stands in
    for chi-square because the spread is estimated (Thomas and Rao 1987). The first-order correction is not enough: it
    leaves a tail fifty times too heavy at a level of 1e-4.

    Parameters
    ----------
    live : (groups, k) counts; baseline : (groups, k) counts, all zero where only quantiles are known.
    baseline_rows : rows behind the baseline; bins : k, those in use; level : probability, in (0, 1).
    """
    rows = live.sum()
    spread, freedom = standardised_spread(live)
    if baseline.any():
        other, more = standardised_spread(baseline)
        spread = (spread * freedom + other * more) / max(freedom + more, 1)
        freedom += more
    trace, squares = float(np.trace(spread)), float(np.sum(spread**2))
    if not np.isfinite(trace) or trace <= 0 or freedom < FEWEST_GROUPS - 1 or bins < 2:
        return float("nan")
    # at least as for independent rows, so that luck makes no test sharper
    total, dimension = max(trace, bins - 1.0), min(trace**2 / squares, bins - 1.0)
    return float((1 / rows + 1 / baseline_rows) * total * fdtri(dimension, freedom, 1 - level))


def critical_change(variance: float, freedom: int, level: float) -> float:
    """Change of a mean that chance exceeds with probability *level* (Student's t); NaN if it cannot be told."""
    if freedom < FEWEST_GROUPS - 1 or not np.isfinite(variance):
        return float("nan")
    return float(np.sqrt(variance) * stdtrit(freedom, 1 - level / 2))
