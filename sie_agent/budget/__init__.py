"""Which pairs of a log to judge, where not all of them can be paid for."""

from __future__ import annotations

from sie_agent.budget.pool import POOL_PAIRS, PairPool
from sie_agent.budget.registry import DEFAULT, STRATEGIES, strategy_named
from sie_agent.budget.rounds import round_sizes, spend
from sie_agent.budget.strategy import Candidates, Known, Strategy

__all__ = [
    "DEFAULT",
    "POOL_PAIRS",
    "STRATEGIES",
    "Candidates",
    "Known",
    "PairPool",
    "Strategy",
    "round_sizes",
    "spend",
    "strategy_named",
]
