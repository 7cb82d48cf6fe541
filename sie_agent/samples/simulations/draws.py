"""What every simulated log draws from: the truth, and hashes of the rows' ids."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.errors import InputError
from sie_agent.utils.counts import counted

Doubles = npt.NDArray[np.float64]


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
