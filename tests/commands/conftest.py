"""Fixtures of the verbs' tests: a cache of the test's own, and a validated log."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from sie_agent.samples import validate_samples


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder and a cache of the test's own, and no server named by the environment."""
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("VLLM_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def samples() -> pd.DataFrame:
    """Twenty rows of four queries, with labels and grades."""
    rows = [
        {
            "sample_id": f"s{number}",
            "query": ("Desk lamp", "light", "bookcase", "door knob")[number % 4],
            "item_id": f"i{number // 4}",
            "title": ("Brass lamp", "Oak bookcase", "Reading light", "Lantern", "Door knob")[number // 4],
            "label": float(number % 3 == 0),
            "grade": number % 4 / 3,
        }
        for number in range(20)
    ]
    return validate_samples(pd.DataFrame(rows), "test")


@pytest.fixture
def judgments(samples: pd.DataFrame) -> pd.DataFrame:
    """Judgments of all samples by one judge."""
    table = samples[["sample_id", "query", "item_id"]].assign(aspect="relevance", model="m", status="ok")
    return table.assign(variant="relevance/graded", score=[number / 20 for number in range(20)])
