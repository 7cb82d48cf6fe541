"""What a target model of each kind reads of the samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy.typing as npt
import pandas as pd

from sie_agent.models import token_pairs
from sie_agent.pipeline import TargetPart
from sie_agent.samples import shopper_and_item

# characters of a description that are worth tokenising: far more than a row has tokens for
DESCRIPTION = 1000

Reader = Callable[[pd.DataFrame, npt.NDArray[Any], TargetPart], npt.NDArray[Any]]


def read_tokens(samples: pd.DataFrame, inputs: npt.NDArray[Any], part: TargetPart) -> npt.NDArray[Any]:
    """Token ids of query and item, (n, length) int32; what does not fit is cut off, the description first."""
    items = (samples["title"] + " " + samples["description"].str.slice(0, DESCRIPTION)).str.strip()
    return token_pairs(samples["query"].tolist(), items.tolist(), part.model, part.length)


# from the samples without their grades, their text features, and the target's settings to (n, ...), a row each
READERS: dict[str, Reader] = {
    "perceptron": lambda samples, inputs, part: inputs,
    "two-tower": lambda samples, inputs, part: shopper_and_item(samples, inputs),
    "cross-encoder": read_tokens,
}
