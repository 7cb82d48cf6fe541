"""``disagreement``: pairs on which two things that cost nothing, the log and the words, disagree."""

from __future__ import annotations

import numpy as np
from scipy.special import expit
from scipy.stats import rankdata

from sie_agent.attribution import fit_logistic
from sie_agent.budget.strategy import Candidates, Known, Strategy, draw_by_score
from sie_agent.utils.arrays import Booleans, Doubles, Integers

FOLDS, DECAY = 5, 1e-2


def log_model(candidates: Candidates) -> Doubles:
    """Probability that the log says 1 of each pair, (n,), by logistic regressions that saw no pair of its query."""
    design = np.column_stack([candidates.features.astype(np.float64), np.ones(len(candidates))])
    labelled, found = ~np.isnan(candidates.label), np.full(len(candidates), np.nan)
    for fold in range(FOLDS):
        held_out: Booleans = candidates.queries % FOLDS == fold
        seen = labelled & ~held_out
        # a log of a single fold has nothing else to learn from
        seen = seen if seen.any() else labelled
        found[held_out] = expit(design[held_out] @ fit_logistic(design[seen], candidates.label[seen], DECAY))
    return found


def at_odds(candidates: Candidates, known: Known, count: int, rng: np.random.Generator) -> Integers:
    """Pairs drawn in proportion to the squared difference of their ranks by a model of the log and by their words."""
    by_log, by_words = rankdata(log_model(candidates)), rankdata(candidates.text_score)
    return draw_by_score(((by_log - by_words) / len(candidates)) ** 2, known, count, rng)


DISAGREEMENT = Strategy(
    "disagreement", at_odds, "pairs that a model of the log and the words rank differently", reads_label=True
)
