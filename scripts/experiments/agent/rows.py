"""The pairs of the experiment: whole samples of queries, tuning apart from test, and what cheap judges say of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend
from sie_agent.samples import LogSettings, load_samples, simulate_log, without_grade

FIRST = {
    "lexical": ("lexical", "relevance/lexical"),
    "minilm": ("embedding", "relevance/cosine"),
    "likelihood": ("local", "relevance/query-likelihood"),
}
CLICKS, SEED = LogSettings("ranked-clicks", 0.15), 17


@dataclass(frozen=True)
class Plan:
    """How many pairs of a data set: queries for tuning and for test, pairs of each, others that tools look through."""

    tuning: int
    test: int
    per_query: int
    fewest: int
    beside: int


PLANS = {"crowdflower": Plan(48, 120, 12, 8, 0), "homedepot": Plan(60, 180, 8, 8, 800)}
SMOKE = Plan(12, 20, 6, 4, 4)


def hashed(text: object) -> str:
    """An order that has nothing to do with the texts."""
    return hashlib.sha256(f"{SEED}:{text}".encode()).hexdigest()


def prepare(data: str, folder: Path, first: list[str]) -> None:
    """Write the pairs, the log around them, their grades apart, and the answers of the first judges.

    ``rows.parquet``: the pairs without grade, ``tuning`` says whether their query is for tuning. ``log.parquet``: what
    tools look through, with simulated clicks. ``grades.parquet``: read by the analysis alone. ``first-NAME.parquet``:
    judgments as the judge gave them, ``ranked-NAME.parquet`` with the score as a rank among all of them.
    """
    plan = PLANS.get(data, SMOKE)
    samples = load_samples(data)
    samples["label"] = simulate_log(samples, CLICKS, SEED)["label"]
    sizes = samples.groupby("query").size()
    order = sorted(sizes.index[sizes >= plan.fewest], key=hashed)
    tuning, test = order[: plan.tuning], order[plan.tuning : plan.tuning + plan.test]
    place = samples["sample_id"].map(hashed).groupby(samples["query"]).rank(method="first").to_numpy(np.float64)
    chosen = samples["query"].isin([*tuning, *test]).to_numpy(bool) & (place <= plan.per_query)
    rows = samples[chosen].reset_index(drop=True)
    beside = order[plan.tuning + plan.test :][: plan.beside]
    log = samples[samples["query"].isin([*tuning, *test, *beside])] if plan.beside else samples
    folder.mkdir(parents=True, exist_ok=True)
    rows[["sample_id", "grade"]].to_parquet(folder / "grades.parquet")
    readable = without_grade(rows).assign(tuning=rows["query"].isin(tuning), label=rows["label"])
    readable.to_parquet(folder / "rows.parquet", compression="zstd")
    seen = without_grade(log.reset_index(drop=True)).assign(label=log["label"].to_numpy())
    seen.to_parquet(folder / "log.parquet", compression="zstd")
    with JudgmentCache(folder.parent / "first.sqlite") as cache:
        for name in first:
            kind, variant = FIRST[name]
            backend = make_backend(kind)
            try:
                table = judge(without_grade(rows), load_variant(variant), backend, cache)
            finally:
                backend.close()
            table.to_parquet(folder / f"first-{name}.parquet")
            by_rank(table).to_parquet(folder / f"ranked-{name}.parquet")


def by_rank(judgments: pd.DataFrame) -> pd.DataFrame:
    """Judgments whose score is its rank in (0, 1) among those with one: a cosine is no grade, its rank reads as one."""
    score = judgments["score"].to_numpy(np.float64)
    known = ~np.isnan(score)
    found = np.full(len(score), np.nan)
    found[known] = (rankdata(score[known]) - 0.5) / max(int(known.sum()), 1)
    return judgments.assign(score=found)
