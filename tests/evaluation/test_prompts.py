"""Comparison of prompt variants on the same pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.evaluation import roc_auc, spearman
from sie_agent.evaluation.prompts import comparable_judgments, compare_judgments
from sie_agent.samples import validate_samples


@pytest.fixture(scope="module")
def samples() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = {
        "sample_id": [f"s{n}" for n in range(300)],
        "query": [f"thing {n // 6}" for n in range(300)],
        "item_id": [f"i{n}" for n in range(300)],
        "title": "Thing",
        "grade": rng.choice([0.0, 1 / 3, 2 / 3, 1.0], 300),
    }
    return validate_samples(pd.DataFrame(rows), "test")


def judged(samples: pd.DataFrame, score: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"sample_id": samples["sample_id"], "score": score, "input_tokens": 7})


def test_equal_variants_differ_by_nothing(samples: pd.DataFrame) -> None:
    score = np.random.default_rng(1).random(300)
    result = compare_judgments(samples, {"a": judged(samples, score), "b": judged(samples, score)}, replicates=100)
    assert len(result["differences"]) == 2
    for difference in result["differences"]:
        assert difference["value"] == difference["ci_low"] == difference["ci_high"] == 0
        assert not difference["certain"]
    assert result["n_pairs"] == 300 and result["n_queries"] == 50


def test_a_clearly_better_variant_is_certain(samples: pd.DataFrame) -> None:
    rng, grade = np.random.default_rng(2), samples["grade"].to_numpy()
    poor, good = grade + 2 * rng.normal(size=300), grade + 0.2 * rng.normal(size=300)
    result = compare_judgments(samples, {"poor": judged(samples, poor), "good": judged(samples, good)}, replicates=200)
    for difference in result["differences"]:
        assert difference["certain"] and difference["ci_low"] > 0
        assert difference["variant"] == "good" and difference["baseline"] == "poor"
    by_name = {row["variant"]: row for row in result["variants"]}
    assert by_name["good"]["auc"]["value"] == pytest.approx(roc_auc(good, grade >= 0.75))
    assert by_name["good"]["spearman"]["value"] == pytest.approx(spearman(good, grade))
    assert by_name["good"]["auc"]["ci_low"] < by_name["good"]["auc"]["value"] < by_name["good"]["auc"]["ci_high"]
    assert by_name["good"]["input_tokens"] == 2100
    turned = compare_judgments(samples, {"good": judged(samples, good), "poor": judged(samples, poor)}, replicates=200)
    assert all(row["ci_high"] < 0 and row["certain"] for row in turned["differences"])


def test_pairs_that_one_variant_failed_are_left_out_for_all(samples: pd.DataFrame) -> None:
    grade = samples["grade"].to_numpy()
    rng = np.random.default_rng(3)
    careful = grade + rng.normal(size=300)
    choosy = careful.copy()
    hard = (careful > 0.5) != (grade > 0.5)
    choosy[hard] = np.nan  # refuses what it would get wrong
    tables = {"careful": judged(samples, careful), "choosy": judged(samples, choosy)}
    result = compare_judgments(samples, tables, replicates=50)
    assert result["n_pairs"] == int((~hard).sum()) and result["n_left_out"] == int(hard.sum())
    assert all(difference["value"] == 0 for difference in result["differences"])
    assert [row["n_failed"] for row in result["variants"]] == [0, int(hard.sum())]


def test_ungraded_samples_are_left_out(samples: pd.DataFrame) -> None:
    score = np.random.default_rng(1).random(300)
    partly = samples.assign(grade=samples["grade"].where(np.arange(300) >= 60))
    result = compare_judgments(partly, {"a": judged(samples, score), "b": judged(samples, score)}, replicates=20)
    assert result["n_pairs"] == 240 and result["n_queries"] == 40


def test_queries_that_differ_by_case_are_one(samples: pd.DataFrame) -> None:
    score = np.random.default_rng(1).random(300)
    shouted = samples["query"].where(np.arange(300) % 2 == 0, samples["query"].str.upper() + " ")
    tables = {"a": judged(samples, score), "b": judged(samples, score)}
    assert compare_judgments(samples.assign(query=shouted), tables, replicates=20)["n_queries"] == 50


def test_bad_input(samples: pd.DataFrame) -> None:
    table = judged(samples, np.zeros(300))
    with pytest.raises(InputError, match="needs judgments"):
        compare_judgments(samples, {})
    with pytest.raises(InputError, match="no grades"):
        compare_judgments(samples.assign(grade=np.nan), {"a": table, "b": table})
    with pytest.raises(InputError, match="every variant"):
        compare_judgments(samples, {"a": table, "b": judged(samples, np.full(300, np.nan))})


def test_what_shares_no_pair_with_the_others_is_left_out(samples: pd.DataFrame) -> None:
    place, score = np.arange(300), np.random.default_rng(1).random(300)
    tables = {
        "none": judged(samples, np.full(300, np.nan)),
        "last": judged(samples, np.where(place >= 200, score, np.nan)),
        "all": judged(samples, score),
        "first": judged(samples, np.where(place < 120, score, np.nan)),
    }
    kept, apart = comparable_judgments(samples, tables)
    assert list(kept) == ["all", "first"] and apart == ["none", "last"]
    assert compare_judgments(samples, kept, replicates=20)["n_pairs"] == 120
    assert comparable_judgments(samples.assign(grade=np.nan), tables) == ({}, list(tables))
    alone = compare_judgments(samples, {"all": tables["all"]}, replicates=20)
    assert alone["differences"] == [] and alone["n_pairs"] == 300
