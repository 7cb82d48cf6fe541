"""How many pairs an improvement judges at most, and how much of a budget is for what."""

from __future__ import annotations

from dataclasses import dataclass

from sie_agent.improvement.halving import FIRST_QUERIES
from sie_agent.improvement.query_sets import QuerySets, n_queries
from sie_agent.improvement.reflective import MINIBATCH, SHOWN_SHARE

MOST_FINALISTS = 3


@dataclass(frozen=True)
class PairPlan:
    """Most pairs for each step, those whose answers are in the cache counted too."""

    search: int
    tune: int
    test: int

    @property
    def total(self) -> int:
        """Of all steps."""
        return self.search + self.tune + self.test


def pair_plan(sets: QuerySets, trials: int, *, reflects: bool, budget_pairs: int | None) -> PairPlan:
    """Most pairs that are judged: the start and up to three finalists on tuning queries, two on test queries."""
    wanted = reflective_pairs(sets, trials) if reflects else halving_pairs(sets, trials)
    finalists = min(MOST_FINALISTS, trials)
    tune, test = (1 + finalists) * len(sets.tune), 2 * len(sets.test)
    if budget_pairs is None:
        return PairPlan(wanted, tune, test)
    # one finalist at least is to be tested
    search = min(wanted, max(0, budget_pairs - 2 * len(sets.tune) - test))
    return PairPlan(search, min(tune, budget_pairs - search - test), test)


def halving_pairs(sets: QuerySets, trials: int) -> int:
    """Pairs of successive halving."""
    count = n_queries(sets.train)
    size = len(sets.train) / max(count, 1)
    queries, left, total = min(FIRST_QUERIES, count), trials, 0.0
    while True:
        total += (1 + left) * queries * size
        if queries == count:
            return round(total)
        left, queries = max(min(2, trials), -(-left // 2)), min(2 * queries, count)


def reflective_pairs(sets: QuerySets, trials: int) -> int:
    """Pairs of a search by reflection in which each proposal goes on to all training queries."""
    count = n_queries(sets.train)
    size = len(sets.train) / max(count, 1)
    shown = max(1, round(SHOWN_SHARE * count))
    return round(size * ((1 + trials) * (count - shown) + 2 * trials * min(MINIBATCH, shown)))
