"""The recipe that a scores table is weighed by: its own, or one with parts that the user gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sie_agent.errors import InputError
from sie_agent.selection.checks import check_name, check_strength
from sie_agent.selection.defaults import AUTO, usual_label
from sie_agent.selection.ranks import QUANTILES
from sie_agent.selection.recipe import LEVEL, Recipe

Doubles = npt.NDArray[np.float64]

NONE = "none"
# where somebody asks for weights and names no strength
MILD = 0.5


class ScoreColumns(Protocol):
    """What a recipe needs to know of a scores table, in memory or in a file."""

    @property
    def names(self) -> Collection[str]:
        """The columns."""
        ...

    def quantiles(self, name: str) -> tuple[float, ...]:
        """Exact quantiles of a column, see :func:`quantiles_of`."""
        ...

    def mean_label(self) -> float:
        """See :func:`mean_of`."""
        ...


def recipe_for(
    table: ScoreColumns,
    recipe: Recipe | None,
    by: str | None,
    strength: float | None,
    blend: float | None,
    where: str | None,
) -> Recipe:
    """The recipe to weigh a table by, with quantiles of all that it reads.

    Parameters
    ----------
    recipe : the table's own. by, strength, blend : what the user puts in place of its parts; None or ``auto`` leaves
        a part. With any of them the recipe is ``given``: ranks are then taken in the quantiles of *recipe*, and for
        labels that it has none of, in those of the table's own column.

    Raises
    ------
    InputError : there is no recipe, a part is out of range, or a column is missing.
    """
    asked = None if by == AUTO else by
    if recipe is None and asked is None:
        raise InputError(
            "no recipe came with these scores",
            where=where,
            hint="Distill and score the log anew, or say what to weigh by: --by value, or --by none and --blend 0.6 "
            "(in Python also recipe=scorer.recipe).",
        )
    chosen = recipe
    if chosen is None or asked is not None or strength is not None or blend is not None:
        chosen = given_recipe(table, recipe, asked, strength, blend, where)
    for name in chosen.reads:
        check_name(name, table.names, where)
    missing = {name: table.quantiles(name) for name in chosen.reads if name not in chosen.quantiles}
    return replace(chosen, quantiles={**chosen.quantiles, **missing}) if missing else chosen


def given_recipe(
    table: ScoreColumns,
    recipe: Recipe | None,
    by: str | None,
    strength: float | None,
    blend: float | None,
    where: str | None,
) -> Recipe:
    """The parts that the user gives, and for the others those of *recipe*."""
    own = recipe or Recipe()
    if strength is not None:
        check_strength(strength)
    if blend is not None and not 0 <= blend <= 1:
        raise InputError(f"blend is {blend}", where="--blend", hint="It must be from 0 to 1.")
    if by == NONE and strength:
        raise InputError("a strength without weights", where="--strength", hint="Leave it out, or give another --by.")
    if by not in (None, NONE):
        check_name(str(by), table.names, where)
    weighed = by or own.by or (usual_label(table.names) if strength else None)
    power = (own.strength or (MILD if by else 0.0)) if strength is None else strength
    return replace(
        own,
        by=None if weighed == NONE else weighed,
        strength=0.0 if weighed == NONE else power,
        blend=own.blend if blend is None else blend,
        mean_label=table.mean_label() if recipe is None else own.mean_label,
        chosen="given",
        why="as the user gave it",
    )


def quantiles_of(count: int, at: Callable[[npt.NDArray[np.int64]], Doubles]) -> tuple[float, ...]:
    """101 evenly spaced quantiles of *count* sorted numbers, by interpolation between neighbours.

    Parameters
    ----------
    at : gives the numbers at places in the order, which rise.
    """
    place = np.linspace(0, 1, QUANTILES) * (count - 1)
    below = np.floor(place).astype(np.int64)
    above = np.minimum(below + 1, count - 1)
    needed, back = np.unique(np.concatenate([below, above]), return_inverse=True)
    low, high = np.split(at(needed)[back.ravel()], 2)
    # interpolated numbers may fall by a rounding error, and quantiles must not
    return tuple(np.maximum.accumulate(low + (place - below) * (high - low)).tolist())


def mean_of(labels: Iterable[Doubles]) -> float:
    """Mean of labels that come in pieces, without those that are not known; the same however they are cut.

    `LEVEL` where no label is known: then none is scaled by it.
    """
    count = 0

    def known() -> Iterable[float]:
        nonlocal count
        for piece in labels:
            there = piece[~np.isnan(piece)]
            count += len(there)
            yield from there.tolist()

    total = math.fsum(known())
    return min(max(total / count, 0.0), 1.0) if count else LEVEL
