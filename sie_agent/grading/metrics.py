"""Prediction-powered figures of a variant: the metric against grades, and against another judge as if it graded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd

from sie_agent.evaluation.within import QueryNdcg, QueryPairs
from sie_agent.grading.powered import PoweredEstimate, prediction_powered_mean
from sie_agent.samples import query_keys
from sie_agent.utils.arrays import Booleans, Doubles, Integers

QueryMetric = Literal["within", "ndcg"]
PairMetric = Literal["absolute_error", "squared_error", "agreement"]

LEVELS = 4


def within(grade: Doubles, score: Doubles, queries: Integers, n_queries: int) -> Doubles:
    """Per query the share of pairs of unequal grades that the score puts in order, (n_queries,)."""
    return QueryPairs(grade, queries, n_queries).accuracy(score)


def ndcg(grade: Doubles, score: Doubles, queries: Integers, n_queries: int) -> Doubles:
    """Per query NDCG@10, (n_queries,)."""
    return QueryNdcg(grade, queries, n_queries).ndcg(score)


QUERY_METRICS: dict[str, Callable[[Doubles, Doubles, Integers, int], Doubles]] = {"within": within, "ndcg": ndcg}


def level(score: Doubles) -> Doubles:
    """The nearest of the levels 0, 1/3, 2/3 and 1, as 0 to 3."""
    return np.asarray(np.rint(score * (LEVELS - 1)))


def agreement(grade: Doubles, score: Doubles) -> Doubles:
    """1 where both have the same level, 0 where not; NaN where one is unknown."""
    same = (level(grade) == level(score)).astype(np.float64)
    return np.where(np.isnan(grade + score), np.nan, same)


PAIR_METRICS: dict[str, Callable[[Doubles, Doubles], Doubles]] = {
    "absolute_error": lambda grade, score: np.asarray(np.abs(grade - score)),
    "squared_error": lambda grade, score: np.asarray((grade - score) ** 2),
    "agreement": agreement,
}


def powered_query_metric(
    samples: pd.DataFrame,
    grade: Doubles,
    judged: Doubles,
    predictor: Doubles,
    *,
    metric: QueryMetric = "within",
    probabilities: Doubles | None = None,
    alpha: float = 0.05,
) -> PoweredEstimate:
    """A metric that is a mean over queries, from those that are graded as a whole and a judge's word on all.

    Parameters
    ----------
    samples : (n,) rows with ``query``. grade : (n,) in [0, 1], NaN where nobody graded; a query counts as graded where
        each of its rows is. judged : (n,) scores in [0, 1] of the variant under test.
    predictor : (n,) scores of another judge, which stand in for grades; not those of the variant under test.
    metric : ``within``, within-query accuracy, or ``ndcg``, NDCG@10.
    probabilities : (n,) with which each row's query was drawn to be graded, the same for its rows; None: equal.
    alpha : 1 - level of the interval.

    Raises
    ------
    ValueError : the predictor is the variant under test; arrays of different length; a probability outside (0, 1].
    """
    return _by_query(samples, grade, [judged], predictor, metric, probabilities, alpha)


def powered_pair_metric(
    samples: pd.DataFrame,
    grade: Doubles,
    judged: Doubles,
    predictor: Doubles,
    *,
    metric: PairMetric = "absolute_error",
    probabilities: Doubles | None = None,
    alpha: float = 0.05,
) -> PoweredEstimate:
    """A metric that is a mean over pairs, from the graded pairs and a judge's word on all, clustered by query.

    Parameters
    ----------
    metric : ``absolute_error``, ``squared_error``, or ``agreement``, the share of equal levels.
    probabilities : (n,) with which each pair was drawn to be graded. Others as in :func:`powered_query_metric`.

    Raises
    ------
    ValueError : as :func:`powered_query_metric`.
    """
    return _by_pair(samples, grade, [judged], predictor, metric, probabilities, alpha)


def powered_difference(
    samples: pd.DataFrame,
    grade: Doubles,
    first: Doubles,
    second: Doubles,
    predictor: Doubles,
    *,
    metric: QueryMetric | PairMetric = "within",
    probabilities: Doubles | None = None,
    alpha: float = 0.05,
) -> PoweredEstimate:
    """How much more the second variant has of a metric than the first, paired by query or pair.

    Parameters
    ----------
    first, second : (n,) scores of two variants; the predictor is neither. Others as in :func:`powered_query_metric`.

    Raises
    ------
    ValueError : as :func:`powered_query_metric`.
    """
    build = _by_query if metric in QUERY_METRICS else _by_pair
    return build(samples, grade, [second, first], predictor, metric, probabilities, alpha)


def _by_query(
    samples: pd.DataFrame,
    grade: Doubles,
    judged: list[Doubles],
    predictor: Doubles,
    metric: str,
    probabilities: Doubles | None,
    alpha: float,
) -> PoweredEstimate:
    _refuse(samples, grade, judged, predictor, probabilities)
    codes, names = pd.factorize(query_keys(samples["query"]))
    queries, count = codes.astype(np.intp), len(names)
    whole = np.bincount(queries, np.isnan(grade), count) == 0
    measured = QUERY_METRICS[metric]
    truth, predicted = (
        _difference([measured(given, score, queries, count) for score in judged]) for given in (grade, predictor)
    )
    drawn = None
    if probabilities is not None:
        drawn = np.full(count, np.nan)
        drawn[queries] = probabilities
        drawn = drawn[whole]
    owners = np.arange(count)
    return prediction_powered_mean(
        truth[whole],
        predicted[whole],
        predicted,
        clusters_graded=owners[whole],
        clusters_all=owners,
        probabilities=drawn,
        alpha=alpha,
    )


def _by_pair(
    samples: pd.DataFrame,
    grade: Doubles,
    judged: list[Doubles],
    predictor: Doubles,
    metric: str,
    probabilities: Doubles | None,
    alpha: float,
) -> PoweredEstimate:
    _refuse(samples, grade, judged, predictor, probabilities)
    graded: Booleans = ~np.isnan(grade)
    measured = PAIR_METRICS[metric]
    truth, predicted = (_difference([measured(given, score) for score in judged]) for given in (grade, predictor))
    queries = pd.factorize(query_keys(samples["query"]))[0]
    return prediction_powered_mean(
        truth[graded],
        predicted[graded],
        predicted,
        clusters_graded=queries[graded],
        clusters_all=queries,
        probabilities=None if probabilities is None else probabilities[graded],
        alpha=alpha,
    )


def _difference(values: list[Doubles]) -> Doubles:
    """The first less the second, where there is one."""
    return values[0] if len(values) == 1 else np.asarray(values[0] - values[1])


def _refuse(
    samples: pd.DataFrame, grade: Doubles, judged: list[Doubles], predictor: Doubles, probabilities: Doubles | None
) -> None:
    """Raise ValueError where arrays don't fit together, or the predictor is a variant under test."""
    columns = [grade, *judged, predictor, *([] if probabilities is None else [probabilities])]
    lengths = {len(samples), *map(len, columns)}
    if len(lengths) > 1:
        raise ValueError(f"samples, grades, scores and probabilities have different lengths: {sorted(lengths)}")
    if any(np.array_equal(predictor, score, equal_nan=True) for score in judged):
        raise ValueError("the predictor is the variant under test; take another judge's scores")
