"""What stands beside the arms: what would do instead of a judge, and what a judge without knowledge reaches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from sie_agent.comparison.metrics import Graded
from sie_agent.evaluation import TEXT_SCORES
from sie_agent.evaluation.twin import cells_of, ranks_within
from sie_agent.utils.arrays import Doubles

SEED = 20_241


def controls_of(rows: pd.DataFrame, graded: Graded, best: str, score: Doubles) -> Iterator[tuple[str, str, Doubles]]:
    """Each control: its name, what it is, and its scores (n,).

    Parameters
    ----------
    rows : (n,) the samples, for their texts. best, score : the best arm, and its judgments (n,).
    """
    words = TEXT_SCORES["word-overlap"]
    yield "word overlap", f"{words.words}: no judge", words.score(rows)
    yield "random judge", "a number at random for each pair", np.random.default_rng(SEED).random(len(rows))
    # always by grade: with coarser cells, what the arm knows of grades on one side of the cut would be left
    cells, _ = cells_of(graded.queries, graded.grade)
    yield f"twin of {best}", "its judgments with what it knows of grades taken out", ranks_within(score, cells, SEED)
