"""What a row gets beside its scores: weight and blended label by the scorer's recipe, or what the user puts in it, and
how likely its label is wrong."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sie_agent.errors import InputError
from sie_agent.scorer import LABEL_ERROR
from sie_agent.selection import AUTO, BLENDED, NONE, RELEVANCE, WEIGHT, Recipe, check_recipe, recipe_for
from sie_agent.serving.protocol import Engine, Observer, Scores
from sie_agent.utils.arrays import Doubles

if TYPE_CHECKING:
    from sie_agent.serving.engine import Loaded

WHERE = "config.json, field 'score_quantiles'"
ROW_COLUMNS = (WEIGHT, BLENDED, LABEL_ERROR)

Note = Callable[[str, Exception], None]


@dataclass(frozen=True)
class RecipeOverride:
    """The user's replacement for parts of the scorer's recipe.

    Attributes
    ----------
    by : the weak label that weights are made of; ``auto``: the recipe's, ``none``: every weight is 1.
    strength : how far weights spread around 1; None: as the recipe says.
    """

    by: str = AUTO
    strength: float | None = None


NO_OVERRIDE = RecipeOverride()


@dataclass(frozen=True)
class ScorerColumns:
    """A scorer's scores, in place of the columns of a scores table."""

    names: Collection[str]
    config: Mapping[str, Any]

    def quantiles(self, name: str) -> tuple[float, ...]:
        """Quantiles of its scores on the log that it was distilled from; InputError where it does not say."""
        known = self.config.get("score_quantiles", {})
        if name not in known:
            raise InputError(
                f"there is no baseline of '{name}' to weigh by", where=WHERE, hint="Distill the scorer again."
            )
        return tuple(float(value) for value in known[name])

    def mean_label(self) -> float:
        """Unused: labels are blended only by the scorer's own recipe, which knows the mean."""
        return Recipe().mean_label


def recipe_of(engine: Engine, override: RecipeOverride) -> Recipe | None:
    """The recipe by which rows are weighed; None where the scorer has none and none was requested.

    Raises
    ------
    InputError : the scorer does not give what is weighed by or blended with, or does not know its quantiles.
    """
    own: Recipe | None = getattr(engine, "recipe", None)
    if own is None and override.by == AUTO:
        if override.strength is not None:
            raise InputError(
                "a strength, and the scorer has no recipe", where="--strength", hint="Say also what to --weigh-by."
            )
        return None
    if override.by not in (AUTO, NONE, *engine.labels):
        raise InputError(f"cannot weigh by '{override.by}'", hint=f"Choose one of {', '.join(engine.labels)}.")
    columns = ScorerColumns(engine.labels, getattr(engine, "config", {}))
    recipe = recipe_for(columns, own, override.by, override.strength, None, "the scorer")
    check_recipe(recipe)
    return recipe


def weighed_by(recipe: Recipe | None) -> str | None:
    """The weak label that weights are made of; None where every weight is 1, or there are none."""
    return None if recipe is None or recipe.strength == 0 else recipe.by


def row_columns(
    loaded: Loaded, scores: Scores, label: Doubles, live: Observer | None, note: Note
) -> dict[str, Doubles]:
    """What some rows get beside their scores: those of ``ROW_COLUMNS`` that the scorer gives, each (n,).

    Parameters
    ----------
    scores : by weak label, (n,); label : (n,) what the log says, NaN where it says nothing.
    live : where given, ranks for weights are taken among what it saw last. note : told of its faults, after which the
        weight is that of the recipe.
    """
    recipe = loaded.recipe
    found: dict[str, Doubles] = {}
    if recipe is not None:
        weights = live_weights(recipe, scores, live, note)
        found[WEIGHT] = recipe.weights(scores, len(label)) if weights is None else weights
        if loaded.blends:
            found[BLENDED] = recipe.targets(scores, label)
    if loaded.label_errors is not None:
        found[LABEL_ERROR] = loaded.label_errors.of(scores[RELEVANCE], label, {})[0]
    return found


def live_weights(recipe: Recipe, scores: Scores, live: Observer | None, note: Note) -> Doubles | None:
    """Weights by rank among live scores; None where they are not available."""
    by = weighed_by(recipe)
    if live is None or by is None:
        return None
    try:
        weights = np.asarray(live.weigh(by, scores[by], recipe.strength, recipe.quantiles[by]), np.float64)
    except Exception as error:
        note("observer", error)
        return None
    # what the shopper's preference adds does not move with the market
    for more in replace(recipe, by=None).parts(scores).values():
        weights = weights + more
    return recipe.clipped(weights)
