"""From what a level answers to its decisions, and how sure it is of each: one registry of measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from sie_agent.calibration import CalibrationCurve
from sie_agent.errors import InputError
from sie_agent.utils.arrays import Booleans, Doubles, Integers


@dataclass(frozen=True)
class DecisionScale:
    """What a decision is about.

    Attributes
    ----------
    levels : rising grades; empty where a decision is relevant or not.
    relevant_at : grade from which on a pair counts as relevant.
    """

    levels: tuple[float, ...] = ()
    relevant_at: float = 0.75

    @property
    def by_level(self) -> bool:
        """Whether decisions are grades rather than relevant or not."""
        return bool(self.levels)

    @property
    def middles(self) -> Doubles:
        """Where one level ends and the next begins."""
        return (np.asarray(self.levels[1:]) + np.asarray(self.levels[:-1])) / 2

    @property
    def values(self) -> tuple[float, ...]:
        """The grade that each decision stands for."""
        return self.levels or (0.0, 1.0)

    def of_grades(self, grades: Doubles) -> Integers:
        """(n,) the decision that each human grade is."""
        if self.by_level:
            return np.searchsorted(self.middles, grades, side="right").astype(np.intp)
        return (grades >= self.relevant_at).astype(np.intp)


@dataclass(frozen=True)
class Answers:
    """What a level said of some pairs.

    Attributes
    ----------
    scores : (members, n) in [0, 1], NaN where there is none; a level without variants of its question has one member.
    entropy : (n,) of the first member's probabilities, in nats, NaN where it gives none; most : log of their number.
    """

    scores: Doubles
    entropy: Doubles
    most: float = 1.0

    def rows(self, chosen: Booleans) -> Answers:
        """Those of some pairs."""
        return Answers(self.scores[:, chosen], self.entropy[chosen], self.most)

    @property
    def known(self) -> Booleans:
        """(n,) which pairs every member has answered."""
        return ~np.isnan(self.scores).any(axis=0)


@dataclass(frozen=True)
class Opinion:
    """A level's decisions.

    Attributes
    ----------
    score : (n,) probability of being relevant, or the grade where decisions are grades; NaN without an answer.
    decision : (n,) place among the values of the scale. confidence : (n,) in [0, 1], NaN without an answer.
    """

    score: Doubles
    decision: Integers
    confidence: Doubles


# from (members, n) scores on the scale, their decisions and certainties, and the answers, to decision and confidence
Measure = Callable[[Integers, Doubles, Answers], tuple[Integers, Doubles]]


def by_margin(decisions: Integers, certain: Doubles, answers: Answers) -> tuple[Integers, Doubles]:
    """How far the score is from where the decision would change."""
    return decisions[0], certain[0]


def by_entropy(decisions: Integers, certain: Doubles, answers: Answers) -> tuple[Integers, Doubles]:
    """1 less the entropy of the grades' probabilities, as a share of the most there can be."""
    return decisions[0], 1 - np.clip(answers.entropy / answers.most, 0, 1)


def by_majority(decisions: Integers, certain: Doubles, answers: Answers) -> tuple[Integers, Doubles]:
    """The share of the members that decide as most do; of equal shares, the one whose members are surer.

    Within a share, pairs are ordered by the mean certainty of those members, so that thresholds are fine.
    """
    members = len(decisions)
    values = np.arange(int(decisions.max(initial=0)) + 1)[:, None, None]
    same = decisions[None] == values
    # between two shares lies 1, and a mean certainty is at most 1: it never outweighs a member
    counts = same.sum(axis=1)
    sure = np.divide((same * certain[None]).sum(axis=1), counts, out=np.zeros(counts.shape), where=counts > 0)
    rank = counts + 0.999 * sure
    chosen = rank.argmax(axis=0)
    return chosen.astype(np.intp), np.take_along_axis(rank, chosen[None], 0)[0] / (members + 1)


MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "margin": by_margin,
        "entropy": by_entropy,
        "variants": by_majority,
        "orders": by_majority,
        "annotators": by_majority,
    }
)


def measure_named(name: str) -> Measure:
    """A measure of confidence.

    Raises
    ------
    InputError : there is none of that name.
    """
    if name not in MEASURES:
        raise InputError(f"no measure of confidence '{name}'", hint=f"Known are: {', '.join(MEASURES)}.")
    return MEASURES[name]


def opinion_of(
    answers: Answers, measure: str, scale: DecisionScale, curves: Sequence[CalibrationCurve] = ()
) -> Opinion:
    """A level's decisions and how sure it is of each.

    Parameters
    ----------
    curves : of each member, from its scores to the probability of being relevant; none where decisions are grades.
    """
    known = answers.known
    scores = answers.scores[:, known]
    if scale.by_level:
        placed = np.searchsorted(scale.middles, scores, side="right").astype(np.intp)
        certain = certainty_of_levels(scores, scale)
    else:
        scores = np.stack([curve.apply(one) for curve, one in zip(curves, scores, strict=True)])
        placed = (scores >= 0.5).astype(np.intp)
        certain = np.abs(2 * scores - 1)
    decided, sure = measure_named(measure)(placed, certain, answers.rows(known))
    score, confidence = np.full(len(known), np.nan), np.full(len(known), np.nan)
    decision = np.zeros(len(known), np.intp)
    score[known], decision[known], confidence[known] = scores.mean(axis=0), decided, sure
    return Opinion(score, decision, confidence)


def certainty_of_levels(scores: Doubles, scale: DecisionScale) -> Doubles:
    """How far each score is from the nearest middle between two levels, as a share of the widest level, at most 1."""
    middles = scale.middles
    if not len(middles):
        return np.ones_like(scores)
    distance = np.abs(scores[..., None] - middles).min(axis=-1)
    widest = max(float(np.diff(np.concatenate([[0.0], middles, [1.0]])).max()), 1e-9)
    return np.clip(distance / widest, 0, 1)
