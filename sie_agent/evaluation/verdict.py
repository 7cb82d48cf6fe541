"""The plain verdict: use these weights, use them for filtering only, do not use them, or unknown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sie_agent.evaluation.quality import FILTER, SHARE, WEIGHTING, known, main_rows, paired_difference
from sie_agent.evaluation.rankers import TARGET

FEW_QUERIES = 200
HALF_WIDTH = 0.05
BETWEEN_QUERY = 0.1
WIDE = 0.2
MEANS = {"weights": "by weighting", "filter": "by keeping half of the rows"}


def verdict(
    judge: str,
    mode: str,
    downstream: Sequence[Mapping[str, Any]],
    quality: Mapping[str, Any],
    n_queries: int,
    items: float,
    curve: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """What to do with this judge's scores, from its quality and from the gap that they recover on test queries.

    A judge that cannot be told from a random one is not to be used, whatever its scores did on test queries. Else two
    strategies, fixed beforehand, are looked at: the scorer's ``support`` as weights (their strength is chosen on
    tuning queries), and half of the rows kept by it. The interval of the gap recovered must lie above zero, and above
    what a random judge recovered where the run tried one. Both are of the target model, or where no figure is of it, of
    the first ranker.

    Parameters
    ----------
    downstream : rows under ``downstream``; quality : ``auc, auc_low, auc_high, n_pairs`` and ``target_auc``.
    n_queries : queries behind the downstream figures; items : mean number of items of a query.
    curve : from :func:`judge_quality_curve`.
    """
    told, few = f"{judge} ({mode})", ""
    if like_random(quality):
        return {"use": "no", "text": f"Do not use these weights: {random_words(told, quality)}"}
    rows = [row for row in main_rows(downstream) if row["judge"] == judge and row["metric"] == "auc"]
    if not rows:
        return {"use": "unknown", "text": f"Unknown: {unknown_words(judge, downstream, quality, items)}"}
    if not known(quality.get("auc")):
        return {"use": "unknown", "text": f"Unknown: how good {told} is was not measured; grade some judged pairs."}
    if n_queries < FEW_QUERIES:
        few = f" Only {n_queries} test queries stand behind this: take it as a hint."
    after = f"{compare_with_target(quality)}{curve_words(curve)}{few}"
    weights = [row for row in rows if row["strategy"] == WEIGHTING]
    filters = [row for row in rows if row["strategy"] == FILTER and row["keep"] == SHARE]
    if (row := certain(weights)) is not None and beats_random(judge, curve, downstream, "weights"):
        return {"use": "weights", "text": f"Use these weights: {describe(row)} with {told}.{after}"}
    if (row := certain(filters)) is not None and beats_random(judge, curve, downstream, "filter"):
        return {
            "use": "filter",
            "text": f"Use them for filtering only: {describe(row)} with {told}; weighting does not help for "
            f"certain.{after}",
        }
    lucky = certain(weights) or certain(filters)
    if lucky is not None:
        why = f"{describe(lucky)} with {told}, but a judge that answers at random was not shown to do worse."
    else:
        why = (
            f"with {told} neither weighting by the distilled support nor keeping half of the rows by it recovers any "
            "of the gap to clean labels for certain."
        )
    return {"use": "no", "text": f"Do not use these weights: {why}{after}"}


def like_random(quality: Mapping[str, Any]) -> bool:
    """Whether a judge whose quality is known cannot be told from one that answers at random.

    The interval of its AUC must lie above 0.5; in a run of an older version, which has none, the AUC itself.
    """
    auc, low = quality.get("auc"), quality.get("auc_low")
    least = low if known(low) else auc
    return known(auc) and least is not None and not least > 0.5


def random_words(told: str, quality: Mapping[str, Any]) -> str:
    """Why a judge counts as random."""
    low, high = quality.get("auc_low"), quality.get("auc_high")
    if low is not None and high is not None and high < 0.5:
        return (
            f"{told} orders items backwards: its AUC with human grades is {quality['auc']:.3f} [{low:.3f}, {high:.3f}]"
            ". Look at its prompt and its scale."
        )
    text = (
        f"nothing tells {told} from a judge that answers at random: its AUC with human grades is {quality['auc']:.3f}"
    )
    if low is None or high is None:
        return f"{text}."
    wide = " So wide an interval needs more graded pairs." if high - low > WIDE else ""
    return f"{text} [{low:.3f}, {high:.3f}], and 0.5 is a coin toss.{wide}"


def unknown_words(judge: str, downstream: Sequence[Mapping[str, Any]], quality: Mapping[str, Any], items: float) -> str:
    """What is missing for a verdict."""
    if downstream or quality.get("auc") is not None:
        return (
            f"no model was trained with {judge}'s scores. Name it in downstream.judges, give downstream.draws at least "
            "1, and keep a test query set."
        )
    pairs = pairs_needed(items)
    return (
        f"there are no graded test queries. Grade {pairs} more pairs (about {math.ceil(pairs / items)} queries) to "
        f"know the effect on AUC to ± {HALF_WIDTH}."
    )


def beats_random(
    judge: str, curve: Mapping[str, Any] | None, downstream: Sequence[Mapping[str, Any]], measure: str
) -> bool:
    """Whether a judge recovers more of the gap than every random judge that the run tried, for certain.

    A random judge whose gap could not be measured counts as one that was not beaten.
    """
    points, tried = curve["points"] if curve is not None else [], {row["judge"] for row in downstream}
    own = next((one[measure] for one in points if one["judge"] == judge), None)
    rivals = [one for one in points if one["kind"] == "random" and one["judge"] in tried - {judge}]
    for rival in (one[measure] for one in rivals):
        if own is None or rival is None:
            return False
        difference, half = paired_difference(own, rival)
        if not difference - half > 0:
            return False
    return True


def certain(rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The row, where the interval of the gap that it recovers lies above zero."""
    return next((row for row in rows if row["gap_ci_low"] is not None and row["gap_ci_low"] > 0), None)


