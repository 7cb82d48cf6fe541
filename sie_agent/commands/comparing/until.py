"""Queries judged in batches until the comparison is decided, by a test that may be looked at after each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.commands.comparing.arms import Arm, Asking, not_comparable
from sie_agent.comparison.compared import common_pairs, identical_pairs, query_codes, scores_of
from sie_agent.comparison.decide import Decision
from sie_agent.comparison.metrics import METRICS, Graded, levels_of
from sie_agent.comparison.sequential import UntilDecided
from sie_agent.samples import query_keys
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say


@dataclass
class JudgedBatches:
    """What was judged until it was decided.

    Attributes
    ----------
    samples : the rows that were put before every arm; tables : their judgments by arm.
    decision : what the sequential test says; None where no query said anything.
    batches : how it stood after each.
    """

    samples: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    decision: Decision | None
    batches: list[dict[str, Any]] = field(default_factory=list)


def batches_of(samples: pd.DataFrame, size: int, seed: int) -> Iterator[pd.DataFrame]:
    """All rows of *size* queries after the other, in an order drawn by *seed*; only queries that have a grade.

    The order is the same in whatever order the rows are.
    """
    codes = np.unique(query_keys(samples["query"]).to_numpy(str), return_inverse=True)[1]
    graded = np.unique(codes[samples["grade"].notna().to_numpy()])
    order = np.random.default_rng(seed).permutation(graded)
    for start in range(0, len(order), size):
        yield samples[np.isin(codes, order[start : start + size])].reset_index(drop=True)


def judge_until_decided(
    samples: pd.DataFrame, arms: Sequence[Arm], asked: Asking, *, decide_by: str, margin: float, batch: int, seed: int
) -> JudgedBatches:
    """Judge batch by batch with every arm, and stop when it is decided, when the money or the queries end.

    An arm that fails on the way is left out, with all that it said before.
    """
    rows: list[pd.DataFrame] = []
    tables: dict[str, list[pd.DataFrame]] = {arm.name: [] for arm in arms}
    values: list[dict[str, Doubles]] = []
    batches: list[dict[str, Any]] = []
    complete = False
    test, scale = UntilDecided(margin=margin), levels_of(samples["grade"].to_numpy(np.float64))
    asked.keep_open = True
    for chunk in batches_of(samples, batch, seed):
        found = {arm.name: asked.table(arm, chunk) for arm in arms if arm.name in tables}
        rows.append(chunk)
        lost = [name for name, table in found.items() if says_nothing(table) and not asked.stopped]
        for name in lost:
            if (table := found.pop(name)) is not None:
                asked.failures[name] = not_comparable(table, name, {})
            del tables[name]
        if not tables:
            break
        kept = {name: table for name, table in found.items() if table is not None}
        for name, table in kept.items():
            tables[name].append(table)
        values.append(values_of(chunk, kept, decide_by, scale))
        if lost:
            # what is said of the arms that are left rests on their own values
            test = UntilDecided(margin=margin)
            for earlier in values[:-1]:
                test.add({name: earlier[name] for name in tables})
        decided = test.add({name: values[-1][name] for name in tables})
        batches.append(standing(test.decision(), decided is not None, rows, asked))
        say(told(batches[-1], margin))
        if decided is not None or asked.stopped:
            break
    else:
        complete = True
    joined = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items() if parts}
    judged = pd.concat(rows, ignore_index=True) if rows else samples
    # that arms say the same so far is no test; with no query left it is what there is to say
    twins = identical_pairs(common_scores(judged, joined)) if complete else []
    return JudgedBatches(judged, joined, test.decision(twins) if batches else None, batches)


def common_scores(rows: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> dict[str, Doubles]:
    """By arm the scores of the graded pairs that all arms judged."""
    scores = {name: scores_of(rows, table) for name, table in tables.items()}
    usable = common_pairs(scores, rows["grade"].notna().to_numpy())
    return {name: score[usable] for name, score in scores.items()}


def says_nothing(table: pd.DataFrame | None) -> bool:
    """Whether an arm failed on a batch: an error, or not one judgment."""
    return table is None or bool(table["score"].isna().all())


def values_of(
    rows: pd.DataFrame, tables: dict[str, pd.DataFrame], decide_by: str, scale: Doubles
) -> dict[str, Doubles]:
    """By arm (n_queries,) values of the deciding metric on the pairs of a batch that all arms judged."""
    scores = {name: scores_of(rows, table) for name, table in tables.items()}
    usable = common_pairs(scores, rows["grade"].notna().to_numpy())
    if not usable.any():
        return {name: np.empty(0) for name in scores}
    graded = Graded(rows["grade"].to_numpy(np.float64)[usable], query_codes(rows[usable]), scale=scale)
    return {name: METRICS[decide_by].values(graded, score[usable]) for name, score in scores.items()}


def standing(decision: Decision, decided: bool, rows: Sequence[pd.DataFrame], asked: Asking) -> dict[str, Any]:
    """How it stands: the best arm so far and the closest of the others, with the interval that holds at every look."""
    means = {name: -np.inf if np.isnan(mean) else mean for name, mean in decision.means.items()}
    leader = max(means, key=lambda name: means[name])
    row: dict[str, Any] = {
        "n_queries": sum(int(query_codes(one).max()) + 1 for one in rows),
        "n_pairs": sum(map(len, rows)),
        "cost": asked.account.cost,
        "leader": leader,
        "decided": decided,
    }
    others = [name for name in means if name != leader]
    if others:
        pair = decision.pair(leader, max(others, key=lambda name: means[name]))
        ends = (pair.low, pair.high) if pair.second == leader else (-pair.high, -pair.low)
        row |= {"difference": abs(pair.difference), "ci_low": ends[0], "ci_high": ends[1]}
    return row


def told(row: dict[str, Any], margin: float) -> str:
    """A batch in a line."""
    line = f"{counted(row['n_queries'], 'query')}, {counted(row['n_pairs'], 'pair')}: {row['leader']} leads"
    if "difference" in row:
        line += f" by {row['difference']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}], margin {margin:g}"
    spent = "" if row["cost"] is None else f", ${row['cost']:.4f}"
    return f"{line}{spent}{': decided' if row['decided'] else ''}"
