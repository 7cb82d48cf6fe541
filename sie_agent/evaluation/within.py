"""Ranking metrics by query, of many scores of the same rows: what does not change is worked out once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from sie_agent.utils.arrays import Booleans, Doubles, Integers


class QueryPairs:
    """The pairs of rows of one query whose grades differ.

    Eight bytes a pair are kept: two million pairs (400 queries of 100 rows) take 16 MB.

    Parameters
    ----------
    grade : (n,) any scale; a row of grade NaN is in no pair.
    queries : (n,) query codes from 0; n_queries : how many codes there are, with or without rows.
    """

    def __init__(self, grade: npt.NDArray[np.floating], queries: Integers, n_queries: int) -> None:
        found = [pairs_of_block(grade, rows) for _, rows in blocks_by_size(queries)]
        # narrow integers: reading the pairs is most of the work
        pairs = np.concatenate([np.empty((2, 0), np.int32), *found], axis=1)
        owner = queries[pairs[0]]
        order = np.argsort(owner, kind="stable")
        self._high, self._low = pairs[0][order], pairs[1][order]
        self._present, self._starts = np.unique(owner[order], return_index=True)
        self._counts = np.diff(np.append(self._starts, len(order)))
        self.n_queries = n_queries

    def accuracy(self, scores: npt.NDArray[np.floating]) -> Doubles:
        """Per query the share of its pairs that a score puts in the right order, ties counted half.

        Parameters
        ----------
        scores : (n,) or (k, n), higher is better; pairs in which a row has the score NaN are left out.

        Returns
        -------
        (n_queries,) or (k, n_queries), in [0, 1]; NaN for a query without pairs.
        """
        found = np.full((*scores.shape[:-1], self.n_queries), np.nan)
        if len(self._present):
            for score, shares in zip(np.atleast_2d(scores), np.atleast_2d(found), strict=True):
                shares[self._present] = self._shares(score)
        return found

    def _shares(self, score: npt.NDArray[np.floating]) -> Doubles:
        """(queries with pairs,) the accuracy of one score."""
        high, low = score[self._high], score[self._low]
        # twice the points of a pair: 2 in order, 1 tied, 0 in the wrong order
        points = (high > low).astype(np.int8) + (high >= low)
        earned = np.add.reduceat(points, self._starts, dtype=np.int64) / 2
        if not np.isnan(score).any():
            return np.asarray(earned / self._counts)
        counted = np.add.reduceat(~np.isnan(high + low), self._starts, dtype=np.int64)
        return np.asarray(np.divide(earned, counted, out=np.full(len(counted), np.nan), where=counted > 0))


class QueryNdcg:
    """NDCG at a depth with gain 2^(3·grade) - 1 (Järvelin 2002, Burges 2005).

    Parameters
    ----------
    grade : (n,) in [0, 1]; queries : (n,) query codes from 0; n_queries : how many codes there are.
    depth : how many places count.
    """

    def __init__(self, grade: npt.NDArray[np.floating], queries: Integers, n_queries: int, depth: int = 10) -> None:
        self._gains = np.exp2(3 * grade.astype(np.float64)) - 1
        self.depth, self.n_queries = depth, n_queries
        self._blocks = []
        for owners, unordered in blocks_by_size(queries):
            # ties are then in the same order however the rows come, and so are the sums over them
            rows = np.take_along_axis(unordered, np.argsort(-self._gains[unordered], axis=1, kind="stable"), 1)
            best = (np.sort(self._gains[rows], axis=1)[:, ::-1][:, :depth] * self._discount(rows)).sum(axis=1)
            kept = best > 0
            self._blocks.append((owners[kept], rows[kept], best[kept]))

    def ndcg(self, scores: npt.NDArray[np.floating]) -> Doubles:
        """NDCG of each query, its mean over all orders of rows with the same score (McSherry and Najork 2008).

        Parameters
        ----------
        scores : (n,) or (k, n), higher is better; rows of score NaN come last, in any order.

        Returns
        -------
        (n_queries,) or (k, n_queries), in [0, 1]; NaN for a query without rows or without any gain.
        """
        found = np.full((*scores.shape[:-1], self.n_queries), np.nan)
        for owners, rows, best in self._blocks:
            own = scores[..., rows]
            places = np.argsort(-own, axis=-1, kind="stable")
            gains = np.take_along_axis(np.broadcast_to(self._gains[rows], own.shape), places, -1)
            ranked = mean_of_ties(gains, np.take_along_axis(own, places, -1))[..., : self.depth]
            found[..., owners] = np.minimum((ranked * self._discount(rows)).sum(axis=-1) / best, 1.0)
        return found

    def _discount(self, rows: Integers) -> Doubles:
        return np.asarray(1 / np.log2(2 + np.arange(min(self.depth, rows.shape[1]))))


def mean_of_ties(gains: Doubles, ordered: npt.NDArray[np.floating]) -> Doubles:
    """The gains, of each run of equal scores its mean: what is to be expected at each of its places.

    Parameters
    ----------
    gains, ordered : (..., size), gains in the order of the scores, which fall along the last axis, NaN at its end.
    """
    left, right = ordered[..., :-1], ordered[..., 1:]
    tied = (left == right) | (np.isnan(left) & np.isnan(right))
    if not tied.any():
        return gains
    starts = np.concatenate([np.ones((*tied.shape[:-1], 1), bool), ~tied], axis=-1).ravel()
    run = np.cumsum(starts) - 1
    means = np.bincount(run, gains.ravel()) / np.bincount(run)
    return np.asarray(means[run].reshape(gains.shape))


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


def blocks_by_size(queries: Integers) -> Iterator[tuple[Integers, Integers]]:
    """The rows of all queries that have the same number of rows, as one table; by rising number.

    Yields
    ------
    owners : (m,) codes of these queries; rows : (m, size) their row numbers, rising.
    """
    order = np.argsort(queries, kind="stable")
    present, starts, counts = np.unique(queries[order], return_index=True, return_counts=True)
    for size in np.unique(counts):
        same = counts == size
        yield present[same], order[starts[same][:, None] + np.arange(size)]


def pairs_of_block(grade: npt.NDArray[np.floating], rows: Integers) -> npt.NDArray[np.int32]:
    """(2, pairs): the row of the higher and that of the lower grade of each pair of unequal grades.

    Parameters
    ----------
    grade : (n,); rows : (m, size) row numbers of m queries.
    """
    left, right = np.triu_indices(rows.shape[1], 1)
    found = [np.empty((2, 0), np.int32)]
    # a few queries at once bound the memory that pairs of equal grade take before they are dropped
    step = max(1, 2_000_000 // max(len(left), 1))
    for start in range(0, len(rows) if len(left) else 0, step):
        block = rows[start : start + step].astype(np.int32)
        first, second = block[:, left].ravel(), block[:, right].ravel()
        ahead, behind = grade[first] > grade[second], grade[first] < grade[second]
        one_way, other_way = (first[ahead], second[ahead]), (second[behind], first[behind])
        found.append(np.concatenate([np.stack(one_way), np.stack(other_way)], axis=1))
    return np.concatenate(found, axis=1)
