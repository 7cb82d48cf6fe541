"""The judges at hand for a data set whose every row is graded: real, simulated, and one that knows nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from sie_agent.evaluation import TEXT_SCORES, simulate_judge
from sie_agent.features import TextFeatures
from sie_agent.judging import JudgmentCache, judge, load_variant, make_backend
from sie_agent.samples import load_samples, normalise_query, without_grade

RELEVANT_AT = 0.75
# of Home Depot, queries with so many items: the others cannot tell much within queries
FEWEST_ITEMS = {"homedepot": 10}
Doubles = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Answers = Mapping[tuple[str, str], Doubles]


@dataclass(frozen=True, eq=False)
class Shop:
    """A graded data set: its rows, text features, query codes and human grades."""

    name: str
    samples: pd.DataFrame
    inputs: npt.NDArray[np.float32]
    queries: npt.NDArray[np.intp]
    query_names: list[str]
    grade: Doubles


def loaded(source: str) -> Shop:
    """The data set, with its text features."""
    samples = load_samples(source)
    keys = samples["query"].map(normalise_query)
    enough = keys.groupby(keys).transform("size") >= FEWEST_ITEMS.get(source, 2)
    samples, keys = samples[enough].reset_index(drop=True), keys[enough]
    codes, names = pd.factorize(keys)
    readable = without_grade(samples)
    inputs = TextFeatures.fit(readable).transform(readable)
    grade = samples["grade"].to_numpy(np.float64)
    return Shop(source, samples, inputs, codes.astype(np.intp), [str(name) for name in names], grade)


def ranks(values: Doubles) -> Doubles:
    """Ranks in (0, 1), NaN where there is no answer."""
    known = ~np.isnan(values)
    found = np.full(len(values), np.nan)
    found[known] = (rankdata(values[known]) - 0.5) / max(int(known.sum()), 1)
    return found


def simulated(auc: float) -> Callable[[Shop, Booleans, int], Doubles]:
    """Human grades plus noise."""
    return lambda shop, rows, seed: simulate_judge(shop.grade, auc, RELEVANT_AT, 7_000 + seed)


def chance(shop: Shop, rows: Booleans, seed: int) -> Doubles:
    """Answers that know nothing."""
    return np.random.default_rng(9_000 + seed).random(len(shop.samples))


@lru_cache(maxsize=16)
def text_score(name: str, shop: Shop) -> Doubles:
    """An untrained score of every row."""
    return TEXT_SCORES[name].score(without_grade(shop.samples))


def scored(name: str) -> Callable[[Shop, Booleans, int], Doubles]:
    """A text score as a judge."""
    return lambda shop, rows, seed: text_score(name, shop)


def embedded(shop: Shop, rows: Booleans, seed: int) -> Doubles:
    """The 135 M model's query likelihood of the rows that it is asked about; answers are kept in the user's cache."""
    asked = without_grade(shop.samples[rows])
    backend = make_backend("local")
    with JudgmentCache() as cache:
        try:
            table = judge(asked, load_variant("relevance/query-likelihood"), backend, cache)
        finally:
            backend.close()
    said = dict(zip(table["sample_id"], table["score"], strict=True))
    return shop.samples["sample_id"].map(said).to_numpy(np.float64)


def panel(shop: Shop, rows: Booleans, seed: int) -> Doubles:
    """Mean rank of MiniLM and the 135 M model."""
    said = np.where(rows, text_score("minilm", shop), np.nan)
    return np.asarray((ranks(said) + ranks(embedded(shop, rows, seed))) / 2)


# by name: the answers of a judge to the rows that it is asked about, (n,); other rows may hold anything
JUDGES: dict[str, Callable[[Shop, Booleans, int], Doubles]] = {
    "simulated 1.00": simulated(1.0),
    "simulated 0.90": simulated(0.90),
    "simulated 0.79": simulated(0.79),
    "simulated 0.69": simulated(0.69),
    "panel of MiniLM and 135 M": panel,
    "MiniLM": scored("minilm"),
    "135 M, query likelihood": embedded,
    "word overlap": scored("word-overlap"),
    "random": chance,
}
REAL = {"panel of MiniLM and 135 M", "135 M, query likelihood"}
