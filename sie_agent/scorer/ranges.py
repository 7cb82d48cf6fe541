"""Older scorers, whose scores may leave the range of their weak label: moved into it as they are read."""

from __future__ import annotations

from collections.abc import Mapping
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
    found = {**config, "score_quantiles": moved(config["score_quantiles"], before, after)}
    recipe = config.get("recipe")
    if isinstance(recipe, dict) and isinstance(recipe.get("quantiles"), dict):
        found["recipe"] = {**recipe, "quantiles": moved(recipe["quantiles"], before, after)}
    return found


def moved(quantiles: Mapping[str, Any], before: Mapping[str, Student], after: Mapping[str, Student]) -> dict[str, Any]:
    """Quantiles by weak label, those of students that changed moved to the scores of the same ranks.

    The scores of the two students are straight lines of each other. What is not a list of numbers stays as it is.
    """
    found = dict(quantiles)
    for name, values in quantiles.items():
        changed = name in before and not np.array_equal(before[name].quantiles, after[name].quantiles)
        if changed and isinstance(values, list | tuple) and all(type(one) in (int, float) for one in values):
            old, new = before[name].knots, after[name].knots
            start, first, slope = float(old[0]), float(new[0]), float(np.ptp(new) / np.ptp(old))
            found[name] = [first + (value - start) * slope for value in values]
    return found
