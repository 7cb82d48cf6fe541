"""``sie rank``: what it says, and what it is told wrongly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from sie_agent.selection import Recipe

from .conftest import Sie

RANK = ("rank", "--overwrite", "--scores", "scores.parquet", "--out", "groups.parquet")
LOG = ("--data", "log.parquet")
NEITHER = ("Highest value (none certainly helps):", "Lowest value (none certainly harms):")


@pytest.fixture
def log(tmp_path: Path) -> pd.DataFrame:
    """Eight queries of five rows, the first ones good, the last ones bad; five shoppers and two departments."""
    rows = [
        {
            "sample_id": f"s{query}-{place}",
            "query": f"query {query}",
            "item_id": f"i{place}",
            "title": f"Lamp {place}",
            "user_id": f"u{place}",
            "attributes": f'{{"department": "{("indoor", "outdoor")[place % 2]}"}}',
            "label": 1.0,
        }
        for query in range(8)
        for place in range(5)
    ]
    frame = pd.DataFrame(rows)
    frame.to_parquet(tmp_path / "log.parquet")
    value = [3.5 - number // 5 + 0.1 * (number % 5) for number in range(40)]
    scores = frame[["sample_id", "query", "label"]].assign(value=value, support=0.5, label_error=np.arange(40) / 40)
    scores.loc[3, "value"] = None
    scores.to_parquet(tmp_path / "scores.parquet")
    return frame


def test_rows_that_moved_within_a_query_are_noticed(sie: Sie, log: pd.DataFrame, tmp_path: Path) -> None:
    numbers = [str(number) for number in range(1, 41)]
    log.iloc[[1, 0, *range(2, 40)]].assign(sample_id=numbers).to_parquet(tmp_path / "log.parquet")
    scores = pd.read_parquet(tmp_path / "scores.parquet").assign(sample_id=numbers)
    scores.to_parquet(tmp_path / "scores.parquet")
    # of a file of an earlier version nobody can tell
    assert sie(*RANK, *LOG, "--by", "query").code == 0
    scores.assign(item_id=log["item_id"]).to_parquet(tmp_path / "scores.parquet")
    ran = sie(*RANK, *LOG, "--by", "query")
    says = "these are scores of another log: row '1' has the item 'i0' here and the item 'i1' in log.parquet"
    assert ran.code == 2 and says in ran.err


def test_both_ends_are_shown(sie: Sie, log: pd.DataFrame, tmp_path: Path) -> None:
    ran = sie(*RANK, *LOG, "--by", "query", "--by", "department", "--top", "2")
    assert ran.code == 0 and ran.err == ""
    lines = ran.out.splitlines()
    assert lines[0] == "8 groups by query: the whole interval is above 0 (helps) for 4, below (harms) for 4"
    assert lines[1] == "Most helpful:" and lines[2].split() == [
        "query",
        "rows",
        "mean",
        "(shrunk)",
        "interval",
        "plain",
        "mean",
        "sum",
    ]
    assert lines[3].startswith("  query 0  4     3.6") and lines[5] == "Most harmful:"
    assert lines[7].startswith("  query 7  5     -3.2") and "query 6" in lines[8]
    assert lines[10].startswith("2 groups by department") and "too few to draw" in lines[10]
    assert "Without a score, and left out: 1 of 40 rows" in lines and lines[-1] == "All groups: groups.parquet"
    table = pd.read_parquet(tmp_path / "groups.parquet")
    names = ["by", "group", "title", "rank", "rows", "mean_of_rows", "mean", "low", "high", "total"]
    assert list(table.columns) == names and len(table) == 10
    assert (table["low"] <= table["mean"]).all() and (table["mean"] <= table["high"]).all()


def test_queries_need_no_log(sie: Sie, log: pd.DataFrame) -> None:
    said = sie(*RANK, "--by", "query", "--output", "json").json
    assert said["exit_code"] == 0 and said["ranked"] == "groups.parquet" and said["caution"] is None
    (kind,) = said["kinds"]
    assert kind["groups"] == 8 and kind["best"][0]["group"] == "query 0" and kind["worst"][0]["rank"] == 8
    with_log = sie(*RANK, *LOG, "--by", "query", "--output", "json").json
    assert with_log == said


def test_items_come_with_a_title(sie: Sie, log: pd.DataFrame) -> None:
    assert "i4 Lamp 4  8 " in sie(*RANK, *LOG, "--by", "item").out


@pytest.mark.parametrize(
    ("rows", "value", "there", "absent"),
    [
        (slice(0, 20), None, ("Most helpful:",), ("Most harmful", "Lowest value")),
        (slice(0, 40, 3), "chance", NEITHER, ("Most",)),
        (slice(20, 40), None, ("Most harmful:",), ("Most helpful", "Highest value")),
    ],
)
def test_headings_claim_no_more_than_the_intervals(
    sie: Sie,
    log: pd.DataFrame,
    tmp_path: Path,
    rows: slice,
    value: str | None,
    there: tuple[str, ...],
    absent: tuple[str, ...],
) -> None:
    scores = pd.read_parquet(tmp_path / "scores.parquet").iloc[rows]
    if value:
        scores = scores.assign(value=np.random.default_rng(0).normal(size=len(scores)))
    scores.to_parquet(tmp_path / "scores.parquet")
    lines = sie(*RANK, "--by", "query").out.splitlines()
    assert all(any(line.startswith(one[:-1]) for line in lines) for one in there) and not any(
        line.startswith(absent) for line in lines
    ), lines


@pytest.mark.parametrize("level", [3.0, -3.0])
def test_groups_that_do_not_differ_are_not_said_to_help_or_harm(
    sie: Sie, log: pd.DataFrame, tmp_path: Path, level: float
) -> None:
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    noise = np.random.default_rng(0).normal(scale=0.01, size=len(scores))
    scores.assign(value=level + noise).to_parquet(tmp_path / "scores.parquet")
    told = sie(*RANK, "--by", "query").out
    assert "no certain difference" in told.splitlines()[0]
    assert "(helps)" not in told and "Most h" not in told
    (kind,) = sie(*RANK, "--by", "query", "--output", "json").json["kinds"]
    assert kind["apart"] == 0 and kind["above"] + kind["below"] == kind["groups"]


def test_one_row_in_all_has_a_dash_for_its_interval(sie: Sie, log: pd.DataFrame, tmp_path: Path) -> None:
    pd.read_parquet(tmp_path / "scores.parquet").tail(1).to_parquet(tmp_path / "scores.parquet")
    lines = sie(*RANK, "--by", "query").out.splitlines()
    assert "(helps) for 0, below (harms) for 0" in lines[0] and lines[1] == "Lowest value (none certainly harms):"
    assert lines[3].split() == ["query", "7", "1", "-3.100", "–", "-3.100", "-3.10"]
    (row,) = sie(*RANK, "--by", "query", "--output", "json").json["kinds"][0]["worst"]
    assert row["low"] is None and row["high"] is None


@pytest.mark.parametrize(("wrong", "shown"), [(float("inf"), "inf"), (1e300, "1e+300"), (-1e308, "-1e+308")])
def test_a_score_out_of_range(sie: Sie, log: pd.DataFrame, tmp_path: Path, wrong: float, shown: str) -> None:
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    scores.loc[11, "value"] = wrong
    scores.to_parquet(tmp_path / "scores.parquet")
    for options in ((), LOG):
        ran = sie(*RANK, *options, "--by", "query")
        assert (
            ran.code == 2
            and f"scores.parquet, row 12, field 'value': the score must be between -1e+100 and 1e+100, found {shown}"
            in ran.err
        )
    assert not (tmp_path / "groups.parquet").exists()


def test_a_sample_that_is_there_twice(sie: Sie, log: pd.DataFrame, tmp_path: Path) -> None:
    scores = pd.read_parquet(tmp_path / "scores.parquet")
    pd.concat([scores, scores]).to_parquet(tmp_path / "scores.parquet")
    ran = sie(*RANK, "--by", "query")
    assert ran.code == 2 and "the sample 's0-0' is there 2 times" in ran.err and "row 1, field 'sample_id'" in ran.err


def test_other_scores(sie: Sie, log: pd.DataFrame) -> None:
    ran = sie(*RANK, *LOG, "--by", "query", "--score", "label_error")
    assert ran.code == 0 and "is above the mean of 0.487 for" in ran.out and "\nWorst:\n" in ran.out
    assert ran.out.index("query 0") < ran.out.index("query 7")
    assert "The sum of values" not in ran.out and "measured against `value` alone" in ran.out


def test_a_judge_that_was_not_shown_to_know_anything(sie: Sie, log: pd.DataFrame, tmp_path: Path) -> None:
    table = pq.read_table(tmp_path / "scores.parquet")
    metadata = {b"sie.recipe": Recipe(why="no interval was above zero").to_json().encode()}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "scores.parquet")
    ran = sie(*RANK, "--by", "query")
    assert ran.code == 0 and "was not shown to know anything" in ran.out.splitlines()[0]
    assert "opinion" in sie(*RANK, "--by", "query", "--output", "json").json["caution"]


def test_a_kept_part_of_the_scores(sie: Sie, log: pd.DataFrame) -> None:
    assert sie("select", "--scores", "scores.parquet", "--keep", "0.5", "--out", "kept.parquet").code == 0
    ran = sie("rank", "--scores", "kept.parquet", *LOG, "--by", "user", "--out", "g.parquet", "--output", "json")
    assert ran.code == 0 and ran.json["rows"] == 20


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--by", "user"), ("--data", "needs the log")),
        ((*LOG, "--by", "colour"), ("log.parquet", "no row has a 'colour'", "department")),
        ((*LOG, "--by", "user_id"), ("--by", "did you mean 'user'")),
        ((*LOG, "--by", "user", "--by", "user"), ("--by", "twice")),
        (("--by", "query", "--score", "worth"), ("--score", "worth", "label_error")),
        (("--by", "query", "--score", "hardness"), ("scores.parquet", "hardness", "--score value")),
        (("--by", "query", "--top", "-1"), ("--top", "0 upwards")),
        (("--data", "none.parquet", "--by", "user"), ("none.parquet", "no such file")),
    ],
)
def test_bad_input(sie: Sie, log: pd.DataFrame, options: tuple[str, ...], words: tuple[str, ...]) -> None:
    ran = sie(*RANK, *options)
    assert ran.code == 2 and ran.err.count("\n") == 1 and all(word in ran.err for word in words), ran.err


def test_a_log_without_shoppers(sie: Sie, log: pd.DataFrame, tmp_path: Path) -> None:
    log.drop(columns="user_id").to_parquet(tmp_path / "log.parquet")
    ran = sie(*RANK, *LOG, "--by", "user")
    assert ran.code == 2 and "no row has a user_id" in ran.err and "columns: {user_id: …}" in ran.err
    assert not (tmp_path / "groups.parquet").exists()


def test_scores_of_another_log(sie: Sie, log: pd.DataFrame, tmp_path: Path) -> None:
    log.assign(query="query of another log").to_parquet(tmp_path / "log.parquet")
    ran = sie(*RANK, *LOG, "--by", "user")
    assert ran.code == 2 and "scores of another log: row 's0-0'" in ran.err
    log.head(30).to_parquet(tmp_path / "log.parquet")
    ran = sie(*RANK, *LOG, "--by", "user")
    assert ran.code == 2 and "row 's6-0' is not in log.parquet" in ran.err and "--limit" in ran.err


def test_nothing_that_is_read_is_replaced(sie: Sie, log: pd.DataFrame, tmp_path: Path) -> None:
    before = (tmp_path / "log.parquet").read_bytes()
    ran = sie("rank", "--scores", "scores.parquet", *LOG, "--by", "user", "--out", "log.parquet")
    assert ran.code == 2 and "would replace what is read" in ran.err
    assert (tmp_path / "log.parquet").read_bytes() == before


def test_help_has_examples(sie: Sie) -> None:
    ran = sie("rank", "--help")
    assert ran.code == 0 and "sie rank --scores" in ran.out and "department" in ran.out and "hardness" in ran.out
