"""Downstream rows: AUC and NDCG@10 on test queries per strategy, with intervals and the gap recovered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.evaluation.bootstrap import interval, standard_error, widen
from sie_agent.evaluation.metrics import roc_auc
from sie_agent.evaluation.moments import query_ndcg, resampled_auc
from sie_agent.evaluation.rankers import TARGET

Doubles = npt.NDArray[np.float64]

NOISY, CLEAN = "all-noisy", "clean-labels"


class Way(NamedTuple):
    """What was done to the log, and the model that was trained on it; texts as a column name holds them."""

    strategy: str
    judge: str
    keep: str
    weighting: str
    ranker: str


class Measured(NamedTuple):
    """One metric of one draw: its value, and its bootstrap replicates, (replicates,)."""

    value: float
    replicates: Doubles

    def minus(self, other: Measured) -> Measured:
        """The difference to *other*, resampled with the same queries."""
        return Measured(self.value - other.value, self.replicates - other.replicates)


def way_of(column: str) -> Way:
    """What a column of predictions says was done; runs of older versions knew the target model only."""
    strategy, judge, keep, weighting, ranker = [*column.split("|"), TARGET][:5]
    return Way(strategy, judge, keep, weighting, ranker)


def plain(strategy: str, ranker: str) -> Way:
    """Training of a ranker on all rows."""
    return Way(strategy, "", "1", "", ranker)


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
        for way in dict.fromkeys(way for one in measured for way in one):
            having = [one for one in measured if way in one]
            treated, noisy, clean = (
                [one[which] for one in having] for which in (way, plain(NOISY, way.ranker), plain(CLEAN, way.ranker))
            )
            rows.append(
                {
                    "strategy": way.strategy,
                    "judge": way.judge or None,
                    "keep": float(way.keep),
                    "weighting": way.weighting or None,
                    "ranker": way.ranker,
                    "metric": metric,
                    **over_draws(treated),
                    "n_draws": len(having),
                    "n_queries": n_queries,
                    **gap(treated, noisy, clean),
                }
            )
    return rows


def measure(table: pd.DataFrame, copies: npt.NDArray[np.intp], relevant_at: float, metric: str) -> dict[Way, Measured]:
    """Value and bootstrap replicates of one metric for every effect of one draw."""
    codes, grade = table["query_code"].to_numpy(np.intp), table["grade"].to_numpy(np.float64)
    found: dict[Way, Measured] = {}
    for name in table.columns:
        if name in ("query_code", "grade"):
            continue
        score = table[name].to_numpy(np.float64)
        if metric == "auc":
            relevant = grade >= relevant_at
            found[way_of(name)] = Measured(roc_auc(score, relevant), resampled_auc(score, relevant, codes, copies))
        else:
            per_query = query_ndcg(score, grade, codes, copies.shape[1])
            has = np.isfinite(per_query)
            drawn = copies[:, has]
            found[way_of(name)] = Measured(
                float(per_query[has].mean()),
                drawn @ per_query[has] / np.maximum(drawn.sum(axis=1), 1),
            )
    return found


def mean_of_draws(parts: Sequence[Measured]) -> Measured:
    """Mean over draws of values and of replicates."""
    return Measured(
        float(np.mean([part.value for part in parts])), np.mean([part.replicates for part in parts], axis=0)
    )


def over_draws(parts: Sequence[Measured]) -> dict[str, Any]:
    """The mean over draws of a metric in [0, 1], its interval with the spread of the draws in it, and each draw."""
    mean, draws = mean_of_draws(parts), [part.value for part in parts]
    low, high = widen(*interval(mean.replicates), mean.value, standard_error(draws))
    return {
        "value": mean.value,
        "ci_low": max(low, 0.0) if np.isfinite(low) else low,
        "ci_high": min(high, 1.0) if np.isfinite(high) else high,
        "draws": draws,
    }


def gap(treated: Sequence[Measured], noisy: Sequence[Measured], clean: Sequence[Measured]) -> dict[str, Any]:
    """Share of the way from the noisy log to clean labels; none where the interval of that way holds zero.

    The ratio is that of the means over draws: a mean of ratios would be that of the draws with the shortest way. Its
    error over draws is the linearised one of a ratio of means (Cochran 1977, 6.4).

    Parameters
    ----------
    treated, noisy, clean : the same metric of the same draws, trained in three ways.
    """
    gains = [one.minus(base) for one, base in zip(treated, noisy, strict=True)]
    spans = [one.minus(base) for one, base in zip(clean, noisy, strict=True)]
    draws = [
        gain.value / span.value if interval(span.replicates)[0] > 0 else None
        for gain, span in zip(gains, spans, strict=True)
    ]
    gain, span = mean_of_draws(gains), mean_of_draws(spans)
    low, _ = widen(*interval(span.replicates), span.value, standard_error([one.value for one in spans]))
    if not low > 0:
        return {"gap_recovered": None, "gap_ci_low": None, "gap_ci_high": None, "gap_draws": draws}
    share = gain.value / span.value
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = gain.replicates / span.replicates
    strays = [(one.value - share * whole.value) / span.value for one, whole in zip(gains, spans, strict=True)]
    gap_low, gap_high = widen(*interval(shares), share, standard_error(strays))
    return {"gap_recovered": share, "gap_ci_low": gap_low, "gap_ci_high": gap_high, "gap_draws": draws}
