"""The Python of README runs as it is written, on rows that were picked out of a log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.slow
def test_the_block_runs_on_picked_rows(made: Any, tmp_path: Path) -> None:
    (block,) = (text for text in re.findall(r"```python\n(.*?)```", README.read_text(), re.S) if "sie.judge(" in text)
    # a judge and a run that need no model; all else stands as it is
    code = block.replace('"relevance/query-likelihood"', '"relevance/lexical"').replace('"local"', '"lexical"')
    code = code[: code.index("summary = ")]
    pd.read_parquet(made.log).rename(columns={"query": "search"}).to_parquet(tmp_path / "pairs.parquet")
    own = ("sample_id", "item_id", "title", "description")
    (tmp_path / "my-map.yaml").write_text(
        "columns: {query: search, "
        + ", ".join(f"{name}: {name}" for name in own)
        + "}\nlabel: {column: label, minimum: 0, maximum: 1}\n"
    )
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/scorer").symlink_to(made.distilled)
    found: dict[str, Any] = {}
    exec(compile(code, str(README), "exec"), found)  # the README is ours
    samples, shown, scores, columns = (found[name] for name in ("samples", "clicked", "scores", "columns"))
    assert 3 < len(shown) < len(samples) and shown.index.tolist() != list(range(len(shown)))
    for table in (scores, columns):
        assert table.index.equals(shown.index)
        assert table["sample_id"].tolist() == shown["sample_id"].tolist()
    np.testing.assert_array_equal(columns["blended_label"], shown["label"])
    assert [one.sample_id for one in found["explained"]] == shown["sample_id"].head(3).tolist()
    assert found["judgments"].index.equals(samples.index)
