"""``relevance``: what the judge said, for the scorer to learn and to say of every other row."""

from __future__ import annotations

import numpy as np

from sie_agent.labels.evidence import Evidence
from sie_agent.labels.label import WeakLabel
from sie_agent.utils.arrays import Doubles


def relevance(evidence: Evidence) -> Doubles:
    """The judge's relevance, (n,) in [0, 1]; NaN where there is no judgment."""
    return np.asarray(evidence.relevance, np.float64)


RELEVANCE = WeakLabel(
    name="relevance",
    make=relevance,
    high_is_good=True,
    low=0.0,
    high=1.0,
    title="Relevance",
    meaning="how well the item answers the query, as the judge would say; 0 to 1",
    axis="relevance: 0 none, 1 a full answer",
    is_importance=False,
    # the judge did not see what the log says either
    reads_label=False,
)
