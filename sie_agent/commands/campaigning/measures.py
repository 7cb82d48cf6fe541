"""What a campaign measures by itself: the learning curve so far, and the outcome on test queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sie_agent.campaign import CurvePoints, Gain, as_figures, expected_gain, from_figures, learning_points
from sie_agent.commands.campaigning.context import Campaign
from sie_agent.comparison.compared import query_codes
from sie_agent.evaluation.bootstrap import interval, query_copies
from sie_agent.evaluation.within import QueryPairs
from sie_agent.samples import without_grade
from sie_agent.samples.tables import read_table
from sie_agent.selection import Recipe
from sie_agent.utils.arrays import Booleans, Doubles, Integers

# rows that the learning curve is tested on, at most
MOST_TESTED = 5_000
FEWEST_GRADES = 50
REPLICATES = 2_000
# of the rankers whose predictions are averaged
SEEDS = (0, 1, 2)


def curve_figures(campaign: Campaign) -> dict[str, Any]:
    """The learning curve of the judged pairs; empty where they are too few."""
    from sie_agent.features import TextFeatures

    samples = campaign.table("log")
    table = read_table(campaign.folder / "labels" / "judgments.parquet")
    score = samples["sample_id"].map(table.groupby("sample_id")["score"].last()).to_numpy(np.float64)
    grade = samples["grade"].to_numpy(np.float64)
    graded = np.isfinite(grade)
    target, words = score, "the judgments (Spearman)"
    if graded.sum() >= FEWEST_GRADES:
        target, words = grade, f"people (accuracy within queries, {int(graded.sum()):,} grades)"
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
    how: dict[str, Any] = {"words": words, "within": target is not score, "seed": seed}
    found = learning_points(features, score[needed], target[needed], codes, **how)
    return as_figures(found)


def curve_of(figures: Mapping[str, Any]) -> CurvePoints | None:
    """The last learning curve."""
    return from_figures(figures.get("curve") or {})


def gain_of(curve: CurvePoints | None, pairs: int) -> Gain | None:
    """What so many more pairs are expected to add."""
    return None if curve is None else expected_gain(curve, curve.judged + pairs)


def outcome(campaign: Campaign, recipe: str, why: str = "") -> dict[str, Any]:
    """A ranker trained with the targets and weights, and one with the log's labels, within test queries.

    The ranker is LambdaMART on text features, trained on the rows of all other queries. All figures are of the same
    graded rows of test queries; intervals and differences are by a paired bootstrap over queries.

    Parameters
    ----------
    recipe : what targets and weights do, in words. why : it was chosen.
    """
    grades = read_table(campaign.folder / "test-grades.parquet")
    grade = campaign.table("log")["sample_id"].map(grades.set_index("sample_id")["grade"]).to_numpy(np.float64)
    codes = query_codes(campaign.table("log"))
    graded = np.isfinite(grade)
    if not graded.any():
        return verdict({}, recipe, why)
    pairs = QueryPairs(grade[graded], codes[graded], int(codes.max()) + 1)
    told = predictions(campaign, codes, graded, as_log=recipe == Recipe().words)
    values = {name: pairs.accuracy(one[graded]) for name, one in told.items()}
    known = np.isfinite(values["log"])
    if not known.any():
        return verdict({}, recipe, why)
    gains = {"gain": "target", "scorer_gain": "scorer"}
    values |= {name: values[of] - values["log"] for name, of in gains.items() if of in values}
    copies = query_copies(int(known.sum()), REPLICATES, campaign.goal.seed)
    found: dict[str, Any] = {name: measured(value[known], copies) for name, value in values.items()}
    found["mode"] = f"gold ({int(graded.sum()):,} grades of {int(known.sum()):,} test queries)"
    return {**found, **verdict(found, recipe, why)}


def predictions(campaign: Campaign, codes: Integers, graded: Booleans, *, as_log: bool) -> dict[str, Doubles]:
    """Of every row, what each of the three says: (n,); the rankers only of *graded* rows, NaN elsewhere.

    Parameters
    ----------
    as_log : targets and weights are the log's own, so that there is no second ranker.
    """
    from sie_agent.attribution import FeatureRows, TrainingSettings
    from sie_agent.downstream import RANKERS
    from sie_agent.features import TextFeatures

    samples = campaign.table("log")
    scores = read_table(campaign.folder / "scores.parquet").set_index("sample_id")
    weights = read_table(campaign.folder / "weights.parquet").set_index("sample_id").reindex(samples["sample_id"])
    readable = without_grade(samples)
    features = TextFeatures.fit(readable).transform(readable)
    rows = ~np.isin(codes, codes[graded])
    ways = {
        "log": (samples["label"].to_numpy(np.float32), None),
        "target": (weights["blended_label"].to_numpy(np.float32), weights["weight"].to_numpy(np.float32)),
    }
    if as_log:
        del ways["target"]
    found: dict[str, Doubles] = {}
    for name, (target, weight) in ways.items():
        log = FeatureRows(features, target, codes).take(rows)
        ranker = RANKERS["lambdamart"].learn(log, None if weight is None else weight[rows], TrainingSettings(), SEEDS)
        found[name] = np.full(len(samples), np.nan)
        found[name][graded] = ranker(features[graded])
    return {**found, "scorer": scores["relevance"].reindex(samples["sample_id"]).to_numpy(np.float64)}


def measured(values: Doubles, copies: Any) -> dict[str, float | None]:
    """The mean over queries, with a 95 % bootstrap interval."""
    low, high = interval(copies @ values / copies.sum(axis=1))
    ends = [None if np.isnan(end) else end for end in (low, high)]
    return {"value": float(values.mean()), "ci_low": ends[0], "ci_high": ends[1]}


def verdict(found: Mapping[str, Any], recipe: str, why: str = "") -> dict[str, str]:
    """What to do with targets and weights.

    Parameters
    ----------
    recipe : what they do, in words. why : it was chosen.
    """
    if recipe == Recipe().words:
        because = f", because {why}" if why else ""
        said = (
            f"The judgments are not used{because}. Labels stay the log's own and every weight is 1, so there is no "
            "gain to test. Train on the log as it is; to try again, grade more pairs, or take another judge or prompt."
        )
        return {"verdict": "log-as-it-is", "sentence": said}
    if not found:
        said = f"Not tested: there are no grades of test queries to test {recipe} on."
        return {"verdict": "not-tested", "sentence": said}
    gain = found["gain"]
    ends = f"{gain['value']:+.3f}"
    if gain["ci_low"] is not None:
        ends += f" [{gain['ci_low']:+.3f}, {gain['ci_high']:+.3f}]"
    if gain["ci_low"] is not None and gain["ci_low"] > 0:
        said = f"Use the targets and weights: a ranker trained with them is better within test queries, by {ends}."
        return {"verdict": "use", "sentence": said}
    said = f"Nothing shows that a ranker trained with {recipe} is better than one trained with the log's label: {ends}."
    return {"verdict": "no-better", "sentence": said}
