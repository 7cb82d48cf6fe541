"""Rankers trained on a share of the log's rows, kept as `sie select` keeps them: how good, and in how many seconds.

A share of the rows is never a rival in the verdict: these ways have a table of their own, beside that of the bench.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from sie_agent.downstream.bench_data import BenchData, Way
from sie_agent.downstream.folds import Fold
from sie_agent.downstream.strategies import LOG, Columns, losses_of_log
from sie_agent.labels import WEAK_LABELS
from sie_agent.selection import POSITIVE_AT, covering_mask
from sie_agent.utils.arrays import Booleans, Doubles, Floats

# the scores of a judge that rows are kept by, and what needs no judge
BY_SCORE = ("support", "value")
BY_LOSS, AT_RANDOM = "plain loss", "random"
KEEP_SEED = 50_000


class Trained(NamedTuple):
    """One ranker, trained.

    Attributes
    ----------
    on_tune : accuracy on each tuning query, (queries of the tuning pairs,). predictions : of the test rows.
    seconds, cpu_seconds : time of the training on the clock and on the processor, without the predictions.
    """

    on_tune: Doubles
    predictions: Floats
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Selection:
    """Rows of a fold's log that are kept.

    Attributes
    ----------
    keep : the share that was asked for. by : what decides, one of ``BY_SCORE``, ``BY_LOSS`` and ``AT_RANDOM``.
    judge, twin : whose scores, '' where no judge took part. rows : (n_log,) True where a row is kept.
    """

    keep: float
    by: str
    rows: Booleans
    judge: str = ""
    twin: bool = False

    def way(self, ranker: str) -> Way:
        """What a ranker trained on these rows is called."""
        return Way(ranker, keep_name(self.keep, self.by), self.judge, self.twin)


@dataclass
class Keeping:
    """What is tried on shares of the rows in one draw, and what comes of it.

    Attributes
    ----------
    shares : each in (0, 1). judge : the judge by whose scores, and by whose twin's, rows are kept.
    tables : a fold each, as of `measure_fold`. trainings : one per ranker, fold and selection, with the whole log
        first: ``fold, ranker, strategy, judge, twin, rows, positives`` (share of the rows)``, seconds, cpu_seconds``.
    predictions : of the fold at hand.
    """

    shares: Sequence[float]
    judge: str
    tables: list[pd.DataFrame] = field(default_factory=list)
    trainings: list[dict[str, Any]] = field(default_factory=list)
    predictions: dict[Way, Floats] = field(default_factory=dict)

    def try_on(
        self,
        ranker: str,
        train: Callable[[Columns, Booleans], Trained],
        picked: Sequence[Selection],
        log: Trained,
        label: Doubles,
    ) -> None:
        """Train a ranker on each selection of a fold.

        Parameters
        ----------
        train : trains on some rows of the log. log : trained on all of them. label : (n_log,) the log's labels.
        """
        self.note(Way(ranker, LOG), label, log)
        for one in picked:
            way, kept = one.way(ranker), label[one.rows]
            trained = train(Columns(kept), one.rows)
            self.predictions[way] = trained.predictions
            self.note(way, kept, trained)

    def note(self, way: Way, label: Doubles, trained: Trained) -> None:
        """Write down one training on rows with these labels."""
        counts = {"rows": len(label), "positives": float(np.mean(label >= POSITIVE_AT))}
        times = {"seconds": trained.seconds, "cpu_seconds": trained.cpu_seconds}
        self.trainings.append({**way._asdict(), **counts, **times})

    def close_fold(self, place: int, measure: Callable[[Mapping[Way, Floats]], pd.DataFrame]) -> None:
        """Measure the predictions of a fold and make room for the next one's."""
        self.tables.append(measure(self.predictions))
        self.predictions = {}
        for one in self.trainings:
            one.setdefault("fold", place)


def keep_name(keep: float, by: str) -> str:
    """What a selection is called in tables."""
    return f"keep {keep!r}, by {by}"


def kept_names(shares: Sequence[float]) -> dict[str, tuple[float, str]]:
    """Every selection's share and what decides, by :func:`keep_name`."""
    return {keep_name(keep, by): (keep, by) for keep in shares for by in (*BY_SCORE, BY_LOSS, AT_RANDOM)}


def kept_rows(
    score: Doubles,
    keep: float,
    label: Doubles,
    queries: np.ndarray,
    *,
    higher: bool = True,
    ties: npt.NDArray[np.int64] | None = None,
) -> Booleans:
    """The rows that ``sie select`` keeps of a log, by its defaults: (n,) True where a row is kept.

    Every query keeps its best positive row, and positives, others and unlabelled rows lose the same share each.

    Parameters
    ----------
    score, label : (n,); queries : (n,) code of each row's query; keep : share of the rows, in (0, 1].
    higher : whether high scores are kept. ties : (n,) what decides between rows of one score; None: their order.

    Raises
    ------
    InputError : *keep* is not in (0, 1].
    """
    texts = pd.Series(queries)
    return covering_mask(score, keep, texts, label, higher=higher, positive_at=POSITIVE_AT, balance=True, ties=ties)


def selections(
    data: BenchData, fold: Fold, shares: Sequence[float], scored: Mapping[tuple[str, bool], Mapping[str, Doubles]]
) -> list[Selection]:
    """What is kept of a fold's log, at each share: by scores, by plain loss, at random.

    Parameters
    ----------
    scored : by judge and whether it is its twin: the scores of the log's rows by weak label, each (n_log,).
    """
    orders: list[tuple[str, str, bool, Doubles, bool]] = [
        (by, judge, twin, scores[by], WEAK_LABELS[by].high_is_good)
        for (judge, twin), scores in scored.items()
        for by in BY_SCORE
    ]
    orders.append((BY_LOSS, "", False, losses_of_log(data, fold), False))
    # one order for all shares, so that larger ones hold the smaller ones
    chance = np.random.default_rng([KEEP_SEED, data.seed]).random(len(data.grade))
    orders.append((AT_RANDOM, "", False, chance[fold.log], True))
    label, queries = data.rows.label[fold.log], data.queries[fold.log]
    ties = None if data.ties is None else data.ties[fold.log]
    return [
        Selection(keep, by, kept_rows(score, keep, label, queries, higher=higher, ties=ties), judge, twin)
        for keep in shares
        for by, judge, twin, score, higher in orders
    ]
