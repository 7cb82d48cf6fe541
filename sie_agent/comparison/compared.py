"""Judgments of several arms on the same pairs: figures of each, differences, agreement, and the decision."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.comparison.agreed import agreed, differing
from sie_agent.comparison.bias_features import features_of
from sie_agent.comparison.clustered import query_mean
from sie_agent.comparison.controls import controls_of
from sie_agent.comparison.decide import Decision, decide
from sie_agent.comparison.details import details_of
from sie_agent.comparison.few_grades import FewGrades, add_powered
from sie_agent.comparison.metrics import METRICS, Graded, figure_of, levels_of
from sie_agent.comparison.verdict_row import ALPHA, POWER, decision_row, unknown
from sie_agent.comparison.weighting import weighted, weights_of
from sie_agent.errors import InputError
from sie_agent.samples import query_keys
from sie_agent.utils.arrays import Booleans, Doubles, Integers

MARGIN = 0.02
DECIDE_BY = "within"
# an answer came, and it is not a judgment
NOT_A_JUDGMENT = ("empty", "unparsed", "out-of-scale", "bad-logprobs", "unscored")
Row = dict[str, Any]


def compare_judgments(
    samples: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    *,
    relevant_at: float = 0.75,
    decide_by: str = DECIDE_BY,
    margin: float = MARGIN,
    settled: Decision | None = None,
    chances: Doubles | None = None,
) -> dict[str, Any]:
    """Figures of each arm's judgments, all differences to the first, and what to do.

    Pairs that any arm left without a judgment are left out for all, and counted: an arm must not look better by
    refusing the hard ones. Errors and tests are by query, with all its pairs. Without any grade it is agreement alone.

    Parameters
    ----------
    samples : the samples table; tables : judgments of the same samples by arm, the first the baseline.
    relevant_at : grade from which on a pair counts as relevant, for the AUC.
    decide_by : a metric in ``METRICS`` that decides. margin : a difference in it that makes no difference in practice.
    settled : the decision of a sequential test, in place of one on all pairs.
    chances : (n,) with which each graded pair was drawn to be graded; None where that is not known.

    Returns
    -------
    The keys of ``comparison.json`` that rest on judgments and grades.

    Raises
    ------
    InputError : no arm, or no pair that all arms judged (and somebody graded, where there are grades).
    """
    if not tables:
        raise InputError("comparing needs judgments", where="--variants", hint="Give two variants or more.")
    grade = samples["grade"].to_numpy(np.float64)
    tables = {name: aligned(samples, table) for name, table in tables.items()}
    scores = {name: table["score"].to_numpy(np.float64) for name, table in tables.items()}
    ungraded = bool(np.isnan(grade).all())
    usable = common_pairs(scores, None if ungraded else ~np.isnan(grade))
    if not usable.any():
        raise InputError("no pair was graded by every variant", hint="See `status` and `detail` in the judgments.")
    rows = samples[usable]
    queries = query_codes(rows)
    known = {name: score[usable] for name, score in scores.items()}
    levels = levels_of(grade)
    graded = Graded(grade[usable], queries, relevant_at, levels)
    common: dict[str, Any] = {
        "mode": "zero-shot",
        "decide_by": decide_by,
        "baseline": next(iter(tables)),
        "n_samples": len(samples),
        "n_pairs": int(usable.sum()),
        "n_left_out": int((~usable).sum()),
        "n_queries": int(queries.max() + 1),
        "levels": levels.tolist(),
        "relevant_at": relevant_at,
        "agreement": agreed(known, queries, levels),
        "differing": differing(rows, {name: table[usable] for name, table in tables.items()}, known, levels),
    }
    counted = {name: {"variant": name, **counts_of(tables[name], scores[name])} for name in tables}
    if ungraded:
        left = {"controls": [], "differences": [], "decision": unknown(decide_by, margin)}
        return {**common, "variants": list(counted.values()), **left}
    weights, note = weights_of(None if chances is None else chances[usable], queries)
    values = {name: weighted(values_of(graded, score), weights) for name, score in known.items()}
    means = {name: each[decide_by] for name, each in values.items()}
    found = settled or decide(means, margin=margin, alpha=ALPHA, power=POWER, identical=identical_pairs(known))
    features = list(features_of(rows))
    result = {
        **common,
        "note": note,
        "variants": [
            {
                **counted[name],
                **figures_of(graded, score, values[name]),
                **details_of(rows, graded, score, features),
            }
            for name, score in known.items()
        ],
        "controls": control_rows(rows, graded, best_of(values, decide_by), known, weights),
        "differences": differences_of(values),
        "decision": decision_row(found, decide_by, sequential=settled is not None),
    }
    judged = common_pairs(scores)
    if int(judged.sum()) > int(usable.sum()):
        all_scores = {name: score[judged] for name, score in scores.items()}
        drawn = None if chances is None else chances[judged]
        add_powered(result, FewGrades(samples[judged], grade[judged], all_scores, drawn))
    return result


def control_rows(
    rows: pd.DataFrame, graded: Graded, best: str, scores: Mapping[str, Doubles], weights: Doubles | None
) -> list[Row]:
    """The figures of each control."""
    return [
        {
            **{"variant": name, "kind": "control", "about": about, "n_graded": len(score)},
            **figures_of(graded, score, weighted(values_of(graded, score), weights)),
        }
        for name, about, score in controls_of(rows, graded, best, scores[best])
    ]


def aligned(samples: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The judgments of each sample, in the order of the samples; empty where there is none."""
    ids, asked = samples["sample_id"].to_numpy(object), table["sample_id"].to_numpy(object)
    if len(ids) == len(asked) and bool((ids == asked).all()):
        return table
    return table.set_index("sample_id").reindex(ids).reset_index()


