"""Selecting and weighing on disk: what is done in memory, and what is said about it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.writing import spill_folder
from sie_agent.samples import batches
from sie_agent.selection import (
    connections,
    covering_mask,
    select_file,
    select_rows,
    tie_breakers,
    weigh_file,
    weigh_rows,
)
from sie_agent.selection.select import keep_mask
from sie_agent.utils.progress import set_quiet

from ..soak import seeds
from .kept_in_numpy import kept

SMALL = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
# few values, so that there are ties
SCORE = st.none() | st.sampled_from([-1.0, -0.0, 0.0, 0.25, 0.1 + 0.2, 0.3, 7e-310]) | st.floats(-2, 2)
ROW = st.fixed_dictionaries(
    {
        "query": st.none() | st.sampled_from(["lamp", "Lamp", "rug", "mug", "saw", "tent"]),
        "label": st.none() | st.sampled_from([0.0, 0.3, 0.5, 1.0]),
        "score": SCORE,
    }
)
ROWS = st.lists(ROW, min_size=1, max_size=40).filter(lambda rows: any(row["score"] is not None for row in rows))
KEEP = st.floats(0.001, 1)
BY = st.sampled_from(["support", "hardness"])


@pytest.fixture(autouse=True)
def few_rows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of which a test has several."""
    set_quiet(True)
    monkeypatch.setattr(batches, "ROWS_PER_BATCH", 7)
    monkeypatch.setattr(connections, "ROWS_PER_BATCH", 5)


def scores(rows: list[dict[str, Any]], by: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["query", "label", "score"]).rename(columns={"score": by})
    frame[["label", by]] = frame[["label", by]].astype(float)
    frame["query"] = frame["query"].astype(pd.StringDtype(na_value=np.nan))
    return frame.assign(sample_id=[f"s{number}" for number in range(len(rows))], other=range(len(rows)))


def saved(frame: pd.DataFrame, folder: Path) -> Path:
    frame.to_parquet(folder / "scores.parquet", index=False)
    return folder / "scores.parquet"


@pytest.mark.slow
@SMALL
@given(ROWS, KEEP, BY, st.booleans(), st.booleans(), st.sampled_from([0.0, 0.5, 1.0]))
def test_the_same_rows_are_kept_on_disk_and_in_memory(
    tmp_path: Path, rows: list[dict[str, Any]], keep: float, by: str, coverage: bool, balance: bool, positive_at: float
) -> None:
    frame = scores(rows, by)
    how: dict[str, Any] = {"coverage": coverage, "balance": balance, "positive_at": positive_at}
    target, dropped = tmp_path / "kept.parquet", tmp_path / "dropped.parquet"
    said = select_file(saved(frame, tmp_path), target, keep, by, dropped=dropped, **how)
    expected = select_rows(frame, keep, by, **how)
    found = pd.read_parquet(target)
    pd.testing.assert_frame_equal(found, expected.reset_index(drop=True), check_exact=True)
    lost = pd.read_parquet(dropped)
    assert lost["sample_id"].tolist() == [name for name in frame["sample_id"] if name not in set(found["sample_id"])]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dropped.parquet", "kept.parquet", "scores.parquet"]
    check_said(said, frame, found, lost, by, keep, positive_at)


@settings(max_examples=150)
@given(ROWS, KEEP, st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.sampled_from([0.0, 0.5, 1.0]))
def test_rows_are_kept_as_numpy_would(
    rows: list[dict[str, Any]],
    keep: float,
    higher: bool,
    coverage: bool,
    balance: bool,
    by_id: bool,
    positive_at: float,
) -> None:
    frame = scores(rows, "support")
    score, label = (frame[name].to_numpy(float) for name in ("support", "label"))
    ties = tie_breakers(frame["sample_id"]) if by_id else None
    how: dict[str, Any] = {"higher": higher, "positive_at": positive_at, "ties": ties}
    wanted = kept(score, keep, label, frame["query"], coverage=coverage, balance=balance, **how)
    if coverage:
        found = covering_mask(score, keep, frame["query"], label, balance=balance, **how)
    else:
        found = keep_mask(score, keep, label=label if balance else None, **how)
    assert found.tolist() == wanted.tolist()


