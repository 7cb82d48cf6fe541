"""Fixtures of the sample tests: a small table, and a cache of ``datasets`` that goes away again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from sie_agent.samples import validate_samples
from sie_agent.utils.progress import set_quiet

TITLES = (
    "Brass desk lamp with a green shade",
    "Oak bookcase, five shelves",
    "Clip-on reading light",
    "Paper lantern, round",
    "Desk lamp bulb, warm white",
    "Brass door knob",
)


@pytest.fixture(autouse=True)
def said_aloud() -> Iterator[None]:
    """A test that silences what is said does so for itself alone."""
    set_quiet(False)
    yield
    set_quiet(False)


@pytest.fixture
def graded() -> pd.DataFrame:
    """Thirty validated rows of ten queries, every one with a grade."""
    queries = ("desk lamp", "light", "bookcase", "door", "round shade")
    rows = [
        {
            "sample_id": f"s{number:02d}",
            "query": f"{queries[number % 5]} {number % 10 // 5}",
            "item_id": f"i{number % 6}",
            "title": TITLES[number % 6],
            "grade": (number * 7 % 10) / 9,
        }
        for number in range(30)
    ]
    return validate_samples(pd.DataFrame(rows), "test")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for what ``datasets`` caches, so that tests leave nothing in the home folder."""
    import datasets

    folder = tmp_path / "hub-cache"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(folder))
    return folder
