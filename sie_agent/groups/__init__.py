"""Which queries, items, shoppers and departments matter: scores of rows, aggregated by group."""

from sie_agent.groups.keys import DEPARTMENT, KINDS, check_kinds, group_keys
from sie_agent.groups.ranking import rank_file, rank_groups
from sie_agent.groups.scores import check_score, direction_of, score_names
from sie_agent.groups.shrink import FEWEST_GROUPS, Groups, Prior, Shrunken, fit_prior, shrink

__all__ = [
    "DEPARTMENT",
    "FEWEST_GROUPS",
    "KINDS",
    "Groups",
    "Prior",
    "Shrunken",
    "check_kinds",
    "check_score",
    "direction_of",
    "fit_prior",
    "group_keys",
    "rank_file",
    "rank_groups",
    "score_names",
    "shrink",
]
