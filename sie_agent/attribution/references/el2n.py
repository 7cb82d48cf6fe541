"""EL2N (Paul 2021): the length of the error vector early in training."""

from __future__ import annotations

import numpy as np

from sie_agent.attribution.gradients import row_slopes
from sie_agent.attribution.references.common import Doubles, early
from sie_agent.attribution.setting import Setting


def el2n(setting: Setting) -> Doubles:
    """√2·abs(p - y) at the first checkpoint, mean over seeds, (n,) in [0, √2].

    With two classes the error vector is (p - y, y - p), hence the root. Under the pairwise training loss the slope of
    the loss by the score stands for p - y.
    """
    lengths = [np.abs(row_slopes(network, setting.rows, setting.training_loss)) for network in early(setting)]
    return np.asarray(np.sqrt(2.0) * np.mean(lengths, axis=0), np.float64)
