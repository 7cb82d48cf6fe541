"""Pooled AUC as a mean over queries, so that it is resampled and compared as the metrics within queries are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from sie_agent.utils.arrays import Booleans, Doubles, Integers


def query_auc(scores: npt.NDArray[np.floating], positive: Booleans, queries: Integers, n_queries: int) -> Doubles:
    """Each query's share in the area under the ROC curve of all rows together, (k, n_queries).

    The mean over queries is the area, ties counted half; their spread is that of its jackknife over queries, from the
    structural components of rows in clusters (Obuchowski 1997). The area mixes in differences between queries: a score
    that orders no query's items can still be far above 0.5.

    Parameters
    ----------
    scores : (k, n); positive : (n,); queries : (n,) codes from 0; n_queries : how many there are, each with a row.

    Returns
    -------
    NaN everywhere where there is one class only.
    """
    ups, downs = int(positive.sum()), int((~positive).sum())
    if not ups or not downs:
        return np.full((len(scores), n_queries), np.nan)
    found = np.empty((len(scores), n_queries))
    for row, score in enumerate(scores):
        ranks = rankdata(score)
        # of a positive row the share of negatives below it, of a negative row the share of positives above it
        above = (ranks[positive] - rankdata(score[positive])) / downs
        below = 1 - (ranks[~positive] - rankdata(score[~positive])) / ups
        area = float(above.mean())
        strays = np.bincount(queries[positive], above - area, n_queries) / ups
        strays += np.bincount(queries[~positive], below - area, n_queries) / downs
        found[row] = area + n_queries * strays
    return found
