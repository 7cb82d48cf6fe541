"""Older scorers, whose scores may leave the range of their weak label: moved into it as they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sie_agent.labels import WEAK_LABELS
from sie_agent.scorer.student import Student, room_for_order


def kept_in_range(students: Mapping[str, Student]) -> dict[str, Student]:
    """The students with quantiles that keep their scores in the range of the weak label, and in their order."""
    found = {}
    for name, student in students.items():
        # a label that is not known here has no range
        ends = WEAK_LABELS[name].ends if name in WEAK_LABELS else None
        found[name] = replace(student, quantiles=room_for_order(student.quantiles, ends), ends=ends)
    return found


def moved_config(
    config: Mapping[str, Any], before: Mapping[str, Student], after: Mapping[str, Student]
) -> dict[str, Any]:
    """A configuration whose quantiles of scores lie where the scores lie now, so that every row keeps its rank."""
    moves = {
        name: mover(before[name], after[name])
        for name in before
        if not np.array_equal(before[name].quantiles, after[name].quantiles)
    }
    found = {**config, "score_quantiles": moved(config["score_quantiles"], moves)}
    recipe = config.get("recipe")
    if isinstance(recipe, dict) and isinstance(recipe.get("quantiles"), dict):
        found["recipe"] = {**recipe, "quantiles": moved(recipe["quantiles"], moves)}
    return found


def mover(before: Student, after: Student) -> Callable[[float], float]:
    """From a score of a student to that of the same rank of the other; both are straight lines of each other."""
    start, old, new = before.knots[0], np.ptp(before.knots), np.ptp(after.knots)
    slope, first = float(new / old), float(after.knots[0])
    return lambda score: first + (score - float(start)) * slope


def moved(
    quantiles: Mapping[str, Sequence[float]], moves: Mapping[str, Callable[[float], float]]
) -> dict[str, Sequence[float]]:
    """Quantiles by weak label, moved for the labels in *moves*."""
    return {
        name: [moves[name](value) for value in values]
        if name in moves and isinstance(values, list | tuple) and all(type(one) in (int, float) for one in values)
        else values
        for name, values in quantiles.items()
    }
