"""Few grades and many judgments: prediction-powered figures of arms, the predictor never the arm itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.evaluation import TEXT_SCORES, spearman
from sie_agent.grading.metrics import powered_difference, powered_pair_metric, powered_query_metric
from sie_agent.grading.powered import PoweredEstimate
from sie_agent.utils.arrays import Doubles

WORDS = "word overlap"
# by metric of `METRICS` that is a mean over pairs or over whole graded queries, its name there
BY_QUERY: dict[str, Any] = {"within": "within", "ndcg@10": "ndcg"}
BY_PAIR: dict[str, Any] = {"error": "absolute_error"}


@dataclass(frozen=True)
class FewGrades:
    """The pairs that all arms judged, some of them graded.

    Attributes
    ----------
    rows : (n,) samples. grade : (n,) NaN where nobody graded. scores : of each arm (n,), all known.
    chances : (n,) with which each pair was drawn to be graded; None where that is not known, and taken as equal.
    """

    rows: pd.DataFrame
    grade: Doubles
    scores: Mapping[str, Doubles]
    chances: Doubles | None = None

    def predictor_for(self, *names: str) -> str | None:
        """The other arm that agrees most with all arms, whatever the grades say; word overlap where there is none.

        None where that says the same as an arm under test.
        """
        tested = [self.scores[name] for name in names]
        others = [name for name in (*self.scores, WORDS) if name not in names]
        usable = [name for name in others if not any(np.array_equal(self.score_of(name), score) for score in tested)]
        return max(usable, key=lambda name: self.agreement.get(name, -2.0)) if usable else None

    @cached_property
    def agreement(self) -> dict[str, float]:
        """Of each arm, the mean Spearman with the others."""
        found = {}
        for name, score in self.scores.items():
            each = [spearman(score, other) for key, other in self.scores.items() if key != name]
            found[name] = float(np.nan_to_num(each, nan=0.0).mean()) if each else 0.0
        return found

    def score_of(self, name: str) -> Doubles:
        """(n,) the judgments of an arm, or word overlap."""
        return self.words if name == WORDS else self.scores[name]

    @cached_property
    def words(self) -> Doubles:
        """(n,) word overlap."""
        return TEXT_SCORES["word-overlap"].score(self.rows)

    def figures(self, name: str) -> dict[str, dict[str, Any]]:
        """By metric, the prediction-powered figure of an arm."""
        if (predictor := self.predictor_for(name)) is None:
            return {}
        given = (self.rows, self.grade, self.scores[name], self.score_of(predictor))
        found: dict[str, PoweredEstimate] = {}
        for key, metric in BY_QUERY.items():
            found[key] = powered_query_metric(*given, metric=metric, probabilities=self.chances)
        for key, metric in BY_PAIR.items():
            found[key] = powered_pair_metric(*given, metric=metric, probabilities=self.chances)
        return {key: row_of(one, predictor) for key, one in found.items() if one.n_graded}

    def differences(self, baseline: str, name: str) -> dict[str, dict[str, Any]]:
        """By metric, the prediction-powered difference of an arm to the baseline; the predictor is neither."""
        if (predictor := self.predictor_for(baseline, name)) is None:
            return {}
        given = (self.rows, self.grade, self.scores[baseline], self.scores[name], self.score_of(predictor))
        metrics = {**BY_QUERY, **BY_PAIR}
        found = {
            key: powered_difference(*given, metric=metric, probabilities=self.chances)
            for key, metric in metrics.items()
        }
        return {key: row_of(one, predictor) for key, one in found.items() if one.n_graded}


def row_of(one: PoweredEstimate, predictor: str) -> dict[str, Any]:
    """An estimate for ``comparison.json``."""
    alone = {
        "value": one.graded_only_value,
        "ci_low": one.graded_only_low,
        "ci_high": one.graded_only_high,
    }
    told = {"predictor": predictor, "tuning": one.tuning, "n_graded": one.n_graded, "n_all": one.n_all}
    return {"value": one.value, "ci_low": one.low, "ci_high": one.high, "graded_only": alone, **told}


def add_powered(result: dict[str, Any], few: FewGrades) -> None:
    """Put prediction-powered figures beside those of the grades alone."""
    for arm in result["variants"]:
        arm["powered"] = few.figures(arm["variant"])
    for name in dict.fromkeys(row["variant"] for row in result["differences"]):
        found = few.differences(result["baseline"], name)
        for row in result["differences"]:
            if row["variant"] == name and row["measure"] in found:
                row["powered"] = found[row["measure"]]
