"""``sie label --budget N``: which pairs of the log are judged, in rounds that the judge's answers decide on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.budget import (
    DEFAULT,
    POOL_PAIRS,
    RANDOM,
    STRATEGIES,
    Candidates,
    PairPool,
    Rounds,
    choose,
    strategy_named,
    without_texts,
)
from sie_agent.commands.log_rows import LogRows
from sie_agent.errors import InputError
from sie_agent.judging import Backend, JudgmentCache, Session, Variant, cached_scores
from sie_agent.samples import InvalidRows
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say
from sie_agent.utils.values import check_values

# from a table of rows to the judge's answers, (n,), NaN where there is none; None: stop here
Read = Callable[[pd.DataFrame], Doubles | None]


@dataclass(frozen=True)
class Budget:
    """How many pairs are judged, and how they are chosen.

    Attributes
    ----------
    pairs : how many. strategy : a name in ``STRATEGIES``. seed : of all draws.
    """

    pairs: int
    strategy: str = DEFAULT
    seed: int = 0


def budget_of(pairs: int | None, strategy: str | None, seed: int) -> Budget | None:
    """The budget that was given; None where the whole log is judged.

    Raises
    ------
    InputError : a value is wrong, or a strategy was given without a budget.
    """
    check_values(budget=pairs, strategy=strategy, seed=seed)
    chosen = strategy_named(DEFAULT if strategy is None else strategy)
    if pairs is None:
        if strategy is not None:
            raise InputError(
                "chooses pairs for a budget, and none was given", where="--strategy", hint="Add --budget N."
            )
        return None
    return Budget(pairs, chosen.name, seed)


class ChosenPairs:
    """The rows of a log that a budget is spent on, as a log of their own: a row of each chosen pair.

    Parameters
    ----------
    log : read once, in chunks. budget : how many pairs of it, and how they are chosen.
    read : what the judge said of the pairs of a round; asked before the next round is chosen.
    stands_in : choose the rest at random where *read* cannot go on, to know about what it will cost.

    Attributes
    ----------
    rows_read, impressions : of the log. pairs : distinct ones of the log; pool : how many were chosen from.
    rounds : how many pairs each round asked.
    """

    def __init__(self, log: LogRows, budget: Budget, read: Read, *, stands_in: bool = False) -> None:
        self.data, self._log, self._budget, self._read, self._stands_in = log.data, log, budget, read, stands_in
        self._chosen: list[pd.DataFrame] = []
        self._done = False
        self.rows_read = self.impressions = self.pairs = self.pool = 0
        self.guessed = 0

    @property
    def invalid(self) -> InvalidRows | None:
        """What became of rows that cannot be used."""
        return self._log.invalid

    @property
    def seed(self) -> int:
        """Of all draws."""
        return self._budget.seed

    @property
    def count(self) -> int:
        """At most so many rows."""
        return self._budget.pairs

    @property
    def rounds(self) -> list[int]:
        """How many pairs each round asked."""
        return [len(rows) for rows in self._chosen]

    def as_dict(self) -> dict[str, Any]:
        """For manifest and result."""
        return {
            "pairs": self._budget.pairs,
            "strategy": self._budget.strategy,
            "seed": self._budget.seed,
            "rounds": self.rounds,
            "pairs_in_log": self.pairs,
            "chosen_from": self.pool,
            "not_known_yet": self.guessed,
        }

    def chunks(self) -> Iterator[pd.DataFrame]:
        """The chosen rows, round by round; the second time the same ones."""
        if self._done:
            yield from (part for rows in self._chosen for part in self._parts(rows))
            return
        rows, candidates = self._pooled()
        rounds = self._rounds(candidates)
        try:
            chosen = next(rounds)
            while True:
                self._chosen.append(rows.iloc[chosen].reset_index(drop=True))
                yield from self._parts(self._chosen[-1])
                answers = self._read(self._chosen[-1])
                if answers is None:
                    break
                chosen = rounds.send(answers)
        except StopIteration:
            pass
        left = min(self._budget.pairs, len(rows)) - sum(self.rounds)
        if self._stands_in and left > 0:
            taken = set(pd.concat(self._chosen)["sample_id"])
            self._chosen.append(rows[~rows["sample_id"].isin(taken)].head(left).reset_index(drop=True))
            self.guessed = left
            yield from self._parts(self._chosen[-1])
        self._done = True

    def _parts(self, rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
        for first in range(0, len(rows), self._log.chunk_rows):
            yield rows.iloc[first : first + self._log.chunk_rows].reset_index(drop=True)

    def _pooled(self) -> tuple[pd.DataFrame, Candidates]:
        """The pairs to choose from, and what the strategy may read of them."""
        pool = PairPool(max(POOL_PAIRS, self._budget.pairs), self._budget.seed)
        for chunk in self._log.chunks():
            pool.add(chunk)
        rows = pool.rows()
        self.rows_read, self.impressions = pool.samples, pool.impressions
        self.pairs, self.pool = len(pool.pairs), len(rows)
        strategy = STRATEGIES[self._budget.strategy]
        many = f"{counted(min(self._budget.pairs, len(rows)), 'pair')} of {self.pairs:,}"
        say(f"Choosing {many} by --strategy {strategy.name}: {strategy.meaning}")
        if not strategy.reads_texts or len(rows) <= self._budget.pairs:
            return rows, without_texts(len(rows))
        candidates = pool.candidates()
        if strategy.reads_label and np.isnan(candidates.label).all():
            hint = "Choose another strategy, or give the label in a column map"
            raise InputError(
                f"'{strategy.name}' reads the log's labels, and it has none", where="--strategy", hint=hint
            )
        return rows, candidates

    def _rounds(self, candidates: Candidates) -> Rounds:
        # where all are judged there is nothing to choose
        chosen = STRATEGIES[self._budget.strategy] if len(candidates) > self._budget.pairs else RANDOM
        return choose(candidates, chosen, self._budget.pairs, self._budget.seed)


def check_guide(variants: Sequence[Variant]) -> Variant:
    """The variant whose answers decide on the next pairs: the first, which has to ask for relevance.

    Raises
    ------
    InputError : it asks for clarity.
    """
    if variants[0].aspect != "relevance":
        problem = f"a budget is spent on pairs, and '{variants[0].name}' asks about queries"
        raise InputError(problem, where="--budget", hint="Give a variant of relevance first, then this one.")
    return variants[0]


def answers_of(
    variant: Variant, backend: Backend, cache: JudgmentCache, session: Session | None, *, retry_failed: bool
) -> Read:
    """Reads the judge's answers out of the cache, where every answer is before it counts.

    Parameters
    ----------
    session : of the run that asks; None: nothing is asked, and the first pair without an answer ends it.
    """

    def read(rows: pd.DataFrame) -> Doubles | None:
        if session is not None and session.stopped is not None:
            return None
        scores, pending = cached_scores(rows, variant, backend, cache, retry_failed=retry_failed and session is None)
        return None if session is None and pending else scores

    return read
