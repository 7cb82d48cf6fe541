"""A market to replay: the Home Depot pairs with clicks drawn anew, departments, and a scorer distilled on a part.

What changes is drawn here; what is told of it is in `replay.py`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.commands.distill import distill
from sie_agent.commands.judges import Judge
from sie_agent.commands.label import label
from sie_agent.features import TextFeatures, feature_names
from sie_agent.files.paths import cache_dir
from sie_agent.labels import label_names
from sie_agent.samples import assign_query_sets, load_samples, simulate_clicks, without_grade
from sie_agent.samples.tables import write_table
from sie_agent.scorer import load_scorer
from sie_agent.suite import load_suite

LABELS = label_names(importance=True)
SUITE = Path(__file__).parents[3] / "eval/suites/homedepot-clicks.yaml"
DEPARTMENTS = 8
UNSEEN = 2  # departments whose queries neither judge nor scorer saw
BATCH = 100


@dataclass(frozen=True)
class Market:
    """Rows that can be shown, and what the scorer says of each, clicked or not.

    Attributes
    ----------
    labels : the weak labels that the scorer gives; scores : (2, labels, n) by the log's label; grade, place, brand :
        (n,) of the click model; fitted : (n,) rows that the scorer was fitted on; known : (queries,) queries of
        departments that it could see; rows : rows by query.
    """

    samples: pd.DataFrame
    labels: tuple[str, ...]
    scores: np.ndarray
    departments: np.ndarray
    grade: np.ndarray
    place: np.ndarray
    brand: np.ndarray
    fitted: np.ndarray
    known: np.ndarray
    rows: list[np.ndarray]


@dataclass(frozen=True)
class Conduct:
    """How shoppers and the log behave: brand's part in a click, power of the position, flips in one department."""

    brand: float = 0.25
    position: float = 1.0
    flips: float = 0.0
    flipped_department: str = ""

    def probability(self, market: Market) -> np.ndarray:
        """P(click) of each row; with the defaults the click model of `simulate_clicks`."""
        shown = np.log2(1 + market.place) ** self.position
        probability = np.minimum((0.08 + self.brand * market.brand + 0.62 * market.grade**1.5) / shown, 1.0)
        hit = (market.departments == self.flipped_department) * self.flips
        return probability * (1 - hit) + (1 - probability) * hit


def make_market(source: str, cache: Path | None, seed: int) -> tuple[Market, dict[str, Any]]:
    """Departments, judgments from a copy of the cache, a scorer, and its scores of every row."""
    suite = load_suite(SUITE)
    samples = load_samples(source)
    sizes = samples.groupby("query")["query"].transform("size")
    samples = samples[sizes >= suite.data.min_items_per_query].reset_index(drop=True)
    readable = without_grade(samples)
    departments = clusters_of(readable, seed)
    codes = pd.factorize(samples["query"])[0]
    by_query = pd.Series(departments).groupby(codes).agg(lambda names: names.mode().iloc[0])
    smallest = pd.Series(departments).value_counts().index[-UNSEEN:]
    known = ~by_query.isin(smallest).to_numpy()
    judged = (assign_query_sets(samples, suite.query_sets, 1) == "log-judged").to_numpy() & known[codes]
    clicks = simulate_clicks(samples, seed=seed)
    log = readable.assign(label=clicks["label"])
    with tempfile.TemporaryDirectory(prefix="sie-replay-") as name:
        scorer, facts = make_scorer(log[known[codes]], log[judged], cache or cache_dir(), Path(name), seed)
    names = label_names(scorer.students)
    scores = np.stack([scorer.predict(readable.assign(label=float(said)))[list(names)].to_numpy().T for said in (0, 1)])
    first_word = samples["title"].str.split(n=1).str[0].str.casefold()
    counts = first_word.map(first_word.value_counts()).to_numpy(float)
    rows = [np.asarray(found) for found in pd.Series(range(len(codes))).groupby(codes).apply(np.asarray)]
    market = Market(
        readable,
        names,
        scores,
        departments,
        samples["grade"].to_numpy(float),
        clicks["position"].to_numpy(float),
        counts / counts.max(),
        judged,
        known,
        rows,
    )
    return market, {**facts, "rows": len(samples), "queries": len(rows), "rows_judged": int(judged.sum())}


