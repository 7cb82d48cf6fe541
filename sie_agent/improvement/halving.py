"""Search without a model that reflects: small changes at random, the better half goes on to more queries."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sie_agent.improvement.bench import Spent, codes_of
from sie_agent.improvement.candidates import candidate_of
from sie_agent.improvement.moves import Moves
from sie_agent.improvement.query_sets import in_order
from sie_agent.improvement.trials import Trial, Trials
from sie_agent.samples import query_keys
from sie_agent.utils.arrays import Doubles

FIRST_QUERIES = 8
# of drawn candidates that are there already, so many in a row end the search
MOST_REPEATED = 50


def search(trials: Trials, seed: int) -> tuple[list[Trial], str | None]:
    """Successive halving (Jamieson and Talwalkar 2016) over candidates drawn around the start.

    All are judged on a few training queries, the better half of them on twice as many, and so on.

    Returns
    -------
    The candidates that were judged last, best first; and why it ended early, or None.
    """
    left = propose(trials, seed)
    order = in_order(trials.sets.train, seed)
    queries, stopped = first_queries(trials, len(left), len(order)), None
    while left:
        rows = rows_of(trials.sets.train, order[:queries])
        try:
            judged(trials, left, rows)
        except Spent as spent:
            stopped = spent.reason
            break
        left.sort(key=lambda trial: -gain(trial))
        if queries == len(order):
            break
        left = left[: max(2, -(-len(left) // 2))]
        queries = min(2 * queries, len(order))
    # one that was not judged in the last round keeps its figures of the round before
    return sorted((one for one in left if one.value is not None), key=lambda trial: -gain(trial)), stopped


def first_queries(trials: Trials, candidates: int, n_queries: int) -> int:
    """Queries of the first round: where there is a limit, as many as take half of it, and two at least."""
    count = min(FIRST_QUERIES, n_queries)
    if trials.bench.limit is None:
        return count
    size = len(trials.sets.train) / max(n_queries, 1)
    return max(min(2, count), min(count, int(trials.bench.limit / 2 / size / (1 + candidates))))


def propose(trials: Trials, seed: int) -> list[Trial]:
    """As many different candidates as may be tried."""
    rng, moves = np.random.default_rng(seed), Moves(trials.start, trials.sets.pool, trials.held_out)
    start = candidate_of(trials.start)
    known, repeated, found = {start.key}, 0, list[Trial]()
    while len(trials.tried) < trials.most and repeated < MOST_REPEATED:
        candidate, change = moves.draw(start, rng)
        repeated = repeated + 1 if candidate.key in known else 0
        if candidate.key not in known:
            known.add(candidate.key)
            trial = trials.add(candidate, change)
            found += [trial] if trial.variant is not None else []
    return found


def judged(trials: Trials, left: list[Trial], rows: pd.DataFrame) -> None:
    """Judge the start and the candidates on the same training pairs."""
    base = trials.bench.values(trials.start, rows)
    for trial in left:
        assert trial.variant is not None
        before = trials.bench.pairs
        values = trials.bench.values(trial.variant, rows)
        trial.pairs += trials.bench.pairs - before
        value, start = paired_means(values, base)
        trials.note_value(trial, value, start, codes_of(rows)[1])


def paired_means(values: Doubles, base: Doubles) -> tuple[float, float]:
    """Means over the queries on which both have a value."""
    both = np.isfinite(values) & np.isfinite(base)
    return (float(values[both].mean()), float(base[both].mean())) if both.any() else (float("nan"), float("nan"))


def gain(trial: Trial) -> float:
    """How much better than the start a candidate was; less than anything where that is not known."""
    if trial.value is None or trial.start is None or np.isnan(trial.value - trial.start):
        return -np.inf
    return trial.value - trial.start


def rows_of(rows: pd.DataFrame, queries: list[str]) -> pd.DataFrame:
    """The rows of some queries."""
    return rows[query_keys(rows["query"]).isin(set(queries)).to_numpy()].reset_index(drop=True)
