"""References without a sign, by the length of a row's error or gradient: EL2N and GraNd (Paul 2021), self-influence."""

from __future__ import annotations

import numpy as np

from sie_agent.attribution.gradients import row_slopes
from sie_agent.attribution.setting import Setting
from sie_agent.utils.arrays import Doubles


def el2n(setting: Setting) -> Doubles:
    """√2·abs(p - y) at the first checkpoint, mean over seeds, (n,) in [0, √2].

    With two classes the error vector is (p - y, y - p), hence the root. Under the pairwise training loss the slope of
    the loss by the score stands for p - y.
    """
    lengths = [np.abs(row_slopes(run[0], setting.rows, setting.training_loss)) for run in setting.runs]
    return np.asarray(np.sqrt(2.0) * np.mean(lengths, axis=0), np.float64)


def grand(setting: Setting) -> Doubles:
    """Length of the gradient of the row's loss at the first checkpoint, mean over seeds, (n,), at least 0."""
    slopes = [np.abs(row_slopes(run[0], setting.rows, setting.training_loss)) for run in setting.runs]
    norms = [np.sqrt(run[0].squared_gradient_norm(setting.rows.features)) for run in setting.runs]
    return np.asarray(np.mean(np.multiply(slopes, norms), axis=0), np.float64)


def self_influence(setting: Setting) -> Doubles:
    """TracIn of a row on itself (Pruthi 2020): the squared length of its gradient, summed over checkpoints, (n,).

    Mean over seeds, at least 0. Nearly all of it is the loss of the row (Spearman 0.996 on a small perceptron): never a
    headline.
    """
    total = np.zeros(len(setting.rows.targets))
    for run in setting.runs:
        for network in run:
            norms = network.squared_gradient_norm(setting.rows.features)
            total += row_slopes(network, setting.rows, setting.training_loss).astype(np.float64) ** 2 * norms
    return np.asarray(total / max(len(setting.runs), 1))
