"""How often items are looked at and how often that ends in a click, and the setting that gives a stated click rate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sie_agent.errors import InputError
from sie_agent.utils.arrays import Doubles

# share of the looks at a useless item that end in a click all the same
CURIOSITY = 0.1
MOST_DEPTH = 1e4


def attraction(grade: Doubles) -> Doubles:
    """Probability of a click on an item that is looked at, (n,): 0.1 + 0.9·grade^1.5."""
    return np.asarray(CURIOSITY + (1 - CURIOSITY) * grade**1.5)


def discount(position: npt.NDArray[np.int64]) -> Doubles:
    """1 / log2(1 + position), any shape: the discount of Järvelin and Kekäläinen (2002)."""
    return np.asarray(1 / np.log2(1 + position))


def check_rate(rate: float, where: str) -> None:
    """Raise InputError unless the click rate lies between 0 and 1."""
    if not 0 < rate < 1:
        raise InputError(f"rate is {rate}", where=where, hint="Give a click rate above 0 and below 1")


def solve(expected: Callable[[float], float], rate: float, low: float, high: float) -> float:
    """The setting from low to high at which the expected click rate is *rate*; it must lie between theirs."""
    from scipy.optimize import brentq

    return float(brentq(lambda setting: expected(setting) - rate, low, high, xtol=1e-12))


def out_of_reach(rate: float, most: float, where: str) -> InputError:
    """The grades do not give so many clicks."""
    problem = f"a click rate of {rate:g} cannot be reached: were every item looked at, {most:.3g} would be clicked"
    return InputError(problem, where=where, hint="Give a lower rate, or samples of which more are relevant")


def depth_for(rate: float, attraction: Doubles, bias: Callable[[float], Doubles], where: str) -> float:
    """How deep shoppers look so that the expected share of rows with a click is *rate*.

    ``P(click) = min(depth, 1)·attraction·bias(max(depth, 1))``. Up to a depth of 1 fewer looks end in a click. From
    there on shoppers look further down, which scales the probability of a look and is cut off at 1: were the
    probability of a click cut off instead, the upper places would tell good from bad no longer, and no examination
    would explain them.

    Parameters
    ----------
    attraction : (n,) probability of a click on what is looked at.
    bias : from a depth of at least 1 to the probability of a look at each row, (n,).

    Raises
    ------
    InputError
        If the rate is not a number between 0 and 1, or is more than looking at everything gives.
    """
    check_rate(rate, where)

    def expected(depth: float) -> float:
        return float(np.mean(min(depth, 1.0) * attraction * bias(max(depth, 1.0))))

    if expected(MOST_DEPTH) < rate:
        raise out_of_reach(rate, float(np.mean(attraction)), where)
    return solve(expected, rate, 0.0, 1.0) if expected(1.0) >= rate else solve(expected, rate, 1.0, MOST_DEPTH)
