"""Tests of two arms: what is said of each pair, corrected for how many pairs there are, and the ranking from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sie_agent.utils.arrays import Doubles


@dataclass(frozen=True)
class PairTest:
    """Two arms compared on the queries that say something of both.

    Parameters
    ----------
    first, second : names of the arms.
    difference : mean over queries of the second's value less the first's; NaN without queries.
    low, high : its interval, 95 % where alpha is 0.05, for this pair alone (not corrected for the number of pairs).
    p, p_holm : two-sided p-value of no difference, as it is and corrected by Holm (1979) over all pairs.
    better : the arm that is certainly better (``p_holm`` at most alpha), or None.
    p_equivalent : p-value of a difference of the margin or more (two one-sided tests), Holm over all pairs.
    equivalent : whether the difference is certainly within the margin.
    identical : whether both gave the same judgments, to the last bit.
    n_queries : queries that were compared.
    queries_needed : total number of queries at which a pair that is not decided would be, with the stated power, were
        its difference and standard deviation the true ones: the smaller of the numbers that show the difference and
        that show equivalence, each at alpha divided by the number of pairs. None: decided, or it cannot be said.
    deviation : standard deviation of one query's difference.
    rare : whether hardly any query tells the two apart.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    better: str | None
    p_equivalent: float
    equivalent: bool
    identical: bool
    n_queries: int
    queries_needed: int | None
    deviation: float
    rare: bool = False

    def of(self, one: str, other: str) -> bool:
        """Whether this is the pair of these two arms."""
        return {self.first, self.second} == {one, other}

    @property
    def all_ties(self) -> bool:
        """Whether no query tells the two apart."""
        return self.n_queries > 0 and self.difference == 0 and not self.deviation > 0

    @property
    def decided(self) -> bool:
        """Whether one is certainly better, or both are certainly the same within the margin."""
        return self.better is not None or self.equivalent


def corrected(pairs: Sequence[PairTest], alpha: float) -> tuple[PairTest, ...]:
    """Pairs with their p-values corrected by Holm, and what follows from them.

    Parameters
    ----------
    pairs : with ``p`` and ``p_equivalent`` as they are for each pair alone.
    """
    if not pairs:
        return ()
    differ = holm(np.asarray([pair.p for pair in pairs]))
    outside = holm(np.asarray([pair.p_equivalent for pair in pairs]))
    found = []
    for pair, p_holm, p_equivalent in zip(pairs, differ, outside, strict=True):
        winner = pair.second if pair.difference > 0 else pair.first
        found.append(
            replace(
                pair,
                p_holm=float(p_holm),
                better=winner if p_holm <= alpha else None,
                p_equivalent=float(p_equivalent),
                equivalent=bool(p_equivalent <= alpha),
            )
        )
    return tuple(found)


def holm(p: Doubles) -> Doubles:
    """p-values corrected for how many there are (Holm 1979), (n,) of (n,).

    The same as statsmodels' `multipletests`, which collects garbage at every call: a tenth of a second each.
    """
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    found = np.empty(len(p))
    found[order] = np.minimum(stepped, 1.0)
    return found


def pair_of(pairs: Sequence[PairTest], one: str, other: str) -> PairTest:
    """The test of two arms, in whatever order they are named.

    Raises
    ------
    KeyError : there is none.
    """
    for pair in pairs:
        if pair.of(one, other):
            return pair
    raise KeyError((one, other))


def rank(names: Sequence[str], pairs: Sequence[PairTest], means: Mapping[str, float]) -> tuple[tuple[str, ...], ...]:
    """Groups of arms, best first: each holds the arms that no other arm left is certainly better than."""
    left = sorted(names, key=lambda name: -np.nan_to_num(means[name], nan=-np.inf))
    groups = []
    while left:
        beaten = {
            loser
            for pair in pairs
            if pair.better in left
            for loser in (pair.first, pair.second)
            if loser != pair.better and {pair.first, pair.second} <= set(left)
        }
        # in a circle, which only arms without common queries can make, the highest mean comes first
        group = [name for name in left if name not in beaten] or left[:1]
        groups.append(tuple(group))
        left = [name for name in left if name not in group]
    return tuple(groups)
