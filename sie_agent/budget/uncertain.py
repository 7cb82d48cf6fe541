"""``uncertain``: pairs whose relevance a student of the judge is least sure of."""

from __future__ import annotations

import numpy as np

from sie_agent.budget.strategy import Candidates, Known, Strategy, draw_by_score
from sie_agent.budget.student import variance_of_trees
from sie_agent.utils.arrays import Integers


def least_sure(candidates: Candidates, known: Known, count: int, rng: np.random.Generator) -> Integers:
    """Pairs drawn in proportion to the variance between a forest's trees."""
    return draw_by_score(variance_of_trees(candidates, known, rng), known, count, rng)


UNCERTAIN = Strategy(
    "uncertain", least_sure, "pairs that a student of the judge's answers is unsure of", reads_judgments=True
)
