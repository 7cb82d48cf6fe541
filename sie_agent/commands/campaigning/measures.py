"""What a campaign measures by itself: the learning curve so far, and the outcome on test queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.campaign import CurvePoints, Gain, as_figures, expected_gain, from_figures, learning_points
from sie_agent.commands.campaigning.context import Campaign
from sie_agent.comparison.compared import query_codes
from sie_agent.evaluation.bootstrap import interval, query_copies
from sie_agent.evaluation.within import QueryPairs
from sie_agent.samples import query_keys, without_grade
from sie_agent.samples.tables import read_table
from sie_agent.utils.arrays import Doubles

# rows that the learning curve is tested on, at most
MOST_TESTED = 5_000
FEWEST_GRADES = 50
REPLICATES = 2_000


def curve_figures(campaign: Campaign) -> dict[str, Any]:
    """The learning curve of the judged pairs; empty where they are too few."""
    from sie_agent.features import TextFeatures

    samples = campaign.table("log")
    table = read_table(campaign.folder / "labels" / "judgments.parquet")
    score = samples["sample_id"].map(table.groupby("sample_id")["score"].last()).to_numpy(np.float64)
    grade = samples["grade"].to_numpy(np.float64)
    graded = np.isfinite(grade)
    target, words = score, "the judgments"
    if graded.sum() >= FEWEST_GRADES:
        target, words = grade, f"people ({int(graded.sum()):,} grades)"
        if graded.sum() > MOST_TESTED:
            dropped = np.random.default_rng(campaign.goal.seed).permutation(np.flatnonzero(graded))[MOST_TESTED:]
            target = grade.copy()
            target[dropped] = np.nan
    needed = np.flatnonzero(np.isfinite(score) | np.isfinite(target))
    rows = samples.iloc[needed].reset_index(drop=True)
    readable = without_grade(rows)
    features = TextFeatures.fit(readable).transform(readable).astype(np.float64)
    codes = query_codes(rows)
    seed = campaign.goal.seed
    found = learning_points(features, score[needed], target[needed], codes, words=words, seed=seed)
    return as_figures(found)


def curve_of(figures: Mapping[str, Any]) -> CurvePoints | None:
    """The last learning curve."""
    return from_figures(figures.get("curve") or {})


def gain_of(curve: CurvePoints | None, pairs: int) -> Gain | None:
    """What so many more pairs are expected to add."""
    return None if curve is None else expected_gain(curve, curve.judged + pairs)


def outcome(campaign: Campaign, recipe: str) -> dict[str, Any]:
    """Accuracy of the log's label, the blended label and the scorer within test queries, and what is gained.

    All are of the same rows with a grade; intervals and differences are by a paired bootstrap over queries.
    """
    grades = read_table(campaign.folder / "test-grades.parquet")
    scores = read_table(campaign.folder / "scores.parquet")
    weights = read_table(campaign.folder / "weights.parquet")
    log = campaign.table("log")[["sample_id", "query", "label"]]
    rows = grades.merge(log, on="sample_id").merge(scores[["sample_id", "relevance"]], on="sample_id")
    rows = rows.merge(weights[["sample_id", "blended_label"]], on="sample_id").sort_values("sample_id")
    codes, names = pd.factorize(query_keys(rows["query"]), sort=True)
    by = {"log": "label", "target": "blended_label", "scorer": "relevance"}
    found: dict[str, Any] = {}
    if len(rows):
        pairs = QueryPairs(rows["grade"].to_numpy(np.float64), codes.astype(np.intp), len(names))
        values = {name: pairs.accuracy(rows[column].to_numpy(np.float64)) for name, column in by.items()}
        values |= {"gain": values["target"] - values["log"], "scorer_gain": values["scorer"] - values["log"]}
        known = np.isfinite(values["log"])
        if known.any():
            copies = query_copies(int(known.sum()), REPLICATES, campaign.goal.seed)
            found = {name: measured(value[known], copies) for name, value in values.items()}
            found["mode"] = f"gold ({len(rows):,} grades of {int(known.sum()):,} test queries)"
    return {**found, **verdict(found, recipe)}


def measured(values: Doubles, copies: Any) -> dict[str, float | None]:
    """The mean over queries, with a 95 % bootstrap interval."""
    low, high = interval(copies @ values / copies.sum(axis=1))
    ends = [None if np.isnan(end) else end for end in (low, high)]
    return {"value": float(values.mean()), "ci_low": ends[0], "ci_high": ends[1]}


def verdict(found: Mapping[str, Any], recipe: str) -> dict[str, str]:
    """What to do with the targets."""
    if not found:
        said = f"Not tested: there are no grades of test queries with which to compare the targets ({recipe})."
        return {"verdict": "not-tested", "sentence": said}
    gain = found["gain"]
    ends = f"{gain['value']:+.3f}"
    if gain["ci_low"] is not None:
        ends += f" [{gain['ci_low']:+.3f}, {gain['ci_high']:+.3f}]"
    if gain["ci_low"] is not None and gain["ci_low"] > 0:
        said = f"Use the targets: within test queries they agree better with people than the log's label, by {ends}."
        return {"verdict": "use", "sentence": said}
    said = f"Nothing shows that the targets ({recipe}) agree better with people than the log's label: {ends}."
    return {"verdict": "no-better", "sentence": said}
