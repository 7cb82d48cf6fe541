"""``preference``: how well the item fits the shopper, for the scorer to learn and to say of every other row."""

from __future__ import annotations

import numpy as np

from sie_agent.labels.evidence import Evidence
from sie_agent.labels.label import WeakLabel
from sie_agent.utils.arrays import Doubles


def preference(evidence: Evidence) -> Doubles:
    """The judge's preference, (n,) in [0, 1]; NaN where there is no judgment."""
    return np.asarray(evidence.relevance, np.float64)


PREFERENCE = WeakLabel(
    name="preference",
    make=preference,
    high_is_good=True,
    low=0.0,
    high=1.0,
    title="Preference",
    meaning="how well the item fits the shopper's history, as the judge would say; 0 to 1",
    axis="preference: 0 not this shopper's, 1 just what fits",
    aspect="preference",
    # of the row and its shopper, not of the row's place in training; weights take it where they are asked to
    is_importance=False,
    # the judge did not see what the log says
    reads_label=False,
)
