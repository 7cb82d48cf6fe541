"""Simulated judges: human grade plus noise, for ceilings, curves and tests; never a headline (DESIGN §2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sie_agent.evaluation.metrics import roc_auc

Doubles = npt.NDArray[np.float64]


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
