"""``sie select`` and ``sie weights``: what they say, and what old files lack."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from .conftest import Sie

SELECT = ("select", "--scores", "scores.parquet", "--keep", "0.5", "--out", "kept.parquet")


@pytest.fixture
def scores(tmp_path: Path) -> pd.DataFrame:
    """Two queries of three rows each; the positives of the second are the worst rows."""
    frame = pd.DataFrame(
        {
            "sample_id": list("abcdef"),
            "query": ["lamp", "lamp", "lamp", "rug", "rug", "rug"],
            "label": [1.0, 0.0, 0.4, 0.0, 1.0, 1.0],
            "support": [0.5, 0.4, 0.3, None, -0.4, -0.5],
        }
    )
    frame.to_parquet(tmp_path / "scores.parquet")
    return frame


def test_what_was_dropped_is_said(sie: Sie, scores: pd.DataFrame, tmp_path: Path) -> None:
    ran = sie(*SELECT, "--dropped", "dropped.parquet")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "3 of 6 rows kept by support: kept.parquet",
        "Dropped: 1 below the threshold, 1 gave way to coverage, 1 no score (threshold 0.4000)",
        "Kept for coverage: 1 rows, the best positive of a query each",
        "Labels: positives 3 → 2, negatives 3 → 1",
        "Queries: 2 of 2 lost rows, 0 (0.0%) all of them",
        "Dropped rows: dropped.parquet",
    ]
    assert pd.read_parquet(tmp_path / "kept.parquet")["sample_id"].tolist() == ["a", "b", "e"]
    dropped = pd.read_parquet(tmp_path / "dropped.parquet")
    assert list(dropped.columns) == ["sample_id", "query", "reason", "score"]
    assert dropped["reason"].tolist() == ["gave way to coverage", "no score", "below the threshold"]


def test_coverage_can_be_left_out(sie: Sie, scores: pd.DataFrame, tmp_path: Path) -> None:
    said = sie(*SELECT, "--no-coverage", "--output", "json").json
    assert said["queries"]["dropped"] == 1 and said["coverage"] is False and said["dropped_rows"] is None
    assert pd.read_parquet(tmp_path / "kept.parquet")["sample_id"].tolist() == ["a", "b", "c"]


def test_what_counts_as_positive(sie: Sie, scores: pd.DataFrame) -> None:
    assert sie(*SELECT, "--positive-at", "0.4", "--output", "json").json["positives"] == {"before": 4, "after": 2}
    ran = sie(*SELECT, "--positive-at", "2")
    assert ran.code == 2 and "--positive-at" in ran.err and "from 0 to 1" in ran.err


def test_files_from_before_still_work(sie: Sie, scores: pd.DataFrame, tmp_path: Path) -> None:
    scores[["sample_id", "support"]].to_parquet(tmp_path / "scores.parquet")
    ran = sie(*SELECT)
    assert ran.code == 0 and "no columns query and label" in ran.err and "Kept for coverage" not in ran.out
    assert pd.read_parquet(tmp_path / "kept.parquet")["sample_id"].tolist() == ["a", "b", "c"]
    assert sie(*SELECT, "--no-coverage").err == ""
    assert sie("weights", "--scores", "scores.parquet", "--out", "w.parquet").code == 0


@pytest.mark.parametrize("name", ["kept.parquet", "./kept.parquet"])
def test_kept_and_dropped_rows_need_a_file_each(sie: Sie, scores: pd.DataFrame, name: str) -> None:
    ran = sie(*SELECT, "--dropped", name)
    assert ran.code == 2 and "--dropped" in ran.err


def test_rows_without_a_score_are_counted(sie: Sie, scores: pd.DataFrame) -> None:
    said = sie("weights", "--scores", "scores.parquet", "--out", "w.parquet", "--output", "json").json
    assert said["rows"] == 6 and said["unscored"] == 1


def test_two_at_once_do_not_mix(sie: Sie, scores: pd.DataFrame, tmp_path: Path) -> None:
    from sie_agent.scorer import only_one

    with only_one(tmp_path / "kept.parquet"):
        ran = sie(*SELECT)
        other = sie("weights", "--scores", "scores.parquet", "--out", "kept.parquet")
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
    ran = sie("weights", "--scores", "scores.parquet", "--out", "w.parquet", "--strength", strength)
    assert ran.code == 2 and "--strength" in ran.err and "a number, 0 or more" in ran.err


@pytest.mark.parametrize("there", ["value", "hardness"])
def test_a_weak_label_that_is_not_there(sie: Sie, scores: pd.DataFrame, tmp_path: Path, there: str) -> None:
    scores.rename(columns={"support": there}).to_parquet(tmp_path / "scores.parquet")
    for one in (sie(*SELECT), sie("weights", "--scores", "scores.parquet", "--out", "w.parquet")):
        assert one.code == 2 and "no column 'support'" in one.err and f"Give --by {there}." in one.err
    assert sie(*SELECT, "--by", there).code == 0
