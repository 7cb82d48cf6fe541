"""The ONNX file: the same features and scores as in Python, for any text, batch and order, by onnxruntime alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from sie_agent.errors import InputError
from sie_agent.features import TextFeatures, feature_names, reading
from sie_agent.labels import StudentSettings, label_names
from sie_agent.scorer import Scorer, ScorerSession, fit_student, load_scorer, save_scorer
from sie_agent.scorer.files import READING
from sie_agent.scorer.onnx.graph import Graph
from sie_agent.scorer.onnx.model import tree_model
from sie_agent.scorer.onnx.runtime import open_session
from sie_agent.scorer.onnx.text import text_features
from sie_agent.scorer.session import TEXT_AT_ONCE, blocks

LABELS = label_names()

Features = Callable[[pd.DataFrame], np.ndarray]
WORDS = st.sampled_from(
    [
        "lamp",
        "Lamps",
        "glass",
        "18V",
        "1/2",
        "-",
        "é",
        "ÉCRAN",
        "İSTANBUL",
        "ΛΑΜΠΑΣ",
        "STRAẞE",
        "Ⅷ",
        "日本",
        "木制书架",
        "书架",
        "ランプ",
        "ﾗﾝﾌﾟ",
        "ｶﾞﾞ",
        "ﾞ",
        "ＬＥＤ１０",
        "เก้าอี้",
        "น้ำ",
        "เ\u17d2ន",
        "ខ្មែរ",
        "ພາສາ",
        "မန္တလေး",
        "\u0301",
        "\ufe0f",
        "，",
        "가방",
        "ss",
        "s",
        "as",
        "bus",
        "a",
        " ",
        "\u00a0",
        "½",
        "x" * 30,
    ]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(WORDS, max_size=14).map(" ".join), st.lists(WORDS).map("".join))


def features_by_onnx(features: TextFeatures) -> Features:
    graph = Graph()
    graph.add_named("Identity", text_features(graph, features), "features")
    texts = {name: (TensorProto.STRING, ["rows"]) for name in reading.FIELDS}
    model = graph.model(texts, {"features": (TensorProto.FLOAT, ["rows", len(feature_names())])}, {})
    session = open_session(model, 1, "test")

    def compute(samples: pd.DataFrame) -> np.ndarray:
        feeds = {name: samples[name].astype(object).to_numpy() for name in reading.FIELDS}
        found: np.ndarray = session.run(None, feeds)[0]
        return found

    return compute


@pytest.fixture(scope="module")
def by_onnx(scorer: Scorer) -> Features:
    return features_by_onnx(scorer.features)


@pytest.fixture(scope="module")
def older(scorer: Scorer) -> Scorer:
    """A scorer that reads texts as those of format 3 did."""
    return replace(scorer, features=replace(scorer.features, version=reading.BY_SPACES))


@pytest.fixture(scope="module")
def older_by_onnx(older: Scorer) -> Features:
    return features_by_onnx(older.features)


@pytest.fixture(scope="module")
def folder(scorer: Scorer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scorer")
    save_scorer(scorer, path)
    return path


def columns(samples: pd.DataFrame) -> tuple[list[str], list[str], list[str], np.ndarray]:
    texts = [samples[name].tolist() for name in reading.FIELDS]
    return texts[0], texts[1], texts[2], samples["label"].to_numpy()


def test_features_are_those_of_python(scorer: Scorer, samples: pd.DataFrame, by_onnx: Features) -> None:
    np.testing.assert_allclose(by_onnx(samples), scorer.features.transform(samples), atol=1e-6, rtol=1e-6)


@pytest.mark.slow
@settings(max_examples=150)
@given(query=TEXTS, title=TEXTS, description=TEXTS)
def test_features_of_any_text_are_those_of_python(
    scorer: Scorer, by_onnx: Features, query: str, title: str, description: str
) -> None:
    # control characters are cleaned out of samples before
    rows = pd.DataFrame({"query": [query], "title": [title], "description": [description]})
    clean = rows.map(lambda text: "".join(one for one in text if one >= " " and one != "\x7f"))
    np.testing.assert_allclose(by_onnx(clean), scorer.features.transform(clean), atol=1e-6, rtol=1e-6)


@pytest.mark.slow
@settings(max_examples=60)
@given(query=TEXTS, title=TEXTS)
def test_features_of_an_older_reading_are_those_of_python(
    older: Scorer, older_by_onnx: Features, query: str, title: str
) -> None:
    rows = pd.DataFrame({"query": [query], "title": [title], "description": [query]})
    clean = rows.map(lambda text: "".join(one for one in text if one >= " " and one != "\x7f"))
    np.testing.assert_allclose(older_by_onnx(clean), older.features.transform(clean), atol=1e-6, rtol=1e-6)


UNSPACED = pd.DataFrame(
    {
        "sample_id": [f"u{place}" for place in range(6)],
        "query": ["书架 白色", "手机壳", "ﾗﾝﾌﾟ", "เก้าอี้", "blue lamp", "ＬＥＤ１００"],
        "title": ["木制书架", "iPhone手机壳", "日本のランプ", "เก้าอี้ไม้สีขาว", "Blue lamp", "led100 电灯"],
        "description": ["客厅用，白色。", "", "ガラス", "", "", "ｶﾞﾗｽ"],
        "label": [1.0, 0.0, 1.0, 1.0, 0.0, 1.0],
    }
)


def test_scripts_without_spaces_in_one_batch_with_others(scorer: Scorer, by_onnx: Features, folder: Path) -> None:
    """The branches of the graph that look at such texts alone change nothing of the rows beside them."""
    np.testing.assert_allclose(by_onnx(UNSPACED), scorer.features.transform(UNSPACED), atol=1e-6, rtol=1e-6)
    session, expected = ScorerSession(folder), scorer.predict(UNSPACED)
    for name, values in session.score(*columns(UNSPACED)).items():
        np.testing.assert_allclose(values, expected[name], atol=1e-6, rtol=0)


def test_a_folder_of_format_3_scores_as_it_did(older: Scorer, samples: pd.DataFrame, tmp_path: Path) -> None:
    save_scorer(older, tmp_path)
    model = onnx.load(tmp_path / "model.onnx")
    kept = [entry for entry in model.metadata_props if entry.key != READING]
    assert len(kept) == len(model.metadata_props) - 1
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    content = model.SerializeToString()
    (tmp_path / "model.onnx").write_bytes(content)
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"format": 3, "sha256": {"model.onnx": hashlib.sha256(content).hexdigest()}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    rows = pd.concat([samples.head(20), UNSPACED], ignore_index=True)
    loaded, session = load_scorer(tmp_path), ScorerSession(tmp_path)
    assert loaded.features.version == reading.BY_SPACES
    expected = older.predict(rows)
    pd.testing.assert_frame_equal(loaded.predict(rows), expected)
    by_session = session.score(*columns(rows))
    for name in LABELS:
        np.testing.assert_allclose(by_session[name], expected[name], atol=1e-6, rtol=0)
    # written again it is read as before too
    save_scorer(loaded, tmp_path / "again")
    pd.testing.assert_frame_equal(load_scorer(tmp_path / "again").predict(rows), expected)


def test_a_model_that_reads_texts_in_an_unknown_way_is_refused(scorer: Scorer, tmp_path: Path) -> None:
    save_scorer(scorer, tmp_path)
    model = onnx.load(tmp_path / "model.onnx")
    for entry in model.metadata_props:
        if entry.key == READING:
            entry.value = "3"
    content = model.SerializeToString()
    (tmp_path / "model.onnx").write_bytes(content)
    config = json.loads((tmp_path / "config.json").read_text())
    config["sha256"] = {"model.onnx": hashlib.sha256(content).hexdigest()}
    (tmp_path / "config.json").write_text(json.dumps(config))
    for load in (load_scorer, ScorerSession):
        with pytest.raises(InputError, match="another way"):
            load(tmp_path)


@pytest.mark.parametrize("length", [510, 511, 512, 513, 514, 2_000])
@pytest.mark.parametrize("unit", ["lamp ", "ab", "a ", "日", "É", "ÄB ", "เก้า", "ﾗﾝﾌﾟ", "书 "])
def test_long_texts_are_cut_at_the_same_place(scorer: Scorer, by_onnx: Features, length: int, unit: str) -> None:
    text = (unit * length)[:length].strip()
    rows = pd.DataFrame({"query": [text, "lamp"], "title": ["lamp a", text], "description": [text, text]})
    np.testing.assert_allclose(by_onnx(rows), scorer.features.transform(rows), atol=1e-6, rtol=1e-6)


def test_scores_by_onnxruntime_alone(scorer: Scorer, samples: pd.DataFrame, folder: Path) -> None:
    """Not one line of this package: what a service in another language does."""
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    feeds: dict[str, Any] = {name: samples[name].astype(object).to_numpy() for name in reading.FIELDS}
    feeds["label"] = samples["label"].to_numpy(np.float32)
    found = dict(zip([one.name for one in session.get_outputs()], session.run(None, feeds), strict=True))
    expected = scorer.predict(samples)
    assert set(found) == set(LABELS)
    for name in LABELS:
        np.testing.assert_allclose(found[name], expected[name], atol=1e-6, rtol=0)


@pytest.mark.parametrize("rows", [1, 3, 50, 64, 65, 180])
def test_scores_are_the_same_in_any_batch_and_order(
    scorer: Scorer, samples: pd.DataFrame, folder: Path, rows: int
) -> None:
    session = ScorerSession(folder)
    mixed = samples.assign(label=samples["label"].where(samples.index % 3 > 0)).sample(frac=1, random_state=rows)
    parts = [session.score(*columns(mixed.iloc[start : start + rows])) for start in range(0, len(mixed), rows)]
    expected = scorer.predict(mixed)
    for name in LABELS:
        together = np.concatenate([part[name] for part in parts])
        np.testing.assert_allclose(together, expected[name], atol=1e-6, rtol=0)


def test_features_of_every_capital_letter_are_those_of_python(scorer: Scorer, by_onnx: Features) -> None:
    letters = "".join(letter for letter in map(chr, range(0x80, 0x20000)) if letter.lower() != letter)
    texts = [" ".join(letters[start : start + 20]) for start in range(0, len(letters), 20)]
    rows = pd.DataFrame({"query": texts, "title": [text.lower() for text in texts], "description": texts[::-1]})
    np.testing.assert_allclose(by_onnx(rows), scorer.features.transform(rows), atol=1e-6, rtol=1e-6)


def test_a_session_folds_capital_letters_of_every_alphabet(scorer: Scorer, folder: Path) -> None:
    session = ScorerSession(folder)
    texts = ["Écran LAMPE", "écran lampe"]
    found = session.score(texts, texts, ["", ""], [1.0, 1.0])
    assert found["support"][0] == found["support"][1]
    rows = pd.DataFrame({"sample_id": ["a"], "query": texts[:1], "title": texts[:1], "description": "", "label": 1.0})
    assert found["support"][0] == pytest.approx(scorer.predict(rows)["support"][0], abs=1e-6)


def test_a_session_says_what_it_scores(folder: Path) -> None:
    session = ScorerSession(folder)
    assert session.labels == LABELS
    assert {name: len(values) for name, values in session.score([], [], [], []).items()} == dict.fromkeys(LABELS, 0)
    unknown = session.score(["lamp"], ["Lamp"], [""], [None])
    assert all(np.isfinite(values).all() for values in unknown.values())


def test_one_long_text_does_not_make_the_others_dear(scorer: Scorer, folder: Path) -> None:
    session = ScorerSession(folder)
    lengths = [1, 3, 200_000, 5, 70_000, 2, *range(1, 90)]
    texts = [("lamp " * length)[:length].strip() or "a" for length in lengths]
    sizes = []
    for rows in blocks({"description": np.array(texts, object)}):
        taken = np.arange(len(texts))[rows]
        sizes.append(len(taken) * max(len(texts[row]) for row in taken))
        assert len(taken) == 1 or sizes[-1] <= TEXT_AT_ONCE
    assert sum(sizes) < 2 * sum(lengths)
    found = session.score(["lamp"] * len(texts), ["Lamp"] * len(texts), texts, [1.0] * len(texts))
    table = pd.DataFrame({"sample_id": texts, "query": "lamp", "title": "Lamp", "description": texts, "label": 1.0})
    np.testing.assert_allclose(found["support"], scorer.predict(table)["support"], atol=1e-6)


def test_columns_of_a_session_are_checked(samples: pd.DataFrame, folder: Path) -> None:
    session = ScorerSession(folder)
    with pytest.raises(InputError, match="different lengths"):
        session.score(["lamp"], ["Lamp", "Saw"], [""], [1.0])
    part = samples.iloc[20:25]
    by_series = session.score(part["query"], part["title"], [None] * 5, part["label"])
    by_list = session.score(part["query"].tolist(), part["title"].tolist(), [""] * 5, part["label"].tolist())
    np.testing.assert_array_equal(by_series["support"], by_list["support"])


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), leaves=st.integers(2, 31), missing=st.floats(0, 0.5), constant=st.booleans())
def test_trees_are_those_of_lightgbm(seed: int, leaves: int, missing: float, constant: bool) -> None:
    """On the thresholds themselves as well, and where values are missing."""
    rng = np.random.default_rng(seed)
    inputs = np.round(rng.normal(size=(300, 6)), 1).astype(np.float32)
    inputs[rng.random(inputs.shape) < missing] = np.nan
    label = np.zeros(300) if constant else np.nan_to_num(inputs[:, 0]) + rng.normal(size=300)
    student = fit_student(inputs, label, StudentSettings(trees=8, leaves=leaves, rows_per_leaf=5), seed)
    thresholds = student.booster.trees_to_dataframe()["threshold"].dropna().clip(-1e38, 1e38).to_numpy(np.float32)
    # LightGBM takes numbers nearer to zero than 1e-35 for zero, and puts its thresholds there; no feature is so small
    finite = thresholds[np.abs(thresholds) > 1e-30]
    extreme = np.resize(np.concatenate([finite, [np.nan, 0, 1e30, -1e30]]), (60, 6)).astype(np.float32)
    both = np.vstack([inputs, extreme])
    session = open_session(tree_model({"label": student}, 6), 1, "test")
    ranks = session.run(None, {"inputs": both.astype(np.float64)})[0][:, 0]
    np.testing.assert_allclose(ranks, student.booster.predict(both), atol=1e-12)
