"""``support``: how likely it is that the row's label is right."""

from __future__ import annotations

import numpy as np

from sie_agent.labels.evidence import Evidence
from sie_agent.labels.hardness import log_probability
from sie_agent.labels.label import WeakLabel
from sie_agent.labels.scale import CLIP, judged_values
from sie_agent.utils.arrays import Doubles


def support(evidence: Evidence) -> Doubles:
    """Probability that the label is right, (n,) in [0, 1]; NaN where there is no judgment.

    With p the judge's relevance as a probability, the log's labels say how often it calls a relevant and an irrelevant
    row 1: b and a, from the line a + (b - a)·p through the labels by least squares. Bayes' rule then gives
    P(relevant | judge, y = 1) = p·b / (p·b + (1 - p)·a) and, for y = 0, (1 - p)·(1 - a) over (1 - p)·(1 - a) +
    p·(1 - b). A label between 0 and 1 gets the mixture y : 1 - y. A click is thus compared with other clicks: that
    clicks are rare takes nothing from it.
    """
    label, settings = evidence.rows.targets.astype(np.float64), evidence.settings
    if settings.scale == "joint":
        return np.asarray(1 - np.abs(label - log_probability(evidence)))
    known, probability = judged_values(evidence.relevance, settings.by_rank)
    found = np.full(len(label), np.nan)
    if not known.any():
        return found
    p, y = np.clip(probability, CLIP, 1 - CLIP), label[known]
    irrelevant, relevant = rates_of_ones(p, y)
    said_one = p * relevant / (p * relevant + (1 - p) * irrelevant)
    said_none = (1 - p) * (1 - irrelevant) / ((1 - p) * (1 - irrelevant) + p * (1 - relevant))
    found[known] = y * said_one + (1 - y) * said_none
    return found


def rates_of_ones(probability: Doubles, label: Doubles) -> tuple[float, float]:
    """How often the log says 1 of irrelevant and of relevant rows, both inside (0, 1), the second not the lower one.

    A judge that the log contradicts is not turned around: then both are the mean, and the log adds nothing.
    """
    mean, spread = float(label.mean()), float(probability.var())
    slope = float(np.mean((probability - probability.mean()) * (label - mean))) / spread if spread > 0 else 0.0
    irrelevant = mean - max(slope, 0.0) * float(probability.mean())
    relevant = irrelevant + max(slope, 0.0)
    low, high = (
        float(np.clip(rate, CLIP * mean + 1e-6, 1 - CLIP * (1 - mean) - 1e-6)) for rate in (irrelevant, relevant)
    )
    return low, high


SUPPORT = WeakLabel(
    name="support",
    make=support,
    high_is_good=True,
    low=0.0,
    high=1.0,
    title="Support",
    meaning="how likely it is that the log's label is right, given the judge; 0 to 1",
    axis="support: how likely the label is right",
)
