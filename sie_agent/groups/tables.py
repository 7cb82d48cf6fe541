"""Groups of rows that are in memory, ranked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.groups.shrink import DIGITS, FEWEST_GROUPS, Groups, fit_prior, shrink

Doubles = npt.NDArray[np.float64]


def rank_groups(keys: pd.Series[str], score: Doubles, *, higher: bool = True) -> pd.DataFrame:
    """The groups of some rows, the best one first.

    Parameters
    ----------
    keys : (n,) the group of each row, "" where it is in none. score : (n,), NaN where there is none.
    higher : whether a high score is a good one.

    Returns
    -------
    ``group, rows, mean_of_rows, mean, low, high, total``: number of rows, mean of their scores, the mean drawn towards
    that of all groups with its 95 % interval (NaN where there is one row in all, see :func:`shrink`), and the sum.
    Rows without a group or a score are left out. Fewer than three groups are not drawn together.
    """
    known = (keys != "").to_numpy(dtype=bool) & ~np.isnan(score)
    grouped = pd.Series(score[known]).groupby(keys.to_numpy(dtype=object)[known], sort=True)
    table = grouped.agg(["size", "mean", "var", "sum"])
    groups = Groups(
        table["size"].to_numpy(np.int64), table["mean"].to_numpy(np.float64), table["var"].to_numpy(np.float64)
    )
    drawn = shrink(groups, fit_prior(groups) if len(table) >= FEWEST_GROUPS else None)
    found = pd.DataFrame(
        {
            "group": table.index.astype(str),
            "rows": groups.rows,
            "mean_of_rows": groups.mean,
            "mean": drawn.mean,
            "low": drawn.low,
            "high": drawn.high,
            "total": table["sum"].to_numpy(np.float64),
        }
    )
    ordered = found.assign(place=found["mean"].round(DIGITS))
    ordered = ordered.sort_values(["place", "group"], ascending=[not higher, True], ignore_index=True)
    return ordered.drop(columns="place")
