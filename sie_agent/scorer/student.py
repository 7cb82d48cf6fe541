"""The student: gradient-boosted trees from text features and the log's label to one weak label."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from sie_agent.labels import StudentSettings
from sie_agent.scorer.explanation.contributions import contributions
from sie_agent.scorer.kept_trees import KeptTrees
from sie_agent.scorer.trees import Cover, Trees, trees_of_text
from sie_agent.selection import QUANTILES
from sie_agent.utils.arrays import Doubles

# how far, in units of the label's range, predictions spread where the label has ties, and outside its range
BEYOND = 1e-3
NEXT_TO_NONE = 1e-6
# trees predict ranks a little outside 0 to 1: up to here, none of them is cut off at the end of the label's range
RANKS = (-0.5, 1.5)
Ends = tuple[float, float]


@dataclass(frozen=True)
class Student:
    """A fitted student of one weak label.

    Attributes
    ----------
    booster : LightGBM booster that predicts the label's rank in (0, 1); :class:`sie_agent.scorer.kept_trees.KeptTrees`
        where the scorer was read from a file.
    quantiles : (101,) quantiles of the label it learned: they bring ranks back to the label's unit and sign.
    ends : the label's range, which no score leaves; None where it has none.
    """

    booster: Any
    quantiles: Doubles
    ends: Ends | None = None

    def predict(self, inputs: npt.NDArray[np.floating]) -> Doubles:
        """Predicted weak label of each row, (n,), in the unit of the label."""
        return self.scores_at(self.ranks(inputs))

    def scores_at(self, ranks: Doubles) -> Doubles:
        """Scores at predicted ranks, (n,), in the unit and the range of the label."""
        return in_range(spread(ranks, self.quantiles), self.ends)

    def ranks(self, inputs: npt.NDArray[np.floating]) -> Doubles:
        """Predicted rank of each row among the rows that it learned from, (n,), about (0, 1)."""
        # one thread, here as in `fit_student`: sums of several differ in the last bits
        return np.asarray(self.booster.predict(inputs, num_threads=1), np.float64)

    @cached_property
    def trees(self) -> Trees:
        """The trees as arrays."""
        return self.booster.trees if isinstance(self.booster, KeptTrees) else self.covered[0]

    @cached_property
    def covered(self) -> tuple[Trees, Cover]:
        """The trees, and how many rows they were fitted to.

        Raises
        ------
        InputError : the scorer was read from a file that does not say how many rows the trees were fitted to.
        """
        if isinstance(self.booster, KeptTrees):
            return self.booster.covered
        return trees_of_text(self.booster.model_to_string(), self.booster.num_feature())

    def contributions(self, inputs: npt.NDArray[np.floating]) -> Doubles:
        """(n, d + 1): what each input adds to the predicted rank, and the mean last; see :func:`contributions`."""
        return contributions(*self.covered, inputs)

    @property
    def knots(self) -> Doubles:
        """(101,) scores at evenly spaced ranks from 0 to 1, strictly rising.

        `sie_agent.selection.ranks.ranks_in_quantiles` among them is the inverse of :func:`spread`, whose pieces are
        straight between them.
        """
        return spread(np.linspace(0, 1, len(self.quantiles)), self.quantiles)


def spread(ranks: Doubles, quantiles: Doubles) -> Doubles:
    """Predicted ranks on the quantiles of the label; strictly rising, also outside the range that was seen.

    Plain interpolation would be flat where the label has ties, and ties would lose the order of the predictions.
    """
    inside = np.interp(ranks, np.linspace(0, 1, len(quantiles)), quantiles)
    return np.asarray(inside + BEYOND * unit_of(quantiles) * (ranks - 0.5))


def in_range(scores: Doubles, ends: Ends | None) -> Doubles:
    """Scores cut off at the ends of the label's range; NaN stays."""
    return scores if ends is None else np.clip(scores, *ends)


def room_for_order(quantiles: Doubles, ends: Ends | None) -> Doubles:
    """Quantiles drawn in from the ends of the label's range, so that :func:`spread` stays within them.

    Cut off at the ends, the rows of a label's ties there, say of all that the judge gave 0, would lose their order.
    Quantiles that leave room already stay as they are, to the last bit.
    """
    if ends is None:
        return quantiles
    low, high = ends
    room = BEYOND * unit_of(quantiles) * (RANKS[1] - 0.5)
    # three quarters: quantiles that were drawn in leave all of the room, but for rounding
    if quantiles[0] - 0.75 * room >= low and quantiles[-1] + 0.75 * room <= high:
        return quantiles
    inside = np.clip(quantiles, low, high)
    return np.asarray(low + (inside - low + room) * (high - low) / (high - low + 2 * room))


def unit_of(quantiles: Doubles) -> float:
    """The range of a label; where it has hardly any, 1 or the label's size, so that steps do not vanish in doubles."""
    rise, size = float(quantiles[-1] - quantiles[0]), float(np.abs(quantiles).max())
    return rise if rise > NEXT_TO_NONE * size else max(1.0, size)


def fit_student(
    inputs: npt.NDArray[np.floating],
    label: Doubles,
    settings: StudentSettings,
    seed: int,
    *,
    reads_label: bool = True,
    ends: Ends | None = None,
) -> Student:
    """Fit the trees on the ranks of a weak label; rows without one (NaN) are left out.

    The same call gives the same trees to the last bit.

    Parameters
    ----------
    inputs : (n, d) from :func:`sie_agent.scorer.student_inputs`; label : (n,).
    reads_label : whether the trees may split on what the log says, the last column of *inputs*.
    ends : the label's range, where it has one: no score leaves it.

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
        "num_threads": 1,
        "verbose": -1,
    }
    seen = np.array(inputs[known])
    if not reads_label:
        # no tree can split on what it never saw, so that the score is the same whatever the log says
        seen[:, -1] = np.nan
    data = lightgbm.Dataset(seen, ranks, params={"verbose": -1, "num_threads": 1})
    booster = lightgbm.train(parameters, data, settings.trees)
    quantiles = np.quantile(label[known], np.linspace(0, 1, QUANTILES))
    return Student(booster, room_for_order(quantiles, ends), ends)
