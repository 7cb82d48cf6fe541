"""What clarity is compared with, on made-up tables whose correlations are known; and the script without a server."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
QUERIES = 1000


@pytest.fixture(scope="module")
def scripts() -> dict[str, ModuleType]:
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(SCRIPTS.parent))
        return {
            name: importlib.import_module(f"scripts.experiments.clarity.{name}") for name in ("comparisons", "training")
        }


def test_outcomes_by_hand(scripts: dict[str, ModuleType]) -> None:
    statistics = scripts["comparisons"]
    table = pd.DataFrame(
        {
            "query": ["red hose", "red hose", "lamp", "lamp"],
            "title": ["red hose", "tin bucket", "tin bucket", "a lamp"],
            "grade": [1.0, 0.0, 1.0, 1.0],
        }
    )
    found = statistics.outcomes_of(table, np.array([0.0, 1.0, 0.4, 0.2]))
    assert list(found.index) == ["red hose", "lamp"]
    assert found[statistics.RATER_VARIANCE].tolist() == pytest.approx([0.5, 0.3])
    assert found[statistics.SPREAD].tolist() == pytest.approx([0.5, 0.0])
    assert found[statistics.RELEVANT].tolist() == [0.5, 1.0]
    # usual at grade 1: 0.2, at grade 0: 1.0
    assert found[statistics.BEYOND].tolist() == pytest.approx([-0.1, 0.1])
    assert found[statistics.TEXT].iloc[0] == 1.0
    assert np.isnan(found[statistics.TEXT].iloc[1])


@pytest.mark.slow
def test_baselines_know_length_and_ambiguity(scripts: dict[str, ModuleType]) -> None:
    statistics = scripts["comparisons"]
    kinds = ["hose rubber", "lamp brass", "chair oak", "drill steel", "vase glass"]
    titles = [f"{kind} {size} inch" for kind in kinds for size in range(30)]
    table = pd.DataFrame(
        {
            "query": ["rubber hose long"] * 6 + ["anything"] * 6,
            "title": titles[:6] + titles[::25],
            "item_id": [str(number) for number in range(12)],
            "sample_id": [str(number) for number in range(12)],
            "description": "",
            **dict.fromkeys(("attributes", "user_id", "history", "timestamp"), ""),
            **dict.fromkeys(("label", "position"), 0.0),
        }
    )
    found = statistics.baselines_of(table)
    assert found[statistics.WORDS].tolist() == [3, 1]
    assert found[statistics.CHARACTERS].tolist() == [16, 8]
    assert found[statistics.CATALOGUE].notna().tolist() == [True, False]
    assert statistics.bits([1, 1, 1]) == 0.0
    assert statistics.bits([0, 1, 2, 3]) == pytest.approx(2.0)


def planted() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Words; a judge that only counts them; an outcome that follows them, correlated at 0.6."""
    rng = np.random.default_rng(1)
    words, first, second = rng.normal(size=(3, QUERIES))
    return words, words + 0.3 * first, 0.6 * words + 0.8 * second


def test_agreement_finds_what_was_planted(scripts: dict[str, ModuleType]) -> None:
    agreement = scripts["comparisons"].agreement
    words, counting, outcome = planted()
    alone = agreement(words, outcome, replicates=100)
    expected = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman of two normal variables
    assert alone["value"] == pytest.approx(expected, abs=0.1)
    assert alone["low"] < alone["value"] < alone["high"]
    assert alone["p"] < 1e-6
    assert agreement(counting, outcome, replicates=0)["p"] < 1e-6
    beyond = agreement(counting, outcome, [words], replicates=100)
    assert beyond["low"] < 0 < beyond["high"]
    assert beyond["p"] > 0.05
    assert agreement(words, -words, replicates=0)["value"] == pytest.approx(-1.0)


def test_queries_without_an_answer_are_left_out(scripts: dict[str, ModuleType]) -> None:
    agreement = scripts["comparisons"].agreement
    words, _, outcome = planted()
    missing = np.where(np.arange(QUERIES) < 100, np.nan, words)
    found = agreement(missing, outcome, replicates=0)
    assert found["queries"] == QUERIES - 100
    assert found["value"] == pytest.approx(agreement(words[100:], outcome[100:], replicates=0)["value"])
    assert np.isnan(agreement(np.ones(QUERIES), outcome)["value"])
    assert np.isnan(agreement(np.full(QUERIES, np.nan), outcome)["p"])


def test_chance_is_that_of_independent_columns(scripts: dict[str, ModuleType]) -> None:
    words, counting, outcome = planted()
    judged, outcomes = pd.DataFrame({"a": words, "b": counting}), pd.DataFrame({"x": outcome, "y": -words})
    limit = 1.96 / np.sqrt(QUERIES - 1)
    for given in ([], [outcome**2]):
        found = scripts["comparisons"].chance(judged, outcomes, given, times=20)
        assert 0.7 * limit < found["single"] < 1.4 * limit
        assert found["single"] <= found["largest"] < 2 * limit
    constant = pd.DataFrame({"a": np.ones(QUERIES)})
    assert np.isnan(scripts["comparisons"].chance(constant, outcomes, times=2)["largest"])


