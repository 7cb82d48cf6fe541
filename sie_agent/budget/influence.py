"""``influence``: pairs whose judgment could move the `value` of the log's rows most."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from sie_agent.attribution import fit_logistic
from sie_agent.budget.strategy import Candidates, Known, Strategy, draw_by_score
from sie_agent.budget.student import variance_of_trees
from sie_agent.utils.arrays import Doubles, Integers

DECAY = 1e-2


def reach(candidates: Candidates) -> Doubles:
    """How far the values of the log's rows move when a pair's judgment moves by 1, (n,), root mean square.

    With a logistic proxy p and the mean pool loss, the value of row j is (p_j - y_j)·x_j · Σ_i (p_i - r_i)·x_i, so r_i
    moves it by (p_j - y_j)·x_j·x_i. The mean of the squares over the rows is x_i' F x_i with F = mean of
    (p_j - y_j)²·x_j x_j' over j.
    """
    labelled = ~np.isnan(candidates.label)
    design = np.column_stack([candidates.features.astype(np.float64), np.ones(len(candidates))])
    label = candidates.label[labelled]
    slopes = expit(design[labelled] @ fit_logistic(design[labelled], label, DECAY)) - label
    gradients = slopes[:, None] * design[labelled]
    moved = design @ (gradients.T @ gradients / len(gradients))
    return np.asarray(np.sqrt(np.maximum(np.einsum("nd,nd->n", moved, design), 0.0)))


def could_move_most(candidates: Candidates, known: Known, count: int, rng: np.random.Generator) -> Integers:
    """Pairs drawn in proportion to the expected square of that move, a student's variance being the judgment's."""
    return draw_by_score(reach(candidates) ** 2 * variance_of_trees(candidates, known, rng), known, count, rng)


INFLUENCE = Strategy(
    "influence",
    could_move_most,
    "pairs whose judgment could move the value of other rows most",
    reads_judgments=True,
    reads_label=True,
)
