"""Logs with known truth for the bench: a toy of six numbers a row, and the made-up shop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sie_agent.downstream import BenchData
from sie_agent.evaluation import TEXT_SCORES
from sie_agent.features import TextFeatures
from sie_agent.pipeline import DistillSettings, Log
from sie_agent.samples import LogSettings, load_samples, normalise_query, simulate_log, without_grade
from sie_agent.selection import tie_breakers

RELEVANT_AT = 0.75
SMALL: dict[str, Any] = {
    "labels": {"proxies": 1, "clarity": "none"},
    "scorer": {"trees": 10, "leaves": 4},
    "target": {"hidden": 4, "epochs": 4, "learning_rate": 0.01},
}


def toy_data(
    n_queries: int = 60, items: int = 12, seed: int = 1, *, positions: bool = True, **settings: Any
) -> BenchData:
    """Rows whose first number tells the grade; clicks fall with the position, which the second number decides."""
    rng = np.random.default_rng(seed)
    count = n_queries * items
    inputs = rng.normal(size=(count, 6)).astype(np.float32)
    queries = np.repeat(np.arange(n_queries), items)
    grade = np.clip(np.round(1 + 0.8 * inputs[:, 0] + 0.3 * rng.normal(size=count)) / 2, 0, 1)
    order = np.lexsort((-inputs[:, 1], queries))
    position = np.empty(count)
    position[order] = np.tile(np.arange(1, items + 1), n_queries)
    label = (rng.random(count) < (0.1 + 0.8 * grade) / np.sqrt(position)).astype(float)
    unknown = np.full(count, np.nan)
    return BenchData(
        rows=Log(inputs, inputs, label, queries),
        features={"target": inputs, "text": inputs},
        grade=grade,
        relevant_at=RELEVANT_AT,
        position=position if positions else unknown,
        examination=1 / np.sqrt(position) if positions else unknown,
        impressions=np.ones(count),
        query_names=[f"query {number}" for number in range(n_queries)],
        settings=DistillSettings(**{**SMALL, **settings}),
        seed=seed,
        text_scores={"noise": rng.normal(size=count)},
        ties=tie_breakers([f"r{row}" for row in range(count)]),
    )


@pytest.fixture(scope="session")
def toy() -> Callable[..., BenchData]:
    """Makes a toy log."""
    return toy_data


@dataclass(frozen=True)
class Shop:
    """The made-up shop, read once: logs are drawn from it."""

    samples: pd.DataFrame
    inputs: np.ndarray
    queries: np.ndarray
    names: list[str]
    text_scores: dict[str, np.ndarray]

    @classmethod
    def of(cls, source: str) -> Shop:
        samples = load_samples(source)
        readable = without_grade(samples)
        codes, names = pd.factorize(samples["query"].map(normalise_query))
        scores = {name: score.score(readable) for name, score in TEXT_SCORES.items() if score.reads != "embeddings"}
        inputs = TextFeatures.fit(readable).transform(readable)
        return cls(samples, inputs, codes.astype(np.intp), [str(name) for name in names], scores)

    def data(self, seed: int, log: LogSettings, settings: DistillSettings) -> BenchData:
        """One draw of a log."""
        drawn = simulate_log(self.samples, log, seed)
        return BenchData(
            rows=Log(self.inputs, self.inputs, drawn["label"].to_numpy(float), self.queries),
            features={"target": self.inputs},
            grade=self.samples["grade"].to_numpy(float),
            relevant_at=RELEVANT_AT,
            position=drawn["position"].to_numpy(float, na_value=np.nan),
            examination=drawn["examination"].to_numpy(float),
            impressions=drawn["impressions"].to_numpy(float),
            query_names=self.names,
            settings=settings,
            seed=seed,
            text_scores=self.text_scores,
        )


@pytest.fixture(scope="session")
def shop() -> Callable[[str], Shop]:
    """Reads a made-up shop."""
    return Shop.of
