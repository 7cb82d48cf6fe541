"""Rounds: some pairs are judged, and what the judge says of them decides on the next."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import numpy as np

from sie_agent.budget.random_pairs import RANDOM
from sie_agent.budget.strategy import Candidates, Known, Strategy
from sie_agent.utils.arrays import Doubles, Integers
from sie_agent.utils.threads import one_thread

FIRST_ROUND = 50
Rounds = Generator[Integers, Doubles, None]


def round_sizes(strategy: Strategy, budget: int) -> Iterator[int]:
    """How many pairs each round asks: 50, 50, 100, 200, … until the budget is spent; all at once where none is read.

    The sizes don't depend on the budget, so a larger one goes on where a smaller one ended.
    """
    spent = 0
    while spent < budget:
        size = max(spent, FIRST_ROUND) if strategy.reads_judgments else budget
        size = min(size, budget - spent)
        spent += size
        yield size


def choose(candidates: Candidates, strategy: Strategy, budget: int, seed: int) -> Rounds:
    """Choose *budget* pairs in rounds, all where there are no more; no pair twice.

    Parameters
    ----------
    candidates : in an order drawn by the seed, see :class:`PairPool`.

    Yields
    ------
    The row numbers of a round. It is sent the judge's answers to them, (k,), NaN where there is none.
    """
    known = Known(np.zeros(len(candidates), bool), np.full(len(candidates), np.nan))
    for number, size in enumerate(round_sizes(strategy, min(budget, len(candidates)))):
        chosen = RANDOM if strategy.reads_judgments and number == 0 else strategy
        # sums of several threads differ in the last bits, and a run that goes on has to choose the same pairs
        with one_thread():
            rows = chosen.choose(candidates, known, size, np.random.default_rng([seed, number]))
        answers = yield rows
        known.asked[rows] = True
        known.relevance[rows] = answers


def spend(
    candidates: Candidates, strategy: Strategy, budget: int, seed: int, ask: Callable[[Integers], Doubles]
) -> list[Integers]:
    """The rounds of :func:`choose`, where *ask* gives the answers at once."""
    rounds, asked = choose(candidates, strategy, budget, seed), []
    try:
        asked.append(next(rounds))
        while True:
            asked.append(rounds.send(ask(asked[-1])))
    except StopIteration:
        return asked
