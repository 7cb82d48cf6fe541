"""Typed data through the command line: the ids of the data come out of every verb, faults end with 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .conftest import Sie, log_rows

BIG = 2**53


def typed_log(path: Path) -> tuple[Path, list[str]]:
    """A log with 64-bit ids that no float tells apart, and shoppers beside nulls; and its ids."""
    rows = log_rows(80)
    ids = [BIG + number for number in range(len(rows))]
    columns: dict[str, Any] = {
        **{name: [row[name] for row in rows] for name in ("query", "title", "label", "grade")},
        "sample_id": pa.array(ids),
        "item_id": pa.array([BIG + 1 + number // 8 % 5 for number in range(len(rows))], pa.uint64()),
        "user_id": pa.array([None if number % 7 == 0 else BIG + number % 3 for number in range(len(rows))]),
    }
    pq.write_table(pa.table(columns), path)
    return path, list(map(str, ids))


@pytest.mark.slow
def test_ids_come_out_as_they_went_in(tmp_path: Path, sie: Sie) -> None:
    log, ids = typed_log(tmp_path / "log.parquet")
    words = ("--variant", "relevance/lexical", "--backend", "lexical")
    assert sie("label", "--data", log, *words, "--out", tmp_path / "judged").code == 0
    judgments = pd.read_parquet(tmp_path / "judged" / "judgments.parquet")
    assert judgments["sample_id"].tolist() == ids and set(judgments["item_id"]) == {str(BIG + n) for n in range(1, 6)}
    assert sie("distill", "--judgments", tmp_path / "judged", "--data", log, "--out", tmp_path / "made").code == 0
    assert pd.read_parquet(tmp_path / "made" / "labels.parquet")["sample_id"].tolist() == ids
    scores = tmp_path / "scores.parquet"
    assert sie("score", "--scorer", tmp_path / "made", "--data", log, "--out", scores).code == 0
    assert pd.read_parquet(scores)["sample_id"].tolist() == ids
    assert sie("weights", "--scores", scores, "--out", tmp_path / "weights.parquet").code == 0
    assert pd.read_parquet(tmp_path / "weights.parquet")["sample_id"].tolist() == ids
    assert sie("rank", "--scores", scores, "--data", log, "--by", "user", "--out", tmp_path / "ranks.parquet").code == 0
    assert set(pd.read_parquet(tmp_path / "ranks.parquet")["group"]) == {str(BIG + number) for number in range(3)}
    shown = sie("explain", "--scorer", tmp_path / "made", "--data", log, "--id", ids[1])
    assert shown.code == 0 and ids[1] in shown.out


def test_faults_of_typed_data_end_with_2(tmp_path: Path, sie: Sie) -> None:
    out = ("--variant", "relevance/lexical", "--backend", "lexical", "--out", tmp_path / "judged")
    folder = tmp_path / "shop"
    folder.mkdir()
    table = pa.table({"query": ["q"], "item_id": ["i"], "title": [b"Lamp"]})
    pq.write_table(table, folder / "train.parquet")
    ran = sie("label", "--data", folder / "train.parquet", *out)
    assert ran.code == 2 and "the column 'title' is of the type binary" in ran.err and "Traceback" not in ran.err
    assert "train.parquet" in ran.err and not (tmp_path / "judged").exists()
    pq.write_table(table, folder / "test.parquet")
    ran = sie("label", "--data", folder, *out)
    assert ran.code == 2 and "there are several splits: test, train" in ran.err and "--split" in ran.err
    pq.write_table(table.set_column(2, "title", pa.array(["Lamp"])), folder / "test.parquet")
    assert sie("label", "--data", folder, "--split", "test", *out).code == 0
    assert len(pd.read_parquet(tmp_path / "judged" / "judgments.parquet")) == 1
