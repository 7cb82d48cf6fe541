"""The distilled scorer: what it learns, what its scores depend on, and its files."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.labels import StudentSettings, label_names, student_settings
from sie_agent.scorer import (
    Scorer,
    ScorerSession,
    distill_scorer,
    fit_student,
    load_scorer,
    save_scorer,
    student_inputs,
    with_recipe,
)
from sie_agent.scorer.files import FORMAT
from sie_agent.scorer.onnx.model import tree_model
from sie_agent.scorer.student import Student, spread
from sie_agent.selection import Recipe, ranks_in_quantiles

LABELS = label_names()


def matrix(scores: pd.DataFrame) -> np.ndarray:
    return scores[list(LABELS)].to_numpy(np.float64)


def test_scores_of_unseen_rows_follow_the_labels(scorer: Scorer, samples: pd.DataFrame, labels: pd.DataFrame) -> None:
    scores = scorer.predict(samples)
    assert list(scores.columns) == ["sample_id", *LABELS]
    assert scores["sample_id"].tolist() == samples["sample_id"].tolist()
    assert np.isfinite(matrix(scores)).all()
    for name in LABELS:
        # rows from 120 on had no weak label
        assert spearmanr(scores[name][120:], labels[name][120:]).statistic > 0.5


def test_a_rows_scores_depend_on_that_row_alone(scorer: Scorer, samples: pd.DataFrame) -> None:
    whole = matrix(scorer.predict(samples))
    batches = [matrix(scorer.predict(samples.iloc[start : start + 7])) for start in range(0, len(samples), 7)]
    np.testing.assert_allclose(np.concatenate(batches), whole, atol=1e-9, rtol=0)
    order = np.random.default_rng(0).permutation(len(samples))
    np.testing.assert_allclose(matrix(scorer.predict(samples.iloc[order])), whole[order], atol=1e-9, rtol=0)
    odd = np.arange(len(samples)) % 2 == 1
    np.testing.assert_allclose(matrix(scorer.predict(samples[odd])), whole[odd], atol=1e-9, rtol=0)
    one = samples.iloc[[5]]
    np.testing.assert_allclose(matrix(scorer.predict(one)), whole[[5]], atol=1e-9, rtol=0)


def test_grade_changes_neither_the_scorer_nor_its_scores(
    scorer: Scorer, samples: pd.DataFrame, labels: pd.DataFrame
) -> None:
    other = samples.assign(grade=1 - samples["grade"])
    without = samples.drop(columns="grade")
    expected = matrix(scorer.predict(samples))
    np.testing.assert_array_equal(matrix(scorer.predict(other)), expected)
    small = StudentSettings(trees=20, rows_per_leaf=5)
    again = distill_scorer(without, labels.head(120), settings=small, seed=1)
    np.testing.assert_array_equal(matrix(again.predict(without)), expected)


def test_the_logs_label_matters(scorer: Scorer, samples: pd.DataFrame) -> None:
    turned = scorer.predict(samples.assign(label=1 - samples["label"]))
    assert spearmanr(turned["support"], scorer.predict(samples)["support"]).statistic < 0
    unlabelled = scorer.predict(samples.assign(label=np.nan))
    assert np.isfinite(matrix(unlabelled)).all()


def test_saved_and_loaded_scores_are_identical(scorer: Scorer, samples: pd.DataFrame, tmp_path: Path) -> None:
    save_scorer(scorer, tmp_path / "scorer")
    loaded = load_scorer(tmp_path / "scorer")
    np.testing.assert_array_equal(matrix(loaded.predict(samples)), matrix(scorer.predict(samples)))
    assert loaded.about["n_samples"] == 120 and loaded.about["seed"] == 1


def test_no_pickle_in_the_folder(scorer: Scorer, tmp_path: Path) -> None:
    save_scorer(scorer, tmp_path)
    files = {path.name: path for path in tmp_path.iterdir()}
    assert set(files) == {"README.md", "config.json", "model.onnx"}
    for name in ("README.md", "config.json"):
        files[name].read_text(encoding="utf-8")
    model = onnx.load(files["model.onnx"])
    assert not any(tensor.external_data for tensor in model.graph.initializer)


def test_a_folder_that_is_no_scorer_is_bad_input(scorer: Scorer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no scorer here"):
        load_scorer(tmp_path / "nowhere")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match="damaged scorer configuration"):
        load_scorer(tmp_path)


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"format": 3}', '{"format": Infinity}', '{"format": 3, "sha256": []}', '{"format": "x"}']
)
def test_a_configuration_that_lacks_something_is_bad_input(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match="damaged"):
        load_scorer(tmp_path)


@pytest.mark.parametrize("read", [load_scorer, ScorerSession])
@pytest.mark.parametrize("how", ["cut", "missing", "one bit"])
def test_a_damaged_model_is_bad_input(scorer: Scorer, tmp_path: Path, how: str, read: Callable[[Path], object]) -> None:
    save_scorer(scorer, tmp_path)
    part = tmp_path / "model.onnx"
    content = bytearray(part.read_bytes())
    if how == "cut":
        part.write_bytes(content[:-30])
    elif how == "one bit":
        content[len(content) // 2] ^= 1
        part.write_bytes(content)
    else:
        part.unlink()
    with pytest.raises(InputError, match=r"model\.onnx.*missing or damaged"):
        read(tmp_path)


@pytest.mark.parametrize("read", [load_scorer, ScorerSession])
@pytest.mark.parametrize("content", [b"", b"not a model", "another model"])
def test_a_model_of_another_kind_is_bad_input(
    scorer: Scorer, tmp_path: Path, content: bytes | str, read: Callable[[Path], object]
) -> None:
    save_scorer(scorer, tmp_path)
    if isinstance(content, str):
        content = tree_model({"other": scorer.students["support"]}, 97)
    (tmp_path / "model.onnx").write_bytes(content)
    config = json.loads((tmp_path / "config.json").read_text())
    config["sha256"]["model.onnx"] = hashlib.sha256(content).hexdigest()
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"model\.onnx"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["../secret.txt", "/etc/hostname", "README.md"])
def test_a_configuration_that_names_other_files_is_bad_input(scorer: Scorer, tmp_path: Path, name: str) -> None:
    save_scorer(scorer, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "sha256": {**config["sha256"], name: "0"}}))
    with pytest.raises(InputError, match=r"config\.json.*damaged scorer configuration"):
        load_scorer(tmp_path)


def test_a_newer_format_is_bad_input(scorer: Scorer, tmp_path: Path) -> None:
    save_scorer(scorer, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "format": FORMAT + 1}))
    with pytest.raises(InputError, match=r"newer format.*Upgrade"):
        load_scorer(tmp_path)


@pytest.mark.parametrize("format", [1, 2])
def test_an_older_format_is_bad_input(tmp_path: Path, format: int) -> None:
    """What format 2 calls support is another thing than support is now."""
    (tmp_path / "config.json").write_text(json.dumps({"format": format}))
    with pytest.raises(InputError, match=r"older format.*Distill it again"):
        load_scorer(tmp_path)


def test_a_scorer_that_has_predicted_can_be_sent_to_another_process(scorer: Scorer, samples: pd.DataFrame) -> None:
    expected = matrix(scorer.predict(samples))
    sent = pickle.loads(pickle.dumps(scorer))
    np.testing.assert_array_equal(matrix(sent.predict(samples)), expected)


def test_a_file_in_the_way_is_the_environments_failure(scorer: Scorer, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(EnvironmentFailure):
        save_scorer(scorer, tmp_path / "taken")


def test_labels_of_another_data_set_are_bad_input(samples: pd.DataFrame, labels: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="weak label"):
        distill_scorer(samples, labels.assign(sample_id="x" + labels["sample_id"]))


def test_only_the_labels_that_are_there_are_distilled(samples: pd.DataFrame, labels: pd.DataFrame) -> None:
    partly = labels.assign(value=np.nan).drop(columns=["hardness", "relevance", "preference", "preference_support"])
    small = distill_scorer(samples, partly, settings=StudentSettings(trees=3))
    assert list(small.students) == ["support"]


@settings(max_examples=60)
@given(
    st.lists(st.integers(-3, 3), min_size=101, max_size=101),
    st.lists(st.integers(-500, 1500), min_size=2, max_size=30, unique=True),
)
def test_spread_is_strictly_rising(values: list[int], ranks: list[int]) -> None:
    """Also where the label has ties, where it is constant, and outside the ranks that were seen."""
    ordered = np.sort(np.array(ranks)) / 1000
    assert (np.diff(spread(ordered, np.sort(np.array(values, float)))) > 0).all()


def test_spread_brings_back_unit_and_sign() -> None:
    quantiles = np.linspace(-0.5, 0.5, 101)
    found = spread(np.array([0.0, 0.25, 0.5, 1.0]), quantiles)
    np.testing.assert_allclose(found, [-0.5, -0.25, 0.0, 0.5], atol=2e-3)


def test_a_student_needs_two_labelled_rows() -> None:
    with pytest.raises(ValueError, match="fewer than two"):
        fit_student(np.zeros((3, 2), np.float32), np.array([1.0, np.nan, np.nan]), StudentSettings(), 0)


def test_no_weak_label_on_any_row_is_bad_input(samples: pd.DataFrame, labels: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="relevance, value, support, hardness"):
        distill_scorer(samples, labels.assign(**dict.fromkeys(LABELS, np.nan)))


def test_the_quantiles_kept_are_of_rows_that_no_student_saw(scorer: Scorer, samples: pd.DataFrame) -> None:
    """A fitted row's support is further from the middle than that of one that was left out."""
    rng = np.random.default_rng(0)
    noise = pd.DataFrame({"sample_id": samples["sample_id"], "support": rng.normal(size=len(samples))})
    fitted = distill_scorer(samples, noise, settings=StudentSettings(trees=200, rows_per_leaf=3))
    kept, seen = fitted.score_quantiles["support"], fitted.predict(samples)["support"].to_numpy()
    assert np.std(kept) < 0.8 * np.std(seen)
    assert fitted.score_rows == len(samples)
    assert scorer.score_rows == 120 and all(len(values) == 101 for values in scorer.score_quantiles.values())


