"""GraNd (Paul 2021): the length of a row's gradient early in training."""

from __future__ import annotations

import numpy as np

from sie_agent.attribution.gradients import errors
from sie_agent.attribution.networks import squared_gradient_norm
from sie_agent.attribution.references.common import Doubles, early
from sie_agent.attribution.setting import Setting


def grand(setting: Setting) -> Doubles:
    """Length of the gradient of the row's loss at the first checkpoint, mean over seeds, (n,), at least 0."""
    lengths = [
        np.abs(errors(network, setting.rows)) * np.sqrt(squared_gradient_norm(network, setting.rows.features))
        for network in early(setting)
    ]
    return np.asarray(np.mean(lengths, axis=0), np.float64)
