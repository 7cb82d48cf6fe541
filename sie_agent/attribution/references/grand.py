"""GraNd (Paul 2021): the length of a row's gradient early in training."""

from __future__ import annotations

import numpy as np

from sie_agent.attribution.gradients import row_slopes
from sie_agent.attribution.references.common import Doubles, early
from sie_agent.attribution.setting import Setting


def grand(setting: Setting) -> Doubles:
    """Length of the gradient of the row's loss at the first checkpoint, mean over seeds, (n,), at least 0."""
    lengths = [
        np.abs(row_slopes(network, setting.rows, setting.training_loss))
        * np.sqrt(network.squared_gradient_norm(setting.rows.features))
        for network in early(setting)
    ]
    return np.asarray(np.mean(lengths, axis=0), np.float64)
