"""Items that a shopper did not choose, drawn to stand beside the one that was chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sie_agent.errors import InputError
from sie_agent.samples.maps.map_parts import NextItem
from sie_agent.utils.arrays import Doubles


@dataclass(frozen=True)
class NextItemStep:
    """What a shopper had, and the item that came next.

    Attributes
    ----------
    row : where it stands in the log. user, name : the shopper, and what the ids of its rows begin with.
    history : ids, oldest first.
    target : the next item. barred : what is not drawn for the shopper: all that the log says the shopper had.
    label : what the next item is worth. time : when it came, as the log writes it; empty where it does not say.
    """

    row: int
    user: str
    name: str
    history: list[str]
    target: str
    barred: list[str]
    label: float = 1.0
    time: str = ""


def draw_others(
    steps: list[NextItemStep], ids: list[str], source: NextItem, where: str, popularity: Doubles | None = None
) -> list[list[str]]:
    """Per step ``source.others`` distinct items that the shopper neither had nor chose next.

    Parameters
    ----------
    popularity : (n_items,) how often each item is drawn before another; evenly without it.
    """
    random = np.random.default_rng(source.seed)
    upto = None if popularity is None else np.cumsum(popularity / popularity.sum())
    drawable = set(ids) if popularity is None else {ids[number] for number in np.flatnonzero(popularity)}
    others: list[list[str]] = []
    guesses = guessed_items(random, len(ids), upto, (len(steps), source.others))
    for row, (step, guessed) in enumerate(zip(steps, guesses.tolist(), strict=True)):
        barred = {*step.barred, step.target}
        if len(drawable - barred) < source.others:
            problem = f"{len(drawable)} items are too few to draw {source.others} that a shopper did not buy"
            raise InputError(problem, where=where, hint="Give more items, or a smaller number of others")
        drawn = []
        # further guesses are the shopper's own, so that nobody's items depend on how many shoppers are read
        random = np.random.default_rng([source.seed, row])
        for number in guessed:
            while ids[number] in barred:
                number = int(guessed_items(random, len(ids), upto, None))
            barred.add(ids[number])
            drawn.append(ids[number])
        others.append(drawn)
    return others


def guessed_items(
    random: np.random.Generator, count: int, upto: Doubles | None, shape: tuple[int, int] | None
) -> npt.NDArray[np.int64]:
    """Numbers below *count*: evenly, or by the summed shares *upto* (count,); one of them where *shape* is None."""
    if upto is None:
        return np.asarray(random.integers(count, size=shape), np.int64)
    # the sum of the shares may fall short of one by rounding; the last share that is not zero takes the rest
    last = int(np.searchsorted(upto, upto[-1]))
    return np.asarray(np.minimum(np.searchsorted(upto, random.random(shape), side="right"), last), np.int64)
