"""Groups of rows: their keys, in memory and from files, and what a wrong file is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.groups import check_kinds, group_keys, rank_file, rank_groups
from sie_agent.groups.aligned import LARGEST, aligned, score_stream
from sie_agent.samples import validate_samples

KINDS = ("query", "item", "user", "department", "brand")


def log_of(count: int = 600, seed: int = 0) -> pd.DataFrame:
    """Rows of a log with shoppers, departments and brands, some of them without."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "sample_id": [f"r{number}" for number in range(count)],
            "query": [f"query {number}" for number in rng.integers(0, 40, count)],
            "item_id": [f"i{number}" for number in rng.integers(0, 60, count)],
            "user_id": [f"u{number}" if number else "" for number in rng.integers(0, 80, count)],
            "attributes": [
                {"department": f"d{number}", "brand": ["a", "b", "c"][number % 3]} if number else {"category": "rest"}
                for number in rng.integers(0, 6, count)
            ],
        }
    )
    return validate_samples(frame.assign(title="the " + frame["item_id"]), "log")


def scores_of(log: pd.DataFrame, seed: int = 1) -> pd.DataFrame:
    """Scores of the log's rows; every tenth lacks one."""
    rng = np.random.default_rng(seed)
    value = rng.normal(size=len(log)) + pd.factorize(log["query"])[0] % 5 - 2
    value[::10] = np.nan
    return log[["sample_id", "query", "label"]].assign(value=value, support=rng.random(len(log)))


def chunks(log: pd.DataFrame, rows: int = 70) -> Iterator[pd.DataFrame]:
    """The log, some rows at a time."""
    for start in range(0, len(log), rows):
        yield log.iloc[start : start + rows].reset_index(drop=True)


def ranked(
    folder: Path, log: pd.DataFrame, scores: pd.DataFrame, **options: Any
) -> tuple[dict[str, Any], pd.DataFrame]:
    """What the groups of a file are."""
    scores.to_parquet(folder / "scores.parquet")
    wanted = {"by": KINDS, "score": "value", "top": 3, **options}
    told = rank_file(
        folder / "scores.parquet", folder / "out.parquet", log=lambda spill: chunks(log), where="log", **wanted
    )
    return told, pd.read_parquet(folder / "out.parquet")


@pytest.mark.parametrize("score", ["value", "support"])
def test_groups_of_one_mean_come_by_their_names_whatever_the_order_of_the_rows(tmp_path: Path, score: str) -> None:
    """Sums of the same numbers in another order differ in their last digits, and these order no groups."""
    numbers = np.random.default_rng(0).random(13)
    rows = [(f"q{query:02}", number * (1 + query % 2)) for number in numbers for query in range(40)]
    scores = pd.DataFrame(rows, columns=["query", score]).assign(sample_id=lambda frame: frame.index.astype(str))
    expected = [f"q{query:02}" for query in (*range(1, 40, 2), *range(0, 40, 2))]
    for seed in range(3):
        mixed = scores.sample(frac=1, random_state=seed)
        mixed.to_parquet(tmp_path / "scores.parquet")
        options: dict[str, Any] = {"by": ["query"], "score": score, "top": 3}
        rank_file(tmp_path / "scores.parquet", tmp_path / "out.parquet", log=None, where="log", **options)
        assert pd.read_parquet(tmp_path / "out.parquet")["group"].tolist() == expected
        assert rank_groups(mixed["query"], mixed[score].to_numpy())["group"].tolist() == expected


@pytest.mark.parametrize("score", ["value", "support"])
def test_a_file_gives_what_memory_gives(tmp_path: Path, score: str) -> None:
    log = log_of()
    scores = scores_of(log)
    told, table = ranked(tmp_path, log, scores, score=score)
    assert list(table["by"].unique()) == list(KINDS)
    assert told["rows"] == 600 and told["unscored"] == int(scores[score].isna().sum())
    for kind in told["kinds"]:
        keys = group_keys(log, kind["by"])
        wanted = rank_groups(keys, scores[score].to_numpy())
        found = table[table["by"] == kind["by"]].reset_index(drop=True)
        assert found["rank"].tolist() == list(range(1, len(wanted) + 1)) and kind["groups"] == len(wanted)
        # the order in which groups are summed up is another one, and close means may change places
        found, wanted = (one.sort_values("group", ignore_index=True) for one in (found, wanted))
        pd.testing.assert_frame_equal(found[wanted.columns], wanted, rtol=1e-6, check_dtype=False)
        assert kind["ungrouped"] == int((keys == "").sum())
    item = table[table["by"] == "item"]
    assert (item["title"] == "the " + item["group"]).all() and (table["title"][table["by"] != "item"] == "").all()


