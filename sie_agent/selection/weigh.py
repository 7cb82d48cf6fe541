"""Weights and blended labels of a scores table in memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from sie_agent.errors import InputError
from sie_agent.selection.checks import check_column, check_strength
from sie_agent.selection.recipe import Recipe, check_recipe, weights_of
from sie_agent.selection.recipe_choice import ScoresTable, recipe_for
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say

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
    preference: float | None = None,
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
    preference : in place of the recipe's: how far the weight is moved by whether the row's shopper backs its label.
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
    if recipe is not None:
        check_recipe(recipe)
    if "sample_id" not in scores.columns:
        raise InputError(
            f"no column 'sample_id'. There are: {', '.join(map(str, scores.columns)) or 'none'}",
            where=where or "scores",
            hint="Give the table of Scorer.predict, or a scores.parquet that `sie score` wrote.",
        )
    chosen = recipe_for(table_in_memory(scores, where), recipe, by, strength, blend, where, preference)
    read = {name: check_column(scores, name, where) for name in chosen.reads}
    if chosen.blend < 1:
        check_labels(scores, where, "empty" if chosen.blend == 0 else "the judge's alone")
    label = scores["label"].to_numpy(np.float64) if "label" in scores.columns else np.full(len(scores), np.nan)
    columns = {WEIGHT: chosen.weights(read, len(scores)), BLENDED: chosen.targets(read, label)}
    return pd.DataFrame({"sample_id": scores["sample_id"], **columns})


def table_in_memory(scores: pd.DataFrame, where: str | None = None) -> ScoresTable:
    """A scores table in memory; *where* is its name, for messages."""
    return ScoresTable(list(scores.columns), lambda name: [scores[name].to_numpy(np.float64)], where)


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
    missing = np.flatnonzero(np.isnan(scores["label"].to_numpy(np.float64)))
    if len(missing):
        first = ", ".join(str(scores.index[row]) for row in missing[:TOLD])
        say(
            f"{len(missing):,} of {counted(len(scores), 'row')} have no label (by index: {first}"
            f"{' …' if len(missing) > TOLD else ''}), and so their blended_label is {meant}. If the log has their "
            "labels, the index of `label` is not that of the scores"
        )


def weights_from(score: Doubles, strength: float = 1.0, *, higher: bool = True) -> Doubles:
    """w = clip(1 + a · (rank - 0.5) · 2, 0, 2) with mean 1, (n,); rows without a score get weight 1.

    Parameters
    ----------
    score : (n,); strength : a of the formula, at least 0; higher : whether high scores get more weight.

    Raises
    ------
    InputError : *strength* is negative or infinite.
    """
    check_strength(strength)
    known = ~np.isnan(score)
    weights = np.ones(len(score))
    if known.any():
        ranks = (rankdata(score[known] if higher else -score[known]) - 0.5) / known.sum()
        weights[known] = weights_of(ranks, strength, higher=True)
    return np.asarray(weights / weights.mean())
