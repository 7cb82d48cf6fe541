"""From scores to what a trainer takes: rows to keep, a target and a weight for every row."""

from __future__ import annotations

from sie_agent.selection.checks import check_scores_file, check_strength
from sie_agent.selection.connections import TableStream, database, first_row, inserter, stream
from sie_agent.selection.cuts import POSITIVE_AT, tie_breakers
from sie_agent.selection.defaults import AUTO, USUAL, selected_by, usual_label
from sie_agent.selection.ranks import QUANTILES, rank_in_quantiles, rank_in_sample, ranks_in_quantiles, ranks_in_sample
from sie_agent.selection.recipe import (
    PERSONAL,
    PREFERENCE,
    RELEVANCE,
    Recipe,
    check_recipe,
    read_recipe,
    recipe_metadata,
    rising,
    weights_of,
)
from sie_agent.selection.recipe_choice import MILD, NONE, recipe_for
from sie_agent.selection.select import covering_mask, select_rows
from sie_agent.selection.select_file import select_file
from sie_agent.selection.weigh import BLENDED, WEIGHT, weigh_rows, weights_from
from sie_agent.selection.weigh_file import recipe_in, weigh_file

__all__ = [
    "AUTO",
    "BLENDED",
    "MILD",
    "NONE",
    "PERSONAL",
    "POSITIVE_AT",
    "PREFERENCE",
    "QUANTILES",
    "RELEVANCE",
    "USUAL",
    "WEIGHT",
    "Recipe",
    "TableStream",
    "check_recipe",
    "check_scores_file",
    "check_strength",
    "covering_mask",
    "database",
    "first_row",
    "inserter",
    "rank_in_quantiles",
    "rank_in_sample",
    "ranks_in_quantiles",
    "ranks_in_sample",
    "read_recipe",
    "recipe_for",
    "recipe_in",
    "recipe_metadata",
    "rising",
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
