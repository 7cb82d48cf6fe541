"""Kinds of simulated logs: their settings, their columns, and the random draws that they share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.counts import counted

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

    @property
    def about_rate(self) -> str:
        """A sentence that says what the rate is, or that there is none."""
        return f"{self.rate_means.capitalize()}." if self.default_rate is None else f"Rate: {self.rate_means}."


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


def grades(samples: pd.DataFrame, where: str) -> Doubles:
    """The grades, or InputError if one is missing: noise is put on a truth that is known."""
    values = samples["grade"].to_numpy(dtype=np.float64)
    missing = int(np.isnan(values).sum())
    if missing:
        of_all = f"{missing:,} of {counted(len(values), 'row')} {'has' if missing == 1 else 'have'}"
        hint = "Use the log's own labels (log.kind: given), or keep only rows with a grade"
        raise InputError(f"{of_all} no grade, and a simulated log needs one in each", where=where, hint=hint)
    return values


def uniform(ids: pd.Series, seed: int, purpose: str) -> Doubles:
    """One number in [0, 1) per row: the first 53 bits of SHA-256 of seed, purpose and id."""
    start = hashlib.sha256(f"{seed}\0{purpose}\0".encode())
    draws = np.empty(len(ids))
    for row, one in enumerate(ids):
        state = start.copy()
        state.update(one.encode())
        draws[row] = (int.from_bytes(state.digest()[:8]) >> 11) * 2.0**-53
    return draws


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A stream of numbers of its own for each seed, of any size and sign, and purpose."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed}\0{purpose}".encode()).digest()))


def check_share(name: str, value: float, where: str) -> None:
    """Raise InputError unless the value lies in [0, 1]."""
    if not 0 <= value <= 1:
        raise InputError(f"{name} is {value}", where=where, hint="Give a number from 0 to 1")


def ranks(group: npt.NDArray[np.int64], *keys: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Rank of each row within its group, (n,), from 1; rows are ordered by the last key first, as in np.lexsort."""
    order = np.lexsort([*keys, group])
    ranked = np.empty(len(order), np.int64)
    ranked[order] = np.arange(len(order)) - np.searchsorted(group[order], group[order]) + 1
    return ranked
