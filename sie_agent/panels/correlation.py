"""How far the errors of judges go together, and how many independent judges a panel is worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from sie_agent.utils.arrays import Doubles

# more levels of grades than these are taken together by neighbours
MOST_LEVELS = 10


def error_correlation(answers: Sequence[Doubles], grades: Doubles) -> Doubles:
    """Pearson correlations of the members' errors, (k, k).

    An error is what a member's answer, as a rank, is above the mean of its answers to pairs of the same grade. So
    members whose answers have nothing in common but the grade, as Dawid & Skene (1979) assume, have correlation 0.

    Parameters
    ----------
    answers : per member, (n,); grades : (n,). Rows with a NaN among them are left out.

    Returns
    -------
    1 on the diagonal; NaN where fewer than three rows are known, or a member's errors are all alike.
    """
    known = np.all([~np.isnan(one) for one in (*answers, grades)], axis=0)
    level = levels_of(grades[known])
    errors = []
    for one in answers:
        rank = pd.Series(rankdata(one[known]))
        errors.append((rank - rank.groupby(level).transform("mean")).to_numpy(np.float64))
    return correlations(errors)


def answer_correlation(answers: Sequence[Doubles]) -> Doubles:
    """Spearman correlations of the members' answers, (k, k), on the rows that all of them judged."""
    known = np.all([~np.isnan(one) for one in answers], axis=0)
    return correlations([rankdata(one[known]) for one in answers])


def correlations(columns: Sequence[Doubles]) -> Doubles:
    """Pearson correlations, NaN where a column does not vary or is short."""
    count = len(columns)
    if len(columns[0]) < 3:
        found = np.full((count, count), np.nan)
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.atleast_2d(np.corrcoef(np.array(columns)))
    np.fill_diagonal(found, 1.0)
    return np.asarray(found, np.float64)


def mean_correlation(matrix: Doubles) -> float:
    """Mean of a matrix of correlations off its diagonal; NaN where none is known."""
    others = matrix[~np.eye(len(matrix), dtype=bool)]
    known = others[~np.isnan(others)]
    return float(known.mean()) if len(known) else float("nan")


def effective_judges(count: int, correlation: float) -> float:
    """The number of judges with independent errors that are worth as much: n / (1 + (n - 1) r), from 1 to n.

    The variance of a mean of n values of equal variance whose mean correlation is r (the design effect of Kish 1965,
    section 5.4). A negative r counts as 0; NaN where r is not known.

    Examples
    --------
    >>> from sie_agent.panels import effective_judges
    >>> effective_judges(9, 0.0), effective_judges(9, 1.0), round(effective_judges(9, 0.44), 1)
    (9.0, 1.0, 2.0)
    """
    return float(count / (1 + (count - 1) * max(correlation, 0.0))) if correlation == correlation else float("nan")


def levels_of(grades: Doubles) -> np.ndarray:
    """(n,) number of each row's level of grade, or of its tenth where there are many."""
    values, level = np.unique(grades, return_inverse=True)
    if len(values) <= MOST_LEVELS:
        return level.ravel()
    return np.asarray(pd.qcut(grades, MOST_LEVELS, labels=False, duplicates="drop"))