@pytest.mark.slow
def test_a_judge_that_counts_words_carries_nothing(scripts: dict[str, ModuleType]) -> None:
    statistics = scripts["comparisons"]
    words, counting, outcome = (column[:300] for column in planted())
    knowing = outcome + np.random.default_rng(2).normal(size=300)
    baselines = pd.DataFrame({name: np.random.default_rng(3).normal(size=300) for name in statistics.BASELINES})
    baselines[statistics.WORDS] = words
    outcomes = pd.DataFrame({statistics.RATER_VARIANCE: outcome})
    judged = pd.DataFrame({"counting": counting, "knowing": knowing})
    found = statistics.all_agreements(baselines, judged, outcomes, 0)["judged"]
    certain = {
        name: kinds["beyond_baselines"][statistics.RATER_VARIANCE]["p_holm"] < 0.05 for name, kinds in found.items()
    }
    assert certain == {"counting": False, "knowing": True}
    alone = [found[name]["alone"][statistics.RATER_VARIANCE] for name in judged]
    assert max(test["p"] for test in alone) * 2 >= max(test["p_holm"] for test in alone)
    assert all(test["p_holm"] >= test["p"] for test in alone)


def test_holm_by_hand(scripts: dict[str, ModuleType]) -> None:
    tests = [{"p": 0.02}, {"p": float("nan")}, {"p": 0.01}, {"p": 0.03}]
    scripts["comparisons"].holm(tests)
    assert [test.get("p_holm") for test in tests] == [
        pytest.approx(0.04),
        None,
        pytest.approx(0.03),
        pytest.approx(0.04),
    ]


def test_weights_follow_ranks(scripts: dict[str, ModuleType]) -> None:
    weights = scripts["training"].weights_by_rank(np.array([0.1, 0.9, np.nan, 0.3, 0.2]))
    assert weights.tolist() == [0.25, 1.75, 1.0, 1.25, 0.75]


def test_one_rater_is_wrong_where_raters_disagree(scripts: dict[str, ModuleType]) -> None:
    table = pd.DataFrame({"grade": [1.0, 2 / 3] * 500, "relevance_variance": [0.0] * 500 + [1.0] * 500})
    labels = scripts["training"].one_rater(table, 1)
    wrong = labels != (table["grade"] == 1.0)
    assert not wrong[:500].any()
    assert 0.25 < wrong[500:].mean() < 0.37  # half a grade is half a standard deviation: 0.31


def test_disputed_queries_have_more_flips(scripts: dict[str, ModuleType]) -> None:
    clear, vague = [1.0, 0.0] * 1000, [1.0, 0.0] * 1000
    table = pd.DataFrame(
        {
            "grade": clear + vague,
            "query": ["a"] * 2000 + ["b"] * 2000,
            "relevance_variance": [0.1] * 2000 + [0.9] * 2000,
        }
    )
    wrong = scripts["training"].disputed_flips(table, 1) != table["grade"]
    assert 0.09 < wrong[:2000].mean() < 0.16  # ranks 1/4 and 3/4 of the way to 1/2
    assert 0.33 < wrong[2000:].mean() < 0.42


@pytest.mark.slow
def test_weights_by_noise_show_in_the_ranker(scripts: dict[str, ModuleType]) -> None:
    training = scripts["training"]
    rng = np.random.default_rng(0)
    queries, each = 60, 12
    codes = np.repeat(np.arange(queries), each)
    features = rng.normal(size=(len(codes), 4)).astype(np.float32)
    grade = (features[:, 0] > 0).astype(float)
    noisy = codes % 2 == 0
    labels = np.where(noisy, 1 - grade, grade)
    folds = training.make_folds(codes, [str(code) for code in range(queries)], folds=3, judged=0.25, tune=0.02, seed=1)
    columns = {"log": (labels, None), "weighted": (labels, np.where(noisy, 0.0, 2.0)), "clean": (grade, None)}
    found = training.accuracies(features, grade, codes, folds, columns, 1)
    means = {name: np.nanmean(values) for name, values in found.items()}
    assert means["weighted"] > 0.9 > means["log"] + 0.1
    assert means["clean"] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--judge", "m=http://127.0.0.1:9/v1", "--data", "sample"], "crowdflower"),
        (["--judge", "http://127.0.0.1:9/v1"], "NAME=URL"),
    ],
)
def test_bad_input_is_told(options: list[str], said: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(SCRIPTS / "experiments/clarity/measure.py"),
        *options,
        "--out",
        str(tmp_path),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
