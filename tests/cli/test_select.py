"""``sie select`` and ``sie weights``: what they say, and what old files lack."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sie_agent.selection import Recipe

from .conftest import Sie

SELECT = ("select", "--overwrite", "--scores", "scores.parquet", "--keep", "0.5", "--out", "kept.parquet")
WEIGHTS = ("weights", "--overwrite", "--scores", "scores.parquet", "--out", "w.parquet")
RECIPE = Recipe(
    blend=0.6,
    by="support",
    strength=0.5,
    mean_label=0.5,
    chosen="tuned",
    why="on 40 graded queries",
    quantiles={"support": (0.0, 0.5, 1.0), "relevance": (0.0, 1.0)},
)


@pytest.fixture
def scores(tmp_path: Path) -> pd.DataFrame:
    """Two queries of three rows each; the positives of the second are the worst rows."""
    frame = pd.DataFrame(
        {
            "sample_id": list("abcdef"),
            "query": ["lamp", "lamp", "lamp", "rug", "rug", "rug"],
            "label": [1.0, 0.0, 0.4, 0.0, 1.0, 1.0],
            "support": [1.0, 0.9, 0.8, None, 0.1, 0.0],
        }
    )
    frame.to_parquet(tmp_path / "scores.parquet")
    return frame


def put_recipe(folder: Path, recipe: Recipe) -> None:
    """The recipe into the scores file, as `sie score` does; a relevance for it."""
    table = pq.read_table(folder / "scores.parquet")
    table = table.append_column("relevance", pa.array([1.0, 0.0, 0.5, 0.5, 1.0, 0.0]))
    metadata = {**(table.schema.metadata or {}), b"sie.recipe": recipe.to_json().encode()}
    pq.write_table(table.replace_schema_metadata(metadata), folder / "scores.parquet")


def test_what_was_dropped_is_said(sie: Sie, scores: pd.DataFrame, tmp_path: Path) -> None:
    ran = sie(*SELECT, "--by", "support", "--no-balance", "--dropped", "dropped.parquet")
    assert ran.code == 0 and ran.err == ""
    assert ran.out.splitlines() == [
        "3 of 6 rows kept by support: kept.parquet",
        "Dropped: 1 below the threshold, 1 gave way to coverage, 1 no score (threshold: all 0.9000)",
        "Kept for coverage: 1 row, the best positive of a query each",
        "A row counts as a yes if its label is 0.5 or more (change it with --positive-at): 3 yes, 3 no",
        "Labels: positives 3 → 2, negatives 3 → 1",
        "2 of 2 queries lost rows; none lost all",
        "Dropped rows: dropped.parquet",
    ]
    assert pd.read_parquet(tmp_path / "kept.parquet")["sample_id"].tolist() == ["a", "b", "e"]
    dropped = pd.read_parquet(tmp_path / "dropped.parquet")
    assert list(dropped.columns) == ["sample_id", "query", "reason", "score"]
    assert dropped["reason"].tolist() == ["gave way to coverage", "no score", "below the threshold"]


@pytest.mark.parametrize(("label", "side"), [(0.3, "no labelled row is a yes"), (1.0, "every labelled row is a yes")])
def test_labels_that_are_all_on_one_side_are_warned_of(
    sie: Sie, scores: pd.DataFrame, tmp_path: Path, label: float, side: str
) -> None:
    scores.assign(label=label).to_parquet(tmp_path / "scores.parquet")
    told = sie(*SELECT, "--by", "support").out
    (warning,) = [line for line in told.splitlines() if line.startswith("Warning")]
    assert side in warning and "--positive-at" in warning
    moved = sie(*SELECT, "--by", "support", "--positive-at", "0.2", "--overwrite").out
    assert ("6 yes, 0 no" in moved) and "label is 0.2 or more" in moved


def test_labels_keep_their_balance(sie: Sie, scores: pd.DataFrame, tmp_path: Path) -> None:
    ran = sie(*SELECT, "--by", "support", "--no-coverage")
    assert ran.out.splitlines() == [
        "3 of 6 rows kept by support: kept.parquet",
        "Dropped: 2 below the threshold, 1 no score (threshold: positives 0.1000, negatives 0.9000)",
        "A row counts as a yes if its label is 0.5 or more (change it with --positive-at): 3 yes, 3 no",
        "Labels: positives 3 → 2, negatives 3 → 1",
        "2 of 2 queries lost rows; none lost all",
    ]
    assert pd.read_parquet(tmp_path / "kept.parquet")["sample_id"].tolist() == ["a", "b", "e"]
    said = sie(*SELECT, "--by", "support", "--output", "json").json
    assert said["balance"] is True and said["thresholds"]["unlabelled"] is None


def test_auto_is_what_the_recipe_says(sie: Sie, scores: pd.DataFrame, tmp_path: Path) -> None:
    put_recipe(tmp_path, RECIPE)
    ran = sie(*SELECT)
    assert ran.code == 0 and ran.err == "" and "kept by support" in ran.out


def test_auto_without_a_recipe_is_support_and_says_so(sie: Sie, scores: pd.DataFrame, tmp_path: Path) -> None:
    ran = sie(*SELECT)
    assert ran.code == 0 and "kept by support" in ran.out
    assert ran.err == "Selected by support: scores.parquet has no recipe that names a weak label\n"
    put_recipe(tmp_path, Recipe())
    assert "kept by support" in sie(*SELECT).out
    ran = sie(*SELECT, "--by", "relevance")
    assert ran.err == "" and "kept by relevance" in ran.out


def test_coverage_can_be_left_out(sie: Sie, scores: pd.DataFrame, tmp_path: Path) -> None:
    said = sie(*SELECT, "--by", "support", "--no-coverage", "--no-balance", "--output", "json").json
    assert said["queries"]["dropped"] == 1 and said["coverage"] is False and said["dropped_rows"] is None
    assert pd.read_parquet(tmp_path / "kept.parquet")["sample_id"].tolist() == ["a", "b", "c"]


def test_what_counts_as_positive(sie: Sie, scores: pd.DataFrame) -> None:
    select = (*SELECT, "--by", "support")
    assert sie(*select, "--positive-at", "0.4", "--output", "json").json["positives"] == {"before": 4, "after": 2}
    ran = sie(*select, "--positive-at", "2")
    assert ran.code == 2 and "--positive-at" in ran.err and "from 0 to 1" in ran.err


def test_files_from_before_still_work(sie: Sie, scores: pd.DataFrame, tmp_path: Path) -> None:
    scores[["sample_id", "support"]].to_parquet(tmp_path / "scores.parquet")
    select = (*SELECT, "--by", "support")
    ran = sie(*select)
    assert ran.code == 0 and "no columns query and label" in ran.err and "Kept for coverage" not in ran.out
    assert "lose all positives and positives may lose more" in ran.err
    assert pd.read_parquet(tmp_path / "kept.parquet")["sample_id"].tolist() == ["a", "b", "c"]
    assert "lose all" not in sie(*select, "--no-coverage").err
    assert sie(*select, "--no-coverage", "--no-balance").err == ""
    ran = sie(*WEIGHTS, "--by", "support")
    assert ran.code == 0 and "no column label" in ran.err


@pytest.mark.parametrize("name", ["kept.parquet", "./kept.parquet"])
def test_kept_and_dropped_rows_need_a_file_each(sie: Sie, scores: pd.DataFrame, name: str) -> None:
    ran = sie(*SELECT, "--dropped", name)
    assert ran.code == 2 and "--dropped" in ran.err


def test_weights_by_the_recipe_of_the_scores(sie: Sie, scores: pd.DataFrame, tmp_path: Path) -> None:
    put_recipe(tmp_path, RECIPE)
    ran = sie(*WEIGHTS)
    assert (
        ran.code == 0
        and ran.err == ""
        and ran.out.splitlines()
        == [
            "6 rows, each with a weight and a blended label: w.parquet",
            "Recipe: labels blended with the judge's relevance (λ = 0.6), weights by support of strength 0.5 "
            "(chosen: tuned)",
            "Why: on 40 graded queries",
            "Weights: from 0.500 to 1.500; mean 0.918 of positives, 1.223 of others",
            "Without a score, and so of weight 1 or with the log's label alone: 1 row",
        ]
    )
    found = pd.read_parquet(tmp_path / "w.parquet")
    assert found["weight"].round(6).tolist() == [1.5, 1.4, 1.3, 1.0, 0.6, 0.5]
    assert found["blended_label"].round(6).tolist() == [0.8, 0.0, 0.38, 0.3, 0.8, 0.2]
    said = sie(*WEIGHTS, "--output", "json").json
    assert {name: said[name] for name in ("by", "strength", "blend", "level", "mean_label", "chosen", "why")} == {
        "by": "support",
        "strength": 0.5,
        "blend": 0.6,
        "level": 0.25,
        "mean_label": 0.5,
        "chosen": "tuned",
        "why": "on 40 graded queries",
    }
    assert said["rows"] == 6 and said["unscored"] == 1 and said["warning"] is None
    assert said["mean_weight_positives"] == pytest.approx((1.5 + 0.4 * 1.3 + 0.6 + 0.5) / 3.4, abs=1e-6)
    assert said["mean_weight_negatives"] == pytest.approx((1.4 + 0.6 * 1.3 + 1.0) / 2.6, abs=1e-6)


def test_options_go_before_the_recipe(sie: Sie, scores: pd.DataFrame, tmp_path: Path) -> None:
    put_recipe(tmp_path, RECIPE)
    said = sie(*WEIGHTS, "--by", "none", "--output", "json").json
    assert (said["chosen"], said["by"], said["blend"], said["smallest"]) == ("given", None, 0.6, 1.0)
    ran = sie(*WEIGHTS, "--strength", "0.1", "--blend", "0")
    assert "the log's own labels, weights by support of strength 0.1 (chosen: given)" in ran.out


def test_where_the_log_is_best_it_is_said_and_left(sie: Sie, scores: pd.DataFrame, tmp_path: Path) -> None:
    put_recipe(tmp_path, Recipe(why="no interval was above zero"))
    ran = sie(*WEIGHTS)
    assert ran.code == 0 and "Nothing better than the log as it is was shown" in ran.out
    assert "blended_label is the log's label and every weight is 1" in ran.out and "no interval" in ran.out
    found = pd.read_parquet(tmp_path / "w.parquet")
    assert found["blended_label"].tolist() == scores["label"].tolist() and (found["weight"] == 1).all()


def test_weights_that_lose_the_positives_are_warned_of(sie: Sie, scores: pd.DataFrame, tmp_path: Path) -> None:
    scores.assign(support=[0.0, 1.0, 0.9, 0.8, 0.1, 0.2]).to_parquet(tmp_path / "scores.parquet")
    options = (*WEIGHTS, "--by", "support", "--strength", "1")
    ran = sie(*options)
    assert ran.code == 0 and ran.err.startswith("Warning: positives weigh 0.") and "--strength" in ran.err
    told = sie(*options, "--output", "json")
    positives, negatives = told.json["mean_weight_positives"], told.json["mean_weight_negatives"]
    assert positives < negatives / 2 and told.err == ""
    assert f"{positives:.3f}" in told.json["warning"] and f"{negatives:.3f}" in told.json["warning"]
    assert sie(*options[:-1], "0.2", "--output", "json").json["warning"] is None


def test_two_at_once_do_not_mix(sie: Sie, scores: pd.DataFrame, tmp_path: Path) -> None:
    from sie_agent.files.writing import exclusive_lock

    with exclusive_lock(tmp_path / "kept.parquet"):
        ran = sie(*SELECT, "--by", "support")
        other = sie(*WEIGHTS[:-1], "kept.parquet", "--by", "support")
    for one in (ran, other):
        assert one.code == 1 and "another process is writing" in one.err and one.err.count("\n") == 1


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("select", ("--keep", "0.5", "--out", "scores.parquet")),
        ("select", ("--keep", "0.5", "--out", "link.parquet")),
        ("select", ("--keep", "0.5", "--out", "kept.parquet", "--dropped", "./scores.parquet")),
        ("weights", ("--out", "scores.parquet")),
    ],
)
def test_scores_are_never_replaced(
    sie: Sie, scores: pd.DataFrame, tmp_path: Path, verb: str, options: tuple[str, ...]
) -> None:
    (tmp_path / "link.parquet").symlink_to("scores.parquet")
    ran = sie(verb, "--scores", "scores.parquet", *options)
    assert ran.code == 2 and f"{options[-2]} " in ran.err and "would replace what is read" in ran.err
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "scores.parquet"), scores)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.parquet", "scores.parquet"]


@pytest.mark.parametrize("strength", ["inf", "nan", "-1"])
def test_a_strength_that_is_no_number(sie: Sie, scores: pd.DataFrame, strength: str) -> None:
    ran = sie(*WEIGHTS, "--by", "support", "--strength", strength)
    assert ran.code == 2 and "--strength" in ran.err and "a number, 0 or more" in ran.err


def test_weights_without_a_recipe_want_one(sie: Sie, scores: pd.DataFrame) -> None:
    for ran in (sie(*WEIGHTS), sie(*WEIGHTS, "--strength", "0.5"), sie(*WEIGHTS, "--blend", "0.5")):
        assert ran.code == 2 and ran.err.count("\n") == 1
        assert "scores.parquet: no recipe" in ran.err and "--by value" in ran.err and "--by none" in ran.err


@pytest.mark.parametrize("there", ["value", "hardness"])
def test_a_weak_label_that_is_not_there(sie: Sie, scores: pd.DataFrame, tmp_path: Path, there: str) -> None:
    scores.rename(columns={"support": there}).to_parquet(tmp_path / "scores.parquet")
    for one in (sie(*SELECT, "--by", "support"), sie(*WEIGHTS, "--by", "support")):
        assert one.code == 2 and "no column 'support'" in one.err and f"Give --by {there}." in one.err
    assert sie(*SELECT, "--by", there).code == 0