def check_said(
    said: dict[str, Any],
    frame: pd.DataFrame,
    found: pd.DataFrame,
    lost: pd.DataFrame,
    by: str,
    keep: float,
    positive_at: float,
) -> None:
    """What is said of a selection is what a count of its files says."""
    assert said["rows"] == len(frame) and said["kept"] == len(found)
    assert said["dropped"] == {name: int((lost["reason"] == name).sum()) for name in said["dropped"]}
    assert sum(said["dropped"].values()) == len(lost)
    assert (lost["score"].isna() == (lost["reason"] == "no score")).all()
    for name, which in (
        ("positives", lambda label: label >= positive_at),
        ("negatives", lambda label: label < positive_at),
    ):
        assert said[name] == {"before": which(frame["label"]).sum(), "after": which(found["label"]).sum()}
    before, after = frame["query"].value_counts(), found["query"].value_counts()
    gone = set(before.index) - set(after.index)
    touched = [query for query, count in before.items() if after.get(query, 0) < count]
    share = len(gone) / len(before) if len(before) else 0
    expected = {"before": len(before), "after": len(after), "touched": len(touched), "dropped": len(gone)}
    assert said["queries"] == {**expected, "share_dropped": pytest.approx(share)}
    label = frame["label"].to_numpy() if said["balance"] else None
    higher = by != "hardness"
    ties = tie_breakers(frame["sample_id"])
    plain = keep_mask(frame[by].to_numpy(), keep, higher=higher, label=label, positive_at=positive_at, ties=ties)
    by_score = frame[plain]
    assert said["kept_for_coverage"] == len(set(found["sample_id"]) - set(by_score["sample_id"]))
    gave_way = set(by_score["sample_id"]) - set(found["sample_id"])
    assert gave_way >= set(lost.loc[lost["reason"] == "gave way to coverage", "sample_id"])


@pytest.mark.slow
@settings(max_examples=300)
@given(ROWS, KEEP, BY, st.booleans(), st.sampled_from([0.3, 0.5, 1.0]))
def test_no_query_loses_all_its_positives(
    rows: list[dict[str, Any]], keep: float, by: str, balance: bool, positive_at: float
) -> None:
    frame = scores(rows, by)
    kept = select_rows(frame, keep, by, balance=balance, positive_at=positive_at)
    with_positive = set(frame.loc[frame["label"] >= positive_at, "query"].dropna())
    assert set(kept.loc[kept["label"] >= positive_at, "query"].dropna()) == with_positive
    assert len(kept) == max(round(keep * len(frame)), 1, len(with_positive))


@pytest.mark.slow
@settings(max_examples=200)
@given(ROWS, KEEP, BY, st.booleans())
def test_coverage_changes_no_more_than_it_has_to(
    rows: list[dict[str, Any]], keep: float, by: str, balance: bool
) -> None:
    """What comes in are best positives; what goes out are the last of the rows that were kept by their score."""
    frame, higher = scores(rows, by), by != "hardness"
    score = frame[by].to_numpy()
    label = frame["label"].to_numpy()
    plain = keep_mask(score, keep, higher=higher, label=label if balance else None)
    covered = covering_mask(score, keep, frame["query"], label, higher=higher, balance=balance)
    added, removed = covered & ~plain, plain & ~covered
    if not added.any():
        assert (covered == plain).all()
    assert len(set(frame.loc[added, "query"])) == added.sum() and (frame.loc[added, "label"] >= 0.5).all()
    if covered.sum() == plain.sum():
        assert added.sum() == removed.sum()
    one_of_each = frame[plain & (frame["label"] >= 0.5)].groupby("query").size()
    assert not set(frame.loc[added, "query"]) & set(one_of_each.index)


