"""Weights and blended labels of a scores table in memory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.selection.given import mean_of, quantiles_of, recipe_for
from sie_agent.selection.recipe import Recipe, check_recipe
from sie_agent.selection.select import check_column
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say

Doubles = npt.NDArray[np.float64]

SCORES_MEND = "Give the table of Scorer.predict, or a scores.parquet that `sie score` wrote."
# rows that a message names
TOLD = 5
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
    scores : table that ``sie score`` wrote, or :meth:`Scorer.predict` made, with ``label``: what the log says, NaN
        where it says nothing. Only a recipe whose target is the judge's alone (a blend of 1) does without.
    recipe : how scores become weights and labels, such as ``scorer.recipe``.
    by, strength, blend : in place of the recipe's: the weak label that weights are made of (``none``: every weight is
        1), how far weights spread around 1, and the judge's share of the label.
    where : name of the table, for messages.

    Returns
    -------
    Weights from 0 to 2, 1 for a row without a score; blended labels from 0 to 1, NaN where neither the log nor the
    scorer says anything. With the index of *scores*. One line on standard error says which rows have no label.

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
    check_given(scores, recipe, where)
    chosen = recipe_for(Frame(scores, where), recipe, by, strength, blend, where)
    read = {name: check_column(scores, name, where) for name in chosen.reads}
    if chosen.blend < 1:
        check_labels(scores, where, "empty" if chosen.blend == 0 else "the judge's alone")
    return pd.DataFrame(
        {
            "sample_id": scores["sample_id"],
            WEIGHT: chosen.weights(read, len(scores)),
            BLENDED: chosen.targets(read, log_labels(scores)),
        }
    )


def check_given(scores: pd.DataFrame, recipe: Recipe | None, where: str | None) -> None:
    """The table has ids, and a recipe that a caller made is one that can be weighed by.

    Raises
    ------
    InputError : it is not so.
    """
    if recipe is not None:
        check_recipe(recipe)
    if "sample_id" not in scores.columns:
        problem = f"no column 'sample_id'. There are: {', '.join(map(str, scores.columns)) or 'none'}"
        raise InputError(problem, where=where or "scores", hint=SCORES_MEND)


def check_labels(scores: pd.DataFrame, where: str | None, meant: str) -> None:
    """The log's labels are there; a line says which rows have none, and what their blended label then is (*meant*).

    Raises
    ------
    InputError : there is no such column.
    """
    if "label" not in scores.columns:
        raise InputError(
            "no column 'label', and blended_label is made of what the log says",
            where=where or "scores",
            hint="Add it: scores.assign(label=samples['label']); the rows of both have to be the same, in index too.",
        )
    missing = np.flatnonzero(np.isnan(log_labels(scores)))
    if len(missing):
        first = ", ".join(str(scores.index[row]) for row in missing[:TOLD])
        say(
            f"{len(missing):,} of {counted(len(scores), 'row')} have no label (by index: {first}"
            f"{' …' if len(missing) > TOLD else ''}), and so their blended_label is {meant}. If the log has their "
            "labels, the index of `label` is not that of the scores"
        )


@dataclass(frozen=True)
class Frame:
    """A table of scores in memory, as :func:`sie_agent.selection.given.recipe_for` asks it; where : its name."""

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
