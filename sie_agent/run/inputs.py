"""What a target model of each kind reads of the samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt
import pandas as pd

from sie_agent.run.suite import TargetPart
from sie_agent.samples import shopper_and_item

Reader = Callable[[pd.DataFrame, npt.NDArray[Any], TargetPart], npt.NDArray[Any]]

# from the samples without their grades, their text features, and the target's settings to (n, ...), a row each
READERS: dict[str, Reader] = {
    "perceptron": lambda samples, inputs, part: inputs,
    "two-tower": lambda samples, inputs, part: shopper_and_item(samples, inputs),
}
