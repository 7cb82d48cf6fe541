"""How often tests repeat what is drawn at random: kills, simulated logs and markets, damaged files.

Three times as a rule, `SIE_SOAK` times as often where that is set: `make soak` does so before a release.
"""

from __future__ import annotations

import os

FEW = 3


def scale() -> int:
    """What ``SIE_SOAK`` says; 1 where it is not set."""
    told = os.environ.get("SIE_SOAK", "1")
    if not told.isdecimal() or int(told) < 1:
        raise ValueError(f"SIE_SOAK is '{told}'. Give a whole number from 1 upwards")
    return int(told)


def seeds(first: int = 0) -> range:
    """Three seeds from *first* on, or as many more as ``SIE_SOAK`` asks for."""
    return range(first, first + FEW * scale())


def times() -> int:
    """How often something is to be killed."""
    return FEW * scale()
