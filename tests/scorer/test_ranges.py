"""Scores that have a range keep to it, whoever reads the scorer and however old it is, and keep their order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sie_agent.labels import WEAK_LABELS, StudentSettings
from sie_agent.scorer import (
    Scorer,
    ScorerSession,
    distill_scorer,
    load_scorer,
    save_scorer,
    with_recipe,
    with_score_quantiles,
)
from sie_agent.scorer.student import RANKS, Student, room_for_order, spread
from sie_agent.selection import Recipe

SMALL = StudentSettings(trees=40, rows_per_leaf=2)
RANGED = [name for name, label in WEAK_LABELS.items() if label.ends is not None]
# ties at both ends, at one, in the middle; a constant at each end and between
SHAPES = {
    "both ends": lambda rng, n: rng.choice([0.0, 1.0], n),
    "grades": lambda rng, n: rng.choice([0.0, 1 / 3, 2 / 3, 1.0], n),
    "mostly 0": lambda rng, n: np.where(rng.random(n) < 0.9, 0.0, rng.random(n)),
    "mostly 1": lambda rng, n: np.where(rng.random(n) < 0.9, 1.0, rng.random(n)),
    "all 0": lambda rng, n: np.zeros(n),
    "all 1": lambda rng, n: np.ones(n),
    "inside": lambda rng, n: 0.2 + 0.5 * rng.random(n),
    "spread": lambda rng, n: rng.random(n),
}


def shaped(samples: pd.DataFrame, shape: str) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    drawn = {name: SHAPES[shape](rng, len(samples)) for name in RANGED}
    return pd.DataFrame({"sample_id": samples["sample_id"], **drawn, "value": rng.normal(0, 4, len(samples))})


def as_it_was(scorer: Scorer, labels: pd.DataFrame, samples: pd.DataFrame) -> Scorer:
    """The scorer as earlier versions fitted it: its quantiles are those of the label, up to both ends."""
    told = labels.set_index("sample_id")
    students = {
        name: Student(one.booster, np.quantile(told[name], np.linspace(0, 1, 101)))
        for name, one in scorer.students.items()
    }
    old = replace(scorer, students=students)
    scores = old.predict(samples)
    told_scores = {name: scores[name].to_numpy() for name in students}
    return with_recipe(with_score_quantiles(old, told_scores), Recipe(blend=0.5, by="support", strength=0.5))


def served(folder: Path, samples: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        ScorerSession(folder).score(samples["query"], samples["title"], samples["description"], samples["label"])
    )


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_every_reader_keeps_to_the_ranges(samples: pd.DataFrame, tmp_path: Path, shape: str) -> None:
    scorer = distill_scorer(samples, shaped(samples, shape), settings=SMALL)
    save_scorer(scorer, tmp_path)
    raw = onnxruntime.InferenceSession((tmp_path / "model.onnx").read_bytes(), providers=["CPUExecutionProvider"])
    texts = {name: samples[name].to_numpy(object) for name in ("query", "title", "description")}
    outputs = raw.run(RANGED, {**texts, "label": samples["label"].to_numpy(np.float32)})
    found = scorer.predict(samples)
    for other in (
        load_scorer(tmp_path).predict(samples),
        served(tmp_path, samples),
        dict(zip(RANGED, outputs, strict=True)),
    ):
        for name in RANGED:
            assert np.min(other[name]) >= 0 and np.max(other[name]) <= 1
            np.testing.assert_allclose(other[name], found[name], atol=1e-6)
    assert np.abs(found["value"]).max() > 1, "a label without a range is not cut off"


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_old_scorers_come_into_range_and_rank_as_before(samples: pd.DataFrame, tmp_path: Path, shape: str) -> None:
    labels = shaped(samples, shape)
    old = as_it_was(distill_scorer(samples, labels, settings=SMALL), labels, samples)
    save_scorer(old, tmp_path)
    now = load_scorer(tmp_path)
    before, after, live = old.predict(samples), now.predict(samples), served(tmp_path, samples)
    if shape in ("both ends", "grades", "mostly 0", "mostly 1"):
        assert any(before[name].min() < 0 or before[name].max() > 1 for name in RANGED), "nothing to bring in"
    assert old.recipe is not None and now.recipe is not None
    for name in RANGED:
        assert after[name].between(0, 1).all() and live[name].between(0, 1).all()
        np.testing.assert_allclose(live[name], after[name], atol=1e-6)
        assert (before[name].rank() == after[name].round(15).rank()).mean() > 0.9 or shape.startswith("all")
    for name in ("relevance", "support"):
        ranks = [one.ranks(name, said[name].to_numpy()) for one, said in ((old.recipe, before), (now.recipe, after))]
        np.testing.assert_allclose(*ranks, atol=0.02)
    assert ScorerSession(tmp_path).recipe == now.recipe
    save_scorer(now, tmp_path / "again")
    pd.testing.assert_frame_equal(load_scorer(tmp_path / "again").predict(samples), after)


@settings(max_examples=200)
@given(
    st.lists(
        st.floats(0, 1, width=16).map(lambda one: round(one, 6)) | st.sampled_from([0.0, 0.5, 1.0]),
        min_size=101,
        max_size=101,
    )
)
def test_room_is_made_for_the_order_once(values: list[float]) -> None:
    drawn = room_for_order(np.sort(np.array(values)), (0.0, 1.0))
    ranks = np.linspace(0, 1, 301)
    scores = spread(ranks, drawn)
    assert scores.min() >= 0 and scores.max() <= 1 and (np.diff(scores) > 0).all()
    np.testing.assert_array_equal(room_for_order(drawn, (0.0, 1.0)), drawn)
    outside = Student(None, drawn, (0.0, 1.0)).scores_at(np.array([-9.0, *RANKS, 9.0, np.nan]))
    assert np.isnan(outside[-1]) and outside[:-1].min() >= 0 and outside[:-1].max() <= 1