def scores_of(samples: pd.DataFrame, table: pd.DataFrame) -> Doubles:
    """(n,) score of each sample in a judgments table, NaN where there is none."""
    return aligned(samples, table)["score"].to_numpy(np.float64)


def common_pairs(scores: Mapping[str, Doubles], known: Booleans | None = None) -> Booleans:
    """(n,) the pairs that all arms judged; of *known* ones only where that is given."""
    judged = np.all([~np.isnan(score) for score in scores.values()], axis=0)
    return np.asarray(judged if known is None else judged & known)


def identical_pairs(scores: Mapping[str, Doubles]) -> list[tuple[str, str]]:
    """The pairs of arms whose judgments are the same, to the last bit."""
    return [pair for pair in combinations(scores, 2) if np.array_equal(scores[pair[0]], scores[pair[1]])]


def comparable_judgments(
    samples: pd.DataFrame, tables: Mapping[str, pd.DataFrame]
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """The tables that some graded pairs have in common, and the names of those that stand in the way.

    Left out is who graded no pair, then, until the rest have a pair in common, who graded fewest. Where there are no
    grades at all, every pair counts.
    """
    known = samples["grade"].notna().to_numpy()
    known = known if known.any() else np.ones(len(samples), bool)
    graded = {name: known & ~np.isnan(scores_of(samples, table)) for name, table in tables.items()}
    kept = {name: rows for name, rows in graded.items() if rows.any()}
    while kept and not np.all(list(kept.values()), axis=0).any():
        fewest = min(reversed(kept), key=lambda name: int(kept[name].sum()))
        del kept[fewest]
    return {name: tables[name] for name in kept}, [name for name in tables if name not in kept]


def query_codes(rows: pd.DataFrame) -> Integers:
    """(n,) a code from 0 for each query; those that differ in case and white space alone are one."""
    return pd.factorize(query_keys(rows["query"]))[0].astype(np.intp)


def counts_of(table: pd.DataFrame, score: Doubles) -> Row:
    """What an arm answered, and how fast."""
    judged = int((~np.isnan(score)).sum())
    latency = table["latency_ms"].to_numpy(np.float64) if "latency_ms" in table else np.empty(0)
    latency = latency[latency > 0]
    bad = int(table["status"].isin(NOT_A_JUDGMENT).sum()) if "status" in table else 0
    tokens = {name: int(np.nansum(table[name].to_numpy(np.float64))) for name in TOKENS if name in table}
    return {
        "n_graded": judged,
        "n_failed": len(score) - judged,
        "unparsed": bad / len(score),
        **tokens,
        "seconds_per_pair": float(latency.mean()) / 1000 if len(latency) else None,
    }


TOKENS = ("input_tokens", "output_tokens")


def values_of(graded: Graded, score: Doubles) -> dict[str, Doubles]:
    """By metric (n_queries,) values whose mean is the figure."""
    return {name: metric.values(graded, score) for name, metric in METRICS.items()}


def figures_of(graded: Graded, score: Doubles, values: Mapping[str, Doubles]) -> Row:
    """All figures of one arm from its values by query, with intervals."""
    metrics = {name: figure_of(each, METRICS[name]) for name, each in values.items()}
    matrix = graded.confusion(score).sum(axis=0).astype(int).tolist()
    return {
        "auc": metrics["auc"],
        "spearman": metrics["spearman"],
        "metrics": metrics,
        "confusion": {"levels": graded.levels.tolist(), "counts": matrix},
    }


def best_of(values: Mapping[str, Mapping[str, Doubles]], decide_by: str) -> str:
    """The arm with the highest figure; the first where none has one."""
    means = {name: figure_of(each[decide_by])["value"] for name, each in values.items()}
    return max(means, key=lambda name: -np.inf if np.isnan(means[name]) else means[name])


def differences_of(values: Mapping[str, Mapping[str, Doubles]]) -> list[Row]:
    """Each arm less the first, paired by query, with an interval of that pair alone."""
    baseline, *others = values
    rows = []
    for name in others:
        for measure in METRICS:
            mean = query_mean(values[name][measure] - values[baseline][measure])
            low, high = mean.interval()
            figures = {"value": mean.value, "ci_low": low, "ci_high": high}
            certain = bool(low > 0 or high < 0)
            rows.append({"variant": name, "baseline": baseline, "measure": measure, **figures, "certain": certain})
    return rows
