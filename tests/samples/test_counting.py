"""How many rows there are, told without reading them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.samples import count_rows


def test_every_kind_of_file(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": range(7)})
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "a.jsonl").write_text("\n".join(f'{{"a": {number}}}' for number in range(7)))
    assert [count_rows(tmp_path / f"a.{ending}") for ending in ("parquet", "csv", "jsonl")] == [7, 7, 7]
    assert count_rows(tmp_path) == 21
    assert count_rows("sample") == 1_700


def test_what_cannot_be_told(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("no Parquet file")
    assert count_rows(tmp_path / "a.parquet") is None
    assert count_rows("owner/name") is None
    with pytest.raises(InputError, match="no such file"):
        count_rows(tmp_path / "none.csv")