def test_each_weak_label_has_settings_of_its_own(samples: pd.DataFrame, labels: pd.DataFrame) -> None:
    assert student_settings("value") != student_settings("support") == StudentSettings()
    assert student_settings("value", trees=7, leaves=None).trees == 7
    assert student_settings("value", trees=7, leaves=None).leaves == student_settings("value").leaves
    fitted = distill_scorer(samples, labels, settings={"value": StudentSettings(trees=4)})
    trees = {name: student.booster.num_trees() for name, student in fitted.students.items()}
    assert trees == {**dict.fromkeys(LABELS, 150), "value": 4}
    assert fitted.about["settings"]["value"]["trees"] == 4


def test_the_same_twice_is_the_same_to_the_last_bit(samples: pd.DataFrame, labels: pd.DataFrame) -> None:
    """Also with more threads than one at hand."""
    texts = []
    for _ in range(2):
        fitted = distill_scorer(samples, labels, settings=StudentSettings(trees=10, rows_per_leaf=3))
        texts.append([student.booster.model_to_string() for student in fitted.students.values()])
        assert all("[num_threads: 1]" in text for text in texts[-1])
    assert texts[0] == texts[1]


def test_relevance_does_not_hang_on_what_the_log_says(scorer: Scorer, samples: pd.DataFrame) -> None:
    said = [scorer.predict(samples.assign(label=label)) for label in (0.0, 1.0, np.nan)]
    for other in said[1:]:
        np.testing.assert_array_equal(said[0]["relevance"], other["relevance"])
    assert not np.array_equal(said[0]["support"], said[1]["support"])


