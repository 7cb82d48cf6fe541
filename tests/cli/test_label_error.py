"""``label_error`` of ``sie score``: the same for a row wherever it stands, from text where the log is not known."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.commands.score import score
from sie_agent.commands.select import select
from sie_agent.commands.weights import weights
from sie_agent.labels import StudentSettings
from sie_agent.samples import load_samples
from sie_agent.scorer import (
    COLUMNS_FILE,
    LOG_COLUMNS,
    LabelErrors,
    distill_scorer,
    load_scorer,
    save_scorer,
    settle_columns,
    with_log_columns,
)
from sie_agent.utils.progress import set_quiet

from .conftest import Sie, csv_text, log_rows

ROWS = 600
HEAD = LabelErrors(
    0.3,
    {
        "relevance": 2.1,
        "by_row": 0.5,
        "by_query": 0.3,
        "others_label": 1.4,
        "others_relevance": -0.7,
        "intercept": -2.0,
    },
    {"relevance": 3.1, "intercept": -2.5},
)
TOLD = ["label_error", "label_error_from"]
PROGRAM = """
import sys
from sie_agent.commands import score
score.ROWS_AT_ONCE = 50
from sie_agent.cli import main
if __name__ == "__main__":
    sys.exit(main())
"""
Rows = list[dict[str, Any]]


def many_rows() -> Rows:
    return [{**row, "title": f"{row['title']} {number}"} for number, row in enumerate(log_rows(ROWS))]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a log, a scorer that tells wrong labels, and its columns of every other row of the log."""
    folder = tmp_path_factory.mktemp("score")
    (folder / "log.csv").write_text(csv_text(many_rows()), encoding="utf-8")
    samples = load_samples(folder / "log.csv")
    rng = np.random.default_rng(0)
    labels = pd.DataFrame({"sample_id": samples["sample_id"], "relevance": rng.random(ROWS)})
    labels = labels.assign(support=samples["label"], value=samples["title"].str.len().astype(float))
    scorer = distill_scorer(samples, labels, settings=StudentSettings(trees=8))
    known = samples[::2].reset_index(drop=True)
    columns = {name: rng.random(len(known)).astype(np.float32).astype(float) for name in LOG_COLUMNS}
    told = with_log_columns(scorer, HEAD, columns, known, folder)
    save_scorer(told, folder / "scorer")
    settle_columns(folder, told)
    set_quiet(True)
    score(folder / "scorer", folder / "log.csv", folder / "expected.parquet")
    set_quiet(False)
    return folder


def copied(place: Path, folder: Path, *, columns: bool = True) -> Path:
    """The scorer in a folder of the test's own, with its log columns or without."""
    save_scorer(load_scorer(place / "scorer"), folder / "scorer")
    if columns:
        (folder / COLUMNS_FILE).write_bytes((place / COLUMNS_FILE).read_bytes())
    return folder / "scorer"


def expected(place: Path) -> pd.DataFrame:
    return pd.read_parquet(place / "expected.parquet")


def scored(scorer: Path, rows: Rows, folder: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """What `sie score` says and writes of some rows."""
    (folder / "rows.csv").write_text(csv_text(rows), encoding="utf-8")
    said = score(scorer, folder / "rows.csv", folder / "rows.parquet")
    return said, pd.read_parquet(folder / "rows.parquet")


def assert_same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """Every figure of every row to the bit, wherever the row stands."""
    one, other = (table.sort_values("sample_id", ignore_index=True) for table in (found, wanted))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_half_is_told_from_the_log_and_the_rest_from_text(place: Path, sie: Sie) -> None:
    table = expected(place)
    assert list(table.columns) == ["sample_id", "query", "item_id", "label", "relevance", "value", "support", *TOLD]
    assert table["label_error_from"].tolist() == ["log", "text"] * (ROWS // 2)
    assert table["label_error"].between(0, 1).all() and table["label_error"].nunique() > 300
    relevance, label = table["relevance"].to_numpy(), table["label"].to_numpy()
    alone, _ = HEAD.of(relevance, label, {})
    from_text = (table["label_error_from"] == "text").to_numpy()
    np.testing.assert_array_equal(table["label_error"][from_text], alone[from_text])
    assert (table["label_error"][~from_text] != alone[~from_text]).mean() > 0.9
    ran = sie("score", "--scorer", place / "scorer", "--data", place / "log.csv", "--out", "s.parquet")
    assert ran.code == 0 and "label_error: 300 rows by text and log, 300 by text alone" in ran.out
    again = sie(
        *("score", "--scorer", place / "scorer", "--data", place / "log.csv"), "--out", "s.parquet", "--output", "json"
    )
    assert again.json["label_error_from_log"] == 300 and again.json["columns"][-2:] == TOLD


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 7, 599, 600])
def test_it_does_not_depend_on_the_size_of_chunks(
    place: Path, tmp_path: Path, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sie_agent.commands.score.ROWS_AT_ONCE", rows)
    limit = 40 if rows == 1 else None
    score(place / "scorer", place / "log.csv", tmp_path / "s.parquet", limit=limit)
    assert_same(pd.read_parquet(tmp_path / "s.parquet"), expected(place).iloc[:limit])


def test_it_does_not_depend_on_the_order_of_rows(place: Path, tmp_path: Path) -> None:
    rows = many_rows()
    random.Random(1).shuffle(rows)
    said, found = scored(place / "scorer", rows, tmp_path)
    assert_same(found, expected(place))
    assert said["label_error_from_log"] == 300


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., list[str]]:
    """The command of `sie score` in a process of its own, in chunks of 50 rows."""

    def command(scorer: Path, data: Path, *options: str) -> list[str]:
        script = tmp_path / "program.py"
        script.write_text(PROGRAM, encoding="utf-8")
        named = ["--scorer", str(scorer), "--data", str(data), "--out", "s.parquet"]
        return [sys.executable, str(script), "score", *named, *options]

    return command


