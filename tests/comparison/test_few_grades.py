"""Figures from few grades and many judgments: what stands in for grades is never the arm itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sie_agent.comparison.compared import compare_judgments
from sie_agent.comparison.few_grades import FewGrades
from sie_agent.comparison.weighting import weighted, weights_of
from sie_agent.grading import powered_query_metric
from sie_agent.samples import validate_samples
from sie_agent.utils.arrays import Doubles

QUERIES, ITEMS = 60, 6


@pytest.fixture(scope="module")
def samples() -> pd.DataFrame:
    """Pairs of which the first fifteen queries are graded."""
    rng, count = np.random.default_rng(0), QUERIES * ITEMS
    rows = {
        "sample_id": [f"s{n}" for n in range(count)],
        "query": [f"thing {n // ITEMS}" for n in range(count)],
        "item_id": [f"i{n}" for n in range(count)],
        "title": [f"thing {n}" if n % 3 else "other" for n in range(count)],
        "grade": rng.choice([0.0, 1 / 3, 2 / 3, 1.0], count),
    }
    return validate_samples(pd.DataFrame(rows), "test")


def scores(samples: pd.DataFrame) -> dict[str, Doubles]:
    rng, grade = np.random.default_rng(1), samples["grade"].to_numpy()
    return {name: np.clip(grade + rng.normal(0, noise, len(grade)), 0, 1) for name, noise in (("a", 0.5), ("b", 0.2))}


def tables(samples: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {
        name: pd.DataFrame({"sample_id": samples["sample_id"], "score": score})
        for name, score in scores(samples).items()
    }


def partly(samples: pd.DataFrame) -> pd.DataFrame:
    return samples.assign(grade=samples["grade"].where(np.arange(len(samples)) < 15 * ITEMS))


def test_the_predictor_is_another_arm_or_words_and_never_says_the_same(samples: pd.DataFrame) -> None:
    given = scores(samples)
    few = FewGrades(samples, samples["grade"].to_numpy(), given)
    assert few.predictor_for("a") == "b" and few.predictor_for("b") == "a"
    assert few.predictor_for("a", "b") == "word overlap"
    twice = FewGrades(samples, samples["grade"].to_numpy(), {"a": given["a"], "again": given["a"]})
    assert twice.predictor_for("a") == "word overlap"
    words = FewGrades(samples, samples["grade"].to_numpy(), {"a": given["a"], "words": few.words})
    assert words.predictor_for("a", "words") is None and words.differences("a", "words") == {}


def test_figures_are_those_of_the_estimator(samples: pd.DataFrame) -> None:
    graded = partly(samples)
    result = compare_judgments(graded, tables(samples))
    given, grade = scores(samples), graded["grade"].to_numpy(np.float64)
    expected = powered_query_metric(graded, grade, given["a"], given["b"])
    found = result["variants"][0]["powered"]["within"]
    assert (found["value"], found["ci_low"]) == (expected.value, expected.low) and found["predictor"] == "b"
    assert found["graded_only"]["value"] == pytest.approx(result["variants"][0]["metrics"]["within"]["value"])
    (difference,) = (row for row in result["differences"] if row["measure"] == "within")
    assert difference["powered"]["predictor"] == "word overlap"
    assert difference["powered"]["graded_only"]["value"] == pytest.approx(difference["value"])


def test_where_all_is_graded_there_is_nothing_to_predict(samples: pd.DataFrame) -> None:
    assert "powered" not in compare_judgments(samples, tables(samples))["variants"][0]


def test_queries_drawn_by_chance_are_weighted_by_its_inverse() -> None:
    queries = np.repeat(np.arange(4), 3)
    chances = np.repeat([0.1, 0.5, 0.5, 1.0], 3)
    weights, note = weights_of(chances, queries)
    assert weights is not None and weights.tolist() == [10, 2, 2, 1] and "weighted" in note
    values = {"within": np.array([0.2, 0.4, np.nan, 1.0]), "auc": np.ones(4)}
    found = weighted(values, weights)
    assert np.nanmean(found["within"]) == pytest.approx((10 * 0.2 + 2 * 0.4 + 1.0) / 13)
    assert found["auc"] is values["auc"]
    # pairs of one query with chances of their own, and equal chances, weigh nothing
    assert weights_of(np.linspace(0.1, 1, 12), queries)[0] is None and weights_of(np.full(12, 0.3), queries)[0] is None
    assert weights_of(None, queries) == (None, "")


def test_weighted_means_are_those_of_all_queries_over_many_draws() -> None:
    """2,000 draws of queries whose chance goes with the value: the plain mean is off, the weighted is not."""
    rng = np.random.default_rng(0)
    value = rng.random(200)
    chance = 0.1 + 0.8 * value
    plain, right = [], []
    for _ in range(2000):
        drawn = rng.random(200) < chance
        codes = np.arange(int(drawn.sum()))
        weights, _ = weights_of(chance[drawn], codes)
        plain.append(value[drawn].mean())
        right.append(weighted({"within": value[drawn]}, weights)["within"].mean())
    error = np.std(right) / np.sqrt(2000)
    # a ratio of means is off by less than a tenth of its deviation
    assert abs(np.mean(right) - value.mean()) < 5 * error + 0.1 * np.std(right)
    assert np.mean(plain) - value.mean() > 0.08
