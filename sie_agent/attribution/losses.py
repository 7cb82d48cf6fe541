"""The two losses and their slopes with respect to the scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sie_agent.utils.arrays import Doubles, Floats, Integers


def sigmoid(scores: Floats) -> Floats:
    """1 / (1 + exp(-s)), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * scores)), np.float32)


def cross_entropy(scores: Floats, targets: Floats) -> Floats:
    """Cross-entropy of each row between sigmoid(s) and a target in [0, 1], in nats, (n,)."""
    return np.asarray(np.logaddexp(0.0, scores) - targets * scores, np.float32)


def cross_entropy_slopes(scores: Floats, targets: Floats) -> Floats:
    """d(mean cross-entropy)/ds of each row, (n,)."""
    return np.asarray((sigmoid(scores) - targets) / max(len(scores), 1), np.float32)


@dataclass(frozen=True)
class Pairs:
    """The ordered pairs within queries: row ``better[k]`` and row ``worse[k]`` belong to one query.

    ``share[k]`` is one over the number of pairs of that query times the number of queries with a pair, so that a
    sum over pairs is the mean over queries of the mean over pairs.
    """

    better: Integers
    worse: Integers
    share: Floats


def pairs_within(queries: Integers) -> Pairs:
    """All ordered pairs of different rows that share a query code.

    Parameters
    ----------
    queries : (n,) integer code of each row's query.
    """
    order = np.argsort(queries, kind="stable")
    _, starts, sizes = np.unique(queries[order], return_index=True, return_counts=True)
    start, size = np.repeat(starts, sizes), np.repeat(sizes, sizes)
    left = np.repeat(np.arange(len(order)), size)
    # the place of each pair among those of its left row gives the right row
    place = np.arange(len(left)) - np.repeat(np.cumsum(size) - size, size)
    right = start[left] + place
    different = left != right
    left, right = left[different], right[different]
    of_query = size[left].astype(np.float64)
    share = 1.0 / (of_query * (of_query - 1) * max(int((sizes > 1).sum()), 1))
    return Pairs(order[left], order[right], share.astype(np.float32))


def ranking_loss(scores: Floats, relevance: Floats, pairs: Pairs) -> float:
    """Pairwise logistic loss within queries (RankNet, Burges 2005), weighted by the difference in relevance.

    Mean over queries of the mean over pairs of max(r_i - r_j, 0) · log(1 + exp(-(s_i - s_j))).
    """
    weight = np.maximum(relevance[pairs.better] - relevance[pairs.worse], 0) * pairs.share
    return float((weight * np.logaddexp(0.0, scores[pairs.worse] - scores[pairs.better])).sum())


def ranking_slopes(scores: Floats, relevance: Floats, pairs: Pairs) -> Floats:
    """d(ranking loss)/ds of each row, (n,)."""
    weight = np.maximum(relevance[pairs.better] - relevance[pairs.worse], 0) * pairs.share
    pull = weight * sigmoid(scores[pairs.worse] - scores[pairs.better])
    slopes = np.bincount(pairs.worse, pull, len(scores)) - np.bincount(pairs.better, pull, len(scores))
    return slopes.astype(np.float32)


def listwise_loss(scores: Floats, relevance: Floats, queries: Integers) -> float:
    """Cross-entropy between the softmax of the scores and the relevance shared out, within queries (ListNet, Cao 2007).

    Mean over queries with any relevance of -Σ r_i/Σr · log softmax(s)_i.
    """
    weight, shares, centred, total = listwise_parts(scores, relevance, queries)
    return float((weight * shares * (np.log(total) - centred)).sum())


def listwise_slopes(scores: Floats, relevance: Floats, queries: Integers) -> Floats:
    """d(listwise loss)/ds of each row, (n,)."""
    weight, shares, centred, total = listwise_parts(scores, relevance, queries)
    return np.asarray(weight * (np.exp(centred) / total - shares), np.float32)


def listwise_parts(scores: Floats, relevance: Floats, queries: Integers) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Of each row, (n,): the weight of its query, its share of the query's relevance, and the parts of the softmax.

    These are its score less the query's highest, and the sum of exp(that) over the query.
    """
    codes = np.unique(queries, return_inverse=True)[1].ravel() if len(queries) else queries
    relevant = np.bincount(codes, relevance)
    weight = (relevant > 0) / max(int((relevant > 0).sum()), 1)
    highest = np.full(len(weight), -np.inf)
    np.maximum.at(highest, codes, scores)
    centred = scores - highest[codes]
    shares = relevance / np.where(relevant > 0, relevant, 1.0)[codes]
    total = np.bincount(codes, np.exp(centred)).astype(np.float64)
    return weight[codes], shares, centred, total[codes]


def fitted_temperature(scores: Floats, relevance: Floats, pairs: Pairs, steps: int = 40) -> float:
    """The factor b that minimises the ranking loss of b·s, by Newton's method; negative where s ranks backwards.

    At b·s the loss has no slope along the scale of the scores, so its gradient says which rows are ordered wrongly
    and nothing about whether the scores are too large or too small on the whole (cf. Guo 2017, temperature scaling).
    """
    weight = np.maximum(relevance[pairs.better] - relevance[pairs.worse], 0) * pairs.share
    kept = weight > 0
    weight, difference = weight[kept].astype(np.float64), (scores[pairs.better] - scores[pairs.worse])[kept]
    factor = 0.0
    for _ in range(steps):
        wrong = 1.0 / (1.0 + np.exp(np.clip(factor * difference, -50, 50)))
        slope = -(weight * wrong * difference).sum()
        curvature = (weight * wrong * (1 - wrong) * difference**2).sum()
        step = float(np.clip(slope / max(curvature, 1e-12), -1.0, 1.0))
        factor -= step
        if abs(step) < 1e-6:
            break
    return float(np.clip(factor, -50.0, 50.0))