@pytest.mark.slow
def test_it_does_not_depend_on_the_workers(place: Path, tmp_path: Path, program: Callable[..., list[str]]) -> None:
    rows = many_rows()
    random.Random(2).shuffle(rows)
    (tmp_path / "rows.csv").write_text(csv_text(rows), encoding="utf-8")
    command = program(place / "scorer", tmp_path / "rows.csv", "--workers", "2", "--output", "json")
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout)
    assert said["workers"] == 2 and said["label_error_from_log"] == 300
    assert_same(pd.read_parquet(tmp_path / "s.parquet"), expected(place))


@pytest.mark.parametrize("field", ["sample_id", "title", "query", "label"])
def test_a_row_that_changed_is_told_from_text(place: Path, tmp_path: Path, field: str) -> None:
    rows = many_rows()
    changed = {"label": 1 - rows[4]["label"]}.get(field, f"{rows[4][field]} x")
    rows[4] = {**rows[4], field: changed}
    said, found = scored(place / "scorer", rows, tmp_path)
    assert said["label_error_from_log"] == 299 and found["label_error_from"][4] == "text"
    others = [number for number in range(ROWS) if number != 4]
    pd.testing.assert_frame_equal(found.iloc[others], expected(place).iloc[others], check_exact=True)
    alone, _ = HEAD.of(found["relevance"].to_numpy(), found["label"].to_numpy(), {})
    assert found["label_error"][4] == alone[4]


def test_rows_of_another_log_are_all_told_from_text(place: Path, tmp_path: Path, sie: Sie) -> None:
    rows = [{**row, "sample_id": f"other-{number}"} for number, row in enumerate(many_rows())]
    said, found = scored(place / "scorer", rows, tmp_path)
    assert said["label_error_from_log"] == 0 and set(found["label_error_from"]) == {"text"}
    alone = copied(place, tmp_path / "alone", columns=False)
    _, without = scored(alone, many_rows(), tmp_path / "alone")
    pd.testing.assert_frame_equal(found.drop(columns="sample_id"), without.drop(columns="sample_id"), check_exact=True)


def test_rows_without_a_label_are_not_told(place: Path, tmp_path: Path) -> None:
    rows = [{**row, "label": "" if number % 4 == 0 else row["label"]} for number, row in enumerate(many_rows())]
    said, found = scored(place / "scorer", rows, tmp_path)
    lack = np.arange(ROWS) % 4 == 0
    assert found["label_error"].isna().tolist() == lack.tolist() and said["label_error_from_log"] == 150
    wanted = expected(place)
    pd.testing.assert_frame_equal(found[TOLD][~lack], wanted[TOLD][~lack], check_exact=True)


