"""Comparison of prompt variants on the same pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sie_agent.comparison.compared import comparable_judgments, compare_judgments
from sie_agent.comparison.metrics import METRICS
from sie_agent.errors import InputError
from sie_agent.evaluation import roc_auc, spearman
from sie_agent.results import Comparison
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
    result = compare_judgments(samples, {"a": judged(samples, score), "b": judged(samples, score)})
    assert len(result["differences"]) == len(METRICS)
    assert result["decision"]["verdict"] == "same" and "byte-identical" in result["decision"]["sentence"]
    for difference in result["differences"]:
        assert difference["value"] == difference["ci_low"] == difference["ci_high"] == 0
        assert not difference["certain"]
    assert result["n_pairs"] == 300 and result["n_queries"] == 50


def test_a_clearly_better_variant_is_certain(samples: pd.DataFrame) -> None:
    rng, grade = np.random.default_rng(2), samples["grade"].to_numpy()
    poor, good = grade + 2 * rng.normal(size=300), grade + 0.2 * rng.normal(size=300)
    result = compare_judgments(samples, {"poor": judged(samples, poor), "good": judged(samples, good)})
    for difference in result["differences"]:
        better = METRICS[difference["measure"]].decides
        assert difference["certain"] and (difference["ci_low"] > 0) == better
        assert difference["variant"] == "good" and difference["baseline"] == "poor"
    assert result["decision"]["verdict"] == "take" and result["decision"]["choice"] == "good"
    assert result["decision"]["ranking"] == [["good"], ["poor"]]
    by_name = {row["variant"]: row for row in result["variants"]}
    assert by_name["good"]["auc"]["value"] == pytest.approx(roc_auc(good, grade >= 0.75))
    assert by_name["good"]["spearman"]["value"] == pytest.approx(spearman(good, grade))
    assert by_name["good"]["auc"]["ci_low"] < by_name["good"]["auc"]["value"] < by_name["good"]["auc"]["ci_high"]
    assert by_name["good"]["input_tokens"] == 2100
    turned = compare_judgments(samples, {"good": judged(samples, good), "poor": judged(samples, poor)})
    assert all(row["certain"] for row in turned["differences"]) and turned["decision"]["verdict"] == "keep"


def test_pairs_that_one_variant_failed_are_left_out_for_all(samples: pd.DataFrame) -> None:
    grade = samples["grade"].to_numpy()
    rng = np.random.default_rng(3)
    careful = grade + rng.normal(size=300)
    choosy = careful.copy()
    hard = (careful > 0.5) != (grade > 0.5)
    choosy[hard] = np.nan  # refuses what it would get wrong
    tables = {"careful": judged(samples, careful), "choosy": judged(samples, choosy)}
    result = compare_judgments(samples, tables)
    assert result["n_pairs"] == int((~hard).sum()) and result["n_left_out"] == int(hard.sum())
    assert all(difference["value"] == 0 for difference in result["differences"])
    assert [row["n_failed"] for row in result["variants"]] == [0, int(hard.sum())]


def test_ungraded_samples_are_left_out(samples: pd.DataFrame) -> None:
    score = np.random.default_rng(1).random(300)
    partly = samples.assign(grade=samples["grade"].where(np.arange(300) >= 60))
    result = compare_judgments(partly, {"a": judged(samples, score), "b": judged(samples, score)})
    assert result["n_pairs"] == 240 and result["n_queries"] == 40


def test_queries_that_differ_by_case_are_one(samples: pd.DataFrame) -> None:
    score = np.random.default_rng(1).random(300)
    shouted = samples["query"].where(np.arange(300) % 2 == 0, samples["query"].str.upper() + " ")
    tables = {"a": judged(samples, score), "b": judged(samples, score)}
    assert compare_judgments(samples.assign(query=shouted), tables)["n_queries"] == 50


def test_bad_input(samples: pd.DataFrame) -> None:
    table = judged(samples, np.zeros(300))
    with pytest.raises(InputError, match="needs judgments"):
        compare_judgments(samples, {})
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
    assert compare_judgments(samples, kept)["n_pairs"] == 120
    assert list(comparable_judgments(samples.assign(grade=np.nan), tables)[0]) == ["all", "first"]
    alone = compare_judgments(samples, {"all": tables["all"]})
    assert alone["differences"] == [] and alone["n_pairs"] == 300


def test_without_grades_it_says_that_it_cannot_tell(samples: pd.DataFrame) -> None:
    score = np.random.default_rng(1).random(300)
    nobody = samples.assign(grade=np.nan)
    result = compare_judgments(nobody, {"a": judged(samples, score), "b": judged(samples, 1 - score)})
    assert result["decision"]["verdict"] == "unknown" and "Cannot tell" in result["decision"]["sentence"]
    (between,) = result["agreement"]
    assert between["spearman"]["value"] == pytest.approx(-1) and between["same_level"]["value"] < 0.3
    assert result["variants"][0]["n_graded"] == 300 and "metrics" not in result["variants"][0]
    assert all(pair["grade"] is None for pair in result["differing"]) and len(result["differing"]) == 30


def test_controls_stand_beside_and_do_not_decide(samples: pd.DataFrame) -> None:
    rng, grade = np.random.default_rng(4), samples["grade"].to_numpy()
    tables = {name: judged(samples, grade + noise * rng.normal(size=300)) for name, noise in (("a", 1.0), ("b", 0.1))}
    result = compare_judgments(samples, tables)
    controls = {row["variant"]: row for row in result["controls"]}
    assert list(controls) == ["word overlap", "random judge", "twin of b"]
    assert controls["twin of b"]["metrics"]["within"]["value"] == pytest.approx(0.5)
    assert {name for group in result["decision"]["ranking"] for name in group} == {"a", "b"}
    low, high = (controls["random judge"]["metrics"]["within"][key] for key in ("ci_low", "ci_high"))
    assert low < 0.5 < high


def test_the_file_holds_what_was_compared(samples: pd.DataFrame) -> None:
    rng, grade = np.random.default_rng(4), samples["grade"].to_numpy()
    tables = {name: judged(samples, grade + rng.normal(size=300)) for name in ("a", "b", "c")}
    result = compare_judgments(samples, tables)
    kept = Comparison.model_validate(result)
    assert kept.decision is not None and len(kept.decision.pairs) == len(kept.agreement) == 3
    assert kept.variants[0].confusion is not None
    assert np.sum(kept.variants[0].confusion.counts) == kept.n_pairs == 300
    pair = kept.differing[0]
    assert pair.spread is not None and pair.spread >= (kept.differing[-1].spread or 0)
    assert {one.level for pair in kept.differing for one in pair.said} <= set(kept.levels)


def test_pairs_on_which_arms_differ_show_what_each_said(samples: pd.DataFrame) -> None:
    """By the order of each arm's judgments: that one arm says twice as much of everything is no difference."""
    score = samples["grade"].to_numpy() / 2 + np.linspace(0, 0.2, 300)
    other = score / 2
    other[17] = 1.0
    shown = samples.assign(department=["garden"] * 300, grade=samples["grade"].where(np.arange(300) != 17, 0.0))
    tables = {"a": judged(samples, score).assign(detail=""), "b": judged(samples, other).assign(detail="it fits")}
    pair = compare_judgments(shown, tables)["differing"][0]
    assert (pair["sample_id"], pair["department"], pair["grade"]) == ("s17", "garden", 0.0)
    assert [(one["variant"], one["rationale"]) for one in pair["said"]] == [("a", ""), ("b", "it fits")]
    assert pair["said"][1]["level"] == 1.0 and pair["spread"] > 0.3


def test_rows_in_another_order_are_the_same_judgments(samples: pd.DataFrame) -> None:
    rng = np.random.default_rng(7)
    tables = {name: judged(samples, rng.random(300)) for name in ("a", "b")}
    shuffled = {name: table.sample(frac=1, random_state=1) for name, table in tables.items()}
    # by text, as NaN is not NaN
    assert repr(compare_judgments(samples, tables)) == repr(compare_judgments(samples, shuffled))
