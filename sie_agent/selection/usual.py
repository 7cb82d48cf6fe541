"""The weak label that is taken where nobody named one."""

from __future__ import annotations

from collections.abc import Collection

from sie_agent.labels import label_names
from sie_agent.selection.recipe import Recipe

USUAL = "value"
# to keep rows by: half of a log kept by `value` trains a ranker worse than as many random rows
KEPT_BY = "support"
AUTO = "auto"


def usual_label(names: Collection[str], recipe: Recipe | None = None) -> str:
    """The label that a recipe weighs by, else ``value``, else the first importance among *names*, else their first."""
    own = () if recipe is None or recipe.by is None else (recipe.by,)
    wanted = (*own, USUAL, *label_names(names, importance=True), *names)
    return next((name for name in wanted if name in names), USUAL)
