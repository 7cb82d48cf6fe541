"""Self-influence (Pruthi 2020, TracIn of a row on itself)."""

from __future__ import annotations

import numpy as np

from sie_agent.attribution.gradients import row_slopes
from sie_agent.attribution.references.common import Doubles
from sie_agent.attribution.setting import Setting


def self_influence(setting: Setting) -> Doubles:
    """Sum over checkpoints of the squared length of the row's gradient, mean over seeds, (n,), at least 0.

    Nearly all of it is the loss of the row (Spearman 0.996 on a small perceptron): never a headline.
    """
    total = np.zeros(len(setting.rows.targets))
    for run in setting.runs:
        for network in run:
            norms = network.squared_gradient_norm(setting.rows.features)
            total += row_slopes(network, setting.rows, setting.training_loss).astype(np.float64) ** 2 * norms
    return np.asarray(total / max(len(setting.runs), 1))
