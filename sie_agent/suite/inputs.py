"""What a target model of each kind reads of the samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.models import token_pairs
from sie_agent.pipeline import TargetPart
from sie_agent.samples import shopper_and_item
from sie_agent.scorer import fit_blocks

# characters of a description that are worth tokenising: far more than a row has tokens for
DESCRIPTION = 1000
NEXT_TO_NONE = 1e-6

Reader = Callable[[pd.DataFrame, npt.NDArray[Any], TargetPart], npt.NDArray[Any]]


def read_tokens(samples: pd.DataFrame, inputs: npt.NDArray[Any], part: TargetPart) -> npt.NDArray[Any]:
    """Token ids of query and item, (n, length) int32; what does not fit is cut off, the description first."""
    items = (samples["title"] + " " + samples["description"].str.slice(0, DESCRIPTION)).str.strip()
    return token_pairs(samples["query"].tolist(), items.tolist(), part.model, part.length)


def with_blocks(samples: pd.DataFrame, inputs: npt.NDArray[Any], part: TargetPart) -> npt.NDArray[Any]:
    """Text features, and the blocks that the target reads beside them, each column with mean zero and spread one.

    What is not known becomes the mean: a network takes no gaps.
    """
    blocks = fit_blocks(samples, part.inputs)
    if not blocks:
        return inputs
    more = np.hstack([block.transform(block.feeds(samples)) for block in blocks]).astype(np.float64)
    known = np.ma.masked_invalid(more)
    spread = known.std(axis=0).filled(0.0)
    scaled = (known - known.mean(axis=0)) / np.where(spread > NEXT_TO_NONE, spread, 1.0)
    return np.hstack([inputs, scaled.filled(0.0)]).astype(np.float32)


# from the samples without their grades, their text features, and the target's settings to (n, ...), a row each
READERS: dict[str, Reader] = {
    "perceptron": with_blocks,
    "two-tower": lambda samples, inputs, part: shopper_and_item(samples, inputs),
    "cross-encoder": read_tokens,
}
