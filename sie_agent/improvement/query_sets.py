"""Which queries are for what: training queries to propose on, tuning ones to accept on, test ones to report on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.improvement.candidates import BadCandidate
from sie_agent.samples import assign_query_sets, normalise_query, query_keys

# training queries, tuning queries, test queries
SHARES = {"log-judged": 0.35, "tune": 0.4, "test": 0.25}
# of the training queries: those whose pairs may become examples, and are never judged
POOL_SHARE = 0.25
FEWEST_QUERIES = 5


@dataclass(frozen=True)
class QuerySets:
    """Graded pairs by what they are for; no query is in two of them.

    Attributes
    ----------
    pool : pairs of training queries that may become examples. train : the other training queries.
    tune, test : pairs on which a candidate is accepted, and reported.
    """

    pool: pd.DataFrame
    train: pd.DataFrame
    tune: pd.DataFrame
    test: pd.DataFrame

    @property
    def judged(self) -> dict[str, pd.DataFrame]:
        """The sets that are judged."""
        return {"train": self.train, "tune": self.tune, "test": self.test}

    def counts(self) -> dict[str, dict[str, int]]:
        """Queries and pairs of each set."""
        named = {"pool": self.pool, **self.judged}
        return {name: {"queries": n_queries(rows), "pairs": len(rows)} for name, rows in named.items()}

    def held_out(self) -> frozenset[str]:
        """Titles and queries of tuning and test queries, in small letters: no example may hold one."""
        rows = pd.concat([self.tune, self.test])
        return frozenset(map(normalise_query, {*rows["title"].unique(), *rows["query"].unique()}))


def n_queries(rows: pd.DataFrame) -> int:
    """How many queries there are."""
    return int(query_keys(rows["query"]).nunique()) if len(rows) else 0


def query_sets(samples: pd.DataFrame, *, seed: int, per_query: int, budget_pairs: int | None = None) -> QuerySets:
    """Split graded pairs by query, and take at most *per_query* of each.

    Only queries with pairs of different grades say anything of the order within a query; the others are left out. Which
    pairs of a query are taken follows a hash of their ids, the lowest and the highest grade by turns.

    Parameters
    ----------
    samples : with ``grade``. budget_pairs : most pairs that may be judged, for all candidates together: with few, there
        are fewer queries of each set.

    Raises
    ------
    InputError : too few queries with pairs of different grades.
    """
    graded = samples[samples["grade"].notna()]
    keys = query_keys(graded["query"])
    differing = graded["grade"].groupby(keys).transform("nunique") > 1
    graded = graded[differing.to_numpy()].reset_index(drop=True)
    count, needed = n_queries(graded), FEWEST_QUERIES * len(SHARES)
    if count < needed:
        problem = f"{count} queries have pairs of different grades, and {needed} are needed"
        hint = "Map the column of human grades, or give more data."
        raise InputError(problem, where="--data, field 'grade'", hint=hint)
    sets = assign_query_sets(graded, SHARES, seed)
    training = drawn(graded[sets == "log-judged"], per_query, seed)
    queries = in_order(training, seed)
    pool = set(queries[: max(1, round(POOL_SHARE * len(queries)))])
    is_pool = query_keys(training["query"]).isin(pool).to_numpy()
    found = QuerySets(
        pool=training[is_pool].reset_index(drop=True),
        train=training[~is_pool].reset_index(drop=True),
        tune=drawn(graded[sets == "tune"], per_query, seed),
        test=drawn(graded[sets == "test"], per_query, seed),
    )
    return found if budget_pairs is None else within_budget(found, budget_pairs, seed)


def within_budget(sets: QuerySets, budget_pairs: int, seed: int) -> QuerySets:
    """Fewer queries of each set where all of them would take more than the budget.

    Tuning is for the start and a finalist or more, so half of the budget is for it, and a fifth for the test of two.
    """
    return QuerySets(
        pool=sets.pool,
        train=first_queries(sets.train, max(1, round(0.3 * budget_pairs / 2)), seed),
        tune=first_queries(sets.tune, round(0.5 * budget_pairs / 2), seed),
        test=first_queries(sets.test, round(0.2 * budget_pairs / 2), seed),
    )


def first_queries(rows: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """Whole queries, in the order of a hash, of at most so many pairs; two queries at least."""
    keys = query_keys(rows["query"])
    sizes, order = keys.value_counts(), in_order(rows, seed)
    ends = np.cumsum([sizes[key] for key in order])
    kept = order[: max(2, int(np.searchsorted(ends, most, side="right")))]
    return rows[keys.isin(kept).to_numpy()].reset_index(drop=True)


def in_order(rows: pd.DataFrame, seed: int) -> list[str]:
    """The queries in the order of a hash of seed and text."""
    return sorted(query_keys(rows["query"]).unique(), key=lambda key: hashed(seed, key))


def hashed(seed: int, text: object) -> bytes:
    """A hash of the seed and a text, to sort by."""
    return hashlib.sha256(f"{seed}\0{text}".encode("utf-8", "surrogatepass")).digest()


def drawn(rows: pd.DataFrame, per_query: int, seed: int) -> pd.DataFrame:
    """At most so many pairs of each query, of each grade by turns, so that they differ; in the order of the data."""
    order = sorted(range(len(rows)), key=lambda place: hashed(seed, rows["sample_id"].iloc[place]))
    shuffled = rows.iloc[order]
    keys = query_keys(shuffled["query"])
    turn = shuffled.groupby([keys.to_numpy(), shuffled["grade"].to_numpy()]).cumcount()
    by_turn = shuffled.assign(_turn=turn.to_numpy()).sort_values("_turn", kind="stable")
    kept = by_turn.groupby(query_keys(by_turn["query"]).to_numpy()).cumcount() < per_query
    return rows.loc[sorted(by_turn.index[kept.to_numpy()])].reset_index(drop=True)


def check_examples_apart(examples: list[Any], held_out: frozenset[str]) -> None:
    """No example may stand in the tuning or the test queries.

    Raises
    ------
    BadCandidate : one does.
    """
    for example in examples:
        told = example if isinstance(example, dict) else {}
        for field in ("query", "title"):
            if normalise_query(str(told.get(field, ""))) in held_out:
                raise BadCandidate(f"an example whose {field} stands in the tuning or the test queries")
