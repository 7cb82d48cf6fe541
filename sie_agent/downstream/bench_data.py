"""What stays the same while strategies change: the rows of one draw, and the judges' answers to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sie_agent.pipeline import DistillSettings, Log
from sie_agent.utils.arrays import Booleans, Doubles, Floats, Integers


class Way(NamedTuple):
    """What was done to the log, and the model that was trained on it.

    ``judge`` is '' where none took part; ``twin`` says that the judge's knowledge had been removed.
    """

    ranker: str
    strategy: str
    judge: str = ""
    twin: bool = False


@dataclass(frozen=True)
class JudgeAnswers:
    """One judge's answers to every row that it may be asked about.

    Attributes
    ----------
    relevance : (n,) in [0, 1], NaN where there is none. by_rank : only their order means something.
    twin : a control, whose knowledge was removed.
    again : where grades decide on the answers: from (n,) tuning rows of a fold to the answers by their grades, (n,).
    """

    name: str
    relevance: Doubles
    by_rank: bool
    twin: bool = False
    again: Callable[[Booleans], Doubles] | None = None

    def tuned_on(self, tuning: Booleans) -> JudgeAnswers:
        """The answers as the grades of these rows, and of no others, make them."""
        return self if self.again is None else replace(self, relevance=self.again(tuning), again=None)


@dataclass(frozen=True)
class BenchData:
    """The rows of one draw.

    Attributes
    ----------
    rows : the log's view of every row: text features, what proxies read, label, query code. No grade.
    features : by what rankers read (``target``, ``text``, ``embeddings``), (n, ...).
    grade : (n,) human grade; only tuning, testing and clean labels read it. relevant_at : from which on relevant.
    position, examination : (n,) rank at which a row was shown, and the true probability that it was looked at up to
        a factor; NaN where the log has none. impressions : (n,) how often it was shown.
    text_scores : by name, untrained scores of every row, (n,). query_names : of the query codes.
    ties : (n,) what decides between rows of one score, as `sie select` does; None: the order of rows.
    """

    rows: Log
    features: Mapping[str, Floats]
    grade: Doubles
    relevant_at: float
    position: Doubles
    examination: Doubles
    impressions: Doubles
    query_names: Sequence[str]
    settings: DistillSettings
    seed: int
    text_scores: Mapping[str, Doubles] = field(default_factory=dict)
    ties: npt.NDArray[np.int64] | None = None

    @property
    def queries(self) -> Integers:
        """(n,) code of each row's query."""
        return self.rows.queries

    @property
    def relevant(self) -> Booleans:
        """(n,) whether a row is relevant."""
        return self.grade >= self.relevant_at

    @property
    def has_positions(self) -> bool:
        """Whether the log says where rows were shown, be it not of every row."""
        return bool(np.isfinite(self.position).any())
