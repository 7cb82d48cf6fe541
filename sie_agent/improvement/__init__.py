"""Prompts that get better: proposals on training queries, acceptance on tuning queries, one report on test queries."""

from sie_agent.improvement.candidates import Candidate, candidate_of, variant_of
from sie_agent.improvement.improve import Improvement, ImprovementTask, improve
from sie_agent.improvement.query_sets import QuerySets, query_sets

__all__ = [
    "Candidate",
    "Improvement",
    "ImprovementTask",
    "QuerySets",
    "candidate_of",
    "improve",
    "query_sets",
    "variant_of",
]
