"""``random``: every pair with the same chance."""

from __future__ import annotations

import numpy as np

from sie_agent.budget.strategy import Candidates, Known, Strategy
from sie_agent.utils.arrays import Integers


def first_rows(candidates: Candidates, known: Known, count: int, rng: np.random.Generator) -> Integers:
    """The first pairs that were not asked: candidates come in an order that is drawn already."""
    return np.flatnonzero(~known.asked)[:count]


RANDOM = Strategy("random", first_rows, "every pair with the same chance", reads_texts=False)
