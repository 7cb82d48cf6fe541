"""Populations of pairs whose true agreement is known: queries with an effect of their own, and a level's confidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sie_agent.cascade import LevelPairs
from sie_agent.utils.arrays import Doubles

# pairs of a query, where nothing else is said
PAIRS = 6


@dataclass(frozen=True)
class Drawn:
    """Pairs of some queries: of each level (levels, n) confidence, agreement and its probability; (n,) queries."""

    confidence: Doubles
    agrees: np.ndarray
    chance: Doubles
    queries: np.ndarray
    n_queries: int

    def level(self, number: int, left: np.ndarray) -> LevelPairs:
        """What a level says of the pairs that are left."""
        rows = self.confidence[number][left], self.agrees[number][left], self.queries[left]
        return LevelPairs(*rows, self.n_queries)


Population = Callable[[np.random.Generator, int], Drawn]


def of(
    chance: Callable[[Doubles, Doubles], Doubles],
    *,
    wrong_queries: float = 0.0,
    spread: float = 0.0,
    pairs: int = PAIRS,
) -> Population:
    """Two levels with the same law.

    Parameters
    ----------
    chance : of agreement, from confidence and the query's effect. wrong_queries : share of queries in which nothing
        agrees. spread : how far a query moves the confidence of its pairs. pairs : of each query.
    """

    def draw(rng: np.random.Generator, n_queries: int) -> Drawn:
        queries = np.repeat(np.arange(n_queries), pairs)
        effect = rng.normal(0, 1, n_queries)[queries]
        ruined = (rng.random(n_queries) < wrong_queries)[queries]
        confidence, agrees, chances = [], [], []
        for _ in range(2):
            own = np.clip(rng.random(len(queries)) + spread * effect, 0, 1)
            confidence.append(own)
            right = chance(own, effect)
            agrees.append((rng.random(len(queries)) < right) & ~ruined)
            chances.append(right * (1 - wrong_queries))
        return Drawn(np.array(confidence), np.array(agrees), np.array(chances), queries, n_queries)

    return draw


def level_chance(value: float) -> Callable[[Doubles, Doubles], Doubles]:
    """The same for all pairs."""
    return lambda confidence, effect: np.full(len(confidence), value)


def honest(confidence: Doubles, effect: Doubles) -> Doubles:
    """Agreement rises with confidence, from a guess to nearly always; queries differ."""
    return np.clip(0.5 + 0.52 * confidence + 0.06 * effect, 0, 1)


def overconfident(confidence: Doubles, effect: Doubles) -> Doubles:
    """The surest are wrong more often than the rest."""
    return np.clip(0.95 - 0.1 * confidence + 0.05 * effect, 0, 1)
