"""Rounds: some pairs are judged, and what the judge says of them decides on the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from sie_agent.budget.random_pairs import RANDOM
from sie_agent.budget.strategy import Candidates, Known, Strategy
from sie_agent.utils.arrays import Doubles, Integers

FIRST_ROUND = 50
# from the numbers of some candidates to the judge's answers, NaN where there is none; None: nothing more can be asked
Ask = Callable[[Integers], Doubles | None]


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


def spend(candidates: Candidates, strategy: Strategy, budget: int, seed: int, ask: Ask) -> list[Integers]:
    """Choose *budget* pairs in rounds, and have them judged; all there are where that is fewer.

    Parameters
    ----------
    candidates : in an order drawn by the seed, see :class:`PairPool`. ask : is told the pairs of a round.

    Returns
    -------
    The row numbers of each round, no pair twice. Fewer than *budget* where *ask* could not go on; that round is the
    last one in the list.
    """
    known = Known(np.zeros(len(candidates), bool), np.full(len(candidates), np.nan))
    rounds: list[Integers] = []
    for number, size in enumerate(round_sizes(strategy, min(budget, len(candidates)))):
        first = strategy.reads_judgments and number == 0
        choose = RANDOM.choose if first else strategy.choose
        rows = choose(candidates, known, size, np.random.default_rng([seed, number]))
        rounds.append(rows)
        answers = ask(rows)
        if answers is None:
            break
        known.asked[rows] = True
        known.relevance[rows] = answers
    return rounds
