"""The plain verdict: use these weights, use them for filtering only, do not use them, or unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sie_agent.evaluation.rankers import TARGET, main_ranker

FEW_QUERIES = 200
# fixed before any test figure is seen: the best of many strategies on test queries would look better than it is
WEIGHTING, FILTER, SHARE = "support-distilled-weights", "support-distilled", 0.5
HALF_WIDTH = 0.05
BETWEEN_QUERY = 0.1


def verdict(
    judge: str,
    mode: str,
    downstream: Sequence[Mapping[str, Any]],
    quality: Mapping[str, Any],
    n_queries: int,
    items: float,
) -> dict[str, str]:
    """What to do with this judge's scores, from the gap that they recover on test queries.

    Two strategies, fixed beforehand, are looked at: the scorer's ``support`` as weights (their strength is chosen on
    tuning queries), and half of the rows kept by it; both on the target model, or where no figure is of it, on the
    first ranker.

    Parameters
    ----------
    downstream : rows under ``downstream``; quality : ``auc`` and ``target_auc``.
    n_queries : queries behind the downstream figures; items : mean number of items of a query.
    """
    rows = [row for row in downstream if row["judge"] == judge and row["metric"] == "auc"]
    ranker = main_ranker(row.get("ranker", TARGET) for row in rows)
    rows = [row for row in rows if row.get("ranker", TARGET) == ranker]
    if not rows and (downstream or quality.get("auc") is not None):
        return {
            "use": "unknown",
            "text": f"Unknown: no model was trained with {judge}'s scores. Name it in downstream.judges, give "
            "downstream.draws at least 1, and keep a test query set.",
        }
    if not rows:
        pairs = pairs_needed(items)
        return {
            "use": "unknown",
            "text": f"Unknown: there are no graded test queries. Grade {pairs} more pairs "
            f"(about {math.ceil(pairs / items)} queries) to know the effect on AUC to ± {HALF_WIDTH}.",
        }
    told = f"{judge} ({mode})"
    compared = compare_with_target(quality)
    few = f" Only {n_queries} test queries stand behind this: take it as a hint." if n_queries < FEW_QUERIES else ""
    weights = certain([row for row in rows if row["strategy"] == WEIGHTING])
    filters = certain([row for row in rows if row["strategy"] == FILTER and row["keep"] == SHARE])
    if weights is not None:
        return {
            "use": "weights",
            "text": f"Use these weights: {describe(weights)} with {told}.{compared}{few}",
        }
    if filters is not None:
        return {
            "use": "filter",
            "text": f"Use them for filtering only: {describe(filters)} with {told}; weighting does not help "
            f"for certain.{compared}{few}",
        }
    return {
        "use": "no",
        "text": f"Do not use these weights: with {told} neither weighting by the distilled support nor keeping half of "
        f"the rows by it recovers any of the gap to clean labels for certain.{compared}{few}",
    }


def certain(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The row, where the interval of the gap that it recovers lies above zero."""
    return next((row for row in rows if row["gap_ci_low"] is not None and row["gap_ci_low"] > 0), None)


def describe(row: Mapping[str, Any]) -> str:
    """One downstream row in words."""
    shares = (
        f"{row['gap_recovered']:.0%} of the gap to clean labels [{row['gap_ci_low']:.0%}, {row['gap_ci_high']:.0%}]"
    )
    ranker = row.get("ranker", TARGET)
    model = "" if ranker == TARGET else f" of {ranker}"
    return f"{row['strategy']} recovers {shares}, AUC{model} {row['value']:.3f}"


def compare_with_target(quality: Mapping[str, Any]) -> str:
    """Whether the judge knows more than the target model, in a sentence; empty where it is not known."""
    judge, target = quality.get("auc"), quality.get("target_auc")
    if judge is None or target is None or math.isnan(judge) or math.isnan(target):
        return ""
    word = "more" if judge > target else "less"
    return f" The judge (AUC {judge:.3f}) knows {word} than the target model trained on the log (AUC {target:.3f})."


def pairs_needed(items: float) -> int:
    """Graded pairs for a 95 % interval of ± 0.05 around an AUC near 0.7, with pairs clustered in queries.

    Hanley & McNeil (1982) with as many relevant as irrelevant pairs, times the design effect 1 + (m - 1)·ρ (Kish 1965)
    for m items a query and a correlation of ρ = 0.1 within a query.
    """
    auc = 0.7
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    per_class = (1.96 / HALF_WIDTH) ** 2 * (first + second - 2 * auc**2)
    return math.ceil(2 * per_class * (1 + (items - 1) * BETWEEN_QUERY))