def test_a_scorer_that_tells_nothing_writes_no_such_column(place: Path, tmp_path: Path, sie: Sie) -> None:
    save_scorer(replace(load_scorer(place / "scorer"), label_errors=None), tmp_path / "scorer")
    # columns of another scorer beside it are nobody's
    (tmp_path / COLUMNS_FILE).write_bytes((place / COLUMNS_FILE).read_bytes())
    said = score(tmp_path / "scorer", place / "log.csv", tmp_path / "s.parquet")
    assert said["label_error_from_log"] is None and not set(TOLD) & set(said["columns"])
    pd.testing.assert_frame_equal(
        pd.read_parquet(tmp_path / "s.parquet"), expected(place).drop(columns=TOLD), check_exact=True
    )
    ran = sie("score", "--scorer", "scorer", "--data", place / "log.csv", "--out", "s.parquet")
    assert ran.code == 0 and "label_error" not in ran.out


@pytest.mark.slow
def test_what_is_selected_and_weighed_is_as_without_it(place: Path, tmp_path: Path) -> None:
    kept = {}
    expected(place).drop(columns=TOLD).to_parquet(tmp_path / "without.parquet")
    for name, path in (("with", place / "expected.parquet"), ("without", tmp_path / "without.parquet")):
        select(path, tmp_path / f"{name}-kept.parquet", keep=0.5)
        weights(path, tmp_path / f"{name}-weights.parquet", by="support")
        kept[name] = pd.read_parquet(tmp_path / f"{name}-kept.parquet")
    assert set(TOLD) < set(kept["with"].columns)
    pd.testing.assert_frame_equal(kept["with"].drop(columns=TOLD), kept["without"])
    one, other = (pd.read_parquet(tmp_path / f"{name}-weights.parquet") for name in kept)
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_damaged_columns_are_one_line(place: Path, tmp_path: Path, sie: Sie, damage: str) -> None:
    copied(place, tmp_path)
    content = (tmp_path / COLUMNS_FILE).read_bytes()
    (tmp_path / COLUMNS_FILE).write_bytes(content[:-50] if damage == "cut" else (place / "log.csv").read_bytes())
    ran = sie("score", "--scorer", "scorer", "--data", place / "log.csv", "--out", "s.parquet", "--workers", "1")
    assert ran.code == 2 and f"{COLUMNS_FILE}: damaged log columns, or those of another scorer" in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "s.parquet").exists() and not (tmp_path / "s.parquet.parts").exists()


@pytest.mark.slow
def test_damaged_columns_are_one_line_with_workers_too(
    place: Path, tmp_path: Path, program: Callable[..., list[str]]
) -> None:
    scorer = copied(place, tmp_path)
    (tmp_path / COLUMNS_FILE).write_bytes(b"nonsense")
    command = program(scorer, place / "log.csv", "--workers", "2", "--quiet")
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 2 and "damaged log columns" in ran.stderr and ran.stderr.count("\n") == 1


def stopping_after(count: int) -> Callable[[pd.DataFrame, Path], Path]:
    """`write_table`, until it was called so many times."""
    from sie_agent.samples.tables import write_table

    calls = itertools.count()

    def write(frame: pd.DataFrame, path: Path) -> Path:
        if next(calls) >= count:
            raise KeyboardInterrupt
        return write_table(frame, path)

    return write


@pytest.mark.slow
@pytest.mark.parametrize("appears", [True, False])
def test_columns_that_come_or_go_meanwhile_start_it_again(
    place: Path, tmp_path: Path, sie: Sie, monkeypatch: pytest.MonkeyPatch, appears: bool
) -> None:
    copied(place, tmp_path, columns=not appears)
    monkeypatch.setattr("sie_agent.commands.score.ROWS_AT_ONCE", 100)
    with monkeypatch.context() as patched:
        patched.setattr("sie_agent.scorer.workers.write_table", stopping_after(3))
        with pytest.raises(KeyboardInterrupt):
            score(tmp_path / "scorer", place / "log.csv", tmp_path / "s.parquet")
    assert len(list((tmp_path / "s.parquet.parts").glob("*-*.parquet"))) == 3
    if appears:
        (tmp_path / COLUMNS_FILE).write_bytes((place / COLUMNS_FILE).read_bytes())
    else:
        (tmp_path / COLUMNS_FILE).unlink()
    ran = sie("score", "--scorer", "scorer", "--data", place / "log.csv", "--out", "s.parquet", "--workers", "1")
    assert ran.code == 0 and "other log columns" in ran.err and "starting again" in ran.err
    assert "600 rows scored" in ran.out
    found = pd.read_parquet(tmp_path / "s.parquet")
    assert (found["label_error_from"] == "log").sum() == (300 if appears else 0)
    if appears:
        pd.testing.assert_frame_equal(found, expected(place), check_exact=True)
