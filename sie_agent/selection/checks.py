"""Checks of scores tables and of what is asked for, shared by selecting and weighing."""

from __future__ import annotations

from collections.abc import Collection
from numbers import Real
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.labels import label_named, label_names
from sie_agent.samples import BY_SCORE, made_by_words, table_columns

HINT = "Give a scores.parquet that `sie score` wrote."


def check_name(by: str, names: Collection[str], where: str | None = None) -> None:
    """Raise InputError where *by* is not a weak label, or not among the columns *names*."""
    label_named(by, "--by")
    if by in names:
        return
    there = label_names(names)
    if label_named(by).aspect == "preference":
        hint = "Judge it (`sie label --variant preference/NAME`), then distill and score the log anew."
        raise InputError(f"no column '{by}': the scorer knows nothing of shoppers", where=where, hint=hint)
    if not there:
        made = "" if where is None else made_by_words(Path(where))
        raise InputError(f"{made}no column '{by}'", where=where, hint=HINT)
    raise InputError(
        f"no column '{by}'; the weak labels there are: {', '.join(there)}",
        where=where,
        hint=f"Give --by {there[0]}.",
    )


def check_scores_file(path: Path) -> None:
    """Make sure that a file holds scores, before anything else is looked at.

    Raises
    ------
    InputError : it is not a Parquet file, or holds no score; says which verb wrote it.
    """
    names, _ = table_columns(path, required=("sample_id",), writer=BY_SCORE)
    if not label_names(names):
        problem = (
            f"{made_by_words(path)}no column of scores ({', '.join(label_names())}); there are: {', '.join(names)}"
        )
        raise InputError(problem, where=path, hint=HINT)


def check_column(scores: pd.DataFrame, by: str, where: str | None = None) -> npt.NDArray[np.float64]:
    """The column *by* of a scores table.

    Raises
    ------
    InputError : unknown name, absent column, or nothing in it.
    """
    check_name(by, scores.columns, where)
    column = scores[by].to_numpy(np.float64)
    if np.isnan(column).all():
        raise no_score(by, where)
    return column


def no_score(by: str, where: str | None) -> InputError:
    """No row has this score."""
    return InputError(f"column '{by}' holds no score", where=where, hint="Was this weak label distilled?")


def check_strength(strength: float) -> None:
    """Raise InputError where *strength* is negative, infinite or no number."""
    if not isinstance(strength, Real) or not 0 <= strength < np.inf:
        raise InputError(f"strength is {strength}", where="--strength", hint="It must be a number, 0 or more.")
