"""From scores to what a trainer takes: rows to keep, or weights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from sie_agent.errors import InputError

Doubles = npt.NDArray[np.float64]

HIGHER_IS_KEPT = {"value": True, "support": True, "hardness": False}


def check_column(scores: pd.DataFrame, by: str, where: str | None = None) -> Doubles:
    """The column *by* of a scores table.

    Raises
    ------
    InputError : unknown name, absent column, or nothing in it.
    """
    if by not in HIGHER_IS_KEPT:
        raise InputError(f"cannot select by '{by}'", mend=f"Choose one of {', '.join(HIGHER_IS_KEPT)}.")
    if by not in scores.columns:
        raise InputError(f"no column '{by}'", where=where, mend="Give a scores.parquet that `sie score` wrote.")
    column = scores[by].to_numpy(np.float64)
    if np.isnan(column).all():
        raise InputError(f"column '{by}' holds no score", where=where, mend="Was this weak label distilled?")
    return column


def keep_mask(score: Doubles, keep: float, *, higher: bool = True) -> npt.NDArray[np.bool_]:
    """True for the share *keep* of rows with the highest score (or the lowest); ties by order, NaN in the middle.

    Parameters
    ----------
    score : (n,); keep : share in (0, 1].

    Raises
    ------
    InputError : *keep* is not in (0, 1].
    """
    if not 0 < keep <= 1:
        raise InputError(f"share to keep is {keep}", mend="It must be above 0 and at most 1.")
    ordered = score if higher else -score
    middle = np.nanmedian(ordered) if not np.isnan(ordered).all() else 0.0
    order = np.argsort(-np.where(np.isnan(ordered), middle, ordered), kind="stable")
    mask = np.zeros(len(score), dtype=bool)
    mask[order[: max(1, round(keep * len(score)))]] = True
    return mask


def weights_from(score: Doubles, strength: float = 1.0, *, higher: bool = True) -> Doubles:
    """w = clip(1 + a · (rank - 0.5) · 2, 0, 2) with mean 1, (n,); rows without a score get weight 1.

    Parameters
    ----------
    score : (n,); strength : a of the formula, at least 0; higher : whether high scores get more weight.

    Raises
    ------
    InputError : *strength* is negative.
    """
    if strength < 0:
        raise InputError(f"strength is {strength}", mend="It must be 0 or more.")
    known = ~np.isnan(score)
    weights = np.ones(len(score))
    if known.any():
        ranks = (rankdata(score[known] if higher else -score[known]) - 0.5) / known.sum()
        weights[known] = np.clip(1 + strength * (ranks - 0.5) * 2, 0, 2)
    return np.asarray(weights / weights.mean())


def select_rows(scores: pd.DataFrame, keep: float, by: str, where: str | None = None) -> pd.DataFrame:
    """The rows of a scores table that are kept, in their order."""
    column = check_column(scores, by, where)
    return scores[keep_mask(column, keep, higher=HIGHER_IS_KEPT[by])].reset_index(drop=True)


def weigh_rows(scores: pd.DataFrame, by: str, strength: float = 1.0, where: str | None = None) -> pd.DataFrame:
    """``sample_id`` and ``weight`` for each row of a scores table."""
    column = check_column(scores, by, where)
    weights = weights_from(column, strength, higher=HIGHER_IS_KEPT[by])
    return pd.DataFrame({"sample_id": scores["sample_id"], "weight": weights})
