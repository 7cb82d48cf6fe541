"""Weights and blended labels: by the recipe of the scores or by what the user says; in memory as on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import batches
from sie_agent.selection import Recipe, connections, recipe_in, weigh_file, weigh_rows
from sie_agent.selection.recipe_choice import ScoresTable
from sie_agent.utils.progress import set_quiet

SMALL = settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
# few values, so that there are ties
SCORE = st.none() | st.sampled_from([-1.0, -0.0, 0.0, 0.25, 0.1 + 0.2, 0.3, 7e-310]) | st.floats(-2, 2)
ROW = st.tuples(SCORE, SCORE, SCORE, st.none() | st.sampled_from([0.0, 0.1, 0.3, 1.0]))
COLUMNS = ["relevance", "value", "hardness", "label"]
ROWS = st.lists(ROW, min_size=1, max_size=40).filter(
    lambda rows: all(any(row[place] is not None for row in rows) for place in range(3))
)
QUANTILES = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.3]) | st.floats(-2, 2), min_size=101, max_size=101)
OWN = st.none() | st.builds(
    lambda blend, by, strength, mean, values: Recipe(
        blend=blend,
        by=by,
        strength=strength,
        mean_label=mean,
        chosen="rule",
        quantiles=dict.fromkeys(("relevance", "value", "hardness"), tuple(sorted(values))),
    ),
    st.sampled_from([0.0, 0.6, 1.0]),
    st.sampled_from([None, "value", "hardness"]),
    st.sampled_from([0.0, 0.5, 3.0]),
    st.sampled_from([0.0, 0.2, 1.0]),
    QUANTILES,
)
CHOICE = st.fixed_dictionaries(
    {
        "by": st.sampled_from([None, "auto", "none", "value", "hardness", "relevance"]),
        "strength": st.none() | st.floats(0, 4),
        "blend": st.none() | st.floats(0, 1),
    }
).filter(lambda choice: not (choice["by"] == "none" and choice["strength"]))
RECIPE = Recipe(
    blend=0.5,
    by="value",
    strength=0.5,
    mean_label=0.2,
    chosen="tuned",
    why="on 40 queries",
    quantiles={"value": (-1.0, 0.0, 1.0), "relevance": (0.0, 0.2, 1.0)},
)


@pytest.fixture(autouse=True)
def quiet() -> None:
    set_quiet(True)


def table(rows: list[tuple[float | None, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=COLUMNS).astype(float)
    return frame.assign(sample_id=[f"s{number}" for number in range(len(rows))])


def saved(frame: pd.DataFrame, folder: Path, recipe: Recipe | None = None) -> Path:
    found = pa.Table.from_pandas(frame, preserve_index=False)
    if recipe is not None:
        found = found.replace_schema_metadata({**found.schema.metadata, b"sie.recipe": recipe.to_json().encode()})
    pq.write_table(found, folder / "scores.parquet")
    return folder / "scores.parquet"


@pytest.mark.slow
@SMALL
@given(ROWS, OWN, CHOICE, st.sampled_from([1, 3, 50]))
def test_a_file_is_weighed_as_a_table_in_memory_whatever_the_pieces(
    tmp_path: Path, rows: list[tuple[float | None, ...]], own: Recipe | None, choice: dict[str, Any], at_once: int
) -> None:
    frame, target = table(rows), tmp_path / "w.parquet"
    path = saved(frame, tmp_path, own)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(batches, "ROWS_PER_BATCH", at_once)
        patched.setattr(connections, "ROWS_PER_BATCH", 5)
        if own is None and choice["by"] in (None, "auto"):
            for weigh in (lambda: weigh_file(path, target, **choice), lambda: weigh_rows(frame, own, **choice)):
                with pytest.raises(InputError, match="no recipe came with these scores"):
                    weigh()
            return
        used, said = weigh_file(path, target, **choice)
    expected = weigh_rows(frame, own, **choice)
    found = pd.read_parquet(target)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert list(found.columns) == ["sample_id", "weight", "blended_label"]
    check_said(said, used, frame, found)
    assert sorted(left.name for left in tmp_path.iterdir()) == ["scores.parquet", "w.parquet"]


def check_said(said: dict[str, Any], used: Recipe, frame: pd.DataFrame, found: pd.DataFrame) -> None:
    """What is said is what a count of the files says."""
    assert said["rows"] == len(frame)
    assert said["unscored"] == frame[list(used.reads)].isna().any(axis=1).sum()
    assert said["smallest"] == found["weight"].min() and said["largest"] == found["weight"].max()
    label = frame["label"].to_numpy()
    known, weight = ~np.isnan(label), found["weight"].to_numpy()
    for name, share in (("mean_of_positives", label[known]), ("mean_of_negatives", 1 - label[known])):
        if share.sum():
            assert said[name] == pytest.approx((share * weight[known]).sum() / share.sum())
        else:
            assert said[name] is None


def test_the_recipe_of_the_file_by_hand(tmp_path: Path) -> None:
    frame = table([(0.2, 1.0, 0.0, 1.0), (0.0, -0.5, 0.0, 0.0), (0.6, None, 0.0, None), (None, 0.0, 0.0, 0.1)])
    path = saved(frame, tmp_path, RECIPE)
    assert recipe_in(path) == RECIPE
    used, said = weigh_file(path, tmp_path / "w.parquet")
    found = pd.read_parquet(tmp_path / "w.parquet")
    assert used == RECIPE and said["unscored"] == 2
    np.testing.assert_allclose(found["weight"], [1.5, 0.75, 1.0, 1.0])
    # λ = 0.5, q = 0.25, ȳ = 0.2: 0.5 · 1.25 · y + 0.5 · ρ; the third row has no label, the last no relevance
    np.testing.assert_allclose(found["blended_label"], [0.625 + 0.25, 0.0, 0.75, 0.1])


def test_the_log_is_left_as_it_is(tmp_path: Path) -> None:
    frame = table([(0.2, 1.0, 0.0, 1.0), (0.0, None, 0.0, None)])
    used, said = weigh_file(saved(frame, tmp_path, Recipe()), tmp_path / "w.parquet")
    found = pd.read_parquet(tmp_path / "w.parquet")
    assert used.is_log and said["unscored"] == 0 and (found["weight"] == 1).all()
    pd.testing.assert_series_equal(found["blended_label"], frame["label"], check_names=False)


def test_what_the_user_gives_goes_before_the_recipe() -> None:
    frame = table([(0.2, 1.0, 0.1, 1.0), (0.1, -0.5, 0.9, 0.0)])

    def used(recipe: Recipe | None = RECIPE, **choice: Any) -> Recipe:
        from sie_agent.selection.recipe_choice import recipe_for
        from sie_agent.selection.weigh import table_in_memory

        given = {"by": None, "strength": None, "blend": None, **choice}
        return recipe_for(table_in_memory(frame), recipe, where=None, **given)

    assert used() is RECIPE and used(by="auto") is RECIPE
    assert used(strength=0.7).chosen == "given" and used(strength=0.7).strength == 0.7
    assert used(strength=0.7).quantiles is RECIPE.quantiles
    assert used(blend=0.1).blend == 0.1 and used(blend=0.1).strength == 0.5 and used(blend=0.1).mean_label == 0.2
    assert used(by="none").reads == ("relevance",) and used(by="none", blend=0).is_log
    other = used(by="hardness")
    assert other.by == "hardness" and other.strength == 0.5 and len(other.quantiles["hardness"]) == 101
    # a recipe without weights, and none at all: mild ones
    assert used(Recipe(), by="value").strength == 0.5 and used(None, by="value").strength == 0.5
    assert used(Recipe(), strength=0.3).by == "value"
    assert used(None, by="value").mean_label == 0.5 and used(None, by="value").blend == 0.0


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({}, r"no recipe came.*--by value.*--by none and --blend 0\.6"),
        ({"by": "worth"}, "no weak label 'worth'"),
        ({"by": "support"}, "no column 'support'"),
        ({"by": "value", "strength": -1}, "--strength"),
        ({"by": "value", "strength": float("nan")}, "--strength"),
        ({"by": "none", "strength": 1.0}, "a strength without weights"),
        ({"by": "value", "blend": 1.1}, r"--blend.*from 0 to 1"),
        ({"by": "value", "blend": float("nan")}, "--blend"),
        ({"by": "hardness"}, "'hardness' holds no score"),
        ({"by": "none", "blend": 0.5}, "'relevance' holds no score"),
    ],
)
def test_wrong_wishes_are_bad_input(tmp_path: Path, choice: dict[str, Any], words: str) -> None:
    frame = table([(None, 1.0, None, 1.0)])
    path = saved(frame, tmp_path)
    with pytest.raises(InputError, match=words):
        weigh_rows(frame, **choice)
    with pytest.raises(InputError, match=words):
        weigh_file(path, tmp_path / "w.parquet", **choice)
    assert [left.name for left in tmp_path.iterdir()] == ["scores.parquet"]


def test_a_column_without_a_score_is_bad_input_where_the_recipe_has_quantiles_too(tmp_path: Path) -> None:
    frame = table([(0.5, None, None, 1.0)])
    path = saved(frame, tmp_path, RECIPE)
    with pytest.raises(InputError, match="'value' holds no score"):
        weigh_rows(frame, RECIPE)
    with pytest.raises(InputError, match="'value' holds no score"):
        weigh_file(path, tmp_path / "w.parquet")
    assert [left.name for left in tmp_path.iterdir()] == ["scores.parquet"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"blend": 0.5}', "\udcff"])
def test_a_damaged_recipe_in_a_file_is_bad_input(tmp_path: Path, text: str) -> None:
    frame = pa.table({"sample_id": ["a"], "value": [1.0], "label": [1.0]})
    raw = text.encode("utf-8", "surrogateescape")
    pq.write_table(frame.replace_schema_metadata({b"sie.recipe": raw}), tmp_path / "s.parquet")
    with pytest.raises(InputError, match=r"s\.parquet.*recipe is damaged"):
        weigh_file(tmp_path / "s.parquet", tmp_path / "w.parquet")


def test_labels_may_be_missing_altogether(tmp_path: Path) -> None:
    frame = table([(0.2, 1.0, 0.0, 1.0), (0.6, 0.0, 0.0, 0.0)]).drop(columns="label")
    used, said = weigh_file(saved(frame, tmp_path, RECIPE), tmp_path / "w.parquet")
    assert used == RECIPE and not said["labelled"] and said["mean_of_positives"] is None
    np.testing.assert_allclose(pd.read_parquet(tmp_path / "w.parquet")["blended_label"], [0.5, 0.75])


@given(st.lists(st.floats(-5, 5) | st.sampled_from([0.0, 1.0]), min_size=1, max_size=300))
def test_quantiles_are_those_of_numpy(values: list[float]) -> None:
    found = ScoresTable(["score"], lambda name: [np.array(values)]).quantiles("score")
    np.testing.assert_allclose(found, np.quantile(values, np.linspace(0, 1, 101)), atol=1e-12)
    assert (np.diff(found) >= 0).all()


@given(st.lists(st.floats(0, 1) | st.just(float("nan")), max_size=60), st.integers(1, 60))
def test_a_mean_does_not_hang_on_the_pieces(values: list[float], size: int) -> None:
    labels = np.array(values, float)
    pieces = [labels[start : start + size] for start in range(0, len(labels), size)]
    found = ScoresTable(["label"], lambda name: pieces).mean_label()
    assert found == ScoresTable(["label"], lambda name: [labels]).mean_label()
    known = labels[~np.isnan(labels)]
    assert found == pytest.approx(known.mean() if len(known) else 0.25)


def test_mean_weight_over_the_log_is_one_and_the_least_strength_changes_nothing() -> None:
    """Quantiles of the table itself: the formula is symmetric about the middle rank."""
    score = np.random.default_rng(0).normal(size=20_001)
    frame = pd.DataFrame({"sample_id": np.arange(len(score)).astype(str), "value": score, "label": 0.0})
    for strength in (0.5, 1.0, 3.0):
        assert weigh_rows(frame, by="value", strength=strength)["weight"].mean() == pytest.approx(1, abs=1e-3)
    assert (weigh_rows(frame, by="value", strength=0.0)["weight"] == 1).all()
    weights = weigh_rows(frame, by="value")["weight"].to_numpy()
    assert (np.diff(weights[np.argsort(score)]) >= 0).all()
