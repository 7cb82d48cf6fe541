"""Simulated judges, whose quality is known: for ceilings, curves and tests, never a headline. One function each."""

from __future__ import annotations

import numpy as np

from sie_agent.evaluation.metrics import roc_auc
from sie_agent.utils.arrays import Doubles, Integers


def simulate_judge(grade: Doubles, auc: float, relevant_at: float, seed: int) -> Doubles:
    """clip(g + N(0, σ²), 0, 1), with σ set so that the judge finds relevant rows at the stated AUC, (n,).

    Parameters
    ----------
    grade : (n,) in [0, 1]; auc : in (0.5, 1]; relevant_at : grade from which on a row is relevant.
    """
    noise = np.random.default_rng(seed).standard_normal(len(grade))
    if auc >= 1:
        return grade.copy()
    return np.clip(grade + noise_for_auc(grade, auc, relevant_at) * noise, 0, 1)


def noise_for_auc(grade: Doubles, auc: float, relevant_at: float) -> float:
    """The σ at which a simulated judge has the stated AUC, by bisection on one fixed draw of noise."""
    relevant = grade >= relevant_at
    noise = np.random.default_rng(0).standard_normal(len(grade))
    low, high = 0.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        if roc_auc(np.clip(grade + middle * noise, 0, 1), relevant) > auc:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def positions_judge(position: Doubles) -> Doubles:
    """A judge that reads nothing but where the log showed the item: 1 / position, (n,).

    A click log's clicks go with positions whatever the items are, so this judge fits the log well. A bench on which it
    recovers anything rewards the log's bias, not relevance.

    Parameters
    ----------
    position : (n,) from 1, NaN where none is known; so is the answer.
    """
    return np.asarray(1 / position, np.float64)


def between_judge(grade: Doubles, queries: Integers, seed: int) -> Doubles:
    """A judge that knows which queries have good items and orders the items of a query backwards, (n,) in [0, 1].

    ``clip(m - 0.1 (g - m) + N(0, 0.05²), 0, 1)``, m the mean grade of the row's query. Its pooled AUC is high,
    because most pairs of rows are of two queries, and its within-query accuracy is below 1/2: nobody can use it to
    rank. A verdict that recommends it rests on the wrong pairs.

    Parameters
    ----------
    grade : (n,) in [0, 1]; queries : (n,) query codes; seed : of the noise.
    """
    means = np.bincount(queries, grade) / np.maximum(np.bincount(queries), 1)
    mean = means[queries]
    noise = np.random.default_rng(seed).standard_normal(len(grade))
    return np.clip(mean - 0.1 * (grade - mean) + 0.05 * noise, 0, 1)
