"""Comparison of prompt variants: the same pairs, quality against human grades, paired differences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.evaluation.bootstrap import interval, query_copies, resampled
from sie_agent.evaluation.metrics import roc_auc, spearman
from sie_agent.samples import normalise_query
from sie_agent.utils.arrays import Booleans, Doubles

BOOTSTRAP_SEED = 20_241
MEASURES = ("auc", "spearman")


def compare_judgments(
    samples: pd.DataFrame, tables: Mapping[str, pd.DataFrame], *, relevant_at: float = 0.75, replicates: int = 1000
) -> dict[str, Any]:
    """Quality of each variant's judgments and the paired difference of each to the first.

    Pairs that any variant left without a judgment are left out for all, and counted: a variant must not look better by
    refusing the hard ones. Intervals resample queries with all their pairs.

    Parameters
    ----------
    samples : the samples table, with grades; tables : judgments of the same samples by variant, the first the baseline.
    relevant_at : grade from which on a pair counts as relevant, for the AUC.

    Returns
    -------
    ``variants`` (each: variant, n_graded, n_failed, input_tokens, and per measure value, ci_low, ci_high) and
    ``differences`` (each: variant, baseline, measure, value, ci_low, ci_high, and whether it is
    ``certain``, its interval not holding zero), ``n_pairs``, ``n_queries``.

    Raises
    ------
    InputError : no grades, no variant, or no pair that all variants graded.
    """
    if not tables:
        raise InputError("comparing needs judgments", where="--variants", hint="Give two variants or more.")
    grade = samples["grade"].to_numpy(np.float64)
    scores = {name: scores_of(samples, table) for name, table in tables.items()}
    usable = ~np.isnan(grade) & np.all([~np.isnan(score) for score in scores.values()], axis=0)
    if np.isnan(grade).all():
        raise InputError(
            "the samples have no grades", where="field 'grade'", hint="Map the human grade in the column map."
        )
    if not usable.any():
        raise InputError("no pair was graded by every variant", hint="See `status` and `detail` in the judgments.")
    codes = pd.factorize(samples["query"][usable].map(normalise_query))[0].astype(np.intp)
    known, relevant = grade[usable], grade[usable] >= relevant_at
    copies = query_copies(int(codes.max()) + 1, replicates, BOOTSTRAP_SEED)
    measured = {
        name: resampled(measure, (score[usable], known, relevant), codes, copies) for name, score in scores.items()
    }
    baseline = next(iter(tables))
    variants = [
        {
            "variant": name,
            "n_graded": int((~np.isnan(scores[name])).sum()),
            "n_failed": int(np.isnan(scores[name]).sum()),
            "input_tokens": int(np.nansum(table["input_tokens"].to_numpy(np.float64))),
            **dict(zip(MEASURES, with_intervals(*measured[name]), strict=True)),
        }
        for name, table in tables.items()
    ]
    differences = []
    for name in list(tables)[1:]:
        value, again = (own - base for own, base in zip(measured[name], measured[baseline], strict=True))
        for key, found in zip(MEASURES, with_intervals(value, again), strict=True):
            certain = bool(found["ci_low"] > 0 or found["ci_high"] < 0)
            differences.append({"variant": name, "baseline": baseline, "measure": key, **found, "certain": certain})
    return {
        "mode": "zero-shot",
        "baseline": baseline,
        "n_pairs": int(usable.sum()),
        "n_left_out": int((~usable).sum()),
        "n_queries": int(codes.max() + 1),
        "relevant_at": relevant_at,
        "variants": variants,
        "differences": differences,
    }


def comparable_judgments(
    samples: pd.DataFrame, tables: Mapping[str, pd.DataFrame]
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """The tables that some graded pairs have in common, and the names of those that stand in the way.

    Left out is who graded no pair, then, until the rest have a pair in common, who graded fewest.
    """
    known = samples["grade"].notna().to_numpy()
    graded = {name: known & ~np.isnan(scores_of(samples, table)) for name, table in tables.items()}
    kept = {name: rows for name, rows in graded.items() if rows.any()}
    while kept and not np.all(list(kept.values()), axis=0).any():
        fewest = min(reversed(kept), key=lambda name: int(kept[name].sum()))
        del kept[fewest]
    return {name: tables[name] for name in kept}, [name for name in tables if name not in kept]


def scores_of(samples: pd.DataFrame, table: pd.DataFrame) -> Doubles:
    """(n,) score of each sample in a judgments table, NaN where there is none."""
    said = dict(zip(table["sample_id"], table["score"], strict=True))
    return samples["sample_id"].map(said).to_numpy(np.float64)


def measure(score: Doubles, grade: Doubles, relevant: Booleans) -> tuple[float, float]:
    """AUC of relevant, and Spearman with the grade."""
    return roc_auc(score, relevant), spearman(score, grade)


def with_intervals(values: Doubles, replicates: Doubles) -> list[dict[str, float]]:
    """Each of the *values* (k,) with its interval from *replicates* (n, k)."""
    ends = [interval(column) for column in replicates.T]
    return [
        {"value": float(value), "ci_low": low, "ci_high": high} for value, (low, high) in zip(values, ends, strict=True)
    ]
