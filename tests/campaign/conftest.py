"""A small graded log, and a goal for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

WORDS = ("brass", "desk", "lamp", "oak", "shelf", "paper", "knob", "garden", "hose", "reel")
# a scorer in seconds
QUICK = ["labels.proxies=2", "labels.log_columns=false", "target.epochs=1", "recipe.auto=false", "scorer.trees=20"]


def graded_log(path: Path, queries: int = 30, items: int = 6, *, grades: bool = True) -> Path:
    """Pairs whose grade is mostly the share of query words in the title; every sixth label is wrong."""
    rng = np.random.default_rng(0)
    rows = []
    for query in range(queries):
        words = rng.choice(WORDS, 3, replace=False)
        for item in range(items):
            shared = int(rng.integers(0, 4))
            title = " ".join([*rng.choice(["blue", "red", "set", "of", "new"], 3), *words[:shared], f"no{item}"])
            grade = shared / 3 if rng.random() < 0.8 else float(rng.choice([0, 1 / 3, 2 / 3, 1]))
            label = float(grade > 0.5) if rng.random() < 0.85 else float(grade <= 0.5)
            texts = {"query": f"{' '.join(words)} {query}", "item_id": f"i{item}", "title": title, "label": label}
            rows.append({"sample_id": f"s{query}-{item}", **texts, **({"grade": grade} if grades else {})})
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def write(path: Path, **content: Any) -> Path:
    """A goal as YAML; small pilots and batches, so that a log of 180 pairs has several."""
    small = {"pilot": {"pairs": 12}, "stop": {"first": 20, "least": 40}, "distill": QUICK}
    path.write_text(yaml.safe_dump({**small, **content}))
    return path


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder and a cache of the test's own, and no server named by the environment."""
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("VLLM_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A graded log, and beside it a variant of lexical judges under a name of its own."""
    shipped = Path(__file__).resolve().parents[2] / "prompts" / "relevance" / "lexical.yaml"
    (tmp_path / "mine.yaml").write_text(shipped.read_text())
    return graded_log(tmp_path / "log.csv")
