"""The weak label that is taken where nobody named one."""

from __future__ import annotations

from collections.abc import Collection

from sie_agent.labels import label_names
from sie_agent.selection.recipe import Recipe

AUTO = "auto"
USUAL = "value"
# to keep rows by: half of a log kept by `value` trains a ranker worse than as many random rows
KEPT_BY = "support"


def usual_label(names: Collection[str], recipe: Recipe | None = None) -> str:
    """The label that a recipe weighs by, else ``value``, else the first importance among *names*, else their first."""
    own = () if recipe is None or recipe.by is None else (recipe.by,)
    wanted = (*own, USUAL, *label_names(names, importance=True), *names)
    return next((name for name in wanted if name in names), USUAL)


def selected_by(by: str, recipe: Recipe | None) -> str:
    """The weak label that rows are selected by: *by*, or for ``auto`` that of the recipe, and without one ``support``.

    Half of a log of clicks kept by ``support`` trains a ranker as well as all of it with a good judge; the half kept by
    ``value`` does worse than as many random rows (eval/results/kept.json).
    """
    if by != AUTO:
        return by
    return KEPT_BY if recipe is None or recipe.by is None else recipe.by
