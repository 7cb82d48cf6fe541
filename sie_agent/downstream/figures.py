"""Figures of a bench: every way to use the log, over draws and queries, beside the log and the best text score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.downstream.bench_data import Way
from sie_agent.downstream.measuring import BENCH_METRICS
from sie_agent.downstream.strategies import BASELINES, CLEAN, LOG
from sie_agent.evaluation import paired_query_difference
from sie_agent.utils.arrays import Doubles, Integers

Values = Mapping[Way, Doubles]
FIGURE = ("value", "ci_low", "ci_high")


def by_way(tables: Sequence[pd.DataFrame], n_queries: int, metric: str) -> dict[Way, Doubles]:
    """A metric of each way, (draws, n_queries), NaN where a draw has not the way or the query."""
    found: dict[Way, Doubles] = {}
    for draw, table in enumerate(tables):
        codes, values = table["query_code"].to_numpy(np.intp), table[metric].to_numpy(np.float64)
        # rows of one way lie in several places, one for each fold
        groups = table.groupby(list(Way._fields), sort=False, observed=True).indices
        for key, rows in groups.items():
            ranker, strategy, judge, twin = key if isinstance(key, tuple) else (key,)
            way = Way(str(ranker), str(strategy), str(judge), bool(twin))
            found.setdefault(way, np.full((len(tables), n_queries), np.nan))[draw, codes[rows]] = values[rows]
    return found


def bench_rows(values: Mapping[str, Values], copies: Integers) -> list[dict[str, Any]]:
    """Rows of ``agreement.json`` under ``downstream``, one per way and metric.

    Parameters
    ----------
    values : by metric, from :func:`by_way`. copies : (replicates, n_queries): how often each query is drawn.
    """
    return [row_of(way, metric, of, copies) for metric, of in values.items() for way in of]


def row_of(way: Way, metric: str, values: Values, copies: Integers) -> dict[str, Any]:
    """One way and metric: its mean, and its difference to the log and to the best text score in the same queries."""
    log = values.get(Way(way.ranker, LOG))
    return {
        **way._asdict(),
        "judge": way.judge or None,
        "metric": metric,
        **mean_of_way(values[way], copies),
        "minus_log": minus(values, way, Way(way.ranker, LOG), copies),
        "gains": [] if log is None else means_of_draws(values[way] - log),
        "minus_text": minus(values, way, best_text(values, way.ranker), copies),
        "gap_recovered": gap(values, way, copies),
    }


def mean_of_way(own: Doubles, copies: Integers) -> dict[str, Any]:
    """Mean of a metric (draws, n_queries) with its interval, its value in each draw, and what is behind it."""
    mean, draws = paired_query_difference(own, np.zeros_like(own), copies), means_of_draws(own)
    counts = {"n_draws": len(draws), "n_queries": int((~np.isnan(own)).any(axis=0).sum())}
    return {**{name: mean[name] for name in FIGURE}, "draws": draws, **counts}


def means_of_draws(values: Doubles) -> list[float]:
    """Mean over the queries of each draw that has any, of (draws, n_queries)."""
    return [float(np.nanmean(draw)) for draw in values if not np.isnan(draw).all()]


def minus(values: Values, way: Way, other: Way | None, copies: Integers) -> dict[str, float] | None:
    """One way less another, paired by draw and query; None where the other was not tried."""
    if other is None or other not in values:
        return None
    found = paired_query_difference(values[way], values[other], copies)
    return {name: found[name] for name in FIGURE}


def best_text(values: Values, ranker: str) -> Way | None:
    """The untrained text score of the highest mean, which is what a shop without a judge would take."""
    there = [way for way in values if way.ranker == ranker and not way.judge and way.strategy not in BASELINES]
    return max(there, key=lambda way: float(np.nanmean(values[way])), default=None)


def gap(values: Values, way: Way, copies: Integers) -> float | None:
    """Share of the way from the log to clean labels; None where that way is not certainly one."""
    clean, log = Way(way.ranker, CLEAN), Way(way.ranker, LOG)
    span = minus(values, clean, log, copies) if clean in values else None
    gain = minus(values, way, log, copies)
    if span is None or gain is None or not span["ci_low"] > 0:
        return None
    return gain["value"] / span["value"]


def what_it_teaches(values: Mapping[str, Values], copies: Integers) -> list[dict[str, Any]]:
    """What clean labels gain over the best text score and over the log, by ranker and metric."""
    found = []
    for metric, of in values.items():
        for clean in (way for way in of if way.strategy == CLEAN):
            text = best_text(of, clean.ranker)
            about = {"ranker": clean.ranker, "metric": metric, "best_text": text.strategy if text else None}
            rivals = {"clean_minus_text": text, "clean_minus_log": Way(clean.ranker, LOG)}
            found.append({**about, **{name: minus(of, clean, rival, copies) for name, rival in rivals.items()}})
    return found


def choices_made(choices: Sequence[Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """How often each recipe was chosen, over folds and draws, by ``ranker, strategy, judge, twin``."""
    table = pd.DataFrame([choice for draw in choices for choice in draw])
    if table.empty:
        return []
    keys = list(Way._fields)
    counted = table.groupby([*keys, "recipe"], sort=False).size().rename("count").reset_index()
    counted["of"] = counted.groupby(keys, sort=False)["count"].transform("sum")
    return [{str(key): value for key, value in row.items()} for row in counted.to_dict("records")]


def all_values(tables: Sequence[pd.DataFrame], n_queries: int) -> dict[str, dict[Way, Doubles]]:
    """:func:`by_way` of every metric, the one within queries first."""
    return {metric: by_way(tables, n_queries, metric) for metric in BENCH_METRICS}
