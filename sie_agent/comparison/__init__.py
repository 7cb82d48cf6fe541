"""Prompt variants and judges compared on the same pairs: figures, tests, the decision."""

from sie_agent.comparison.clustered import QueryMean, query_mean
from sie_agent.comparison.decide import Decision, decide
from sie_agent.comparison.pairs import PairTest
from sie_agent.comparison.power import power_of, queries_needed
from sie_agent.comparison.sequential import ConfidenceSequence, UntilDecided

__all__ = [
    "ConfidenceSequence",
    "Decision",
    "PairTest",
    "QueryMean",
    "UntilDecided",
    "decide",
    "power_of",
    "queries_needed",
    "query_mean",
]
