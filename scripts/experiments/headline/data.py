"""The data that `run.py` measures on: query sets, what models read, and judges' answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from scripts.benchmarks.shared import say
from sie_agent.evaluation import TEXT_SCORES, embedding_features, simulate_judge
from sie_agent.features import TextFeatures
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend
from sie_agent.samples import assign_query_sets, load_samples, query_keys, without_grade

RELEVANT_AT = 0.75
FEWEST_ITEMS = 10
SHARES = {"log-judged": 0.3, "log-unseen": 0.3, "reference-validation": 0.4}
# of the choice of queries and of their sets: the same in every draw, so that a model judge is asked once
SPLIT_SEED = 1
SIMULATED = (1.0, 0.9, 0.85, 0.79, 0.69, 0.6)
TEXT = ("word-overlap", "tfidf", "minilm")
EMBEDDED, LARGER = "embedded", "qwen-1.5b"
PANELS = {
    "panel minilm+embedded": ("minilm", EMBEDDED),
    "panel minilm+word-overlap": ("minilm", "word-overlap"),
    "panel of three": ("minilm", EMBEDDED, "word-overlap"),
}


@dataclass(frozen=True)
class Study:
    """One data set, as every draw uses it.

    Attributes
    ----------
    samples : (n rows) with grades; queries : (n,) codes; sets : (n,) name of the query set.
    texts, embeddings : (n, d) what the two kinds of target read.
    scores : untrained text scores by name, (n,); answers : of model judges by name, (n,), NaN where not asked.
    not_done : judge to the reason why it was not asked.
    """

    name: str
    samples: pd.DataFrame
    queries: np.ndarray
    sets: np.ndarray
    texts: np.ndarray
    embeddings: np.ndarray
    scores: dict[str, np.ndarray]
    answers: dict[str, np.ndarray]
    not_done: dict[str, str]

    @property
    def grade(self) -> np.ndarray:
        """(n,) human grade in [0, 1]."""
        return self.samples["grade"].to_numpy(np.float64)

    def mask(self, name: str) -> np.ndarray:
        """(n,) rows of a query set."""
        return np.asarray(self.sets == name)

    def judges(self, draw: int) -> dict[str, np.ndarray]:
        """Relevance by every judge in a draw, (n,), NaN where it was not asked."""
        judged = self.mask("log-judged")
        found = {
            f"simulated {auc:.2f}": np.where(
                judged, simulate_judge(self.grade, auc, RELEVANT_AT, 7_000 + 100 * draw + place), np.nan
            )
            for place, auc in enumerate(SIMULATED)
        }
        found |= {name: np.where(judged, self.scores[name], np.nan) for name in TEXT} | self.answers
        for name, members in PANELS.items():
            if all(member in found for member in members):
                found[name] = mean_rank([found[member] for member in members])
        return found


def mean_rank(answers: list[np.ndarray]) -> np.ndarray:
    """Mean of the members' ranks in (0, 1), (n,), NaN where a member has no answer."""
    known = ~np.isnan(answers).any(axis=0)
    found = np.full(len(known), np.nan)
    found[known] = np.mean([(rankdata(one[known]) - 0.5) / known.sum() for one in answers], axis=0)
    return found


def chosen_samples(name: str, rows: int) -> pd.DataFrame:
    """Whole queries of ten items or more, in a drawn order, until there are *rows* rows."""
    samples = load_samples(name)
    keys = query_keys(samples["query"])
    sizes = keys.groupby(keys).transform("size")
    samples, keys = samples[sizes >= FEWEST_ITEMS], keys[sizes >= FEWEST_ITEMS]
    names = np.sort(keys.unique())
    place = pd.Series(np.random.default_rng(SPLIT_SEED).permutation(len(names)), index=names)
    order = np.argsort(keys.map(place).to_numpy(), kind="stable")
    ends = np.flatnonzero(np.diff(keys.map(place).to_numpy()[order], append=-1)) + 1
    last = ends[max(np.searchsorted(ends, rows, side="right") - 1, 0)]
    return samples.iloc[np.sort(order[:last])].reset_index(drop=True)


def load_study(name: str, rows: int, work: Path, larger_url: str | None, larger_pairs: int) -> Study:
    """The data set with everything that no draw changes; embeddings are kept in *work*, answers in the judgment cache.

    Parameters
    ----------
    larger_url : of a server with the 1.5 B model; None leaves that judge out. larger_pairs : most that it is asked.
    """
    samples = chosen_samples(name, rows)
    readable = without_grade(samples)
    sets = assign_query_sets(samples, SHARES, SPLIT_SEED).to_numpy()
    queries = pd.factorize(query_keys(samples["query"]))[0].astype(np.intp)
    texts = TextFeatures.fit(readable).transform(readable)
    kept = work / f"{name}-{len(samples)}-embeddings.npz"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, minilm=TEXT_SCORES["minilm"].score(readable), features=embedding_features(readable))
    stored = np.load(kept)
    scores = {one: TEXT_SCORES[one].score(readable) for one in TEXT if one != "minilm"} | {"minilm": stored["minilm"]}
    judged = np.flatnonzero(sets == "log-judged")
    answers = {EMBEDDED: asked(readable, judged, "local", "relevance/query-likelihood", None, None)}
    not_done = {}
    if larger_url is None:
        not_done[LARGER] = "no server (--larger-url); it answers 2 to 4 pairs a second on 2 cores"
    else:
        first = whole_queries(queries, judged, larger_pairs)
        answers[LARGER] = asked(readable, first, "openai", "relevance/graded", "qwen", larger_url)
    return Study(name, samples, queries, sets, texts, stored["features"], scores, answers, not_done)


def whole_queries(queries: np.ndarray, rows: np.ndarray, most: int) -> np.ndarray:
    """The first of *rows*, whole queries of at most *most* rows together."""
    order = rows[np.argsort(queries[rows], kind="stable")]
    ends = np.flatnonzero(np.diff(queries[order], append=-1)) + 1
    return order[: ends[max(np.searchsorted(ends, most, side="right") - 1, 0)]]


def asked(
    samples: pd.DataFrame, rows: np.ndarray, kind: str, variant: str, model: str | None, url: str | None
) -> np.ndarray:
    """What a model judge says of some rows, (n,), NaN elsewhere."""
    found = np.full(len(samples), np.nan)
    backend = make_backend(kind, model=model, base_url=url)
    try:
        with JudgmentCache() as cache:
            table = judge(samples.iloc[rows], load_variant(variant), backend, cache)
    finally:
        backend.close()
    said = table.set_index("sample_id")["score"].astype("float64")
    found[rows] = samples["sample_id"].iloc[rows].map(said).to_numpy(np.float64)
    say(f"{kind} {variant}: {int((~table['cached']).sum())} asked, {int(np.isfinite(found).sum())} graded")
    return found
