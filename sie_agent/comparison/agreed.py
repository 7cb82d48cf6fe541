"""What arms say of the same pairs, whoever is right: how far they agree, and where they differ most."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.comparison.metrics import METRICS, Graded, RankPlaces, figure_of, nearest_level
from sie_agent.utils.arrays import Doubles, Integers

SHOWN = 30
# by metric of one arm's judgments taken for grades, its name
MEASURES = {"spearman": "spearman", "kappa": "kappa", "alpha": "alpha", "exact": "same_level"}


def agreed(scores: Mapping[str, Doubles], queries: Integers, levels: Doubles) -> list[dict[str, Any]]:
    """Agreement of every two arms, with intervals by query.

    Parameters
    ----------
    scores : of each arm (n,), all known. queries : (n,) codes; levels : of the grades' scale.
    """
    rows = []
    for first, second in combinations(scores, 2):
        one = Graded(scores[first], queries, scale=levels)
        figures = {
            key: figure_of(METRICS[name].values(one, scores[second]), METRICS[name]) for name, key in MEASURES.items()
        }
        rows.append({"first": first, "second": second, **figures})
    return rows


def differing(
    rows: pd.DataFrame, tables: Mapping[str, pd.DataFrame], scores: Mapping[str, Doubles], levels: Doubles
) -> list[dict[str, Any]]:
    """The pairs on which arms differ most, with what each said.

    By places rather than scores: each arm's judgments in their own order, from 0 to 1, since the scores of a likelihood
    and of a grade mean different things.

    Parameters
    ----------
    rows : (n,) samples; tables : judgments of each arm, (n,) in the same order; scores : of each arm (n,).
    """
    if len(scores) < 2:
        return []
    places = np.stack([RankPlaces(score).centred for score in scores.values()])
    spread = places.max(axis=0) - places.min(axis=0)
    # of equal ones the first by id: the same in whatever order the rows are
    order = np.lexsort((rows["sample_id"].to_numpy(str), -spread))
    chosen = [int(row) for row in order[:SHOWN] if spread[row] > 0]
    return [pair_row(rows, tables, scores, levels, row, float(spread[row])) for row in chosen]


def pair_row(
    rows: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    scores: Mapping[str, Doubles],
    levels: Doubles,
    row: int,
    spread: float,
) -> dict[str, Any]:
    """One pair and what each arm said of it."""
    sample = rows.iloc[row]
    grade = float(sample["grade"])
    department = sample.get("department")
    said = [
        {
            "variant": name,
            "score": float(score[row]),
            "level": float(levels[nearest_level(score[row : row + 1], levels)[0]]),
            # of an answer that is a judgment, the detail is its rationale
            "rationale": str(tables[name]["detail"].iloc[row]) if "detail" in tables[name] else "",
        }
        for name, score in scores.items()
    ]
    return {
        **{name: str(sample[name]) for name in ("sample_id", "query", "item_id", "title")},
        **({"department": str(department)} if isinstance(department, str) else {}),
        "grade": None if np.isnan(grade) else grade,
        "spread": spread,
        "said": said,
    }
