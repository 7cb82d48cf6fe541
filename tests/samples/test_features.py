"""Text features: a function of one row, finite for any text, kept without pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import validate_samples
from sie_agent.samples.features import OVERLAP_NAMES, TextFeatures, feature_names, words

NOUNS = ("lamp", "kettle", "saw", "rug", "mug", "tent", "glass", "shelf")


def catalogue(count: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {
            "sample_id": f"s{number}",
            "query": f"{rng.choice(NOUNS)} {rng.choice(NOUNS)} {number % 5}",
            "item_id": f"i{number}",
            "title": f"{rng.choice(NOUNS).title()} with {rng.choice(NOUNS)}, {number % 7} in",
            "description": "" if number % 3 else f"A {rng.choice(NOUNS)} you will like",
        }
        for number in range(count)
    ]
    return validate_samples(pd.DataFrame(rows), "test")


@pytest.fixture(scope="module")
def samples() -> pd.DataFrame:
    return catalogue()


@pytest.fixture(scope="module")
def features(samples: pd.DataFrame) -> TextFeatures:
    return TextFeatures.fit(samples)


def test_shape_names_and_scale(samples: pd.DataFrame, features: TextFeatures) -> None:
    found = features.transform(samples)
    assert found.shape == (60, len(feature_names())) and found.dtype == np.float32
    assert np.isfinite(found).all()
    varies = found.std(axis=0) > 1e-3
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(found.std(axis=0)[varies], 1, atol=1e-2)


def test_fitting_and_transforming_are_deterministic(samples: pd.DataFrame, features: TextFeatures) -> None:
    again = TextFeatures.fit(samples)
    np.testing.assert_array_equal(again.transform(samples), features.transform(samples))


def test_a_rows_features_depend_on_that_row_alone(samples: pd.DataFrame, features: TextFeatures) -> None:
    whole = features.transform(samples)
    order = np.random.default_rng(1).permutation(len(samples))
    np.testing.assert_allclose(features.transform(samples.iloc[order]), whole[order], atol=1e-6)
    batches = [features.transform(samples.iloc[start : start + 7]) for start in range(0, 60, 7)]
    np.testing.assert_allclose(np.concatenate(batches), whole, atol=1e-6)
    np.testing.assert_allclose(features.transform(samples.iloc[[9]]), whole[[9]], atol=1e-6)


def test_label_and_grade_are_not_read(samples: pd.DataFrame, features: TextFeatures) -> None:
    other = samples.assign(label=1.0, grade=0.5)
    np.testing.assert_array_equal(TextFeatures.fit(other).transform(other), features.transform(samples))
    bare = samples[["query", "title", "description"]]
    np.testing.assert_array_equal(TextFeatures.fit(bare).transform(bare), features.transform(samples))


def one_row(query: str, title: str, description: str = "") -> pd.DataFrame:
    return pd.DataFrame({"query": [query], "title": [title], "description": [description]})


def test_overlap_features_mean_what_their_names_say(features: TextFeatures) -> None:
    raw = features.transform(one_row("red lamp 2", "Lamp, green, 2 pack", "red")) * features.scale + features.centre
    found = dict(zip(OVERLAP_NAMES, raw[0].tolist(), strict=False))
    assert found["share of query words in title"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["all query words in title"] == pytest.approx(0, abs=1e-4)
    assert found["share of query numbers in title"] == pytest.approx(1, abs=1e-4)
    assert found["share of query words in item"] == pytest.approx(1, abs=1e-4)
    assert found["share of query words in description"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["place of first match in title"] == pytest.approx(0, abs=1e-4)
    assert found["query words"] == pytest.approx(3, abs=1e-4)


def test_words_fold_case_and_plurals() -> None:
    assert words("Glass LAMPS, bus-stop 20s") == ["glass", "lamp", "bus", "stop", "20s"]


@settings(max_examples=50, deadline=None)
@given(query=st.text(min_size=1, max_size=40), title=st.text(max_size=60), description=st.text(max_size=60))
def test_any_text_gives_finite_features(features: TextFeatures, query: str, title: str, description: str) -> None:
    found = features.transform(one_row(query, title, description))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("text", ["", " ", "日本語のランプ", "🙂" * 50, "a", "\x00", "x" * 100_000])
def test_odd_texts(features: TextFeatures, text: str) -> None:
    assert np.isfinite(features.transform(one_row("lamp", text, text))).all()
    if text:
        assert np.isfinite(features.transform(one_row(text, "Lamp"))).all()


def test_one_row_is_enough_to_fit() -> None:
    row = one_row("lamp", "Lamp")
    assert np.isfinite(TextFeatures.fit(row).transform(row)).all()


def test_saved_and_loaded_are_equal(samples: pd.DataFrame, features: TextFeatures, tmp_path: Path) -> None:
    features.save(tmp_path / "features.npz")
    loaded = TextFeatures.load(tmp_path / "features.npz")
    np.testing.assert_array_equal(loaded.transform(samples), features.transform(samples))


@pytest.mark.parametrize("how", ["missing", "empty", "cut", "changed", "text", "pickle", "other arrays"])
def test_a_damaged_file_is_bad_input(features: TextFeatures, tmp_path: Path, how: str) -> None:
    path = tmp_path / "features.npz"
    features.save(path)
    content = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "changed":
        path.write_bytes(content[:500] + bytes(300) + content[800:])
    elif how == "text":
        path.write_text("not an archive")
    elif how == "pickle":
        np.savez(path, word_rarity=np.array([{"a": 1}], dtype=object))
    else:
        np.savez(path, topics=np.zeros(3))
    with pytest.raises(InputError, match=r"features\.npz.*Distil the scorer again"):
        TextFeatures.load(path)


def test_features_of_another_version_are_bad_input(features: TextFeatures, tmp_path: Path) -> None:
    path = tmp_path / "features.npz"
    short = TextFeatures(
        features.word_rarity, features.character_rarity, features.topics, features.centre[:-1], features.scale[:-1]
    )
    short.save(path)
    with pytest.raises(InputError, match="another version"):
        TextFeatures.load(path)
