"""Tables of samples and caches for the judging tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from sie_agent.judging import JudgmentCache
from sie_agent.utils.progress import set_quiet


def table(pairs: list[tuple[str, str]]) -> pd.DataFrame:
    """A table of samples from (query, title) pairs."""
    count = len(pairs)
    return pd.DataFrame(
        {
            "sample_id": [f"s{number}" for number in range(count)],
            "query": [query for query, _ in pairs],
            "item_id": [f"i{number}" for number in range(count)],
            "title": [title for _, title in pairs],
            "description": [""] * count,
            "attributes": ["{}"] * count,
            "label": [1.0] * count,
            "grade": [0.5] * count,
        }
    )


PAIRS = [
    ("garden hose", "Rubber Garden Hose 50 ft with Brass Fittings"),
    ("office chair", "Mesh Task Chair with Arms"),
    ("garden hose", "Hose Reel Cart, Steel"),
    ("kettle", "Whistling Stovetop Kettle, 2 qt"),
    ("office chair", "Mesh Task Chair with Arms"),
]


@pytest.fixture
def samples() -> pd.DataFrame:
    return table(PAIRS)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[JudgmentCache]:
    with JudgmentCache(tmp_path / "judgments.sqlite") as opened:
        yield opened


@pytest.fixture(autouse=True)
def quiet_and_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No bars, and no server or key of the person who runs the tests."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "VLLM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    set_quiet(True)
    yield
    set_quiet(False)