def test_live_quantiles_of_relevance_do_not_hang_on_the_log_either(samples: pd.DataFrame, labels: pd.DataFrame) -> None:
    small = StudentSettings(trees=5, rows_per_leaf=5)
    one, other = (
        distill_scorer(samples.assign(label=label), labels, settings=small) for label in (samples["label"], np.nan)
    )
    np.testing.assert_array_equal(one.score_quantiles["relevance"], other.score_quantiles["relevance"])


@settings(max_examples=100)
@given(
    st.lists(st.integers(-3, 3) | st.floats(-5, 5, width=32), min_size=101, max_size=101),
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
    st.sampled_from([1.0, 1e-9, 1e6]),
    st.sampled_from([0.0, 1e3]),
)
def test_ranks_among_the_knots_undo_the_spread(
    values: list[float], ranks: list[float], scale: float, offset: float
) -> None:
    student = Student(None, np.sort(np.array(values, float)) * scale + offset)
    assert (np.diff(student.knots) > 0).all()
    found = ranks_in_quantiles(spread(np.array(ranks), student.quantiles), student.knots)
    np.testing.assert_allclose(found, ranks, atol=1e-4 if offset else 1e-9)


def test_relevance_is_ranked_as_the_trees_rank_it(scorer: Scorer, samples: pd.DataFrame) -> None:
    student = scorer.students["relevance"]
    ranks = student.ranks(student_inputs(scorer.features.transform(samples), samples["label"]))
    assert scorer.recipe is not None
    found = scorer.recipe.ranks("relevance", scorer.predict(samples)["relevance"].to_numpy())
    np.testing.assert_allclose(found, np.clip(ranks, 0, 1), atol=1e-9)


