"""The first half of every example: a small log, judged in part, and a scorer that speaks for all of its rows."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import sie_agent
from sie_agent.attribution import FeatureRows, TrainingSettings, train
from sie_agent.features import TextFeatures
from sie_agent.labels import Evidence, LabelSettings, label_named
from sie_agent.samples import simulate_clicks

PROXIES = 3


def small_log() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the sample that ships to train on, and others, of other queries, to test on; the clicks are simulated."""
    samples = sie_agent.load_samples("sample", limit=452)
    samples["label"] = simulate_clicks(samples, seed=0)["label"]
    queries = np.random.default_rng(0).permutation(np.asarray(samples["query"].unique(), object))
    held_out = samples["query"].isin(queries[: len(queries) // 4])
    return samples[~held_out].reset_index(drop=True), samples[held_out].reset_index(drop=True)


def weigh(log: pd.DataFrame) -> pd.DataFrame:
    """``weight`` and ``blended_label`` of every row: half of the queries are judged, the scorer speaks for the others.

    On your own log `sie label`, `sie distill`, `sie score` and `sie weights` do the same, and choose the recipe.
    """
    judged = log["query"].isin(log["query"].unique()[::2]).to_numpy()
    scorer = distilled(log, judged)
    scores = scorer.predict(log).assign(label=log["label"])
    found = sie_agent.weigh_rows(scores, scorer.recipe)
    low, high = found["weight"].min(), found["weight"].max()
    print(f"{judged.sum()} of {len(log)} rows judged; weights from {low:.2f} to {high:.2f}")
    return found


def distilled(log: pd.DataFrame, judged: np.ndarray) -> sie_agent.Scorer:
    """A scorer of what the judge says and of what training on a row is worth, with a recipe that reads both."""
    features = TextFeatures.fit(log)
    rows = FeatureRows(features.transform(log), log["label"].to_numpy(np.float32), pd.factorize(log["query"])[0])
    proxies = [train(rows.features, rows.targets, TrainingSettings(batch_size=16), seed)[-1] for seed in range(PROXIES)]
    relevance = judge(log[judged])
    part = rows.take(judged)
    pool = FeatureRows(part.features, relevance.astype(np.float32), part.queries)
    evidence = Evidence(part, relevance, proxies, pool, LabelSettings(by_rank=True))
    labels = log.loc[judged, ["sample_id"]].assign(
        **{name: label_named(name).make(evidence) for name in ("relevance", "value")}
    )
    recipe = sie_agent.Recipe(
        blend=0.6, by="value", strength=0.5, mean_label=float(log["label"].mean()), chosen="given", why="for an example"
    )
    return sie_agent.distill_scorer(log[judged], labels, features=features, recipe=recipe)


def judge(rows: pd.DataFrame) -> np.ndarray:
    """How well each item answers its query, (n,) in [0, 1], by a judge that counts words."""
    variant, backend = sie_agent.load_variant("relevance/lexical"), sie_agent.make_backend("lexical")
    with tempfile.TemporaryDirectory() as folder, sie_agent.JudgmentCache(Path(folder) / "cache.sqlite") as cache:
        return sie_agent.judge(rows, variant, backend, cache)["score"].to_numpy(np.float64)
