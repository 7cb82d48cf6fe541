"""The figures that are published for public sets: labels against human labels, with intervals by query."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.commands.benchmarking.sets import PublicSet
from sie_agent.comparison.metrics import krippendorff_alpha, quadratic_kappa
from sie_agent.evaluation import (
    TEXT_SCORES,
    QueryPairs,
    interval,
    knowledge_removed,
    mean_of,
    query_copies,
    roc_auc,
    spearman,
)
from sie_agent.evaluation.bootstrap import resampled
from sie_agent.samples import query_keys
from sie_agent.utils.arrays import Doubles, Integers

BOOTSTRAP_SEED = 20_250
CONTROL_SEED = 1
REPLICATES = 1000
RANDOM_JUDGES = 200
# grade from which on a pair counts as relevant: the highest level of both sets
RELEVANT_AT = 0.75
# values of a judge that thresholds are tried at; more change nothing that can be told from chance
MOST_CANDIDATES = 200
MEASURES = ("kappa", "accuracy", "alpha", "spearman", "auc", "severe_errors")


@dataclass(frozen=True)
class BenchmarkPairs:
    """Pairs with human grades, ready to be measured against.

    Attributes
    ----------
    samples : the pairs; grade, level, queries : (n,) their grades, numbers of their levels, codes of their queries.
    copies : (replicates, n_queries) how often each query is drawn in each replicate.
    """

    samples: pd.DataFrame
    grade: Doubles
    level: Integers
    queries: Integers
    copies: Integers

    @property
    def n_queries(self) -> int:
        """How many queries there are."""
        return int(self.copies.shape[1])


def graded(samples: pd.DataFrame) -> BenchmarkPairs:
    """The pairs of a draw, with resamples of their queries."""
    codes, names = pd.factorize(query_keys(samples["query"]))
    copies = query_copies(len(names), REPLICATES, BOOTSTRAP_SEED)
    level = samples["level"].to_numpy(np.intp)
    return BenchmarkPairs(samples, samples["grade"].to_numpy(np.float64), level, codes.astype(np.intp), copies)


def confusion(level: Integers, said: Integers, count: int) -> Doubles:
    """(count, count) pairs by human level (rows) and judged level (columns)."""
    return np.bincount(level * count + said, minlength=count * count).reshape(count, count).astype(np.float64)


def tuned_thresholds(relevance: Doubles, level: Integers, start: Doubles) -> Doubles:
    """Where to cut a judge's relevance into levels so that quadratic kappa is highest.

    One threshold after the other is moved to where kappa is highest, until none moves; from *start* and from where the
    levels come out as often as the human ones, and the better of both is taken.

    Parameters
    ----------
    relevance : (n,) in [0, 1], NaN rows are left out; level : (n,) human levels from 0. start : (k - 1,) rising.
    """
    known = ~np.isnan(relevance)
    value, human = relevance[known], level[known]
    values = np.unique(value)
    if len(values) < 2:
        return start
    between = (values[1:] + values[:-1]) / 2
    if len(between) > MOST_CANDIDATES:
        between = np.unique(np.quantile(between, np.linspace(0, 1, MOST_CANDIDATES)))
    shares = np.cumsum(np.bincount(human, minlength=len(start) + 1))[:-1] / len(human)
    climbs = [climb(value, human, first, between) for first in (start, np.quantile(value, shares))]
    return max(climbs, key=lambda found: found[0])[1]


def climb(value: Doubles, level: Integers, start: Doubles, candidates: Doubles) -> tuple[float, Doubles]:
    """The highest kappa that is reached by moving one threshold at a time, and the thresholds."""

    def kappa(cuts: Doubles) -> float:
        found = float(quadratic_kappa(confusion(level, np.digitize(value, cuts).astype(np.intp), len(start) + 1)))
        return found if np.isfinite(found) else -1.0

    cuts = np.array(start, np.float64)
    best, moved = kappa(cuts), True
    while moved:
        moved = False
        for place in range(len(cuts)):
            low = cuts[place - 1] if place else -np.inf
            high = cuts[place + 1] if place + 1 < len(cuts) else np.inf
            for candidate in candidates[(candidates >= low) & (candidates <= high)]:
                tried = cuts.copy()
                tried[place] = candidate
                found = kappa(tried)
                # a gain below rounding would move it for ever
                if found > best + 1e-12:
                    best, cuts, moved = found, tried, True
    return best, cuts


def measures(level: Integers, said: Integers, grade: Doubles, score: Doubles, count: int) -> list[float]:
    """The figures of ``MEASURES``, of pairs with human and judged level, grade and relevance, each (n,)."""
    away = np.abs(level - said)
    same, severe = (float(np.mean(one)) if len(away) else float("nan") for one in (away == 0, away >= 2))
    table = confusion(level, said, count)
    kappa, alpha = float(quadratic_kappa(table)), float(krippendorff_alpha(table))
    return [kappa, same, alpha, spearman(score, grade), roc_auc(score, grade >= RELEVANT_AT), severe]


def figures(relevance: Doubles, thresholds: Doubles, pairs: BenchmarkPairs) -> dict[str, Any]:
    """All figures of one judge, on the pairs that it judged.

    Parameters
    ----------
    relevance : (n,) in [0, 1], NaN where there is no judgment. thresholds : (k - 1,) rising; a value at one is of the
        level above it.

    Returns
    -------
    ``n_judged``; ``kappa``, ``accuracy``, ``alpha``, ``spearman``, ``auc``, ``severe_errors`` (share of pairs two
    labels off or more) and ``within_query_accuracy``, each with value, ci_low, ci_high; ``n_queries_within`` (queries
    with pairs of different grades); ``confusion``.
    """
    count = len(thresholds) + 1
    judged = np.flatnonzero(~np.isnan(relevance))
    said = np.digitize(relevance, thresholds).astype(np.intp)
    columns = (pairs.level[judged], said[judged], pairs.grade[judged], relevance[judged])
    measured = partial(measures, count=count)
    values, again = resampled(measured, columns, pairs.queries[judged], pairs.copies)
    found: dict[str, Any] = {"n_judged": len(judged)}
    for name, value, column in zip(MEASURES, values, again.T, strict=True):
        found[name] = with_interval(float(value), column)
    found |= within_queries(relevance, pairs)
    return found | {"confusion": confusion(columns[0], columns[1], count).astype(int).tolist()}


def random_figures(thresholds: Doubles, pairs: BenchmarkPairs) -> dict[str, Any]:
    """The mean figures of judges that answer at random, and between which 95 % of them lie."""
    drawn = np.random.default_rng(CONTROL_SEED).random((RANDOM_JUDGES, len(pairs.grade)))
    count = len(thresholds) + 1
    again = [measures(pairs.level, np.digitize(one, thresholds), pairs.grade, one, count) for one in drawn]
    by_query = QueryPairs(pairs.grade, pairs.queries, pairs.n_queries).accuracy(drawn)
    there = ~np.isnan(by_query[0])
    within = by_query[:, there].mean(axis=1) if there.any() else np.full(len(drawn), np.nan)
    found: dict[str, Any] = {"n_judged": len(pairs.grade), "n_queries_within": int(there.sum())}
    for name, column in zip((*MEASURES, "within_query_accuracy"), (*np.array(again).T, within), strict=True):
        found[name] = with_interval(mean_of(column), column)
    return found


def within_queries(relevance: Doubles, pairs: BenchmarkPairs) -> dict[str, Any]:
    """Accuracy within queries, the mean of those that have pairs of different grades, and how many these are."""
    by_query = QueryPairs(pairs.grade, pairs.queries, pairs.n_queries).accuracy(relevance)
    there = ~np.isnan(by_query)
    counts = pairs.copies[:, there]
    drawn = counts.sum(axis=1)
    sums = counts @ by_query[there]
    again = np.divide(sums, drawn, out=np.full(len(sums), np.nan), where=drawn > 0)
    value = float(by_query[there].mean()) if there.any() else float("nan")
    return {"within_query_accuracy": with_interval(value, again), "n_queries_within": int(there.sum())}


def with_interval(value: float, replicates: Doubles) -> dict[str, float]:
    """A figure with its 95 % interval."""
    low, high = interval(replicates)
    return {"value": value, "ci_low": low, "ci_high": high}


def all_rows(
    chosen: PublicSet, name: str, relevance: Doubles, test: pd.DataFrame, tuning: pd.DataFrame, tuned: Doubles
) -> list[dict[str, Any]]:
    """The judge's figures, and those of word overlap, of the judge without its knowledge and of random judges.

    Parameters
    ----------
    name : of the judge. relevance : (n,) of the test's pairs. tuning : the pairs that thresholds are tuned on, maybe
        none. tuned : (m,) the judge's relevance of those.
    """
    pairs, nearest = graded(test), chosen.midpoints
    overlap = TEXT_SCORES["word-overlap"].score

    def cuts(of_tuning: Doubles) -> Doubles:
        return tuned_thresholds(of_tuning, tuning["level"].to_numpy(np.intp), nearest) if len(tuning) else nearest

    # queries have a pair or two each, so the cells are those of all queries together
    one_query = np.zeros(len(test), np.intp)
    twin = knowledge_removed(relevance, one_query, pairs.grade, RELEVANT_AT, CONTROL_SEED).relevance
    overlap_there = overlap(tuning) if len(tuning) else tuned
    rows = [
        (name, "judge", mode_of(tuned), relevance, cuts(tuned)),
        ("word overlap", "control", mode_of(overlap_there), overlap(test), cuts(overlap_there)),
        ("knowledge removed", "control", "simulated", twin, nearest),
    ]
    found = [
        {"name": told, "kind": kind, "mode": how, "thresholds": cut.tolist(), **figures(values, cut, pairs)}
        for told, kind, how, values, cut in rows
    ]
    chance = {"name": "random judges", "kind": "control", "mode": "simulated", "thresholds": nearest.tolist()}
    return [*found, chance | random_figures(nearest, pairs)]


def mode_of(tuned: Doubles) -> str:
    """What a row knew of human grades: *tuned* are the judgments that its thresholds are tuned on."""
    known = int((~np.isnan(tuned)).sum())
    return f"gold-calibrated ({known:,} human grades)" if known else "zero-shot"
