"""Which pairs of a log to judge, where not all of them can be paid for."""

from __future__ import annotations

from sie_agent.budget.pool import POOL_PAIRS, PairPool
from sie_agent.budget.random_pairs import RANDOM
from sie_agent.budget.registry import DEFAULT, STRATEGIES, strategy_named
from sie_agent.budget.rounds import Rounds, choose, round_sizes, spend
from sie_agent.budget.strategy import Candidates, Known, Strategy, without_texts

__all__ = [
    "DEFAULT",
    "POOL_PAIRS",
    "RANDOM",
    "STRATEGIES",
    "Candidates",
    "Known",
    "PairPool",
    "Rounds",
    "Strategy",
    "choose",
    "round_sizes",
    "spend",
    "strategy_named",
    "without_texts",
]
