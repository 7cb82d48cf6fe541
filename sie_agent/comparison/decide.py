"""Which of several arms (a prompt variant with a judge) to take, from their values by query."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np

from sie_agent.comparison.clustered import QueryMean, query_mean, ties_chance, ties_needed, ties_reach
from sie_agent.comparison.pairs import PairTest, corrected, pair_of, rank
from sie_agent.comparison.power import queries_for_equivalence, queries_needed
from sie_agent.comparison.sentences import sentence_of
from sie_agent.utils.arrays import Doubles

__all__ = ["Decision", "PairTest", "Verdict", "conclude", "corrected", "decide", "pair_of", "rank"]

Verdict = Literal["take", "keep", "same", "grade-more"]


@dataclass(frozen=True)
class Decision:
    """What to do, and what it rests on.

    Parameters
    ----------
    pairs : every pair of arms, in the order in which the arms were given.
    ranking : groups of arms that are not certainly different from the best of the group's members, best first. The
        first group holds the arms that no arm is certainly better than; the next, the same among the arms left.
    verdict : ``take`` another arm than the baseline, ``keep`` the baseline, all are the ``same``, or ``grade-more``.
    choice : the arm to use: for ``grade-more`` still the baseline.
    queries_needed : total number of queries that would probably decide what is open; None: nothing is, or not known.
    sentence : all this in a sentence.
    means : of each arm the mean over its queries; NaN without any.
    baseline, margin, alpha, n_queries : what was asked; n_queries is the number of queries of any arm.
    """

    pairs: tuple[PairTest, ...]
    ranking: tuple[tuple[str, ...], ...]
    verdict: Verdict
    choice: str
    queries_needed: int | None
    sentence: str
    means: dict[str, float]
    baseline: str
    margin: float
    alpha: float
    n_queries: int

    def pair(self, one: str, other: str) -> PairTest:
        """The test of two arms, in whatever order they are named."""
        return pair_of(self.pairs, one, other)


def decide(
    values: Mapping[str, Doubles],
    *,
    margin: float,
    alpha: float = 0.05,
    baseline: str | None = None,
    power: float = 0.8,
    identical: Collection[tuple[str, str]] = (),
) -> Decision:
    """Compare all pairs of arms, paired by query, and say what to do.

    Each pair is a paired t test over queries, which are the clusters; p-values are corrected by Holm over all pairs,
    so that any false alarm is at most as frequent as alpha. Equivalence is by two one-sided tests, corrected likewise.
    Where hardly any query tells two arms apart, and their judgments differ, it is no surer than that no query would
    have: a figure of few queries, or one with few values, is often the same by chance.

    - ``take``: an arm is certainly better than the baseline by what may be more than the margin.
    - ``keep``: the baseline is certainly better than, or the same within the margin as, each other arm.
    - ``same``: every other arm is certainly the same within the margin as the baseline.
    - ``grade-more``: none of these.

    Parameters
    ----------
    values : of each arm (n_queries,), higher is better, aligned over the same queries; NaN where a query says nothing.
    margin : a difference below it makes no difference in practice, above 0.
    alpha : level of each family of tests. baseline : the arm in use; None: the first.
    power : with which ``queries_needed`` are to be enough.
    identical : the pairs of arms whose judgments are the same; those of the same figures alone are not in it.

    Raises
    ------
    ValueError : no arm, arms of different length, an unknown baseline, a margin that is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> a = rng.uniform(0.4, 0.8, 200)
    >>> b = a + 0.05 + rng.normal(0, 0.1, 200)
    >>> found = decide({"A": a, "B": b}, margin=0.02)
    >>> found.verdict, found.choice
    ('take', 'B')
    """
    names = check_arms(values, margin, baseline)
    tests = []
    for first, second in combinations(names, 2):
        differences = values[second] - values[first]
        tests.append(_pair(first, second, query_mean(differences), (first, second) in identical, margin, alpha))
    pairs = corrected(tests, alpha)
    pairs = tuple(_with_need(pair, len(pairs), margin, alpha, power) for pair in pairs)
    return conclude(pairs, values, margin=margin, alpha=alpha, baseline=baseline or names[0])


def check_arms(values: Mapping[str, Doubles], margin: float, baseline: str | None) -> list[str]:
    """The names of the arms.

    Raises
    ------
    ValueError : as :func:`decide`.
    """
    names = list(values)
    if not names:
        raise ValueError("there is no arm to compare")
    lengths = {name: len(column) for name, column in values.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"arms have values of different numbers of queries: {lengths}")
    if baseline is not None and baseline not in values:
        raise ValueError(f"the baseline '{baseline}' is none of the arms {names}")
    if not margin > 0:
        raise ValueError(f"the margin is {margin}; it has to be above 0")
    return names


def _pair(first: str, second: str, mean: QueryMean, identical: bool, margin: float, alpha: float) -> PairTest:
    """The test of one pair, before any correction."""
    low, high = mean.interval(1 - alpha)
    outside = max(mean.above(-margin), mean.below(margin))
    identical = identical and mean.n_queries > 0
    if identical:
        low, high, outside = 0.0, 0.0, 0.0
    elif mean.rare:
        chance = ties_chance(mean.n_queries, margin)
        outside = chance if mean.all_ties else max(outside, chance)
        if mean.all_ties:
            low, high = -(reach := ties_reach(mean.n_queries, alpha)), reach
    return PairTest(
        first=first,
        second=second,
        difference=mean.value,
        low=low,
        high=high,
        p=mean.differs(),
        p_holm=1.0,
        better=None,
        p_equivalent=outside,
        equivalent=False,
        identical=identical,
        n_queries=mean.n_queries,
        queries_needed=None,
        deviation=mean.deviation,
        rare=mean.rare,
    )


def _with_need(pair: PairTest, n_pairs: int, margin: float, alpha: float, power: float) -> PairTest:
    """The pair with the number of queries that would decide it."""
    if pair.decided:
        return pair
    level = alpha / n_pairs
    if pair.all_ties:
        return replace(pair, queries_needed=ties_needed(margin, level))
    same = queries_for_equivalence(pair.difference, pair.deviation, margin=margin, alpha=level, power=power)
    if pair.rare and same is not None:
        same = max(same, ties_needed(margin, level))
    numbers = [queries_needed(pair.difference, pair.deviation, alpha=level, power=power), same]
    known = [number for number in numbers if number is not None]
    return replace(pair, queries_needed=min(known) if known else None)


def conclude(
    pairs: tuple[PairTest, ...], values: Mapping[str, Doubles], *, margin: float, alpha: float, baseline: str
) -> Decision:
    """Ranking, verdict and sentence from tests of all pairs."""
    means = {
        name: float(np.nanmean(column)) if np.isfinite(column).any() else np.nan for name, column in values.items()
    }
    known = np.any([np.isfinite(column) for column in values.values()], axis=0)
    ranking = rank(list(values), pairs, means)
    verdict, choice, open_pairs = _verdict(list(values), pairs, means, baseline)
    needs = [pair.queries_needed for pair in open_pairs]
    needed = max((need for need in needs if need is not None), default=None) if None not in needs else None
    found = Decision(
        pairs=pairs,
        ranking=ranking,
        verdict=verdict,
        choice=choice,
        queries_needed=needed,
        sentence="",
        means=means,
        baseline=baseline,
        margin=margin,
        alpha=alpha,
        n_queries=int(known.sum()),
    )
    return replace(found, sentence=sentence_of(found, open_pairs))


def _verdict(
    names: list[str], pairs: Sequence[PairTest], means: Mapping[str, float], baseline: str
) -> tuple[Verdict, str, list[PairTest]]:
    """Verdict, choice and the pairs of the choice that are still open."""
    others = [name for name in names if name != baseline]
    own = {name: pair_of(pairs, baseline, name) for name in others}
    worthwhile = [name for name in others if own[name].better == name and not own[name].equivalent]
    if worthwhile:
        choice = min(worthwhile, key=lambda name: (_losses(name, names, pairs), -means[name]))
        rivals = [pair_of(pairs, choice, name) for name in names if name != choice]
        return "take", choice, [pair for pair in rivals if not pair.decided]
    open_pairs = [pair for pair in own.values() if not pair.decided]
    if open_pairs:
        return "grade-more", baseline, open_pairs
    return ("same" if all(pair.equivalent for pair in own.values()) else "keep"), baseline, []


def _losses(name: str, names: Sequence[str], pairs: Sequence[PairTest]) -> int:
    """How many arms are certainly better than this one."""
    rivals = [pair_of(pairs, name, other) for other in names if other != name]
    return sum(pair.better not in (None, name) for pair in rivals)
