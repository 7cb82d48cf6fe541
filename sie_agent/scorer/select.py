"""From scores to what a trainer takes: rows to keep, or weights."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from sie_agent.errors import InputError

Doubles = npt.NDArray[np.float64]

POSITIVE_AT = 0.5
HIGHER_IS_KEPT = {"value": True, "support": True, "hardness": False}


def check_name(by: str, names: Collection[str], where: str | None = None) -> None:
    """Raise InputError where *by* is no weak label, or not among the columns *names*."""
    if by not in HIGHER_IS_KEPT:
        raise InputError(f"cannot select by '{by}'", mend=f"Choose one of {', '.join(HIGHER_IS_KEPT)}.")
    if by in names:
        return
    there = [name for name in HIGHER_IS_KEPT if name in names]
    if not there:
        raise InputError(f"no column '{by}'", where=where, mend="Give a scores.parquet that `sie score` wrote.")
    raise InputError(
        f"no column '{by}'; the weak labels there are: {', '.join(there)}",
        where=where,
        mend=f"Give --by {there[0]}.",
    )


def check_column(scores: pd.DataFrame, by: str, where: str | None = None) -> Doubles:
    """The column *by* of a scores table.

    Raises
    ------
    InputError : unknown name, absent column, or nothing in it.
    """
    check_name(by, scores.columns, where)
    column = scores[by].to_numpy(np.float64)
    if np.isnan(column).all():
        raise InputError(f"column '{by}' holds no score", where=where, mend="Was this weak label distilled?")
    return column


def count_kept(keep: float, rows: int) -> int:
    """How many rows are the share *keep* of *rows*, at least one.

    Raises
    ------
    InputError : *keep* is not in (0, 1].
    """
    if not 0 < keep <= 1:
        raise InputError(f"share to keep is {keep}", mend="It must be above 0 and at most 1.")
    return max(1, round(keep * rows))


def keep_mask(score: Doubles, keep: float, *, higher: bool = True) -> npt.NDArray[np.bool_]:
    """True for the share *keep* of rows with the highest score (or the lowest); ties by order, NaN in the middle.

    Parameters
    ----------
    score : (n,); keep : share in (0, 1].

    Raises
    ------
    InputError : *keep* is not in (0, 1].
    """
    count = count_kept(keep, len(score))
    mask = np.zeros(len(score), dtype=bool)
    mask[kept_order(score, higher)[:count]] = True
    return mask


def kept_order(score: Doubles, higher: bool) -> npt.NDArray[np.intp]:
    """Rows in the order in which they are kept, (n,): by score, ties by their own order, NaN in the middle."""
    ordered = score if higher else -score
    middle = np.nanmedian(ordered) if not np.isnan(ordered).all() else 0.0
    return np.argsort(-np.where(np.isnan(ordered), middle, ordered), kind="stable")


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
        weights[known] = raw_weights(rankdata(score[known] if higher else -score[known]), int(known.sum()), strength)
    return np.asarray(weights / weights.mean())


def raw_weights(ranks: Doubles, count: int, strength: float) -> Doubles:
    """The formula of :func:`weights_from` before the mean is taken; *ranks* from 1 to *count*."""
    return np.asarray(np.clip(1 + strength * ((ranks - 0.5) / count - 0.5) * 2, 0, 2))


def check_strength(strength: float) -> None:
    """Raise InputError where *strength* is negative, infinite or no number."""
    if not 0 <= strength < np.inf:
        raise InputError(f"strength is {strength}", where="--strength", mend="It must be a number, 0 or more.")


def covering_mask(
    score: Doubles,
    keep: float,
    query: pd.Series[str],
    label: Doubles,
    *,
    higher: bool = True,
    positive_at: float = POSITIVE_AT,
) -> npt.NDArray[np.bool_]:
    """:func:`keep_mask`, except that the best positive row of every query is kept.

    As many rows are kept as by :func:`keep_mask`, unless there are more queries with a positive row than that.
    The best is the row that :func:`keep_mask` would keep first. Rows without a query count as none.

    Parameters
    ----------
    score, label : (n,); query : (n,), compared as it is written; keep : share in (0, 1].
    positive_at : the label from which on a row is positive.

    Raises
    ------
    InputError : *keep* is not in (0, 1], or *positive_at* is not in [0, 1].
    """
    check_positive_at(positive_at)
    count = count_kept(keep, len(score))
    order = kept_order(score, higher)
    positive = (label >= positive_at) & query.notna().to_numpy(dtype=bool)
    first = order[positive[order]]
    best = first[~query.iloc[first].duplicated().to_numpy(dtype=bool)]
    mask = np.zeros(len(score), dtype=bool)
    mask[best] = True
    others = order[~mask[order]]
    mask[others[: max(0, count - len(best))]] = True
    return mask


def check_positive_at(positive_at: float) -> None:
    """Raise InputError for a label that no row can have."""
    if not 0 <= positive_at <= 1:
        raise InputError(
            f"labels are positive from {positive_at} on", where="--positive-at", mend="It must be from 0 to 1."
        )


def select_rows(
    scores: pd.DataFrame,
    keep: float,
    by: str,
    where: str | None = None,
    *,
    coverage: bool = True,
    positive_at: float = POSITIVE_AT,
) -> pd.DataFrame:
    """The rows of a scores table that are kept, in their order.

    Parameters
    ----------
    scores : table that :meth:`Scorer.predict` made, or that ``sie score`` wrote.
    keep : share of the rows; by : ``value``, ``support`` or ``hardness``; where : name of the table, for messages.
    coverage : whether every query keeps its best positive row, where the table has ``query`` and ``label``.
    positive_at : the label from which on a row is positive.

    Raises
    ------
    InputError : the share, the column or *positive_at* is wrong.
    """
    column = check_column(scores, by, where)
    higher = HIGHER_IS_KEPT[by]
    if not coverage or not {"query", "label"} <= set(scores.columns):
        return scores[keep_mask(column, keep, higher=higher)].reset_index(drop=True)
    label = scores["label"].to_numpy(np.float64)
    mask = covering_mask(column, keep, scores["query"], label, higher=higher, positive_at=positive_at)
    return scores[mask].reset_index(drop=True)


def weigh_rows(scores: pd.DataFrame, by: str, strength: float = 1.0, where: str | None = None) -> pd.DataFrame:
    """``sample_id`` and ``weight`` for each row of a scores table."""
    column = check_column(scores, by, where)
    weights = weights_from(column, strength, higher=HIGHER_IS_KEPT[by])
    return pd.DataFrame({"sample_id": scores["sample_id"], "weight": weights})
