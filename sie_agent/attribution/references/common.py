"""What the references share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sie_agent.attribution.models.base import Model
from sie_agent.attribution.setting import Setting

Doubles = npt.NDArray[np.float64]


def trained(setting: Setting) -> list[Model]:
    """The last checkpoint of every seed."""
    return [run[-1] for run in setting.runs]


def early(setting: Setting) -> list[Model]:
    """The first checkpoint of every seed."""
    return [run[0] for run in setting.runs]