@pytest.mark.soak
@pytest.mark.parametrize("seed", seeds())
def test_a_file_of_equal_scores_in_another_order_keeps_the_same_rows(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [{"query": "pqr"[place % 3], "label": float(place % 2), "score": 0.5} for place in range(40)]
    frame = scores(rows, "support")
    kept = []
    for table in (frame, frame.iloc[rng.permutation(40)], frame.iloc[::-1]):
        select_file(saved(table, tmp_path), tmp_path / "kept.parquet", 0.3, "support")
        found = pd.read_parquet(tmp_path / "kept.parquet")
        assert found["sample_id"].tolist() == [one for one in table["sample_id"] if one in set(found["sample_id"])]
        kept.append(set(found["sample_id"]))
    assert len(kept[0]) == 12 and kept[0] == kept[1] == kept[2]


def test_which_rows_give_way() -> None:
    frame = pd.DataFrame(
        {
            "sample_id": list("abcdef"),
            "query": ["q", "q", "q", "r", "r", "q"],
            "label": [0.0, 1.0, 0.0, 1.0, 1.0, 0.0],
            "support": [5.0, 4.0, 3.0, 1.0, 1.0, 0.0],
        }
    )
    kept = select_rows(frame, 0.5, "support", balance=False)
    assert kept["sample_id"].tolist() == ["a", "b", "d"]
    kept = select_rows(frame, 0.5, "support", coverage=False, balance=False)
    assert kept["sample_id"].tolist() == ["a", "b", "c"]
    # more queries have a positive than rows are to be kept
    assert select_rows(frame, 0.1, "support")["sample_id"].tolist() == ["b", "d"]


def test_what_is_said_of_a_selection(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "sample_id": list("abcdefg"),
            "query": ["q", "q", "q", "r", "r", "q", "s"],
            "label": [0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0],
            "hardness": [0.0, 0.1, 0.2, 0.7, 0.7, np.nan, 0.9],
        }
    )
    dropped = tmp_path / "d.parquet"
    path, target = saved(frame, tmp_path), tmp_path / "k.parquet"
    balanced = select_file(path, target, 3 / 7, "hardness", coverage=False)
    assert balanced["thresholds"] == {"positives": 0.1, "negatives": 0.2, "unlabelled": None}
    assert balanced["positives"] == {"before": 3, "after": 1} and balanced["negatives"] == {"before": 4, "after": 2}
    said = select_file(path, target, 3 / 7, "hardness", balance=False, dropped=dropped)
    assert said == {
        "rows": 7,
        "kept": 3,
        "coverage": True,
        "balance": False,
        "thresholds": {"all": 0.0},
        "kept_for_coverage": 1,
        "dropped": {"below the threshold": 2, "gave way to coverage": 1, "no score": 1},
        "positives": {"before": 3, "after": 2},
        "negatives": {"before": 4, "after": 1},
        "queries": {"before": 3, "after": 2, "touched": 3, "dropped": 1, "share_dropped": 1 / 3},
    }
    lost = pd.read_parquet(dropped)
    assert lost["sample_id"].tolist() == ["c", "e", "f", "g"] and lost["query"].tolist() == ["q", "r", "q", "s"]
    assert lost["reason"].tolist()[:3] == ["gave way to coverage", "below the threshold", "no score"]
    np.testing.assert_array_equal(lost["score"], [0.2, 0.7, np.nan, 0.9])


def test_a_file_without_query_and_label_is_selected_from_by_score(tmp_path: Path) -> None:
    frame = pd.DataFrame({"sample_id": list("abcd"), "support": [1.0, 2.0, 3.0, 4.0]})
    said = select_file(saved(frame, tmp_path), tmp_path / "k.parquet", 0.5, "support", dropped=tmp_path / "d.parquet")
    assert not said["coverage"] and not said["balance"] and said["queries"] is None and said["positives"] is None
    assert pd.read_parquet(tmp_path / "k.parquet")["sample_id"].tolist() == ["c", "d"]
    assert pd.read_parquet(tmp_path / "d.parquet")["query"].isna().all()


