"""The threshold of a level: one path from the strictest to the loosest, tested in order until a step fails."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sie_agent.cascade.agreement_test import agreement_p, log_capital, more_queries, query_gains
from sie_agent.utils.arrays import Booleans, Doubles, Integers

TOO_FEW, HELD, FAILED, NOT_TESTED = "too-few", "held", "failed", "not-tested"


@dataclass(frozen=True)
class LevelPairs:
    """What a level says of the pairs that it is asked about, in one set of queries.

    Attributes
    ----------
    confidence : (n,) NaN where it has no answer. agrees : (n,) whether a person says the same.
    queries : (n,) codes from 0. n_queries : how many there are, those of which no pair is left among them.
    """

    confidence: Doubles
    agrees: Booleans
    queries: Integers
    n_queries: int

    def at(self, threshold: float) -> Booleans:
        """(n,) the pairs that it settles."""
        # NaN is at no threshold
        return np.asarray(self.confidence >= threshold, bool)


@dataclass(frozen=True)
class PathStep:
    """A threshold on the path.

    Attributes
    ----------
    threshold : confidence from which on a pair is settled. most : a query counts as at most so many pairs.
    status : ``held``, ``failed``, ``not-tested`` (behind one that failed) or ``too-few`` (even if all agreed).
    p : of the test; None where there was none. n_pairs, n_queries, agreement : of the calibration queries.
    """

    threshold: float
    most: int | None
    status: str = NOT_TESTED
    p: float | None = None
    n_pairs: int = 0
    n_queries: int = 0
    agreement: float | None = None


@dataclass(frozen=True)
class Chosen:
    """What came of a path.

    Attributes
    ----------
    threshold : the loosest that held; None where none did, and the level settles nothing. delta : level of each test.
    n_testable : steps that could have held. more : further graded queries with which the step that did not hold
        would, if they agree as those so far; None where there is none, or no number would do.
    """

    threshold: float | None
    delta: float
    steps: list[PathStep] = field(default_factory=list)
    n_testable: int = 0
    more: int | None = None


def path_of(confidence: Doubles, queries: Integers, steps: int, *, counts: str = "pairs") -> list[PathStep]:
    """The thresholds of a level, from the strictest to the loosest, which settles all that it answers.

    Parameters
    ----------
    confidence, queries : (n,) of the pairs of test queries. Their grades are not read: calibration queries are
        independent of them, so the path is fixed before the first test.
    steps : how many; each settles as many more of those pairs. Equal ones are one.
    counts : ``pairs``, a query counts as its number of settled pairs, at most as the largest of the test queries;
        ``queries``, each counts the same.
    """
    known = ~np.isnan(confidence)
    if not known.any():
        return []
    shares = np.arange(1, steps) / steps
    cuts = [*np.quantile(confidence[known], 1 - shares, method="lower"), 0.0]
    found = []
    for threshold in dict.fromkeys(float(cut) for cut in cuts):
        sizes = np.bincount(queries[known & (confidence >= threshold)])
        found.append(PathStep(threshold, int(sizes.max(initial=1)) if counts == "pairs" else None))
    return found


def testable(step: PathStep, test: LevelPairs, n_calibration: int, *, alpha: float, delta: float) -> bool:
    """Whether a step would hold if all agreed: from how many pairs of test queries it settles, and no grade."""
    rows = test.at(step.threshold)
    gains, _ = query_gains(
        np.ones(int(rows.sum()), bool), test.queries[rows], test.n_queries, alpha=alpha, most=step.most
    )
    # as many queries as there are to calibrate on, each like one of the test queries
    times = n_calibration / max(test.n_queries, 1)
    return bool(log_capital(gains, alpha, times=times) >= -np.log(delta))


def choose_threshold(
    tuning: LevelPairs, test: LevelPairs, *, alpha: float, delta: float, steps: int, counts: str = "pairs"
) -> Chosen:
    """The loosest threshold of a level at which agreement is shown to be at least 1 - alpha.

    Fixed-sequence testing (Bauer 1991; learn then test, Angelopoulos and others 2021; Jung, Brahman and Choi 2024): the
    steps of the path are tested in order, each at *delta*, and the first that is not rejected ends it. A bad threshold
    is chosen only if the first bad one on the path was rejected, so with a probability of at most *delta*.

    Parameters
    ----------
    tuning : calibration queries; their grades are read in the order of the path. test : other queries, whose
        confidences give the path and whose grades are not read.
    """
    path = path_of(test.confidence, test.queries, steps, counts=counts)
    done: list[PathStep] = []
    threshold, more, stopped, could = None, None, False, 0
    for step in path:
        able = testable(step, test, tuning.n_queries, alpha=alpha, delta=delta)
        could += able
        rows = tuning.at(step.threshold)
        told: dict[str, Any] = {
            "n_pairs": int(rows.sum()),
            "n_queries": len(np.unique(tuning.queries[rows])),
            "agreement": float(tuning.agrees[rows].mean()) if rows.any() else None,
        }
        if stopped or not able:
            done.append(PathStep(step.threshold, step.most, NOT_TESTED if stopped else TOO_FEW, None, **told))
            continue
        gains = gains_at(tuning, step, alpha)
        p = agreement_p(gains, alpha)
        stopped = p > delta
        if stopped:
            more = more_queries(gains, alpha, delta)
        else:
            threshold = step.threshold
        done.append(PathStep(step.threshold, step.most, FAILED if stopped else HELD, p, **told))
    if not could:
        needed = [more_queries(gains_at(tuning, step, alpha), alpha, delta) for step in path]
        more = min((count for count in needed if count is not None), default=None)
    return Chosen(threshold, delta, done, could, more)


def gains_at(settled: LevelPairs, step: PathStep, alpha: float) -> Doubles:
    """(n_queries,) what each query says for the agreement at a threshold."""
    rows = settled.at(step.threshold)
    n_queries = settled.n_queries
    return query_gains(settled.agrees[rows], settled.queries[rows], n_queries, alpha=alpha, most=step.most)[0]
