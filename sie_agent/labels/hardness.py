"""``hardness``: how far the log's label is from what the judge says."""

from __future__ import annotations

import numpy as np

from sie_agent.labels.evidence import Evidence
from sie_agent.labels.label import WeakLabel
from sie_agent.labels.scale import joint_with_proxies, match_log
from sie_agent.utils.arrays import Doubles


def hardness(evidence: Evidence) -> Doubles:
    """abs(y - r), (n,) in [0, 1], with r on the log's scale; NaN where there is no judgment."""
    label, settings = evidence.rows.targets.astype(np.float64), evidence.settings
    if settings.scale == "joint":
        return np.abs(label - log_probability(evidence))
    return np.abs(label - match_log(evidence.relevance, label, by_rank=settings.by_rank))


def log_probability(evidence: Evidence) -> Doubles:
    """Probability that the log says 1, given the judge and held-out proxies, (n,); NaN where there is no judgment."""
    if evidence.held_out is None:
        raise ValueError("the joint scale needs held-out proxies")
    return joint_with_proxies(
        evidence.relevance,
        evidence.rows.targets.astype(np.float64),
        evidence.held_out,
        evidence.rows.queries,
        by_rank=evidence.settings.by_rank,
    )


HARDNESS = WeakLabel(
    name="hardness",
    make=hardness,
    high_is_good=False,
    low=0.0,
    high=1.0,
    title="Hardness",
    meaning="how far the log's label is from what the judge says; 0 to 1, higher pulls harder on a model",
    axis="hardness: distance of label and judge",
)
