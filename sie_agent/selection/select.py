"""From scores to what a trainer takes: rows to keep, or weights by rank."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from sie_agent.errors import InputError
from sie_agent.labels import WEAK_LABELS, label_named, label_names
from sie_agent.samples import BY_SCORE, made_by_words, table_columns
from sie_agent.selection.recipe import Recipe, weights_of
from sie_agent.selection.usual import AUTO, KEPT_BY

Doubles = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Ties = npt.NDArray[np.int64]

# the label from which on a row counts as a yes; graded labels are cut there, too
POSITIVE_AT = 0.5
# kinds of rows that each lose the same share where labels stay in balance, in the order of their numbers
STRATA = ("positives", "negatives", "unlabelled")


def check_name(by: str, names: Collection[str], where: str | None = None) -> None:
    """Raise InputError where *by* is no weak label, or not among the columns *names*."""
    label_named(by, "--by")
    if by in names:
        return
    there = label_names(names)
    if not there:
        made = "" if where is None else made_by_words(Path(where))
        raise InputError(f"{made}no column '{by}'", where=where, hint="Give a scores.parquet that `sie score` wrote.")
    raise InputError(
        f"no column '{by}'; the weak labels there are: {', '.join(there)}",
        where=where,
        hint=f"Give --by {there[0]}.",
    )


def check_scores_file(path: Path) -> None:
    """Make sure that a file holds scores, before anything else is looked at.

    Raises
    ------
    InputError : it is no Parquet file, or holds no score; says which verb wrote it.
    """
    names, _ = table_columns(path, required=("sample_id",), writer=BY_SCORE)
    if not label_names(names):
        problem = (
            f"{made_by_words(path)}no column of scores ({', '.join(label_names())}); there are: {', '.join(names)}"
        )
        raise InputError(problem, where=path, hint="Give a scores.parquet that `sie score` wrote.")


def check_column(scores: pd.DataFrame, by: str, where: str | None = None) -> Doubles:
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


def count_kept(keep: float, rows: int) -> int:
    """How many rows are the share *keep* of *rows*, at least one.

    Raises
    ------
    InputError : *keep* is not in (0, 1].
    """
    if not 0 < keep <= 1:
        raise InputError(f"share to keep is {keep}", hint="It must be above 0 and at most 1.")
    return max(1, round(keep * rows))


def keep_mask(
    score: Doubles,
    keep: float,
    *,
    higher: bool = True,
    label: Doubles | None = None,
    positive_at: float = POSITIVE_AT,
    ties: Ties | None = None,
) -> Mask:
    """True for the share *keep* of rows with the highest score (or the lowest), NaN in the middle.

    Parameters
    ----------
    score : (n,); keep : share in (0, 1].
    ties : (n,) of rows with the same score, those with the lowest of these numbers are kept (:func:`tie_breakers`);
        None: those that come first.
    label : (n,) what the log says, where the balance of labels is to be kept: then positive rows, other rows and rows
        without a label lose the same share each, by the order among themselves. None: one order of all rows.
    positive_at : the label from which on a row is positive.

    Raises
    ------
    InputError : *keep* is not in (0, 1], or *positive_at* is not in [0, 1].
    """
    count = count_kept(keep, len(score))
    stratum = strata_of(label, len(score), positive_at)
    mask = np.zeros(len(score), dtype=bool)
    for number, share in enumerate(apportioned(count, np.bincount(stratum).tolist())):
        rows = np.flatnonzero(stratum == number)
        mask[rows[kept_order(score[rows], higher, None if ties is None else ties[rows])[:share]]] = True
    return mask


def strata_of(label: Doubles | None, rows: int, positive_at: float) -> npt.NDArray[np.int8]:
    """Place of each row in `STRATA`, (rows,); 0 for all where there are no labels to keep in balance."""
    check_positive_at(positive_at)
    if label is None:
        return np.zeros(rows, np.int8)
    return np.where(np.isnan(label), 2, np.where(label >= positive_at, 0, 1)).astype(np.int8)


def apportioned(count: int, sizes: Sequence[int]) -> list[int]:
    """*count* rows shared out among strata by their sizes, by largest remainder (Hamilton); ties to the first one."""
    whole = sum(sizes)
    if not whole:
        return [0] * len(sizes)
    shares = [count * size // whole for size in sizes]
    # whole numbers: which of two remainders is larger must not hang on rounding
    order = sorted(range(len(sizes)), key=lambda place: -(count * sizes[place] % whole))
    for place in order[: count - sum(shares)]:
        shares[place] += 1
    return shares


def shares_with_coverage(count: int, sizes: Sequence[int], covered: int) -> list[int]:
    """:func:`apportioned`, but that the first stratum keeps at least *covered* rows; the others give way to it."""
    shares = apportioned(count, sizes)
    if covered <= shares[0]:
        return shares
    return [covered, *apportioned(max(0, count - covered), sizes[1:])]


def kept_order(score: Doubles, higher: bool, ties: Ties | None = None) -> npt.NDArray[np.intp]:
    """Rows in the order in which they are kept, (n,): by score, NaN in the middle, then by *ties*, then their own.

    Where there are *ties*, rows without a score come behind those that have the score in the middle.
    """
    ordered = score if higher else -score
    unknown = np.isnan(ordered)
    falling = -np.where(unknown, 0.0 if unknown.all() else np.nanmedian(ordered), ordered)
    return np.argsort(falling, kind="stable") if ties is None else np.lexsort((ties, unknown, falling))


def tie_breakers(ids: Sequence[str] | pd.Series[str] | npt.NDArray[np.object_]) -> Ties:
    """A number of each sample, (n,), 0 or more, by which rows with the same score are kept: a hash of its id.

    So it is the same rows however a file is ordered, and, since ids often follow queries or time, not all of one part.
    """
    texts = np.asarray(ids, object)
    # a bit less, so that signed numbers, which databases sort, hold it
    return (pd.util.hash_array(texts, categorize=False) >> np.uint64(1)).view(np.int64)


def known_first(ties: Ties, unknown: Mask) -> Ties:
    """*ties* as one number by which rows that have a score come before those of *unknown*, (n,)."""
    return np.where(unknown, ties, ties + np.iinfo(np.int64).min)


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


def check_strength(strength: float) -> None:
    """Raise InputError where *strength* is negative, infinite or no number."""
    if not isinstance(strength, Real) or not 0 <= strength < np.inf:
        raise InputError(f"strength is {strength}", where="--strength", hint="It must be a number, 0 or more.")


def covering_mask(
    score: Doubles,
    keep: float,
    query: pd.Series[str],
    label: Doubles,
    *,
    higher: bool = True,
    positive_at: float = POSITIVE_AT,
    balance: bool = False,
    ties: Ties | None = None,
) -> Mask:
    """:func:`keep_mask`, except that the best positive row of every query is kept.

    As many rows are kept as by :func:`keep_mask`, unless there are more queries with a positive row than that.
    The best is the row that :func:`keep_mask` would keep first. Rows without a query count as none.

    Parameters
    ----------
    score, label : (n,); query : (n,), compared as it is written; keep : share in (0, 1].
    positive_at : the label from which on a row is positive.
    balance : whether positive rows, others and those without a label lose the same share each. Where there are more
        queries with a positive row than positive rows to keep, the other rows give way.
    ties : (n,) as :func:`keep_mask` takes them.

    Raises
    ------
    InputError : *keep* is not in (0, 1], or *positive_at* is not in [0, 1].
    """
    check_positive_at(positive_at)
    count = count_kept(keep, len(score))
    positive = (label >= positive_at) & query.notna().to_numpy(dtype=bool)
    stratum = strata_of(label if balance else None, len(score), positive_at)
    ordered = []
    mask = np.zeros(len(score), dtype=bool)
    for number in range(len(STRATA)):
        rows = np.flatnonzero(stratum == number)
        order = rows[kept_order(score[rows], higher, None if ties is None else ties[rows])]
        first = order[positive[order]]
        mask[first[~query.iloc[first].duplicated().to_numpy(dtype=bool)]] = True
        ordered.append(order)
    covered = int(mask.sum())
    shares = shares_with_coverage(count, [len(order) for order in ordered], covered)
    for number, (order, share) in enumerate(zip(ordered, shares, strict=True)):
        # positive rows are all in the first stratum
        others = order[~mask[order]]
        mask[others[: max(0, share - (covered if number == 0 else 0))]] = True
    return mask


def check_positive_at(positive_at: float) -> None:
    """Raise InputError for a label that no row can have."""
    if not 0 <= positive_at <= 1:
        raise InputError(
            f"labels are positive from {positive_at} on", where="--positive-at", hint="It must be from 0 to 1."
        )


def select_rows(
    scores: pd.DataFrame,
    keep: float,
    by: str = AUTO,
    where: str | None = None,
    *,
    recipe: Recipe | None = None,
    coverage: bool = True,
    balance: bool = True,
    positive_at: float = POSITIVE_AT,
) -> pd.DataFrame:
    """The rows of a scores table that are kept, in their order. Of rows with the same score, a hash of the id decides.

    Parameters
    ----------
    scores : table that :meth:`Scorer.predict` made, or that ``sie score`` wrote.
    keep : share of the rows; by : a weak label, ``auto`` for that of the *recipe*, and ``support`` where it has none;
        where : name of the table, for messages.
    coverage : whether every query keeps its best positive row, where the table has ``query`` and ``label``.
    balance : whether positive rows, others and those without a label lose the same share each, where the table has
        ``label``.
    positive_at : the label from which on a row is positive.
    recipe : of the scorer, for *by* ``auto``.

    Returns
    -------
    The rows of *scores* that are kept, with their index.

    Raises
    ------
    InputError : the share, the column or *positive_at* is wrong.

    Examples
    --------
    >>> import pandas
    >>> import sie_agent as sie
    >>> scores = pandas.read_parquet("runs/scores.parquet")
    >>> len(sie.select_rows(scores, 0.5, by="value")) >= len(scores) // 2
    True
    """
    chosen = selected_by(by, recipe)
    column = check_column(scores, chosen, where)
    label = scores["label"].to_numpy(np.float64) if "label" in scores.columns else None
    how: dict[str, Any] = {"higher": WEAK_LABELS[chosen].high_is_good, "positive_at": positive_at}
    how["ties"] = tie_breakers(scores["sample_id"].astype(str)) if "sample_id" in scores.columns else None
    if label is None or not coverage or "query" not in scores.columns:
        mask = keep_mask(column, keep, label=label if balance else None, **how)
        return scores[mask]
    query = scores["query"]
    mask = covering_mask(column, keep, query, label, balance=balance, **how)
    return scores[mask]


def selected_by(by: str, recipe: Recipe | None) -> str:
    """The weak label that rows are selected by: *by*, or for ``auto`` that of the recipe, and without one ``support``.

    Half of a log of clicks kept by ``support`` trains a ranker as well as all of it with a good judge; the half kept by
    ``value`` does worse than as many random rows (eval/results/kept.json).
    """
    if by != AUTO:
        return by
    return KEPT_BY if recipe is None or recipe.by is None else recipe.by
