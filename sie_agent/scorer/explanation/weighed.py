"""Why a row has its weight: what each weak label of the recipe adds to 1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.samples import check_samples
from sie_agent.scorer.files import load_scorer
from sie_agent.scorer.model import Scorer
from sie_agent.selection import Recipe
from sie_agent.utils.shown import shown


@dataclass(frozen=True)
class WeightPart:
    """What one weak label adds to a row's weight.

    Attributes
    ----------
    by : the weak label; ``preference_support`` is the shopper's part. score : of the row.
    place : the score's rank among those of the log, 0 to 1. adds : to the weight.
    """

    by: str
    score: float
    place: float
    adds: float


@dataclass(frozen=True)
class WeightExplanation:
    """Why a row has its weight: 1 + what the parts add + ``cut`` = ``weight``.

    Attributes
    ----------
    sample_id : of the row; weight : in training. parts : one for each weak label that the recipe weighs by.
    cut : what is added or taken where the sum of the parts is below the least or above the largest weight; mostly 0.

    Examples
    --------
    >>> import sie_agent as sie
    >>> recipe = sie.Recipe(by="support", strength=0.5, chosen="given", quantiles={"support": (0.0, 1.0)})
    >>> (explained,) = sie.explain_weights("runs/scorer", sie.load_samples("sample", limit=1), recipe)
    >>> [part.by for part in explained.parts], -0.5 <= explained.parts[0].adds <= 0.5
    (['support'], True)
    """

    sample_id: str
    weight: float
    parts: tuple[WeightPart, ...]
    cut: float

    def __repr__(self) -> str:
        return shown(self, id=self.sample_id, weight=self.weight, parts={one.by: one.adds for one in self.parts})


def explain_weights(
    scorer: Scorer | str | Path, samples: pd.DataFrame, recipe: Recipe | None = None
) -> list[WeightExplanation]:
    """Say of each row what the parts of the recipe add to its weight.

    Two rows that differ in the shopper alone have the same parts but for those of weak labels that read the shopper:
    ``preference_support``, and whatever else the scorer distilled from behaviour. Why a part is what it is,
    :func:`explain_rows` says of its score, with ``by`` the part's.

    Parameters
    ----------
    scorer : a scorer, or the folder of one. samples : a table of samples.
    recipe : in place of the scorer's own, with quantiles of what it reads (:func:`sie_agent.scorer.with_recipe`).

    Returns
    -------
    An explanation per row, in their order.

    Raises
    ------
    InputError : the scorer has no recipe.

    Examples
    --------
    >>> import sie_agent as sie
    >>> explained = sie.explain_weights("runs/scorer", sie.load_samples("sample", limit=2))
    >>> [one.weight for one in explained]
    [1.0, 1.0]
    """
    check_samples(samples)
    loaded = scorer if isinstance(scorer, Scorer) else load_scorer(scorer)
    chosen = recipe or loaded.recipe
    if chosen is None:
        raise InputError("the scorer has no recipe", where="scorer", hint="Distill it again, or give a recipe.")
    table = loaded.predict(samples)
    scores = {name: table[name].to_numpy(np.float64) for name in chosen.reads}
    parts, weights = chosen.parts(scores), chosen.weights(scores, len(table))
    places = {name: chosen.ranks(name, scores[name]) for name in parts}
    return [
        WeightExplanation(
            sample_id=str(name),
            weight=float(weights[row]),
            parts=tuple(
                WeightPart(by, float(scores[by][row]), float(places[by][row]), float(adds[row]))
                for by, adds in parts.items()
            ),
            cut=float(weights[row] - 1 - sum(adds[row] for adds in parts.values())),
        )
        for row, name in enumerate(table["sample_id"])
    ]
