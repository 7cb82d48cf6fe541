"""From scores to what a trainer takes: rows to keep, a target and a weight for every row."""

from __future__ import annotations

from sie_agent.selection.bulk import database, inserter, stream
from sie_agent.selection.bulk_select import select_file
from sie_agent.selection.bulk_weights import recipe_in, weigh_file
from sie_agent.selection.given import MILD, NONE, recipe_for
from sie_agent.selection.ranks import rank_in_quantiles, rank_in_sample, ranks_in_quantiles, ranks_in_sample
from sie_agent.selection.recipe import (
    RELEVANCE,
    Recipe,
    blended_label,
    check_recipe,
    read_recipe,
    recipe_metadata,
    weights_of,
)
from sie_agent.selection.select import (
    POSITIVE_AT,
    check_scores_file,
    covering_mask,
    keep_mask,
    select_rows,
    selected_by,
    tie_breakers,
    weights_from,
)
from sie_agent.selection.usual import AUTO, USUAL, usual_label
from sie_agent.selection.weigh import BLENDED, WEIGHT, weigh_rows

__all__ = [
    "AUTO",
    "BLENDED",
    "MILD",
    "NONE",
    "POSITIVE_AT",
    "RELEVANCE",
    "USUAL",
    "WEIGHT",
    "Recipe",
    "blended_label",
    "check_recipe",
    "check_scores_file",
    "covering_mask",
    "database",
    "inserter",
    "keep_mask",
    "rank_in_quantiles",
    "rank_in_sample",
    "ranks_in_quantiles",
    "ranks_in_sample",
    "read_recipe",
    "recipe_for",
    "recipe_in",
    "recipe_metadata",
    "select_file",
    "select_rows",
    "selected_by",
    "stream",
    "tie_breakers",
    "usual_label",
    "weigh_file",
    "weigh_rows",
    "weights_from",
    "weights_of",
]
