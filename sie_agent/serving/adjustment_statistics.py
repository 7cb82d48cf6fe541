"""Has a distribution moved? Population stability index and change of a mean, where rows come in clusters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import fdtri, stdtrit

Doubles = npt.NDArray[np.float64]

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
    inner = np.unique(np.quantile(quantiles, np.linspace(0, 1, bins + 1)[1:-1]))
    edges = inner[inner < quantiles[-1]]
    places = np.interp(edges, *last_places(quantiles))
    return edges, np.diff(np.concatenate([[0.0], places, [1.0]]))


def last_places(quantiles: Doubles) -> tuple[Doubles, Doubles]:
    """Distinct quantiles, and the share of the distribution at or below each."""
    distinct, counts = np.unique(quantiles, return_counts=True)
    return distinct, (np.cumsum(counts) - 1) / (len(quantiles) - 1)


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


def design_effect(counts: Doubles) -> tuple[float, int]:
    """How many times a cluster sample's variance is that of independent rows, and the degrees of freedom.

    The mean over bins of the ratio of variances, weighted by 1 - p: the first-order correction of chi-square by Rao
    and Scott (1981). At least 1, so that luck makes no test sharper.

    Parameters
    ----------
    counts : (groups, k) rows of each group in each bin.
    """
    sizes = counts.sum(axis=1)
    whole = sizes.sum()
    used = counts[:, counts.sum(axis=0) > 0]
    variances, freedom = group_variances(used, sizes)
    shares = used.sum(axis=0) / max(whole, 1.0)
    if freedom < 1 or used.shape[1] < 2:
        return float("nan"), freedom
    effects = variances / (shares * (1 - shares) / whole)
    return max(1.0, float(np.sum((1 - shares) * effects) / (used.shape[1] - 1))), freedom


def critical_index(live: Doubles, baseline: Doubles, baseline_rows: float, bins: int, level: float) -> float:
    """PSI that chance exceeds with probability *level* where nothing has changed; NaN where that cannot be told.

    Without change PSI is about (1/n + 1/m) · chi-square with k - 1 degrees of freedom (Yurdakul 2018), n and m being
    effective rows: rows over the design effect. The design effect is estimated, hence F in place of chi-square
    (Thomas and Rao 1987).

    Parameters
    ----------
    live : (groups, k) counts; baseline : (groups, k) counts, all zero where only quantiles are known.
    baseline_rows : rows behind the baseline; bins : k, those in use; level : probability, in (0, 1).
    """
    rows = live.sum()
    effect, freedom = design_effect(live)
    if baseline.any():
        other, more = design_effect(baseline)
        effect = (effect * freedom + other * more) / max(freedom + more, 1)
        freedom += more
    if not np.isfinite(effect) or freedom < FEWEST_GROUPS - 1 or bins < 2:
        return float("nan")
    quantile = float(fdtri(bins - 1, (bins - 1) * freedom, 1 - level))
    return float(effect * (1 / rows + 1 / baseline_rows) * (bins - 1) * quantile)


def critical_change(variance: float, freedom: int, level: float) -> float:
    """Change of a mean, either way, that chance exceeds with probability *level* (Student); NaN: cannot be told."""
    if freedom < FEWEST_GROUPS - 1 or not np.isfinite(variance):
        return float("nan")
    return float(np.sqrt(variance) * stdtrit(freedom, 1 - level / 2))
