"""The five query sets: disjoint by query, the same for every order of the rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from sie_agent.errors import InputError

QUERY_SETS = ("log-judged", "log-unseen", "tune", "reference-validation", "test")


def normalise_query(query: str) -> str:
    """Case and white space folded, so that ``"Light "`` and ``"light"`` are one query."""
    return " ".join(query.casefold().split())


def query_keys(queries: pd.Series) -> pd.Series:
    """:func:`normalise_query` of every row, computed once per distinct text."""
    folded = {query: normalise_query(query) for query in queries.unique()}
    return queries.map(folded)


def assign_query_sets(samples: pd.DataFrame, shares: Mapping[str, float], seed: int) -> pd.Series:
    """Put every query, with all of its rows, into one of the five query sets.

    Queries are ordered by a hash of (seed, query) and cut at the shares, so the result depends on
    the set of queries and the seed alone, not on the order or the number of rows.

    Parameters
    ----------
    samples : table with ``query``.
    shares : share of the queries per set; sets that are not named get none; they sum to 1.
    seed : which shuffle.

    Returns
    -------
    pandas.Series
        Name of the set, aligned with ``samples.index``.

    Raises
    ------
    InputError
        If a set is unknown, the shares do not sum to 1, or there are too few queries for a set.
    """
    check_shares(shares)
    keys = query_keys(samples["query"])
    ordered = sorted(keys.unique(), key=lambda key: hashlib.sha256(f"{seed}\0{key}".encode()).digest())
    wanted = [name for name in QUERY_SETS if shares.get(name, 0.0) > 0]
    ends = np.rint(np.cumsum([shares[name] for name in wanted]) * len(ordered)).astype(int)
    set_of: dict[str, str] = {}
    start = 0
    for name, end in zip(wanted, ends, strict=True):
        if end <= start:
            problem = f"{len(ordered)} queries are too few: the set '{name}' ({shares[name]:g}) would get none"
            hint = "Give more queries (a higher --limit), or a larger share"
            raise InputError(problem, where="query sets", hint=hint)
        set_of.update(dict.fromkeys(ordered[start:end], name))
        start = int(end)
    return keys.map(set_of).rename("query_set")


def check_shares(shares: Mapping[str, float]) -> None:
    """Raise InputError unless the shares name known sets, lie in [0, 1] and sum to 1."""
    for name, share in shares.items():
        if name not in QUERY_SETS:
            hint = f"Known are: {', '.join(QUERY_SETS)}"
            raise InputError(f"unknown query set '{name}'", where="query sets", hint=hint)
        if not 0 <= share <= 1:
            raise InputError(f"the share must be between 0 and 1, found {share:g}", where=f"query sets, '{name}'")
    total = sum(shares.values())
    if not abs(total - 1) <= 1e-6:
        raise InputError(f"the shares sum to {total:g}", where="query sets", hint="Change them so that they sum to 1")


def check_query_sets(samples: pd.DataFrame, sets: pd.Series) -> None:
    """Raise InputError if a query is in two sets, a set is unknown, or a row has no set.

    Parameters
    ----------
    samples : table with ``query``.
    sets : name of the set per row, aligned with ``samples.index``.
    """
    if not samples.index.equals(sets.index):
        raise InputError("the query sets do not belong to these rows", where="query sets", hint="Assign them again")
    unknown = ~sets.isin(QUERY_SETS)
    if unknown.any():
        row = int(np.argmax(unknown.to_numpy()))
        hint = f"Known are: {', '.join(QUERY_SETS)}"
        raise InputError(f"unknown query set '{sets.iloc[row]}'", where=f"query sets, row {row + 1}", hint=hint)
    pairs = pd.DataFrame({"query": query_keys(samples["query"]), "set": sets}).drop_duplicates()
    repeated = pairs[pairs["query"].duplicated(keep=False)]
    if len(repeated):
        query = repeated["query"].iloc[0]
        names = ", ".join(repeated.loc[repeated["query"] == query, "set"])
        hint = "Split by query, not by row; white space and case do not make two queries of one"
        raise InputError(f"the query '{query}' is in two query sets: {names}", where="query sets", hint=hint)
