"""The first half of every example: a small log, judged in part, and a scorer that weighs all of its rows."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import sie_agent
from sie_agent.labels import match_log
from sie_agent.samples import simulate_clicks


def small_log() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to train on and rows to test on, of different queries: the sample that ships, with simulated clicks."""
    samples = sie_agent.load_samples("sample")
    samples["label"] = simulate_clicks(samples, seed=0)["label"]
    queries = np.random.default_rng(0).permutation(np.asarray(samples["query"].unique(), object))
    held_out = samples["query"].isin(queries[: len(queries) // 4])
    return samples[~held_out].reset_index(drop=True), samples[held_out].reset_index(drop=True)


def weigh(train: pd.DataFrame) -> np.ndarray:
    """A weight for every row, (n,) of mean 1: half of the queries are judged, the scorer speaks for the others."""
    judged = train[train["query"].isin(train["query"].unique()[::2])]
    variant, backend = sie_agent.load_variant("relevance/lexical"), sie_agent.make_backend("lexical")
    with tempfile.TemporaryDirectory() as folder, sie_agent.JudgmentCache(Path(folder) / "cache.sqlite") as cache:
        judgments = sie_agent.judge(judged, variant, backend, cache)
    label = judged["label"].to_numpy()
    # how far the log's label is from what the judge says, on the log's own scale
    hardness = np.abs(label - match_log(judgments["score"].to_numpy(), label, by_rank=True))
    scorer = sie_agent.ImportanceScorer("support").fit(judged, pd.Series(0.5 - hardness, name="support"))
    weights = scorer.sample_weight(train)
    print(f"{len(judged)} of {len(train)} rows judged; weights from {weights.min():.2f} to {weights.max():.2f}, mean 1")
    return np.asarray(weights)
