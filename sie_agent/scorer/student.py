"""The student: gradient-boosted trees from text features and the log's label to one weak label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Doubles = npt.NDArray[np.float64]

QUANTILES = 101
# how far, in units of the label's range, predictions spread where the label has ties, and outside its range
BEYOND = 1e-3


@dataclass(frozen=True)
class StudentSettings:
    """How the trees are grown (LightGBM's names, spelled out).

    Attributes
    ----------
    trees, leaves, learning_rate : number of trees, leaves of each, and step.
    rows_per_leaf : fewest rows in a leaf.
    feature_share : share of the features tried by each tree.
    """

    trees: int = 150
    leaves: int = 15
    learning_rate: float = 0.08
    rows_per_leaf: int = 20
    feature_share: float = 0.5


# `value` is nearly a function of all that the student reads, and a tree that sees half of it learns it less well. More
# leaves or larger steps learn the label a little better still, and what it is meant for less well (eval/EXPERIMENTS.md)
OWN_SETTINGS = {"value": StudentSettings(learning_rate=0.12, feature_share=1.0)}


def settings_of(label: str, **chosen: Any) -> StudentSettings:
    """Settings of a weak label's student: its defaults, but for what is *chosen*, by name, and not None."""
    wanted = {name: value for name, value in chosen.items() if value is not None}
    return replace(OWN_SETTINGS.get(label, StudentSettings()), **wanted)


@dataclass(frozen=True)
class Student:
    """A fitted student of one weak label.

    Attributes
    ----------
    booster : LightGBM booster that predicts the label's rank in (0, 1).
    quantiles : (101,) quantiles of the label it learned: they bring ranks back to the label's unit and sign.
    """

    booster: Any
    quantiles: Doubles

    def predict(self, inputs: npt.NDArray[np.floating]) -> Doubles:
        """Predicted weak label of each row, (n,), in the unit of the label."""
        return spread(np.asarray(self.booster.predict(inputs, num_threads=0), np.float64), self.quantiles)


def spread(ranks: Doubles, quantiles: Doubles) -> Doubles:
    """Predicted ranks on the quantiles of the label; strictly rising, also outside the range that was seen.

    Plain interpolation would be flat where the label has ties, and ties would lose the order of the predictions.
    """
    inside = np.interp(ranks, np.linspace(0, 1, len(quantiles)), quantiles)
    return np.asarray(inside + BEYOND * unit_of(quantiles) * (ranks - 0.5))


def unit_of(quantiles: Doubles) -> float:
    """The range of a label, 1 where it has none."""
    return float(quantiles[-1] - quantiles[0]) or 1.0


def fit_student(inputs: npt.NDArray[np.floating], label: Doubles, settings: StudentSettings, seed: int) -> Student:
    """Fit the trees on the ranks of a weak label; rows without one (NaN) are left out.

    Parameters
    ----------
    inputs : (n, d) from :func:`sie_agent.scorer.student_inputs`; label : (n,).

    Raises
    ------
    ValueError : fewer than two rows have the label.
    """
    import lightgbm

    known = ~np.isnan(label)
    if known.sum() < 2:
        raise ValueError("fewer than two rows have the label")
    ranks = (rankdata(label[known]) - 0.5) / known.sum()
    rows_per_leaf = max(1, min(settings.rows_per_leaf, int(known.sum()) // 10))
    parameters = {
        "objective": "regression",
        "num_leaves": settings.leaves,
        "learning_rate": settings.learning_rate,
        "min_data_in_leaf": rows_per_leaf,
        "feature_fraction": settings.feature_share,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
    data = lightgbm.Dataset(inputs[known], ranks, params={"verbose": -1})
    booster = lightgbm.train(parameters, data, settings.trees)
    return Student(booster, np.quantile(label[known], np.linspace(0, 1, QUANTILES)))
