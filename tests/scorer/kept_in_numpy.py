"""Which rows are kept, in plain numpy: what the decision in DuckDB is compared with."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sie_agent.selection.cuts import apportioned, shares_with_coverage


def kept_order(score: np.ndarray, higher: bool, ties: np.ndarray | None = None) -> np.ndarray:
    """Rows in the order in which they are kept: by score, NaN in the middle, then by *ties*, then their own."""
    ordered = score if higher else -score
    unknown = np.isnan(ordered)
    falling = -np.where(unknown, 0.0 if unknown.all() else np.nanmedian(ordered), ordered)
    return np.argsort(falling, kind="stable") if ties is None else np.lexsort((ties, unknown, falling))


def kept(
    score: np.ndarray,
    keep: float,
    label: np.ndarray,
    query: pd.Series,
    *,
    higher: bool,
    positive_at: float,
    coverage: bool,
    balance: bool,
    ties: np.ndarray | None,
) -> np.ndarray:
    """True for the rows that are kept, as `covering_mask` says."""
    count = max(1, round(keep * len(score)))
    positive = (label >= positive_at) & query.notna().to_numpy(bool) & coverage
    stratum = np.where(np.isnan(label), 2, np.where(label >= positive_at, 0, 1)) * balance
    ordered, mask = [], np.zeros(len(score), bool)
    for number in range(3):
        rows = np.flatnonzero(stratum == number)
        order = rows[kept_order(score[rows], higher, None if ties is None else ties[rows])]
        first = order[positive[order]]
        mask[first[~query.iloc[first].duplicated().to_numpy(bool)]] = True
        ordered.append(order)
    covered = int(mask.sum())
    sizes = [len(order) for order in ordered]
    shares = shares_with_coverage(count, sizes, covered) if coverage else apportioned(count, sizes)
    for number, (order, share) in enumerate(zip(ordered, shares, strict=True)):
        others = order[~mask[order]]
        mask[others[: max(0, share - (covered if number == 0 else 0))]] = True
    return mask
