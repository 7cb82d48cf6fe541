"""The recipe that a scores table is weighed by: its own, or one with parts that the user gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sie_agent.errors import InputError
from sie_agent.selection.checks import check_name, check_strength, no_score
from sie_agent.selection.connections import database, inserter, stream
from sie_agent.selection.defaults import AUTO, usual_label
from sie_agent.selection.ranks import QUANTILES
from sie_agent.selection.recipe import LEVEL, Recipe
from sie_agent.utils.arrays import Doubles

NONE = "none"
SCORES = pa.schema([("score", pa.float64())])
# where somebody asks for weights and names no strength
MILD = 0.5


class ScoreColumns(Protocol):
    """What :func:`recipe_for` needs to know of a table: see :class:`ScoresTable`."""

    @property
    def names(self) -> Collection[str]: ...

    def quantiles(self, name: str) -> tuple[float, ...]: ...

    def mean_label(self) -> float: ...


@dataclass(frozen=True)
class ScoresTable:
    """A table of scores, in memory or in a file, as :func:`recipe_for` reads it.

    Attributes
    ----------
    names : the columns. pieces : the numbers of a column, (n,) each, NaN where there is none.
    where : name of the table, for messages. target : of a file, the result beside which its rows are ordered.
    """

    names: Collection[str]
    pieces: Callable[[str], Iterable[Doubles]]
    where: str | None = None
    target: Path | None = None

    def quantiles(self, name: str) -> tuple[float, ...]:
        """Exact quantiles of a column, 101 at even distances, by interpolation between neighbours.

        Raises
        ------
        InputError : it holds no score. EnvironmentFailure : the disk is full.
        """
        count = 0
        with database(self.target) as connection:
            insert = inserter(connection, "scored", SCORES)
            for piece in self.pieces(name):
                # no negative zero, whose place among zeros would depend on the sort
                known = piece[~np.isnan(piece)] + 0.0
                insert(pa.table([known], schema=SCORES))
                count += len(known)
            if not count:
                raise no_score(name, self.where)
            place = np.linspace(0, 1, QUANTILES) * (count - 1)
            below = np.floor(place).astype(np.int64)
            above = np.minimum(below + 1, count - 1)
            needed, back = np.unique(np.concatenate([below, above]), return_inverse=True)
            found = picked(stream(connection, "SELECT score FROM scored ORDER BY score"), needed)
        low, high = np.split(found[back.ravel()], 2)
        # interpolated numbers may fall by a rounding error, and quantiles must not
        return tuple(np.maximum.accumulate(low + (place - below) * (high - low)).tolist())

    def mean_label(self) -> float:
        """Mean of the labels that are known, the same however the table is cut into pieces.

        `LEVEL` where no label is known: then none is scaled by it.
        """
        count = 0

        def known() -> Iterable[float]:
            nonlocal count
            for piece in self.pieces("label") if "label" in self.names else ():
                there = piece[~np.isnan(piece)]
                count += len(there)
                yield from there.tolist()

        total = math.fsum(known())
        return min(max(total / count, 0.0), 1.0) if count else LEVEL


def picked(ordered: Iterable[pa.Table], places: npt.NDArray[np.int64]) -> Doubles:
    """The values at some *places*, which rise, of a column that comes in batches."""
    found, start = [], 0
    for batch in ordered:
        inside = places[(places >= start) & (places < start + len(batch))]
        found.append(batch.column(0).to_numpy()[inside - start])
        start += len(batch)
    return np.concatenate(found)


def recipe_for(
    table: ScoreColumns,
    recipe: Recipe | None,
    by: str | None,
    strength: float | None,
    blend: float | None,
    where: str | None,
    preference: float | None = None,
) -> Recipe:
    """The recipe to weigh a table by, with quantiles of all that it reads.

    Parameters
    ----------
    recipe : the table's own. by, strength, blend, preference : what the user puts in place of its parts; None or
        ``auto`` leaves a part. With any of them the recipe is ``given``: ranks are then taken in the quantiles of
        *recipe*, and for labels that it has none of, in those of the table's own column.

    Raises
    ------
    InputError : there is no recipe, a part is out of range, or a column is missing.
    """
    by = None if by == AUTO else by
    if recipe is None and by is None and preference is None:
        raise InputError(
            "no recipe came with these scores",
            where=where,
            hint="Distill and score the log anew, or say what to weigh by: --by value, or --by none and --blend 0.6 "
            "(in Python also recipe=scorer.recipe).",
        )
    if strength is not None:
        check_strength(strength)
    if blend is not None and not 0 <= blend <= 1:
        raise InputError(f"blend is {blend}", where="--blend", hint="It must be from 0 to 1.")
    if preference is not None and not 0 <= preference <= 1:
        raise InputError(f"preference is {preference}", where="--preference", hint="It must be from 0 to 1.")
    if by == NONE and strength:
        raise InputError("a strength without weights", where="--strength", hint="Leave it out, or give another --by.")
    if by is not None and by != NONE:
        check_name(by, table.names, where)
    chosen = recipe or Recipe(mean_label=table.mean_label())
    if recipe is None or (by, strength, blend, preference) != (None, None, None, None):
        weighed = by or chosen.by or (usual_label(table.names) if strength else None)
        power = (chosen.strength or (MILD if by else 0.0)) if strength is None else strength
        chosen = replace(
            chosen,
            by=None if weighed == NONE else weighed,
            strength=0.0 if weighed == NONE else power,
            blend=chosen.blend if blend is None else blend,
            preference=chosen.preference if preference is None else preference,
            chosen="given",
            why="as the user gave it",
        )
    for name in chosen.reads:
        check_name(name, table.names, where)
    missing = {name: table.quantiles(name) for name in chosen.reads if name not in chosen.quantiles}
    return replace(chosen, quantiles={**chosen.quantiles, **missing}) if missing else chosen
