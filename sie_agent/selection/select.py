"""Rows kept of a scores table in memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from sie_agent.labels import WEAK_LABELS
from sie_agent.selection.checks import check_column
from sie_agent.selection.connections import database, inserter
from sie_agent.selection.cuts import (
    POSITIVE_AT,
    SelectionRule,
    Ties,
    check_positive_at,
    count_kept,
    decide,
    tie_breakers,
)
from sie_agent.selection.defaults import AUTO, selected_by
from sie_agent.selection.recipe import Recipe
from sie_agent.utils.arrays import Booleans, Doubles


def keep_mask(
    score: Doubles,
    keep: float,
    *,
    higher: bool = True,
    label: Doubles | None = None,
    positive_at: float = POSITIVE_AT,
    ties: Ties | None = None,
) -> Booleans:
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
    rule = SelectionRule(higher, positive_at, balance=label is not None)
    return kept_by(rule, keep, score, label, None, ties)


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
) -> Booleans:
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
    return kept_by(SelectionRule(higher, positive_at, coverage=True, balance=balance), keep, score, label, query, ties)


def kept_by(
    rule: SelectionRule,
    keep: float,
    score: Doubles,
    label: Doubles | None,
    query: pd.Series[str] | None,
    ties: Ties | None,
) -> Booleans:
    """True for the rows that a rule keeps, (n,)."""
    check_positive_at(rule.positive_at)
    count_kept(keep, len(score))
    codes = None
    if query is not None:
        places = pd.factorize(query)[0]
        codes = pa.array(places, mask=places < 0)
    rows = rule.rows(score, label=label, query=codes, ties=ties)
    mask = np.zeros(len(score), bool)
    with database() as connection:
        inserter(connection, "scored", rows.schema)(rows)
        decide(connection, keep, rule)
        mask[connection.sql("SELECT row FROM decisions WHERE kept").fetchnumpy()["row"]] = True
    return mask


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
    query = scores["query"] if "query" in scores.columns else None
    ties = tie_breakers(scores["sample_id"].astype(str)) if "sample_id" in scores.columns else None
    covers = coverage and label is not None and query is not None
    rule = SelectionRule(WEAK_LABELS[chosen].high_is_good, positive_at, covers, balance)
    return scores[kept_by(rule, keep, column, label, query, ties)]
