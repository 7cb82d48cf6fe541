"""What was judged, as arrays, and the figures of any score of it: accuracy within test queries and quadratic kappa."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from scripts.experiments.agent.asking import OWN
from sie_agent.evaluation import QueryPairs, interval, query_copies
from sie_agent.samples import query_keys
from sie_agent.utils.arrays import Booleans, Doubles, Integers

REPLICATES, SEED = 2000, 0
# of grades in [0, 1]: crowdflower's four, Home Depot's mean of three raters as three
LEVELS = {"crowdflower": 4}


@dataclass(frozen=True)
class Judged:
    """What one judge says of the pairs, each (n,): scores, NaN where it has none, and what an answer takes.

    Attributes
    ----------
    tokens, calls : of each pair, in and out together; the mean of the others where it was not asked.
    found : share of the pairs for which each tool found something.
    """

    score: Doubles
    tokens: Doubles
    calls: Doubles
    found: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Population:
    """The pairs of a data set.

    Attributes
    ----------
    grade : (n,) in [0, 1]; queries : (n,) codes from 0; tuning : (n,) whether a pair is for maps and cuts.
    levels : grades that kappa tells apart.
    """

    grade: Doubles
    queries: Integers
    tuning: Booleans
    levels: int

    @property
    def test(self) -> Booleans:
        """(n,) the other pairs."""
        return ~self.tuning

    @cached_property
    def n_queries(self) -> int:
        """Tuning queries among them."""
        return int(self.queries.max()) + 1

    @cached_property
    def _pairs(self) -> QueryPairs:
        return QueryPairs(np.where(self.test, self.grade, np.nan), self.queries, self.n_queries)

    @cached_property
    def copies(self) -> Doubles:
        """(replicates, test queries): how often each test query is drawn."""
        return query_copies(len(self.test_queries), REPLICATES, SEED).astype(np.float64)

    @cached_property
    def test_queries(self) -> Integers:
        """Codes of the test queries."""
        return np.unique(self.queries[self.test])

    def within(self, score: Doubles) -> Doubles:
        """(test queries,) accuracy within each, NaN where no two grades differ."""
        return self._pairs.accuracy(score)[self.test_queries]

    def level_of(self, grade: Doubles) -> Integers:
        """(n,) grades as levels from 0."""
        return np.rint(grade * (self.levels - 1)).astype(np.intp)

    def confusion(self, score: Doubles, *, by_test: bool = False) -> Doubles:
        """(test queries, levels, levels): counts of grade and judged level in each.

        Scores are cut where the tuning queries' grades are: of their scores as large a share is above each cut.

        Parameters
        ----------
        by_test : cut where as large a share of the test pairs' scores is, where tuning pairs were not asked. No grade
            of a test pair is read for that.
        """
        shares = np.cumsum(np.bincount(self.level_of(self.grade[self.tuning]), minlength=self.levels))[:-1]
        cuts = np.quantile(score[self.test if by_test else self.tuning], shares / self.tuning.sum())
        said, true = np.searchsorted(cuts, score, side="right"), self.level_of(self.grade)
        place = np.searchsorted(self.test_queries, self.queries[self.test])
        found = np.zeros((len(self.test_queries), self.levels, self.levels))
        np.add.at(found, (place, true[self.test], said[self.test]), 1)
        return found

    def scaled(self, judged: Doubles, mode: str) -> Doubles:
        """(n,) scores of a judge on a scale that judges share.

        ``gold``: the mean grade at this score on tuning queries, which never falls (isotonic); a little of the score
        keeps the order within a step. ``free``: the share of the tuning queries' answers that are lower; no grade.
        """
        known = self.tuning & ~np.isnan(judged)
        ranks = np.sort(judged[known])
        below = (np.searchsorted(ranks, judged, "left") + np.searchsorted(ranks, judged, "right")) / 2 / len(ranks)
        below[np.isnan(judged)] = np.nan
        if mode == "free":
            return below
        fitted = IsotonicRegression(out_of_bounds="clip").fit(judged[known], self.grade[known])
        curve = np.full(len(judged), np.nan)
        curve[~np.isnan(judged)] = fitted.predict(judged[~np.isnan(judged)])
        return np.asarray(curve + 1e-4 * below)


def kappa_of(confusion: Doubles) -> Doubles:
    """Quadratic weighted kappa (Cohen 1968) of tables of counts, (..., levels, levels) to (...); NaN without spread."""
    levels = confusion.shape[-1]
    weights = np.square(np.subtract.outer(np.arange(levels), np.arange(levels))) / (levels - 1) ** 2
    total = confusion.sum(axis=(-2, -1))
    expected = confusion.sum(axis=-1)[..., :, None] * confusion.sum(axis=-2)[..., None, :] / total[..., None, None]
    seen, chance = (weights * confusion).sum(axis=(-2, -1)), (weights * expected).sum(axis=(-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 - seen / chance)


@dataclass(frozen=True)
class Figures:
    """The figures of a score, or their mean over draws, with what resamples of queries make of them.

    Attributes
    ----------
    within, kappa : the value first, then one for each resample, (1 + replicates,).
    """

    within: Doubles
    kappa: Doubles

    def told(self) -> dict[str, Any]:
        """Values with 95 % intervals."""
        return {name: told(getattr(self, name)) for name in ("within", "kappa")}

    def less(self, other: Figures) -> dict[str, Any]:
        """The differences, paired by resample."""
        return Figures(self.within - other.within, self.kappa - other.kappa).told()


def told(values: Doubles) -> dict[str, float]:
    """A value with its interval."""
    low, high = interval(values[1:])
    return {"value": float(values[0]), "low": low, "high": high}


def figures_of(population: Population, scores: list[Doubles], *, by_test: bool = False) -> Figures:
    """The figures of a score, or the mean over several draws of one, each (n,); *by_test* as of ``confusion``."""
    every = np.vstack([np.ones(len(population.test_queries)), population.copies])
    within, kappa = [], []
    for score in scores:
        accuracy = population.within(score)
        known = ~np.isnan(accuracy)
        within.append(every[:, known] @ accuracy[known] / every[:, known].sum(axis=1))
        kappa.append(kappa_of(np.tensordot(every, population.confusion(score, by_test=by_test), axes=1)))
    return Figures(np.mean(within, axis=0), np.mean(kappa, axis=0))


def loaded(folder: Path) -> tuple[Population, pd.DataFrame]:
    """The pairs of a data set, and their table."""
    rows = pd.read_parquet(folder / "rows.parquet")
    grades = pd.read_parquet(folder / "grades.parquet").set_index("sample_id")["grade"]
    grade = grades.reindex(rows["sample_id"]).to_numpy(np.float64)
    queries = pd.factorize(query_keys(rows["query"]))[0].astype(np.intp)
    return Population(grade, queries, rows["tuning"].to_numpy(bool), LEVELS.get(folder.name, 3)), rows


def first_judge(folder: Path, rows: pd.DataFrame, name: str) -> Judged | None:
    """What a one-pass judge says, and the tokens it takes; None where it was not asked."""
    path = folder / f"first-{name}.parquet"
    if not path.is_file():
        return None
    table = pd.read_parquet(path).set_index("sample_id").reindex(rows["sample_id"])
    tokens = (table["input_tokens"] + table["output_tokens"]).to_numpy(np.float64)
    calls = np.ones(len(rows))
    return Judged(table["score"].to_numpy(np.float64), cost_of(tokens, calls), calls)


def cost_of(tokens: Doubles, calls: Doubles) -> Doubles:
    """(n,) what a judge takes: tokens, or calls where it has none (word overlap, in a smoke run)."""
    return tokens if np.nansum(tokens) > 0 else calls


def configuration(folder: Path, rows: pd.DataFrame, name: str) -> Judged | None:
    """What the agent says in one configuration; None where nothing was asked."""
    paths = sorted(folder.glob(f"{name}-[0-9]*-traces.parquet"))
    if not paths:
        return None
    traces = pd.concat([pd.read_parquet(path) for path in paths])
    answers = pd.concat([pd.read_parquet(Path(str(path).replace("-traces", "-answers"))) for path in paths])
    ids = rows["sample_id"]
    took = traces.groupby("sample_id")[["input_tokens", "output_tokens", "calls"]].sum().reindex(ids)
    tokens = (took["input_tokens"] + took["output_tokens"]).to_numpy(np.float64)
    answers = answers.drop_duplicates("sample_id").set_index("sample_id").reindex(ids)
    score = answers["score"].to_numpy(np.float64)
    # where it found nothing the first judge's answer stands, which is on another scale unless it is the same model's
    if name.startswith("agent-") and name != f"agent-{OWN}":
        score = np.where(answers["variant"].astype(str).str.endswith("+agent"), score, np.nan)
    looked = traces[(traces["node"] == "look_up") & (traces["evidence"] != "")]
    found = looked.groupby("tool")["sample_id"].nunique() / max(traces["sample_id"].nunique(), 1)
    calls = took["calls"].to_numpy(np.float64)
    return Judged(score, cost_of(tokens, calls), calls, {str(tool): float(share) for tool, share in found.items()})
