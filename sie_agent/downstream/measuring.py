"""From predictions to figures of each test query, so that every metric is a mean over queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import pandas as pd

from sie_agent.downstream.bench_data import BenchData, JudgeAnswers, Way
from sie_agent.downstream.fold import run_fold
from sie_agent.downstream.folds import Fold
from sie_agent.downstream.keeping import Keeping
from sie_agent.evaluation import QueryNdcg, QueryPairs, query_auc
from sie_agent.utils.arrays import Floats

# within queries first: what a shopper sees is the order of one query's items
WITHIN, NDCG, AUC = "within", "ndcg@10", "auc"
BENCH_METRICS = (WITHIN, NDCG, AUC)


def measure_fold(data: BenchData, fold: Fold, predictions: Mapping[Way, Floats]) -> pd.DataFrame:
    """One row per way and test query: ``ranker, strategy, judge, twin, query_code`` and a column per metric.

    ``auc`` is the query's share in the pooled AUC of the fold, such that the mean over queries is that AUC.
    """
    queries = data.queries[fold.test]
    present, codes = np.unique(queries, return_inverse=True)
    codes, count = codes.ravel(), len(present)
    grade = data.grade[fold.test]
    scores = np.array(list(predictions.values()), np.float64)
    figures = {
        WITHIN: QueryPairs(grade, codes, count).accuracy(scores),
        NDCG: QueryNdcg(grade, codes, count).ndcg(scores),
        AUC: query_auc(scores, data.relevant[fold.test], codes, count),
    }
    ways = list(predictions)
    table = {name: np.repeat([getattr(way, name) for way in ways], count) for name in Way._fields}
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
