"""TracIn over checkpoints (Pruthi 2020)."""

from __future__ import annotations

import numpy as np

from sie_agent.attribution.gradients import VALIDATION_LOSSES, row_influence, validation_gradient
from sie_agent.attribution.references.common import Doubles
from sie_agent.attribution.setting import Setting


def tracin(setting: Setting, loss: str) -> Doubles:
    """Sum over checkpoints of the dot product of a row's gradient with that of a validation loss, mean over seeds.

    The learning rate is the same at every checkpoint, so it is left out: ranks do not change.

    Parameters
    ----------
    loss : a name in ``VALIDATION_LOSSES``.

    Returns
    -------
    (n,), positive where a step of training on the row lowers the loss.
    """
    slopes_of = VALIDATION_LOSSES[loss](setting)
    total = np.zeros(len(setting.rows.targets))
    for run in setting.runs:
        for network in run:
            total += row_influence(
                network, setting.rows, validation_gradient(network, setting, slopes_of), setting.training_loss
            )
    return np.asarray(total / max(len(setting.runs), 1))
