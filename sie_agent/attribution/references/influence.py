"""Influence of a training row on a validation loss: TracIn, and the exact influence function of a linear target."""

from __future__ import annotations

import numpy as np

from sie_agent.attribution.gradients import VALIDATION_LOSSES, row_influence, validation_gradient
from sie_agent.attribution.models.logistic import linear_influence
from sie_agent.attribution.setting import Setting
from sie_agent.errors import InputError
from sie_agent.utils.arrays import Doubles


def tracin(setting: Setting, loss: str) -> Doubles:
    """Sum over checkpoints of the dot product of a row's gradient with that of a validation loss (Pruthi 2020).

    The learning rate is the same at every checkpoint, so it is left out: ranks do not change.

    Parameters
    ----------
    loss : a name in ``VALIDATION_LOSSES``.

    Returns
    -------
    (n,) mean over seeds, positive where a step of training on the row lowers the loss.
    """
    slopes_of = VALIDATION_LOSSES[loss](setting)
    total = np.zeros(len(setting.rows.targets))
    for run in setting.runs:
        for network in run:
            gradient = validation_gradient(network, setting, slopes_of)
            total += row_influence(network, setting.rows, gradient, setting.training_loss)
    return np.asarray(total / max(len(setting.runs), 1))


def influence(setting: Setting, loss: str) -> Doubles:
    """How much the validation loss of a logistic regression rises without the row (Koh & Liang 2017), (n,).

    Positive: the row helps. The regression takes the place of whatever target model the run has.

    Parameters
    ----------
    loss : a name in ``VALIDATION_LOSSES``.

    Raises
    ------
    InputError : the target model reads token ids, to which no regression can be fitted.
    """
    if not np.issubdtype(setting.training.features.dtype, np.floating):
        raise InputError(
            "'influence-linear' needs a target model that reads features, not token ids",
            where="references",
            hint="Use tracin, el2n, grand or self-influence with this target.",
        )
    slopes_of = VALIDATION_LOSSES[loss](setting)
    return linear_influence(
        setting.training.features,
        setting.training.targets,
        setting.rows.features,
        setting.rows.targets,
        setting.validation.features,
        lambda predicted: slopes_of(predicted.astype(np.float32)).astype(np.float64),
    )
