"""Exact influence streamed from a file is that of the rows in memory; what is wrong in the file is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sie_agent.attribution import FeatureRows, Setting, feature_file, reference_importance
from sie_agent.attribution.feature_file import attribute_features
from sie_agent.errors import InputError


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    direction = rng.normal(size=6)
    features = rng.normal(size=(500, 6)).astype(np.float32)
    relevant = features @ direction + rng.logistic(size=500) > 0
    log = pd.DataFrame(
        {
            "sample_id": [f"s{row}" for row in range(400)],
            "query": [f"q{row // 4}" for row in range(400)],
            "label": relevant[:400].astype(float),
            "embedding": list(features[:400]),
        }
    )
    trusted = pd.DataFrame(
        {
            "query": [f"t{row // 4}" for row in range(100)],
            "grade": (relevant[400:] * 0.8 + 0.1).astype(float),
            "embedding": list(features[400:]),
        }
    )
    log.to_parquet(tmp_path / "log.parquet", row_group_size=64)
    trusted.to_parquet(tmp_path / "trusted.parquet")
    monkeypatch.setattr(feature_file, "BATCH_ROWS", 37)
    monkeypatch.setattr(feature_file, "FIRST_FIT_ROWS", 90)
    return tmp_path / "log.parquet", tmp_path / "trusted.parquet"


@pytest.mark.parametrize("loss", ["ranking", "listwise", "mean"])
def test_batches_of_a_file_give_what_memory_gives(files: tuple[Path, Path], tmp_path: Path, loss: str) -> None:
    log, trusted = (pd.read_parquet(file) for file in files)
    name = f"influence-linear-{loss}"
    result = attribute_features(*files, tmp_path / "out.parquet", features="embedding", references=[name])
    written = pd.read_parquet(tmp_path / "out.parquet")
    rows = FeatureRows(np.stack(log["embedding"]), log["label"].to_numpy(np.float32), np.arange(400) // 4)
    checked = FeatureRows(np.stack(trusted["embedding"]), trusted["grade"].to_numpy(np.float32), np.arange(100) // 4)
    expected = reference_importance(name, Setting([], rows, rows, checked, 0.75))
    assert written["sample_id"].tolist() == log["sample_id"].tolist()
    np.testing.assert_allclose(written[name], expected, rtol=1e-4, atol=1e-9)
    assert result["rows"] == 400 and result["validation_rows"] == 100 and 2 <= result["passes"] <= 8


def change(path: Path, edit: Callable[[pd.DataFrame], object]) -> None:
    table = pd.read_parquet(path)
    edit(table)
    table.to_parquet(path)


def put(table: pd.DataFrame, row: int, column: str, value: object) -> None:
    table[column] = [value if place == row else old for place, old in enumerate(table[column])]


MISTAKES: list[tuple[int, Callable[[pd.DataFrame], object], str]] = [
    (0, lambda table: put(table, 41, "embedding", np.ones(5, np.float32)), r"row 42, field 'embedding'.*6 numbers"),
    (0, lambda table: put(table, 99, "embedding", np.full(6, np.nan, np.float32)), r"row 100, .*not finite"),
    (0, lambda table: put(table, 7, "label", 2.0), r"row 8, field 'label'.*\[0, 1\]"),
    (0, lambda table: put(table, 300, "query", "T3"), r"row 301, field 'query'.*trusted"),
    (0, lambda table: table.pop("sample_id"), "no column 'sample_id'"),
    (0, lambda table: table.pop("embedding"), "no column 'embedding'"),
    (0, lambda table: table.pop("query"), "no column 'query'"),
    (1, lambda table: put(table, 3, "grade", None), r"row 4, field 'grade'"),
    (1, lambda table: table.__setitem__("embedding", [np.ones(3, np.float32)] * 100), "3 numbers.*have 6"),
    (1, lambda table: table.__setitem__("embedding", "x"), "must be a list of numbers"),
]


@pytest.mark.parametrize(("which", "edit", "message"), MISTAKES, ids=[str(place) for place in range(len(MISTAKES))])
def test_mistakes_are_named(
    files: tuple[Path, Path], tmp_path: Path, which: int, edit: Callable[[pd.DataFrame], object], message: str
) -> None:
    change(files[which], edit)
    with pytest.raises(InputError) as caught:
        attribute_features(*files, tmp_path / "out.parquet", features="embedding")
    assert re.search(message, str(caught.value)), str(caught.value)
    assert not (tmp_path / "out.parquet").exists()


def test_other_references_are_not_streamed(files: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="influence-linear-ranking"):
        attribute_features(*files, tmp_path / "o.parquet", features="embedding", references=["tracin-mean"])
