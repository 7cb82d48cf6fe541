"""Rank correlations of many query resamples at once, from one matrix of moments per query.

Ranks are taken once, on all rows; a resample then weighs the rows. This differs from ranking every resample anew by
less than the interval's own error (tests/evaluation/test_moments.py compares the two) and is some hundred times faster.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from sie_agent.utils.arrays import Booleans, Doubles, Integers

QUERIES_AT_ONCE = 256


def query_moments(columns: list[Doubles], queries: Integers, n_queries: int) -> Doubles:
    """Sums of products of the ranks of *columns* within each query, (n_queries, k + 1, k + 1).

    Parameters
    ----------
    columns : k arrays of shape (n,), turned into standardised ranks; queries : (n,) query codes.
    """
    ranked = []
    for column in columns:
        ranks = rankdata(column)
        ranked.append((ranks - ranks.mean()) / (ranks.std() or 1.0))
    stacked = np.column_stack([*ranked, np.ones(len(queries))])
    order = np.argsort(queries, kind="stable")
    present, starts = np.unique(queries[order], return_index=True)
    products = np.einsum("ni,nj->nij", stacked[order], stacked[order])
    sums = np.zeros((n_queries, stacked.shape[1], stacked.shape[1]))
    sums[present] = np.add.reduceat(products, starts, axis=0)
    return sums


def resampled_correlation(moments: Doubles, copies: npt.NDArray[np.integer]) -> Doubles:
    """Correlation of the first two columns, given the others, in each resample, (replicates,).

    Parameters
    ----------
    moments : from :func:`query_moments`, columns (score, reference, given ...).
    copies : (replicates, n_queries): how often each query was drawn.
    """
    n_queries, size, _ = moments.shape
    summed = (copies @ moments.reshape(n_queries, -1)).reshape(len(copies), size, size)
    count = np.maximum(summed[:, -1:, -1:], 1e-12)
    means = summed[:, :-1, -1:] / count
    covariance = summed[:, :-1, :-1] / count - means @ means.transpose(0, 2, 1)
    if covariance.shape[1] > 2:
        given = covariance[:, 2:, 2:] + 1e-9 * np.eye(covariance.shape[1] - 2)
        cross = covariance[:, :2, 2:]
        covariance = covariance[:, :2, :2] - cross @ np.linalg.solve(given, cross.transpose(0, 2, 1))
    spread = np.sqrt(np.maximum(covariance[:, 0, 0] * covariance[:, 1, 1], 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 1e-9, covariance[:, 0, 1] / spread, np.nan)


def resampled_auc(score: Doubles, positive: Booleans, queries: Integers, copies: npt.NDArray[np.integer]) -> Doubles:
    """Area under the ROC curve in each resample, ties counted half, (replicates,).

    The pairs that are in order are counted once, by the query of their positive and that of their negative row; a
    resample then weighs these counts.

    Parameters
    ----------
    score, positive, queries : (n,), codes of queries; copies : (replicates, n_queries): how often each was drawn.
    """
    present, codes = np.unique(queries, return_inverse=True)
    drawn = copies[:, present].astype(np.float64)
    ups, downs = (np.bincount(codes[side], minlength=len(present)) for side in (positive, ~positive))
    if not positive.any() or positive.all():
        return np.full(len(copies), np.nan)
    high, low = (np.flatnonzero(side)[np.argsort(score[side], kind="stable")] for side in (positive, ~positive))
    below, upto = (np.searchsorted(score[low], score[high], side) for side in ("left", "right"))
    by_query = np.argsort(codes[low], kind="stable")
    owners, starts = np.unique(codes[low][by_query], return_index=True)
    ordered = np.zeros(len(copies))
    for start in range(0, len(present), QUERIES_AT_ONCE):
        block = drawn[:, start : start + QUERIES_AT_ONCE]
        inside = (codes[high] >= start) & (codes[high] < start + QUERIES_AT_ONCE)
        # how many positives of each query lie above each negative, from how many negatives lie below each positive
        counts = np.zeros((block.shape[1], len(low) + 1))
        for place in (below, upto):
            np.add.at(counts, (codes[high][inside] - start, place[inside]), 0.5)
        above = counts[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
        ordered += ((block @ np.add.reduceat(above[:, by_query], starts, axis=1)) * drawn[:, owners]).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(ordered / ((drawn @ ups) * (drawn @ downs)))
