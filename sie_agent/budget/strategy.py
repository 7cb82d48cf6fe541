"""A strategy: how the next pairs to judge are chosen, and what it may read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sie_agent.utils.arrays import Booleans, Doubles, Floats, Integers

# below any score that says something
NEXT_TO_NONE = 1e-12


@dataclass(frozen=True)
class Candidates:
    """The pairs to choose from: text features, the log's label and the query of each. No grade.

    Attributes
    ----------
    features : (n, d) text features. label : (n,) the log's, in [0, 1], NaN where it has none.
    queries : (n,) query codes. text_score : (n,) an untrained score of how well the title answers the query.
    """

    features: Floats
    label: Doubles
    queries: Integers
    text_score: Doubles

    def __len__(self) -> int:
        return len(self.features)


def without_texts(count: int) -> Candidates:
    """So many pairs of which nothing is known."""
    nothing = np.full(count, np.nan)
    return Candidates(np.empty((count, 0), np.float32), nothing, np.arange(count), nothing)


@dataclass(frozen=True)
class Known:
    """What earlier rounds found out.

    Attributes
    ----------
    asked : (n,) which pairs were put before the judge. relevance : (n,) its answers in [0, 1], NaN where there is none.
    """

    asked: Booleans
    relevance: Doubles


Choice = Callable[[Candidates, Known, int, np.random.Generator], Integers]


@dataclass(frozen=True)
class Strategy:
    """A way to choose the pairs that are judged.

    Attributes
    ----------
    choose : from the candidates, what is known, how many are wanted and the draws of the round, to the row numbers of
        so many pairs that were not asked, each once. A smaller number gives the beginning of the same list.
    meaning : for people, in a few words.
    reads_texts : it reads more than how many pairs there are. reads_judgments : it goes in rounds, the first at random.
    reads_label : it needs the log's labels.
    """

    name: str
    choose: Choice
    meaning: str
    reads_texts: bool = True
    reads_judgments: bool = False
    reads_label: bool = False


def draw_by_score(scores: Doubles, known: Known, count: int, rng: np.random.Generator) -> Integers:
    """Draw pairs without replacement, each in proportion to its score; those of score 0 come last, in any order.

    Taking the highest scores instead fills a round with pairs that say the same (power acquisition with β = 1, Kirsch
    2023: the largest ln score + Gumbel noise).

    Parameters
    ----------
    scores : (n,) from 0; rng : always drawn from n times, so that the number wanted changes no order.

    Returns
    -------
    (count,) row numbers, or fewer where no more are left.
    """
    keys = np.log(np.maximum(scores, NEXT_TO_NONE)) + rng.gumbel(size=len(scores))
    left = np.flatnonzero(~known.asked)
    return np.asarray(left[np.argsort(-keys[left], kind="stable")[:count]], np.intp)
