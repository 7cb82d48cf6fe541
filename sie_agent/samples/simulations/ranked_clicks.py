"""Clicks on what a trained ranker shows: position bias that follows no shared words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sie_agent.samples.simulations.attention import attraction, depth_for, discount
from sie_agent.samples.simulations.kinds import LogKind, grades, log_table, uniform
from sie_agent.samples.simulations.ranker import places, ranker_scores
from sie_agent.utils.arrays import Doubles

WHERE = "simulated log 'ranked-clicks'"


def simulate(samples: pd.DataFrame, rate: float, relevant_at: float, seed: int) -> pd.DataFrame:
    """One impression per row; a click is a look that attracts, each on its own (Craswell et al. 2008, baseline).

    ``P(look) = min(1, depth / log2(1 + position))``, ``P(click) = P(look)·attraction(grade)``; see
    :func:`sie_agent.samples.simulations.attention.depth_for` for the depth, which the rate decides.

    Raises
    ------
    InputError
        If a grade is missing, or the rate cannot be reached.
    """
    grade = grades(samples, WHERE)
    attracted = attraction(grade)
    position = places(samples, ranker_scores(samples, grade, seed), seed)
    discounted = discount(position)

    def looked(depth: float) -> Doubles:
        return np.minimum(depth * discounted, 1.0)

    depth = depth_for(rate, attracted, looked, WHERE)
    examination = looked(max(depth, 1.0))
    probability = min(depth, 1.0) * attracted * examination
    clicked = uniform(samples["sample_id"], seed, "ranked-click") < probability
    return log_table(clicked.astype(float), position=position, examination=examination)


KIND = LogKind(
    name="ranked-clicks",
    words="Clicks with position bias on the ranking of a model that was trained on other queries, each pair once.",
    rate_means="expected share of the pairs that are clicked",
    default_rate=0.15,
    simulate=simulate,
)
