"""Prompt variants and judges compared on the same pairs: figures, tests, the decision."""

from sie_agent.comparison.decide import Decision, PairTest, decide
from sie_agent.comparison.power import power_of, queries_needed

__all__ = ["Decision", "PairTest", "decide", "power_of", "queries_needed"]
