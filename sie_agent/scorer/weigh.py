"""Weights and blended labels of a scores table in memory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.scorer.given import mean_of, quantiles_of, recipe_for
from sie_agent.scorer.recipe import Recipe
from sie_agent.scorer.select import check_column

Doubles = npt.NDArray[np.float64]

WEIGHT, BLENDED = "weight", "blended_label"


def weigh_rows(
    scores: pd.DataFrame,
    recipe: Recipe | None = None,
    *,
    by: str | None = None,
    strength: float | None = None,
    blend: float | None = None,
    where: str | None = None,
) -> pd.DataFrame:
    """``sample_id, weight, blended_label`` of each row: what ``sie weights`` writes.

    Parameters
    ----------
    scores : table that ``sie score`` wrote, or :meth:`Scorer.predict` made, with ``label`` (what the log says) where
        it is known.
    recipe : how scores become weights and labels, such as ``scorer.recipe``.
    by, strength, blend : in place of the recipe's: the weak label that weights are made of (``none``: every weight is
        1), how far weights spread around 1, and the judge's share of the label.
    where : name of the table, for messages.

    Returns
    -------
    Weights from 0 to 2, 1 for a row without a score; blended labels from 0 to 1, NaN where neither the log nor the
    scorer says anything.

    Raises
    ------
    InputError : there is neither a recipe nor a label to weigh by, a part is out of range, a column is missing or
        holds no score.

    Examples
    --------
    >>> import pandas
    >>> import sie_agent as sie
    >>> scores = pandas.read_parquet("runs/scores.parquet")
    >>> columns = sie.weigh_rows(scores, sie.load_scorer("runs/scorer").recipe, by="value", strength=0.5)
    >>> columns.columns.tolist()
    ['sample_id', 'weight', 'blended_label']
    """
    chosen = recipe_for(Frame(scores, where), recipe, by, strength, blend, where)
    read = {name: check_column(scores, name, where) for name in chosen.reads}
    return pd.DataFrame(
        {
            "sample_id": scores["sample_id"],
            WEIGHT: chosen.weights(read, len(scores)),
            BLENDED: chosen.targets(read, log_labels(scores)),
        }
    )


@dataclass(frozen=True)
class Frame:
    """A table of scores in memory, as :func:`sie_agent.scorer.given.recipe_for` asks it; where : its name."""

    scores: pd.DataFrame
    where: str | None

    @property
    def names(self) -> Collection[str]:
        """The columns."""
        return list(self.scores.columns)

    def quantiles(self, name: str) -> tuple[float, ...]:
        """Exact quantiles of a column."""
        column = check_column(self.scores, name, self.where)
        # no negative zero, which an order on disk would not know either
        ordered = np.sort(column[~np.isnan(column)] + 0.0)
        return quantiles_of(len(ordered), lambda places: ordered[places])

    def mean_label(self) -> float:
        """Mean of the labels that are known."""
        return mean_of([log_labels(self.scores)])


def log_labels(scores: pd.DataFrame) -> Doubles:
    """What the log says of each row, (n,), NaN where it says nothing."""
    return scores["label"].to_numpy(np.float64) if "label" in scores.columns else np.full(len(scores), np.nan)