@pytest.mark.slow
def test_many_rows_spill_and_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than the database may hold in memory."""
    for module in (batches, connections):
        monkeypatch.setattr(module, "ROWS_PER_BATCH", 50_000)
    monkeypatch.setattr(connections, "MEMORY", "48MB")
    draw, count = np.random.default_rng(0), 2_000_000
    frame = pd.DataFrame(
        {
            "sample_id": np.arange(count).astype(str),
            "query": [f"a query of usual length {number}" for number in draw.integers(0, count // 8, count)],
            "label": draw.integers(0, 2, count).astype(float),
            "value": np.where(draw.random(count) < 0.01, np.nan, draw.normal(size=count).round(5)),
        }
    )
    path = saved(frame, tmp_path)
    said = select_file(path, tmp_path / "k.parquet", 0.2, "value")
    found = pd.read_parquet(tmp_path / "k.parquet")
    assert found["sample_id"].tolist() == select_rows(frame, 0.2, "value")["sample_id"].tolist()
    assert said["kept"] == len(found) and said["kept_for_coverage"] > 100_000
    weigh_file(path, tmp_path / "w.parquet", "value", 0.7)
    found = pd.read_parquet(tmp_path / "w.parquet")
    pd.testing.assert_frame_equal(found, weigh_rows(frame, by="value", strength=0.7), check_exact=True)


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    path = saved(scores([{"query": "q", "label": 1.0, "score": 0.5}], "support"), tmp_path)
    users = [tmp_path / ".k.parquet.spill", tmp_path / ".k.parquet.abcdefgh.spill"]
    for folder in users:
        folder.mkdir()
        (folder / "notes").write_text("mine")
    script = f"import os; from pathlib import Path; from sie_agent.files.writing import spill_folder; import sys\n\
with spill_folder(Path({str(tmp_path)!r}), 'k.parquet') as folder:\n    (folder / 'overflow').touch(); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    left = [one for one in tmp_path.glob(".k.parquet.*.spill") if one not in users]
    with spill_folder(tmp_path, "k.parquet") as live:
        assert len(left) == 1 and not left[0].exists()
        assert select_file(path, tmp_path / "k.parquet", 1.0, "support")["kept"] == 1
        assert live.is_dir()
    assert sorted(tmp_path.glob(".*")) == sorted(users) and all((one / "notes").exists() for one in users)


@pytest.mark.parametrize("name", ["it's [1] *?.parquet", "größe 𝟙.parquet"])
def test_odd_names(tmp_path: Path, name: str) -> None:
    frame = scores([{"query": "q", "label": 1.0, "score": 0.5}], "support")
    folder = tmp_path / "it's [a] *"
    folder.mkdir()
    frame.to_parquet(folder / name)
    assert select_file(folder / name, folder / f"k {name}", 1.0, "support")["kept"] == 1
    assert weigh_file(folder / name, folder / f"w {name}", "support")[1]["rows"] == 1


@pytest.mark.parametrize("act", ["select", "weigh"])
@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"support": [1.0]}), "'sample_id' is missing"),
        (pd.DataFrame({"sample_id": ["a"]}), "no column 'support'"),
        (pd.DataFrame({"sample_id": ["a"], "support": ["much"]}), "'support' holds no numbers"),
        (pd.DataFrame({"sample_id": ["a"], "support": [np.nan]}), "holds no score"),
        (pd.DataFrame({"sample_id": [], "support": []}), "holds no score"),
    ],
)
def test_wrong_files_are_bad_input(tmp_path: Path, act: str, frame: pd.DataFrame, words: str) -> None:
    path = saved(frame, tmp_path)
    with pytest.raises(InputError, match=words):
        select_file(path, tmp_path / "k.parquet", 0.5, "support") if act == "select" else weigh_file(
            path, tmp_path / "k.parquet", "support"
        )
    assert [left.name for left in tmp_path.iterdir()] == ["scores.parquet"]


def test_a_damaged_page_is_bad_input(tmp_path: Path) -> None:
    table = pa.table({"sample_id": [str(number) for number in range(5000)], "support": np.random.random(5000)})
    path = tmp_path / "scores.parquet"
    pq.write_table(table, path, compression="zstd", row_group_size=1000)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3 : len(raw) // 2] = b"\0" * (len(raw) // 2 - len(raw) // 3)
    path.write_bytes(raw)
    with pytest.raises(InputError, match="not a whole Parquet file"):
        select_file(path, tmp_path / "k.parquet", 0.5, "support")


def test_a_full_disk_is_the_environments_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MEMORY", "1MB")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"sample_id": np.arange(300_000).astype(str), "support": rng.normal(size=300_000)})
    path = saved(frame, tmp_path)
    monkeypatch.setattr(batches, "ROWS_PER_BATCH", 50_000)
    with pytest.raises(EnvironmentFailure, match="ordered on disk"):
        weigh_file(path, tmp_path / "w.parquet", "support")


@pytest.mark.parametrize("positive_at", [-0.1, 1.5, float("nan")])
def test_a_label_that_no_row_can_have_is_bad_input(tmp_path: Path, positive_at: float) -> None:
    frame = scores([{"query": "q", "label": 1.0, "score": 0.5}], "support")
    with pytest.raises(InputError, match="--positive-at"):
        select_rows(frame, 0.5, "support", positive_at=positive_at)
    with pytest.raises(InputError, match="--positive-at"):
        select_file(saved(frame, tmp_path), tmp_path / "k.parquet", 0.5, "support", positive_at=positive_at)


ODD = {
    "query twice": (["sample_id", "query", "query", "support"], [["a"], ["b"], ["c"], [1.0]], "'query' occurs twice"),
    "score twice": (["sample_id", "support", "support"], [["a"], [1.0], [2.0]], "'support' occurs twice"),
    "list of ids": (["sample_id", "support"], [[["a"]], [1.0]], "'sample_id' holds no texts"),
    "list of queries": (["sample_id", "query", "support"], [["a"], [["b"]], [1.0]], "'query' cannot be read as text"),
    "bytes": (["sample_id", "query", "support"], [["a"], [b"\xff"], [1.0]], "'query' cannot be read as text"),
    "bytes called text": (
        ["sample_id", "query", "support"],
        [["a"], pa.Array.from_buffers(pa.string(), 1, pa.array([b"\xff"]).buffers()), [1.0]],
        "'query' cannot be read as text",
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_parquet_is_bad_input(tmp_path: Path, case: str) -> None:
    names, columns, words = ODD[case]
    path = tmp_path / "scores.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(column) for column in columns], names=names), path)
    with pytest.raises(InputError, match=words) as refused:
        select_file(path, tmp_path / "k.parquet", 0.5, "support", dropped=tmp_path / "d.parquet")
    assert str(path) in str(refused.value)
    if "query" not in names or "twice" in case:
        with pytest.raises(InputError, match=words):
            weigh_file(path, tmp_path / "w.parquet", "support")
    assert [left.name for left in tmp_path.iterdir()] == ["scores.parquet"]


def test_ids_of_dropped_rows_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    pq.write_table(pa.table({"sample_id": [b"a", b"\xff"], "support": [1.0, 0.0]}), path)
    with pytest.raises(InputError, match="'sample_id' cannot be read as text"):
        select_file(path, tmp_path / "k.parquet", 0.5, "support", dropped=tmp_path / "d.parquet")
