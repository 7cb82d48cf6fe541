"""Fixtures of what people do from Python: a folder of the test's own, and what the verbs wrote of a small log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

import sie_agent as sie
from sie_agent.utils.progress import set_quiet

CHEAP = (
    "labels.proxies=2",
    "target.epochs=1",
    "recipe.auto=false",
    "scorer.trees=5",
    "labels.log_columns=false",
)
ROWS = 300


@dataclass(frozen=True)
class Made:
    """What ``sie label``, ``sie distill`` and ``sie score`` wrote; ``log`` are the samples with a label."""

    judgments: Path
    distilled: Path
    scores: Path
    log: Path

    @property
    def scorer(self) -> Path:
        """The scorer itself."""
        return self.distilled / "scorer"


@pytest.fixture(autouse=True)
def not_quiet() -> None:
    """What a test before left quiet speaks again."""
    set_quiet(False)


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder and a cache of the test's own, and no server named by the environment."""
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("VLLM_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A small log of the sample that ships, judged, distilled and scored as cheaply as can be."""
    folder = tmp_path_factory.mktemp("made")
    samples = sie.load_samples("sample", limit=ROWS)
    log = folder / "log.parquet"
    samples.assign(label=(samples["grade"] > 0.5).astype(float)).to_parquet(log)
    cache = folder / "cache.sqlite"
    sie.label(log, folder / "j", variant="relevance/lexical", judge=sie.Judge("lexical"), cache_path=cache)
    sie.distill(folder / "j", log, folder / "d", overrides=CHEAP)
    sie.score(folder / "d", log, folder / "scores.parquet")
    return Made(folder / "j", folder / "d", folder / "scores.parquet", log)