def test_the_recipe_is_kept_with_the_quantiles_of_the_scorer(scorer: Scorer, tmp_path: Path) -> None:
    recipe = scorer.recipe
    assert recipe is not None and set(recipe.quantiles) == {"value", "relevance"}
    np.testing.assert_array_equal(recipe.quantiles["value"], scorer.score_quantiles["value"])
    np.testing.assert_array_equal(recipe.quantiles["relevance"], scorer.students["relevance"].knots)
    save_scorer(scorer, tmp_path)
    assert load_scorer(tmp_path).recipe == recipe and ScorerSession(tmp_path).recipe == recipe
    save_scorer(replace(scorer, recipe=None), tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["recipe"] is None
    assert load_scorer(tmp_path).recipe is None and ScorerSession(tmp_path).recipe is None


def test_a_recipe_of_what_was_not_distilled_is_bad_input(scorer: Scorer) -> None:
    lesser = replace(scorer, students={"value": scorer.students["value"]})
    with pytest.raises(InputError, match=r"reads 'relevance'.*value"):
        with_recipe(lesser, Recipe(blend=0.5))
    assert with_recipe(lesser, Recipe(by="value", strength=0.5)).recipe is not None


@pytest.mark.parametrize("read", [load_scorer, ScorerSession])
@pytest.mark.parametrize(
    "change",
    [
        {"blend": 2},
        {"blend": None},
        {"by": "worth"},
        {"by": "support"},
        {"chosen": "guessed"},
        {"quantiles": {}},
        {"quantiles": {"value": [1, 0], "relevance": [0, 1]}},
        "value",
        [],
    ],
)
def test_a_damaged_recipe_is_bad_input(
    scorer: Scorer, tmp_path: Path, change: Any, read: Callable[[Path], object]
) -> None:
    save_scorer(scorer, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    recipe = {**config["recipe"], **change} if isinstance(change, dict) else change
    (tmp_path / "config.json").write_text(json.dumps({**config, "recipe": recipe}))
    with pytest.raises(InputError, match=r"config\.json.*recipe") as refused:
        read(tmp_path)
    assert "\n" not in str(refused.value)
