"""Downstream rows: AUC and NDCG@10 on test queries per strategy, with intervals and the gap recovered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.evaluation.bootstrap import interval
from sie_agent.evaluation.metrics import roc_auc
from sie_agent.evaluation.moments import query_ndcg, resampled_auc

Doubles = npt.NDArray[np.float64]

NOISY, CLEAN = "all-noisy||1|", "clean-labels||1|"


def downstream_rows(
    tables: Sequence[pd.DataFrame], copies: npt.NDArray[np.intp], relevant_at: float
) -> list[dict[str, Any]]:
    """Rows of ``agreement.json`` under ``downstream``.

    Parameters
    ----------
    tables : per draw, ``query_code, grade`` and one column of predictions per effect, on test rows.
    copies : (replicates, n_queries): how often each query is drawn.
    """
    rows = []
    n_queries = len({code for table in tables for code in table["query_code"]})
    for metric in ("auc", "ndcg@10"):
        measured = [measure(table, copies, relevant_at, metric) for table in tables]
        names = list(dict.fromkeys(name for one in measured for name in one))
        base = joined([one[NOISY] for one in measured if NOISY in one])
        best = joined([one[CLEAN] for one in measured if CLEAN in one])
        for name in names:
            having = [one for one in measured if name in one]
            value, replicates = joined([one[name] for one in having])
            noisy, clean = (base, best)
            if len(having) < len(measured):
                noisy, clean = (joined([one[which] for one in having]) for which in (NOISY, CLEAN))
            low, high = interval(replicates)
            strategy, judge, keep, weighting = name.split("|")
            rows.append(
                {
                    "strategy": strategy,
                    "judge": judge or None,
                    "keep": float(keep),
                    "weighting": weighting or None,
                    "metric": metric,
                    "value": value,
                    "ci_low": low,
                    "ci_high": high,
                    "n_draws": len(having),
                    "n_queries": n_queries,
                    **gap(value, replicates, noisy, clean),
                }
            )
    return rows


def measure(
    table: pd.DataFrame, copies: npt.NDArray[np.intp], relevant_at: float, metric: str
) -> dict[str, tuple[float, Doubles]]:
    """Value and bootstrap replicates of one metric for every effect of one draw."""
    codes, grade = table["query_code"].to_numpy(np.intp), table["grade"].to_numpy(np.float64)
    found: dict[str, tuple[float, Doubles]] = {}
    row_copies = copies[:, codes]
    for name in table.columns:
        if name in ("query_code", "grade"):
            continue
        score = table[name].to_numpy(np.float64)
        if metric == "auc":
            relevant = grade >= relevant_at
            found[name] = roc_auc(score, relevant), resampled_auc(score, relevant, row_copies)
        else:
            per_query = query_ndcg(score, grade, codes, copies.shape[1])
            has = np.isfinite(per_query)
            drawn = copies[:, has]
            found[name] = (
                float(per_query[has].mean()),
                drawn @ per_query[has] / np.maximum(drawn.sum(axis=1), 1),
            )
    return found


def joined(parts: Sequence[tuple[float, Doubles]]) -> tuple[float, Doubles]:
    """Mean over draws of values and of replicates."""
    return float(np.mean([value for value, _ in parts])), np.mean([replicates for _, replicates in parts], axis=0)


def gap(
    value: float, replicates: Doubles, noisy: tuple[float, Doubles], clean: tuple[float, Doubles]
) -> dict[str, float | None]:
    """Share of the way from the noisy log to clean labels; none where the interval of that way holds zero."""
    low, _ = interval(clean[1] - noisy[1])
    if not low > 0:
        return {"gap_recovered": None, "gap_ci_low": None, "gap_ci_high": None}
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = (replicates - noisy[1]) / (clean[1] - noisy[1])
    gap_low, gap_high = interval(shares)
    return {
        "gap_recovered": (value - noisy[0]) / (clean[0] - noisy[0]),
        "gap_ci_low": gap_low,
        "gap_ci_high": gap_high,
    }
