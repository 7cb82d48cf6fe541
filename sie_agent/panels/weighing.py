"""What each member of a panel counts for: its quality on graded tuning queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from sie_agent.errors import InputError
from sie_agent.evaluation import QueryPairs
from sie_agent.utils.arrays import Doubles

# a member that is always right on few pairs does not rule alone
SUREST = 0.99


def member_weights(answers: Sequence[Doubles], grades: Doubles, queries: Any) -> Doubles:
    """Weights of the members of a panel, (k,), at least 0, sum 1.

    The log-odds of a member's accuracy within queries, which are the best weights of voters with independent errors
    (Nitzan & Paroush 1982); 0 for one that is no better than chance. Where none is better, all are alike.

    Parameters
    ----------
    answers : per member, (n,), NaN where it gave none. grades : (n,) of tuning queries, NaN elsewhere: weights must not
        come from the queries on which the panel is reported. queries : (n,) keys.

    Raises
    ------
    InputError : no two judged rows of a query differ in grade.
    """
    codes = pd.factorize(pd.Series(np.asarray(queries)))[0].astype(np.intp)
    judged = np.all([~np.isnan(one) for one in answers], axis=0)
    pairs = QueryPairs(np.where(judged, grades, np.nan), codes, int(codes.max(initial=-1)) + 1)
    accuracy = np.array([mean_accuracy(pairs.accuracy(one)) for one in answers])
    if np.isnan(accuracy).any():
        problem = "no two judged rows of a tuning query differ in grade: the panel has nothing to weigh members by"
        raise InputError(problem, where="field 'grade'", hint="Grade more pairs, or choose another kind of panel.")
    weights = np.maximum(logit(np.clip(accuracy, 1 - SUREST, SUREST)), 0.0)
    return np.asarray(weights / weights.sum() if weights.any() else np.full(len(weights), 1 / len(weights)))


def mean_accuracy(each: Doubles) -> float:
    """Mean over the queries that have a pair; NaN where none has."""
    known = each[~np.isnan(each)]
    return float(known.mean()) if len(known) else float("nan")
