"""Cross-fitted queries: every query is tested once, by models that were trained on none of its fold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sie_agent.errors import InputError
from sie_agent.utils.arrays import Booleans, Integers


@dataclass(frozen=True)
class Fold:
    """One fold: disjoint sets of queries, as masks of the rows, each (n,).

    Attributes
    ----------
    log : what models train on; judged : the part of it that a judge has read.
    tune : graded queries to choose a recipe on; test : graded queries that models are measured on.
    """

    log: Booleans
    judged: Booleans
    tune: Booleans
    test: Booleans


def make_folds(
    queries: Integers, names: Sequence[str], *, folds: int, judged: float, tune: float, seed: int
) -> list[Fold]:
    """Cut the queries into folds by a hash of seed and query, so that the order of rows does not matter.

    Parameters
    ----------
    queries : (n,) code of each row's query; names : of the codes.
    judged : share of the log's queries that a judge has read; tune : share of all queries to choose on.

    Raises
    ------
    InputError : there are too few queries.
    """
    order = hashed_order(names, f"{seed}\0fold")
    place = np.empty(len(names), np.intp)
    place[order] = np.arange(len(names)) % folds
    found = []
    for one in range(folds):
        others = np.array([code for code in hashed_order(names, f"{seed}\0{one}") if place[code] != one], np.intp)
        n_tune = round(tune * len(names))
        n_judged = round(judged * (len(others) - n_tune))
        parts = {"test": np.flatnonzero(place == one), "tune": others[:n_tune], "log": others[n_tune:]}
        parts["judged"] = parts["log"][:n_judged]
        if min(len(part) for part in parts.values()) < 1:
            raise InputError(
                f"{len(names)} queries are too few for {folds} folds",
                where="downstream",
                hint="Give more queries, or set downstream.draws: 0.",
            )
        found.append(Fold(**{name: np.isin(queries, codes) for name, codes in parts.items()}))
    return found


def hashed_order(names: Sequence[str], key: str) -> list[int]:
    """Codes of the names in an order that only the key and the names decide."""
    return sorted(range(len(names)), key=lambda code: hashlib.sha256(f"{key}\0{names[code]}".encode()).digest())
