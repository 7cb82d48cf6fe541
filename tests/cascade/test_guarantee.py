"""What is promised, on populations whose truth is known: 1,000 cascades each, judged within their binomial band."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.stats import binom

from sie_agent.cascade import LevelPairs, choose_threshold

from .populations import Drawn, Population, honest, level_chance, of, overconfident

ALPHA, DELTA, RUNS = 0.2, 0.1, 1000
# true agreement just below what is promised, whatever the threshold: each settled set is an error
HARDEST = of(level_chance(1 - ALPHA - 1e-6))
ALL_OR_NOTHING = of(level_chance(1.0), wrong_queries=ALPHA + 1e-6)
# right as a rule, and a query in which nothing is right often enough to break the promise
RARE_RUIN = of(level_chance(0.98), wrong_queries=1 - (1 - ALPHA - 1e-6) / 0.98)
# 0.79 of the queries agree as a whole
CLUSTERED = of(lambda confidence, effect: np.where(effect > -0.8064, 1.0, 0.0))
POPULATIONS = {
    "hardest": HARDEST,
    "all or nothing": ALL_OR_NOTHING,
    "rare ruin": RARE_RUIN,
    "clustered": CLUSTERED,
    "honest": of(honest, spread=0.2),
    "overconfident": of(overconfident, spread=0.2),
}


@dataclass
class Truth:
    """A large sample of a population: the true agreement of what a cascade settles, by its probabilities."""

    drawn: Drawn

    def wrong(self, thresholds: list[float | None]) -> bool:
        """Whether some level's settled pairs agree less than is promised."""
        left = np.ones(len(self.drawn.queries), bool)
        for level, threshold in enumerate(thresholds):
            if threshold is None:
                continue
            rows = left & (self.drawn.confidence[level] >= threshold)
            if rows.any() and self.drawn.chance[level][rows].mean() < 1 - ALPHA:
                return True
            left &= ~rows
        return False


def by_pair(settled: LevelPairs) -> LevelPairs:
    """The same pairs, each as a query of its own."""
    return replace(settled, queries=np.arange(len(settled.queries)), n_queries=len(settled.queries))


def cascade(draw: Population, rng: np.random.Generator, n_queries: int, *, pairs: bool = False) -> list[float | None]:
    """The thresholds of two levels, calibrated on queries of their own."""
    tune, test = draw(rng, n_queries), draw(rng, max(n_queries // 2, 10))
    left_tune, left_test = np.ones(len(tune.queries), bool), np.ones(len(test.queries), bool)
    thresholds: list[float | None] = []
    outcomes = 1
    for level in range(2):
        first, second = tune.level(level, left_tune), test.level(level, left_test)
        if pairs:
            first, second = by_pair(first), by_pair(second)
        found = choose_threshold(first, second, alpha=ALPHA, delta=DELTA / 2 / outcomes, steps=4)
        outcomes *= found.n_testable + 1
        thresholds.append(found.threshold)
        if found.threshold is not None:
            left_tune &= ~(tune.confidence[level] >= found.threshold)
            left_test &= ~(test.confidence[level] >= found.threshold)
    return thresholds


def violations(draw: Population, n_queries: int, *, pairs: bool = False) -> int:
    """In how many of all runs some level breaks the promise."""
    rng = np.random.default_rng(7)
    truth = Truth(draw(rng, 15_000))
    return sum(truth.wrong(cascade(draw, rng, n_queries, pairs=pairs)) for _ in range(RUNS))


@pytest.mark.slow
@pytest.mark.parametrize("n_queries", [20, 60, 200])
@pytest.mark.parametrize("name", POPULATIONS)
def test_the_promise_is_broken_as_rarely_as_is_said(name: str, n_queries: int) -> None:
    assert violations(POPULATIONS[name], n_queries) <= binom.ppf(0.999, RUNS, DELTA)


@pytest.mark.slow
def test_pairs_taken_for_independent_break_it() -> None:
    many = of(level_chance(1.0), wrong_queries=ALPHA + 1e-6, pairs=40)
    assert violations(many, 40, pairs=True) > 1.5 * RUNS * DELTA
    assert violations(many, 40) <= binom.ppf(0.999, RUNS, DELTA)


@pytest.mark.slow
def test_an_honest_judge_settles_pairs_and_one_that_knows_nothing_settles_none() -> None:
    rng = np.random.default_rng(3)
    knowing, guessing = of(honest, spread=0.1), of(level_chance(0.5))
    assert sum(cascade(knowing, rng, 200)[0] is not None for _ in range(100)) >= 80
    assert all(cascade(guessing, rng, 200) == [None, None] for _ in range(100))
