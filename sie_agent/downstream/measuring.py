"""From predictions to figures of each test query, so that every metric is a mean over queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from sie_agent.downstream.bench_data import BenchData, JudgeAnswers, Way
from sie_agent.downstream.fold import run_fold
from sie_agent.downstream.folds import Fold
from sie_agent.downstream.keeping import Keeping
from sie_agent.evaluation import QueryNdcg, QueryPairs, query_auc
from sie_agent.utils.arrays import Booleans, Doubles, Floats, Integers

WITHIN, NDCG, AUC = "within", "ndcg@10", "auc"


@dataclass(frozen=True)
class FoldRows:
    """The n test rows of a fold: their grades, whether each is relevant, and their queries as codes below *count*."""

    grade: Doubles
    relevant: Booleans
    codes: Integers
    count: int


class BenchMetric(NamedTuple):
    """What is measured of a trained ranker.

    Attributes
    ----------
    title, note : what the report calls it, and says of it.
    by_query : test rows and the scores of every ranker, (rankers, n), to (rankers, count). A mean over queries, which
        makes differences between rankers paired.
    """

    title: str
    note: str
    by_query: Callable[[FoldRows, Doubles], Doubles]


# the first decides: what a shopper sees is the order of one query's items
BENCH_METRICS = {
    WITHIN: BenchMetric(
        "within queries",
        "Within queries: the share of pairs of a query's items that are in the right order, as a mean over queries. "
        "A coin toss puts half of them right.",
        lambda rows, scores: QueryPairs(rows.grade, rows.codes, rows.count).accuracy(scores),
    ),
    NDCG: BenchMetric(
        "NDCG@10",
        "NDCG@10: how good the first ten results of a query are, as a mean over queries.",
        lambda rows, scores: QueryNdcg(rows.grade, rows.codes, rows.count).ndcg(scores),
    ),
    # the query's share in the pooled AUC of the fold, such that the mean over queries is that AUC
    AUC: BenchMetric(
        "pooled AUC",
        "Pooled AUC mixes two things: the order of the items of a query, and how queries differ from each other. No "
        "shopper sees the second, so a gain here need not change any list of results.",
        lambda rows, scores: query_auc(scores, rows.relevant, rows.codes, rows.count),
    ),
}


def measure_fold(data: BenchData, fold: Fold, predictions: Mapping[Way, Floats]) -> pd.DataFrame:
    """One row per way and test query: ``ranker, strategy, judge, twin, query_code`` and a column per metric."""
    queries = data.queries[fold.test]
    present, codes = np.unique(queries, return_inverse=True)
    rows = FoldRows(data.grade[fold.test], data.relevant[fold.test], codes.ravel(), len(present))
    scores = np.array(list(predictions.values()), np.float64)
    figures = {name: metric.by_query(rows, scores) for name, metric in BENCH_METRICS.items()}
    ways = list(predictions)
    table = {name: np.repeat([getattr(way, name) for way in ways], rows.count) for name in Way._fields}
    table["query_code"] = np.tile(present, len(ways))
    return pd.DataFrame({**table, **{name: values.ravel() for name, values in figures.items()}})


def run_bench(
    data: BenchData,
    folds: Sequence[Fold],
    judges: Sequence[JudgeAnswers],
    rankers: Sequence[str],
    seeds: int,
    step: Callable[[], None] = lambda: None,
    keeping: Keeping | None = None,
) -> tuple[pd.DataFrame, list[dict[str, object]]]:
    """Every fold of one draw: the table of :func:`measure_fold`, and what each `auto` chose in each fold.

    Shares of the rows are tried where *keeping* is given, and what came of them is in it afterwards.
    """
    tables, choices = [], []
    for place, fold in enumerate(folds):
        predictions, chosen = run_fold(data, fold, judges, rankers, seeds, step, keeping)
        tables.append(measure_fold(data, fold, predictions))
        if keeping is not None:
            keeping.close_fold(place, partial(measure_fold, data, fold))
        choices += [{"fold": place, **way._asdict(), "recipe": name} for way, name in chosen.items()]
    return pd.concat(tables, ignore_index=True), choices
