"""Which target and weights a log is given: a few recipes are tried on graded queries, and one is chosen by a rule.

With graded queries (`choose_by_grades`): the judge is used only where its answers put the items of a query in the right
order certainly more often than by chance. Then the mildest recipe is taken, unless a model trained by another is
certainly better on the tuning queries; and neither where it is not above the log there. Without any (`choose_by_log`):
the mildest recipe, where the judge's answers put the log's own labels in order certainly more often than by chance.
Else the log stays as it is. Nothing is decided on fewer than twelve queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sie_agent.evaluation import WithinQueries
from sie_agent.selection import Recipe
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.counts import counted

LOG = Recipe(why="nothing better was shown")
# what is tried; the log first
CANDIDATES: tuple[Recipe, ...] = (
    LOG,
    Recipe(by="support", strength=0.5),
    Recipe(by="value", strength=0.5),
    Recipe(blend=0.3, by="value", strength=0.5),
    Recipe(blend=0.6, by="value", strength=0.5),
    Recipe(blend=0.6),
    Recipe(blend=1.0),
)
# of the candidates the one that harms least where a judge knows little
MILDEST = CANDIDATES[1]
CHANCE, FEWEST_QUERIES = 0.5, 12
# another recipe is believed to be better from so many standard errors on: 95 %, one-sided
ERRORS = 1.645


def above_chance(judge: WithinQueries) -> bool:
    """Whether a judge certainly orders the items of a query better than a coin.

    Of fewer than twelve queries a bootstrap is too sure: with two of them a coin passes in 24 % of the cases, with
    eight in 5 %, with twelve in under 2 %.
    """
    return judge.n_queries >= FEWEST_QUERIES and judge.low > CHANCE


def strength_words(judge: WithinQueries) -> str:
    """How well a judge orders the items of a query, for people."""
    if not judge.n_queries:
        return "no query has a pair of rows that can tell"
    on = f"on {counted(judge.n_queries, 'query')}"
    if judge.n_queries < FEWEST_QUERIES:
        return f"{judge.mean:.3f} {on}, and at least {FEWEST_QUERIES} are needed"
    return f"{judge.mean:.3f} [{judge.low:.3f}, {judge.high:.3f}] {on}; chance is 0.5"


def choose_by_grades(accuracy: Doubles, judge: WithinQueries) -> int:
    """Number of the candidate to use, from what models trained by each reach on tuning queries.

    The mildest recipe, or the one that is furthest ahead of it once 1.645 standard errors over queries are taken off;
    the log where the judge is not above chance, where there are fewer than twelve tuning queries, or where the chosen
    one does not do better than the log. That the mildest does so is not asked for certain: the judge has been shown to
    know something, and it is the recipe that harms least.

    Parameters
    ----------
    accuracy : (candidates, queries) share of the pairs of a tuning query that each model puts in the right order, NaN
        where a query has none; in the order of ``CANDIDATES``.
    judge : how well the judge orders the graded queries at hand.
    """
    known = ~np.isnan(accuracy).any(axis=0)
    count, mildest = int(known.sum()), CANDIDATES.index(MILDEST)
    if not above_chance(judge) or count < FEWEST_QUERIES:
        return 0
    ahead = accuracy[:, known] - accuracy[mildest, known]
    sure = ahead.mean(axis=1) - ERRORS * ahead.std(axis=1, ddof=1) / np.sqrt(count)
    sure[mildest], sure[0] = 0.0, -np.inf
    best = int(np.argmax(sure))
    gain = float((accuracy[best, known] - accuracy[0, known]).mean())
    return best if gain > 0 else 0


def tuned(candidates: Sequence[Recipe], accuracy: Doubles, judge: WithinQueries) -> Recipe:
    """The recipe of :func:`choose_by_grades`, with its reasons."""
    chosen, known = choose_by_grades(accuracy, judge), ~np.isnan(accuracy).any(axis=0)
    said = strength_words(judge)
    if not above_chance(judge):
        why = f"on graded queries, the judge is not clearly better than chance at ordering items ({said})"
        if judge.n_queries < FEWEST_QUERIES:
            why = f"too few queries are graded to tell whether the judge orders items better than chance ({said})"
        return replace(candidates[0], chosen="log", why=why)
    if known.sum() < FEWEST_QUERIES:
        tuning = counted(int(known.sum()), "graded query")
        why = f"{tuning} are left to try recipes on, and at least {FEWEST_QUERIES} are needed"
        return replace(candidates[0], chosen="log", why=why)
    if chosen == 0:
        why = f"on {int(known.sum())} tuning queries, no recipe ordered items better than the unchanged log"
        return replace(candidates[0], chosen="log", why=why)
    reached, log = accuracy[chosen, known].mean(), accuracy[0, known].mean()
    place = "the mildest" if candidates[chosen].words == MILDEST.words else "clearly better than the mildest,"
    # enough digits to show which is above
    digits = next((one for one in range(3, 9) if f"{reached:.{one}f}" != f"{log:.{one}f}"), 9)
    why = (
        f"{place} of {len(candidates)} on {int(known.sum())} tuning queries: it orders {reached:.{digits}f} of "
        f"a query's pairs correctly, the unchanged log {log:.{digits}f}"
    )
    return replace(candidates[chosen], chosen="tuned", why=why)


def choose_by_log(judge: WithinQueries) -> Recipe:
    """The recipe for a log without grades, from how well the judge orders the log's own labels within queries."""
    said = strength_words(judge)
    if above_chance(judge):
        why = f"there are no grades to choose by; within queries, the judge agrees with the log's labels ({said})"
        return replace(MILDEST, chosen="rule", why=why)
    told = f"within queries, the judge does not agree with the log's labels clearly better than chance ({said})"
    if judge.n_queries < FEWEST_QUERIES:
        told = f"too few queries can tell whether the judge agrees with the log's labels ({said})"
    why = f"there are no grades to choose by; {told}"
    return replace(LOG, chosen="log", why=why)