def curve_words(curve: Mapping[str, Any] | None) -> str:
    """How good a judge must be on this log, from the simulated judges, in a sentence; empty without a curve."""
    found = {entry["measure"]: entry for entry in curve["needed"]} if curve is not None else {}
    if not found:
        return ""
    return " Simulated judges on this log: " + "; ".join(needed_words(entry) for entry in found.values()) + "."


def needed_words(entry: Mapping[str, Any]) -> str:
    """The judge's AUC that one strategy needs, in words."""
    means = MEANS[entry["measure"]]
    above, sure = entry["above_zero"], entry["certain"]
    if above is None:
        return f"{means}, not even the best (AUC {entry['highest']:.2f}) recovers any of the gap"
    if entry["lowest"] == entry["highest"]:
        return f"{means}, one of AUC {above:.2f} recovers some of the gap{'' if sure else ', though not for certain'}"
    some = f"{means}, the curve crosses zero at an AUC of about {above:.2f}"
    if above <= entry["lowest"]:
        some = f"{means}, all of them (AUC {above:.2f} and more) recover some of the gap"
    if sure is None:
        return f"{some}, but none is above zero for certain"
    return some if sure <= above else f"{some} and is above it for certain from {sure:.2f}"


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
    low, high = quality.get("auc_low"), quality.get("auc_high")
    word = "more than" if judge > target else "less than"
    if low is not None and high is not None and low <= target <= high:
        word = "about as much as"
    return f" The judge (AUC {judge:.3f}) knows {word} the target model trained on the log (AUC {target:.3f})."


def pairs_needed(items: float) -> int:
    """Graded pairs for a 95 % interval of ± 0.05 around an AUC near 0.7, with pairs clustered in queries.

    Hanley & McNeil (1982) with as many relevant as irrelevant pairs, times the design effect 1 + (m - 1)·ρ (Kish 1965)
    for m items a query and a correlation of ρ = 0.1 within a query.
    """
    auc = 0.7
    first, second = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    per_class = (1.96 / HALF_WIDTH) ** 2 * (first + second - 2 * auc**2)
    return math.ceil(2 * per_class * (1 + (items - 1) * BETWEEN_QUERY))
