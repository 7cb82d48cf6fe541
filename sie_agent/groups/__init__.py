"""Which queries, items, shoppers and departments matter: scores of rows, aggregated by group."""

from sie_agent.groups.keys import KINDS, check_kinds, group_keys
from sie_agent.groups.ranking import rank_file, rank_groups
from sie_agent.groups.scores import check_score
from sie_agent.groups.shrink import FEWEST_GROUPS, shrink

__all__ = [
    "FEWEST_GROUPS",
    "KINDS",
    "check_kinds",
    "check_score",
    "group_keys",
    "rank_file",
    "rank_groups",
    "shrink",
]
