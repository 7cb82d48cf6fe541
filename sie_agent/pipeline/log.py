"""The log as the pipeline reads it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sie_agent.attribution import FeatureRows
from sie_agent.utils.arrays import Booleans, Doubles, Floats, Integers


def scattered(values: npt.NDArray[np.floating], rows: Booleans) -> Doubles:
    """(n,): the values at the chosen *rows* (n,), NaN at the others."""
    found = np.full(len(rows), np.nan)
    found[rows] = values
    return found


@dataclass(frozen=True)
class Log:
    """Rows of a log, without a grade.

    Attributes
    ----------
    inputs : (n, d) text features and other blocks, which students read; model_inputs : (n, ...) what proxies read.
    label : (n,) what the log says, in [0, 1]; queries : (n,) code of each row's query.
    shown : whether the log says at which position rows were shown, as a log of clicks does.
    """

    inputs: Floats
    model_inputs: Floats
    label: Doubles
    queries: Integers
    shown: bool = False

    def take(self, chosen: Booleans) -> Log:
        """The chosen rows."""
        return Log(self.inputs[chosen], self.model_inputs[chosen], self.label[chosen], self.queries[chosen], self.shown)

    def rows(self, targets: Doubles | None = None) -> FeatureRows:
        """The rows as models read them, with their labels or other *targets* (n,) beside them."""
        return FeatureRows(
            self.model_inputs, (self.label if targets is None else targets).astype(np.float32), self.queries
        )
