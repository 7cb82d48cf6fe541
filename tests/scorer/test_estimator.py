"""The scikit-learn estimator: its contract, what its predictions depend on, pipelines, search, weights, files."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import validate_data

from sie_agent import ImportanceScorer, InputError
from sie_agent.features import TextFeatures
from sie_agent.labels import StudentSettings, label_names, student_settings
from sie_agent.scorer import distill_scorer, load_scorer, save_scorer
from sie_agent.selection import weights_from

LABELS = label_names()
SMALL: dict[str, Any] = {"trees": 20, "rows_per_leaf": 5}


@pytest.fixture(scope="module")
def fitted(samples: pd.DataFrame, labels: pd.DataFrame) -> ImportanceScorer:
    return ImportanceScorer(**SMALL).fit(samples.head(120), labels.head(120))


def test_it_is_the_distilled_scorer(fitted: ImportanceScorer, samples: pd.DataFrame, labels: pd.DataFrame) -> None:
    first = samples.head(120)
    same = distill_scorer(
        first,
        labels,
        features=TextFeatures.fit(first),
        settings={name: student_settings(name, trees=20, rows_per_leaf=5) for name in LABELS},
    )
    np.testing.assert_array_equal(fitted.predict(samples), same.predict(samples)[list(LABELS)].to_numpy())
    assert fitted.labels_ == list(LABELS)
    assert fitted.feature_names_in_.tolist() == ["query", "title", "description", "label"]
    assert fitted.n_features_in_ == 4


def test_parameters_are_the_settings_of_the_student() -> None:
    mine = ImportanceScorer().get_params()
    assert {name: mine[name] for name in mine if name not in ("label", "random_state", "verbose")} == {
        field.name: None for field in fields(StudentSettings)
    }
    assert clone(ImportanceScorer(trees=7)).set_params(leaves=3).get_params()["trees"] == 7
    with pytest.raises(ValueError, match="Invalid parameter"):
        ImportanceScorer().set_params(depth=3)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("trees", 0),
        ("leaves", 1),
        ("learning_rate", 0.0),
        ("rows_per_leaf", 0),
        ("feature_share", 1.5),
        ("label", "grade"),
    ],
)
def test_wrong_parameters_are_found_when_fitted(
    samples: pd.DataFrame, labels: pd.DataFrame, name: str, wrong: Any
) -> None:
    with pytest.raises(InputError, match=f"{name} is"):
        ImportanceScorer(**{name: wrong}).fit(samples, labels)


@pytest.mark.slow
def test_one_label_as_array_series_column_or_parameter(samples: pd.DataFrame, labels: pd.DataFrame) -> None:
    support = labels["support"]
    by_name = ImportanceScorer(**SMALL).fit(samples, support)
    assert by_name.labels_ == ["support"]
    expected = by_name.predict(samples)
    assert expected.shape == (180,)
    unnamed = ImportanceScorer(**SMALL).fit(samples, support.to_numpy())
    assert unnamed.labels_ == ["value"]
    # the same label taken for another has that one's student
    assert spearmanr(unnamed.predict(samples), expected).statistic > 0.8
    chosen = ImportanceScorer("support", **SMALL)
    np.testing.assert_array_equal(chosen.fit(samples, support.tolist()).predict(samples), expected)
    np.testing.assert_array_equal(chosen.fit(samples, labels).predict(samples), expected)
    with pytest.raises(InputError, match="of 'hardness', not of 'support'"):
        chosen.fit(samples, labels["hardness"])


@pytest.mark.slow
def test_labels_are_aligned_by_id_or_by_row(samples: pd.DataFrame, labels: pd.DataFrame) -> None:
    expected = ImportanceScorer(**SMALL).fit(samples, labels).predict(samples)
    shuffled = labels.sample(frac=1, random_state=0)
    np.testing.assert_array_equal(ImportanceScorer(**SMALL).fit(samples, shuffled).predict(samples), expected)
    by_row = labels.drop(columns="sample_id").set_axis(np.arange(180)[::-1])
    np.testing.assert_array_equal(ImportanceScorer(**SMALL).fit(samples, by_row).predict(samples), expected)
    partly = ImportanceScorer(**SMALL).fit(samples, shuffled[shuffled["sample_id"].isin(labels["sample_id"][:90])])
    gaps = labels.assign(**{name: labels[name].where(labels.index < 90) for name in LABELS})
    np.testing.assert_array_equal(
        partly.predict(samples), ImportanceScorer(**SMALL).fit(samples, gaps).predict(samples)
    )
    with pytest.raises(InputError, match="two labels"):
        ImportanceScorer().fit(samples, pd.concat([labels, labels]))
    with pytest.raises(InputError, match="180 samples and 179 labels"):
        ImportanceScorer().fit(samples, by_row[1:])
    with pytest.raises(InputError, match="fewer than 2 rows"):
        ImportanceScorer().fit(samples, labels.assign(sample_id="x" + labels["sample_id"]))


@pytest.mark.slow
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(12)), cut=st.integers(1, 11), start=st.integers(-5, 5))
def test_a_prediction_depends_on_its_row_alone(
    fitted: ImportanceScorer, samples: pd.DataFrame, order: list[int], cut: int, start: int
) -> None:
    few = samples.iloc[120:132].set_axis(range(start, start + 12))
    whole = fitted.predict(few)
    np.testing.assert_allclose(fitted.predict(few.iloc[order]), whole[order], atol=1e-9)
    parts = np.concatenate([fitted.predict(few.iloc[:cut]), fitted.predict(few.iloc[cut:])])
    np.testing.assert_allclose(parts, whole, atol=1e-9)


def test_records_and_other_columns(fitted: ImportanceScorer, samples: pd.DataFrame) -> None:
    expected = fitted.predict(samples)
    np.testing.assert_array_equal(fitted.predict(samples.to_dict("records")), expected)
    read = samples[["query", "title", "description", "label"]]
    np.testing.assert_array_equal(fitted.predict(read), expected)
    np.testing.assert_array_equal(fitted.predict(samples.assign(grade=0.0, sample_id="same")), expected)
    some = read.assign(label=read["label"].where(read.index % 2 == 0))
    np.testing.assert_array_equal(fitted.predict(some)[::2], expected[::2])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: frame.drop(columns="label"), "column 'label' is missing"),
        (lambda frame: frame.drop(columns="title"), "column 'title' is missing"),
        (lambda frame: frame.assign(label=2.0), "row 1, field 'label'"),
        (lambda frame: frame.assign(label="often"), "row 1, field 'label'"),
        (lambda frame: frame.assign(query=["", *frame["query"][1:]]), "row 1, field 'query'"),
        (lambda frame: "query", "type str"),
        (lambda frame: [{"query": "a", "title": "b"}, 3], "row 2"),
    ],
)
def test_wrong_rows_are_bad_input(fitted: ImportanceScorer, samples: pd.DataFrame, change: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        fitted.predict(change(samples))


def test_before_fit(samples: pd.DataFrame, tmp_path: Path) -> None:
    fresh = ImportanceScorer("support")
    for call in (fresh.predict, fresh.sample_weight, lambda _: fresh.save(tmp_path)):
        with pytest.raises(NotFittedError):
            call(samples)


@pytest.mark.slow
def test_seed(samples: pd.DataFrame, labels: pd.DataFrame) -> None:
    def predicted(state: Any) -> np.ndarray:
        scorer = ImportanceScorer("support", random_state=state, **SMALL)
        return np.asarray(scorer.fit(samples, labels).predict(samples))

    np.testing.assert_array_equal(predicted(3), predicted(3))
    state = np.random.RandomState
    np.testing.assert_array_equal(predicted(state(3)), predicted(state(3)))
    assert not np.array_equal(predicted(3), predicted(4))
    assert np.isfinite(predicted(None)).all()


def test_score_is_rank_agreement(fitted: ImportanceScorer, samples: pd.DataFrame, labels: pd.DataFrame) -> None:
    unseen, wanted = samples.tail(60), labels.tail(60)
    predicted = fitted.predict(unseen)
    each = [spearmanr(predicted[:, k], wanted[name]).statistic for k, name in enumerate(LABELS)]
    assert fitted.score(unseen, wanted) == pytest.approx(np.mean(each)) and min(each) > 0.4
    assert fitted.score(unseen, wanted["support"]) == pytest.approx(each[LABELS.index("support")])
    assert fitted.score(unseen, wanted.assign(support=1.0)[["support"]]) == 0.0


@pytest.mark.slow
def test_grid_search_by_query_over_a_pipeline(samples: pd.DataFrame, labels: pd.DataFrame) -> None:
    pipeline = Pipeline(
        [
            ("lower", FunctionTransformer(lambda frame: frame.assign(title=frame["title"].str.lower()))),
            ("scorer", ImportanceScorer("support", **SMALL)),
        ]
    )
    grid = {"scorer__trees": [2, 30], "scorer__label": ["support", "hardness"]}
    search = GridSearchCV(pipeline, grid, cv=GroupKFold(3))
    search.fit(samples, labels, groups=samples["query"])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_params_["scorer__trees"] == 30
    assert search.predict(samples).shape == (180,)
    records = samples.to_dict("records")
    crossed = cross_val_predict(ImportanceScorer(**SMALL), records, labels["support"].to_numpy(), cv=3)
    assert spearmanr(crossed, labels["support"]).statistic > 0.4


def test_weights(fitted: ImportanceScorer, samples: pd.DataFrame) -> None:
    scores = fitted.predict(samples)
    weights = fitted.sample_weight(samples)
    np.testing.assert_array_equal(weights, weights_from(scores[:, LABELS.index("value")]))
    assert weights.mean() == pytest.approx(1) and weights.shape == (180,)
    hard = fitted.sample_weight(samples, by="hardness")
    assert spearmanr(hard, scores[:, LABELS.index("hardness")]).statistic < -0.99
    np.testing.assert_allclose(fitted.sample_weight(samples, strength=0), 1)
    with pytest.raises(InputError, match="'grade' was not fitted"):
        fitted.sample_weight(samples, by="grade")


@pytest.mark.slow
def test_saved_and_loaded(
    fitted: ImportanceScorer, samples: pd.DataFrame, labels: pd.DataFrame, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "all")
    loaded = ImportanceScorer.load(tmp_path / "all")
    expected = load_scorer(tmp_path / "all").predict(samples)[list(LABELS)].to_numpy()
    np.testing.assert_array_equal(loaded.predict(samples), expected)
    np.testing.assert_allclose(expected, fitted.predict(samples), atol=1e-6)
    assert loaded.get_params() == fitted.get_params()
    one = ImportanceScorer("support", random_state=5, **SMALL).fit(samples[["query", "title"]], labels["support"])
    one.save(tmp_path / "one")
    again = ImportanceScorer.load(tmp_path / "one")
    assert again.get_params() == one.get_params() and again.labels_ == ["support"]
    np.testing.assert_allclose(again.predict(samples), one.predict(samples), atol=1e-6)
    save_scorer(distill_scorer(samples, labels, settings=StudentSettings(trees=3)), tmp_path / "distilled")
    assert ImportanceScorer.load(tmp_path / "distilled").predict(samples).shape == (180, len(LABELS))


@pytest.mark.parametrize(
    ("told", "leaves"),
    [
        ("x", None),
        ({"settings": {"depth": 3, "trees": "many", "leaves": 7}, "label": ["value"], "columns": "query"}, 7),
        ({"settings": [1], "label": "grade", "columns": [1, "query", "title", "description", "label"]}, None),
    ],
)
def test_of_a_configuration_by_others_only_what_is_known_is_kept(
    fitted: ImportanceScorer, samples: pd.DataFrame, tmp_path: Path, told: Any, leaves: int | None
) -> None:
    fitted.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["about"] |= {"estimator": told, "seed": "x"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    loaded = ImportanceScorer.load(tmp_path)
    np.testing.assert_allclose(loaded.predict(samples), fitted.predict(samples), atol=1e-6)
    assert loaded.label is None and loaded.random_state == 0 and loaded.trees is None
    assert loaded.leaves == leaves


def test_tags_and_metadata() -> None:
    tags = get_tags(ImportanceScorer())
    assert tags.estimator_type == "regressor" and tags.target_tags.multi_output
    assert tags.input_tags.string and not tags.input_tags.two_d_array
    # X and y are not metadata to be routed
    assert not hasattr(ImportanceScorer(), "set_predict_request")
    assert set(inspect.signature(ImportanceScorer().fit).parameters) == {"samples", "labels"}


@pytest.mark.slow
def test_import_stays_light() -> None:
    code = "import sie_agent, sys; assert 'sklearn' not in sys.modules; sie_agent.ImportanceScorer"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def rows_of(numbers: np.ndarray) -> pd.DataFrame:
    """Rows of text that stand for a matrix of numbers: a word per column and step of its value."""
    steps = np.clip(np.floor(np.nan_to_num(numbers)) + 4, 0, 8).astype(int)
    texts = [" ".join(f"w{column}{'abcdefghi'[step]}" for column, step in enumerate(row)) for row in steps]
    label = 0.5 + 0.5 * np.tanh(np.nan_to_num(numbers[:, 0]))
    return pd.DataFrame({"query": [text.split()[0] for text in texts], "title": texts, "label": label})


class OnNumbers(ImportanceScorer):
    """The estimator behind a matrix of numbers, as scikit-learn's own checks give it."""

    def fit(self, X: Any, y: Any) -> OnNumbers:
        X, y = validate_data(self, X, y, y_numeric=True)
        kept = {name: getattr(self, name) for name in ("n_features_in_", "feature_names_in_") if hasattr(self, name)}
        super().fit(rows_of(X), np.asarray(y, float))
        del self.feature_names_in_
        vars(self).update(kept)
        return self

    def predict(self, X: Any) -> Any:
        self._fitted()
        return self._scores(rows_of(validate_data(self, X, reset=False)))[self.labels_[0]].to_numpy()

    def score(self, X: Any, y: Any) -> float:
        return float(spearmanr(self.predict(X), y).statistic)

    def _scores(self, samples: Any) -> pd.DataFrame:
        numbers = vars(self).pop("feature_names_in_", None)
        self.feature_names_in_ = np.array(["query", "title", "label"], dtype=object)
        try:
            return super()._scores(samples)
        finally:
            del self.feature_names_in_
            if numbers is not None:
                self.feature_names_in_ = numbers

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.string, tags.input_tags.allow_nan = True, False, False
        tags.target_tags.multi_output = False
        return tags


EXPECTED_TO_FAIL = {
    "check_fit2d_1sample": "one row is refused with an InputError, and the check wants a ValueError",
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Can't test estimator")
def test_scikit_learns_own_checks() -> None:
    found = check_estimator(ImportanceScorer(), on_fail=None, on_skip=None)
    assert [one["check_name"] for one in found if one["status"] == "failed"] == []
    found = check_estimator(OnNumbers(trees=5), on_fail=None, on_skip=None)
    assert len(found) > 40
    assert {one["check_name"] for one in found if one["status"] == "failed"} == set(EXPECTED_TO_FAIL)
