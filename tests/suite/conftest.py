"""A tiny shop of made-up words: 60 queries with 6 items each, graded, and a suite that runs in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from sie_agent.utils.progress import set_quiet

KINDS = ("brolp", "tavit", "munker", "selga", "wirt", "plon")
LOOKS = ("grue", "vask", "olin", "pemb", "trin", "juf", "kolt", "zeb", "hask", "lum")

SUITE: dict[str, Any] = {
    "name": "tiny",
    "log": {"kind": "clicks"},
    "query_sets": {"log-judged": 0.3, "log-unseen": 0.3, "tune": 0.1, "reference-validation": 0.15, "test": 0.15},
    "draws": [1, 2],
    "judges": [
        {"name": "strong", "kind": "simulated", "auc": 0.9},
        {"name": "lexical", "kind": "lexical"},
        {"name": "guess", "kind": "random"},
    ],
    "labels": {"proxies": 2, "clarity": "none"},
    "scorer": {"trees": 8, "leaves": 4},
    "target": {"hidden": 8, "epochs": 2, "batch_size": 32, "checkpoints": 2, "seeds": 2},
    "downstream": {"draws": 1, "seeds": 1, "folds": 2, "judges": ["strong", "guess"], "keep": [0.5]},
    "evaluation": {"permutations": 3, "replicates": 50},
}


def shop(n_queries: int = 60, items: int = 6) -> pd.DataFrame:
    """Pairs whose grade the words tell, with some noise."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(n_queries):
        kind, look = KINDS[number % 6], LOOKS[number // 6 % 10]
        for item in range(items):
            other_kind = kind if rng.random() < 0.6 else rng.choice(KINDS)
            other_look = look if rng.random() < 0.5 else rng.choice(LOOKS)
            right = 0.5 * (other_kind == kind) + 0.5 * (other_look == look)
            rows.append(
                {
                    "sample_id": f"q{number}-{item}",
                    "query": f"{look} {kind} {number // 60 or ''}".strip(),
                    "item_id": f"i{number}-{item}",
                    "title": f"{other_look.title()} {other_kind} mark {rng.integers(1, 40)}",
                    "description": f"One {other_kind}, {rng.choice(LOOKS)}" if item % 2 else "",
                    "label": float(rng.random() < 0.2 + 0.6 * right),
                    "grade": right,
                }
            )
    return pd.DataFrame(rows)


class Workshop:
    """Writes data and suites into one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "judgments.sqlite"

    def data(self, frame: pd.DataFrame, name: str = "pairs.csv") -> Path:
        frame.to_csv(self.folder / name, index=False)
        return self.folder / name

    def suite(self, source: Path | None = None, **changes: Any) -> Path:
        content = {**SUITE, **changes}
        if "data" not in content:
            content["data"] = {"source": str(source or self.data(shop()))}
        path = self.folder / "tiny.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workshop, Path, dict[str, Any]]:
    """A finished run of the tiny suite, not to be changed: workshop, folder, summary."""
    from sie_agent.suite import run_suite

    shared = Workshop(tmp_path_factory.mktemp("tiny"))
    out = shared.folder / "run"
    set_quiet(True)
    return shared, out, run_suite(shared.suite(), out, cache_path=shared.cache)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    set_quiet(True)
    yield
    set_quiet(False)


@pytest.fixture
def make_shop() -> Any:
    return shop
