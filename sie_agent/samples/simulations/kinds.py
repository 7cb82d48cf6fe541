"""What a kind of simulated log is, and the columns that each of them gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.samples.simulations.draws import Doubles

LOG_COLUMNS = ("label", "flipped", "position", "examination", "impressions")


@dataclass(frozen=True)
class LogSettings:
    """Which log to simulate.

    Attributes
    ----------
    kind : a name in ``LOGS``.
    rate : what the kind says in ``rate_means``; None for the kind's own default.
    relevant_at : grade, in [0, 1], from which an item counts as relevant, where the kind needs to know.
    """

    kind: str
    rate: float | None = None
    relevant_at: float = 0.75


@dataclass(frozen=True)
class LogKind:
    """A kind of simulated log.

    Attributes
    ----------
    name : as in ``LOGS``.
    words : one sentence for people.
    rate_means : what the rate is, in words.
    default_rate : the rate where none is given; None where the kind has no rate.
    simulate : samples in order of their ids, rate (NaN where there is none), relevant_at and seed to the columns
        ``LOG_COLUMNS``, one row per sample, in the same order.
    """

    name: str
    words: str
    rate_means: str
    default_rate: float | None
    simulate: Callable[[pd.DataFrame, float, float, int], pd.DataFrame]


def log_table(
    label: Doubles,
    *,
    flipped: npt.NDArray[np.bool_] | None = None,
    position: npt.NDArray[np.int64] | None = None,
    examination: Doubles | None = None,
    impressions: npt.NDArray[np.int64] | None = None,
) -> pd.DataFrame:
    """The columns of a log, (n, 5): what is not given is what it is where it has no meaning."""
    count = len(label)
    columns = {
        "label": label.astype(np.float64),
        "flipped": np.zeros(count, bool) if flipped is None else flipped,
        "position": pd.array([pd.NA] * count if position is None else position, dtype="Int64"),
        "examination": np.full(count, np.nan) if examination is None else examination,
        "impressions": np.ones(count, np.int64) if impressions is None else impressions,
    }
    return pd.DataFrame(columns)
