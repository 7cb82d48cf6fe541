"""How far the judgments of several models agree, on pairs that each of them judged."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.evaluation.bootstrap import interval, query_copies, resampled
from sie_agent.evaluation.metrics import spearman
from sie_agent.samples import normalise_query
from sie_agent.utils.arrays import Doubles

SEED = 20_243


def agreement_of_models(tables: Mapping[str, pd.DataFrame], *, replicates: int = 1000) -> dict[str, Any] | None:
    """Spearman and mean difference of scores between each two models; intervals resample queries.

    Parameters
    ----------
    tables : judgments of the same samples by model, in the same order.
    replicates : how often queries are resampled.

    Returns
    -------
    ``models``, ``pairs`` (with a judgment by all) and ``between``: ``first``, ``second``, ``spearman``,
    ``spearman_low``, ``spearman_high``, ``difference`` (mean of second minus first, in [−1, 1]), ``difference_low``,
    ``difference_high``. None where fewer than two models judged a pair.
    """
    names = list(tables)
    if len(names) < 2:
        return None
    scores = {name: table["score"].to_numpy(np.float64) for name, table in tables.items()}
    usable = np.all([~np.isnan(score) for score in scores.values()], axis=0)
    queries = tables[names[0]]["query"][usable].map(normalise_query)
    codes = pd.factorize(queries)[0].astype(np.intp)
    if usable.sum() < 2:
        return {"models": names, "pairs": int(usable.sum()), "between": []}
    kept = {name: score[usable] for name, score in scores.items()}
    copies = query_copies(int(codes.max()) + 1, replicates, seed=SEED)
    between = []
    for first, second in combinations(names, 2):
        values, again = resampled(both, (kept[first], kept[second]), codes, copies)
        pair: dict[str, Any] = {"first": first, "second": second}
        for name, value, column in zip(("spearman", "difference"), values, again.T, strict=True):
            low, high = interval(column)
            pair |= {name: float(value), f"{name}_low": low, f"{name}_high": high}
        between.append(pair)
    return {"models": names, "pairs": int(usable.sum()), "between": between}


def both(first: Doubles, second: Doubles) -> tuple[float, float]:
    """Spearman, and the mean of second minus first."""
    return spearman(first, second), float(np.mean(second - first))
