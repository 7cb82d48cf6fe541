"""The exact influence function of the linear target (Koh & Liang 2017), whatever target the run has."""

from __future__ import annotations

import numpy as np

from sie_agent.attribution.gradients import VALIDATION_LOSSES
from sie_agent.attribution.models.logistic import linear_influence
from sie_agent.attribution.references.common import Doubles
from sie_agent.attribution.setting import Setting
from sie_agent.errors import InputError


def influence(setting: Setting, loss: str) -> Doubles:
    """How much the validation loss of a logistic regression rises without the row, (n,); positive: the row helps.

    Parameters
    ----------
    loss : a name in ``VALIDATION_LOSSES``.

    Raises
    ------
    InputError : the rows are no numbers that a regression could be fitted to.
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