def test_both_ends_are_told(tmp_path: Path) -> None:
    log = log_of()
    told, table = ranked(tmp_path, log, scores_of(log), by=["query"])
    (kind,) = told["kinds"]
    assert [row["group"] for row in kind["best"]] == table["group"].head(3).tolist()
    assert [row["group"] for row in kind["worst"]] == table["group"].tail(3).tolist()[::-1]
    assert kind["level"] == 0 and kind["above"] == (table["low"] > 0).sum() > 0
    assert kind["below"] == (table["high"] < 0).sum() > 0
    told, table = ranked(tmp_path, log, scores_of(log), by=["query"], score="support")
    assert told["kinds"][0]["level"] == pytest.approx(told["kinds"][0]["mean"])


def test_of_a_score_where_less_is_better_the_lowest_come_first(tmp_path: Path) -> None:
    log = log_of()
    scores = scores_of(log).rename(columns={"value": "hardness"})
    _, table = ranked(tmp_path, log, scores, by=["query"], score="hardness")
    assert table["mean"].is_monotonic_increasing


def test_departments_are_found_wherever_they_are() -> None:
    log = log_of()
    keys = group_keys(log, "department")
    assert set(keys) == {"rest", "d1", "d2", "d3", "d4", "d5"}
    kept = log.assign(department=["toys", None] * (len(log) // 2))
    assert (group_keys(kept, "department")[::2] == "toys").all()
    assert (group_keys(kept, "department")[1::2].isin({"rest", "d1", "d2", "d3", "d4", "d5", ""})).all()
    assert (group_keys(log.drop(columns="attributes"), "department") == "").all()
    assert set(group_keys(log.assign(shelf=[3, 4] * (len(log) // 2)), "shelf")) == {"3", "4"}


def test_rows_that_were_left_out_are_passed_over(tmp_path: Path) -> None:
    log = log_of()
    scores = scores_of(log)
    kept = scores.iloc[np.flatnonzero(np.random.default_rng(2).random(len(log)) < 0.4)]
    told, table = ranked(tmp_path, log, kept, by=["user"])
    assert told["rows"] == len(kept)
    known = kept.merge(log[["sample_id", "user_id"]], on="sample_id").dropna(subset="value")
    assert table["rows"].sum() == (known["user_id"] != "").sum()
    assert table["total"].sum() == pytest.approx(known.loc[known["user_id"] != "", "value"].sum())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda scores: scores.assign(sample_id="x" + scores["sample_id"]), "row 'xr0' is not in log"),
        (lambda scores: scores.iloc[::-1], "not in the same order"),
        (lambda scores: scores.iloc[[5, 9, 7, 8]], "row 'r7' is not in log, or not in the same order"),
        (lambda scores: scores.assign(query=scores["query"].where(scores.index != 300, "rug")), "row 'r300' has the"),
        (
            lambda scores: scores.assign(query=scores["query"].where(scores.index != 300)),
            "row 'r300' has no query here",
        ),
        (lambda scores: pd.concat([scores, scores.head(1)]), "row 'r0' is not"),
        (lambda scores: scores.assign(value=np.nan), "holds no score"),
    ],
)
def test_scores_of_another_log(tmp_path: Path, change: Any, message: str) -> None:
    log = log_of()
    with pytest.raises(InputError, match=message):
        ranked(tmp_path, log, change(scores_of(log)), by=["item"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.parquet"]


@pytest.mark.parametrize("with_log", [True, False])
@pytest.mark.parametrize("wrong", [np.inf, -np.inf, 1e300, -1e308])
def test_scores_that_cannot_be_added_up(tmp_path: Path, with_log: bool, wrong: float) -> None:
    log = log_of()
    scores = scores_of(log)
    scores.loc[577, "value"] = wrong
    scores.to_parquet(tmp_path / "scores.parquet")
    with pytest.raises(InputError) as raised:
        rank_file(
            tmp_path / "scores.parquet",
            tmp_path / "out.parquet",
            "value",
            ["query"],
            log=(lambda spill: chunks(log)) if with_log else None,
            where="log",
            top=3,
        )
    assert (
        f"scores.parquet, row 578, field 'value': the score must be between -1e+100 and 1e+100, found {wrong}"
        in str(raised.value)
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.parquet"]


def test_a_wrong_score_is_found_in_a_later_batch(tmp_path: Path) -> None:
    value = np.zeros(120_000)
    value[119_990] = np.inf
    pd.DataFrame({"sample_id": np.arange(len(value)).astype(str), "value": value}).to_parquet(tmp_path / "s.parquet")
    scored = score_stream(str(tmp_path / "s.parquet"), "value")
    with pytest.raises(InputError, match=r"row 119991, field 'value'"):
        scored.ahead(len(value))


def test_the_largest_scores_have_finite_means_and_intervals(tmp_path: Path) -> None:
    log = log_of()
    scores = scores_of(log)
    scores["value"] *= LARGEST / scores["value"].abs().max()
    _, table = ranked(tmp_path, log, scores, by=["query", "item"])
    assert np.isfinite(table[["mean", "low", "high", "total"]]).all(axis=None)


def without_log(folder: Path, scores: pd.DataFrame) -> tuple[dict[str, Any], pd.DataFrame]:
    """The queries of a file, ranked by it alone."""
    scores.to_parquet(folder / "scores.parquet")
    out = folder / "out.parquet"
    told = rank_file(folder / "scores.parquet", out, "value", ["query"], log=None, where="scores.parquet", top=3)
    return told, pd.read_parquet(out)


def test_a_sample_that_is_there_twice_is_refused_without_a_log(tmp_path: Path) -> None:
    scores = scores_of(log_of())
    doubled = pd.concat([scores, scores.iloc[[7, 3, 3]]], ignore_index=True)
    with pytest.raises(
        InputError, match=r"scores\.parquet, row 4, field 'sample_id': the sample 'r3' is there 3 times"
    ):
        without_log(tmp_path, doubled)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.parquet"]
    told, _ = without_log(tmp_path, scores)
    assert told["rows"] == len(scores)


def test_one_row_in_all_is_on_neither_side(tmp_path: Path) -> None:
    scores = scores_of(log_of()).iloc[[1]]
    told, table = without_log(tmp_path, scores)
    (kind,) = told["kinds"]
    assert kind["groups"] == 1 and kind["above"] == kind["below"] == 0
    assert table["mean"].tolist() == scores["value"].tolist() and table[["low", "high"]].isna().all(axis=None)
    assert (kind["best"] + kind["worst"])[0]["low"] is None


def test_a_row_without_a_query_is_in_no_group(tmp_path: Path) -> None:
    scores = scores_of(log_of())
    told, table = without_log(tmp_path, scores.assign(query=scores["query"].where(scores.index % 6 > 0)))
    assert told["kinds"][0]["ungrouped"] == 100 and not table["group"].isin(["nan", "None", ""]).any()


def test_a_kind_that_no_row_has(tmp_path: Path) -> None:
    log = log_of().assign(user_id="", attributes='{"brand": "a"}')
    with pytest.raises(InputError, match=r"no row has a user_id.*user_id: …"):
        ranked(tmp_path, log, scores_of(log), by=["user"])
    with pytest.raises(InputError, match=r"no row has a 'department'.*names there are: brand"):
        ranked(tmp_path, log, scores_of(log), by=["department"])


@pytest.mark.parametrize(
    ("by", "message"),
    [([], "no kind"), (["query", "query"], "twice"), (["item_id"], "did you mean 'item'"), (["grade"], "by 'grade'")],
)
def test_kinds_that_there_are_not(by: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_kinds(by)
    check_kinds(KINDS)


def test_two_groups_are_not_drawn_together() -> None:
    table = rank_groups(pd.Series(["a", "a", "b", ""]), np.array([1.0, 3.0, 5.0, 9.0]))
    assert table["group"].tolist() == ["b", "a"] and table["mean"].tolist() == [5.0, 2.0]


def test_pieces_of_any_length_meet(tmp_path: Path) -> None:
    log = log_of(200)
    scores_of(log).to_parquet(tmp_path / "scores.parquet")
    for rows in (1, 7, 200, 500):
        scored = score_stream(str(tmp_path / "scores.parquet"), "support", beside=["query"])
        pieces = list(aligned(scored, str(tmp_path / "scores.parquet"), chunks(log, rows), "log"))
        assert pd.concat([piece for piece, _ in pieces])["sample_id"].tolist() == log["sample_id"].tolist()