def make_scorer(log: pd.DataFrame, judged: pd.DataFrame, cache: Path, folder: Path, seed: int) -> tuple[Any, dict]:
    """Judge a part of a log by the embedded model, out of a copy of the cache, and distill a scorer."""
    for name in ("judgments.sqlite", "judgments.sqlite-wal"):
        if (cache / name).is_file():
            shutil.copy(cache / name, folder / name)
    if (cache / "models").is_dir():
        (folder / "models").symlink_to(cache / "models")
    os.environ["SIE_CACHE_DIR"] = str(folder)
    write_table(judged, folder / "judged.parquet")
    write_table(log, folder / "log.parquet")
    said = label(
        folder / "judged.parquet", folder / "label", variant="relevance/query-likelihood", judge=Judge("local")
    )
    distilled = distill(folder / "label", folder / "log.parquet", folder / "distill", seed=seed)
    facts = {"judge": distilled["model"], "variant": distilled["variant"], "asked": said["asked"]}
    return load_scorer(folder / "distill" / "scorer"), facts


def clusters_of(samples: pd.DataFrame, seed: int) -> np.ndarray:
    """A department for each row: the cluster of its title's latent topics. The data have no departments."""
    from sklearn.cluster import KMeans

    columns = [place for place, name in enumerate(feature_names()) if name.startswith("title topic")]
    topics = TextFeatures.fit(samples).transform(samples)[:, columns]
    fitted = KMeans(DEPARTMENTS, n_init=4, random_state=seed).fit(topics)
    return np.array([f"cluster-{code}" for code in fitted.labels_], object)


def shown_rows(market: Market, queries: np.ndarray, events: int, rng: np.random.Generator) -> np.ndarray:
    """Rows in the order they are shown: whole queries, in a new random order every time all have come."""
    parts, count = [], 0
    while count < events:
        for query in rng.permutation(queries):
            parts.append(market.rows[query])
            count += len(parts[-1])
            if count >= events:
                break
    return np.concatenate(parts)[:events]


def clicked(probability: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The log's labels of rows that are shown."""
    return (rng.random(len(rows)) < probability[rows]).astype(float)


@dataclass(frozen=True)
class Stream:
    """Rows in their order with their labels."""

    rows: np.ndarray
    labels: np.ndarray

    def followed_by(self, later: Stream) -> Stream:
        """The two streams one after the other."""
        return Stream(np.concatenate([self.rows, later.rows]), np.concatenate([self.labels, later.labels]))

    def batches(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows and labels of each batch."""
        for start in range(0, len(self.rows), BATCH):
            yield self.rows[start : start + BATCH], self.labels[start : start + BATCH]


def fresh_queries(market: Market, known: bool) -> np.ndarray:
    """Queries that the scorer was not fitted on, of departments that it could see or could not."""
    fitted = np.array([market.fitted[rows].any() for rows in market.rows])
    return np.flatnonzero((market.known == known) & ~fitted)


def stream_of(market: Market, known: bool, conduct: Conduct, events: int, rng: np.random.Generator) -> Stream:
    """Events of queries of known or unseen departments."""
    rows = shown_rows(market, fresh_queries(market, known), events, rng)
    return Stream(rows, clicked(conduct.probability(market), rows, rng))


def drifting(market: Market, goal: Conduct, events: int, rng: np.random.Generator) -> Stream:
    """The log's conduct goes over to *goal* in equal steps."""
    stream = None
    for share in np.linspace(0, 1, 41)[1:]:
        usual = Conduct()
        between = replace(
            usual,
            brand=usual.brand + share * (goal.brand - usual.brand),
            position=usual.position + share * (goal.position - usual.position),
        )
        part = stream_of(market, True, between, events // 40, rng)
        stream = part if stream is None else stream.followed_by(part)
    assert stream is not None
    return stream
