"""A cascade calibrated: level after level on what is left, each by one path of thresholds, on queries of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from sie_agent.calibration import CalibrationCurve, fit_calibration
from sie_agent.cascade import (
    Answers,
    CascadeSettings,
    Chosen,
    DecisionScale,
    LevelPairs,
    Opinion,
    ScorerLevel,
    choose_threshold,
    levels_hash,
    opinion_of,
    settled_figures,
)
from sie_agent.commands.cascade_askers import AskingLimits, LevelAsker
from sie_agent.commands.cascade_tables import cost_of
from sie_agent.errors import InputError
from sie_agent.pipeline.loading import samples_hash
from sie_agent.samples import assign_query_sets, query_keys
from sie_agent.utils.arrays import Booleans, Integers
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say

# names of the query sets that curves are fitted on, thresholds tested on, and paths and figures taken from
FIT, TUNE, TEST = "log-judged", "tune", "test"


@dataclass(frozen=True)
class Aim:
    """What is to be guaranteed.

    Attributes
    ----------
    alpha, delta : agreement of at least 1 - alpha with a probability of at least 1 - delta. agree_on : ``relevant`` or
        ``level``. relevant_at : grade from which on a pair counts as relevant. tune : share of the queries that
        thresholds are tested on; of the others half are for curves. seed : of the query sets.
    """

    alpha: float = 0.1
    delta: float = 0.05
    agree_on: str = "relevant"
    relevant_at: float = 0.75
    tune: float = 0.5
    seed: int = 0


@dataclass
class GradedPairs:
    """The graded pairs, in their query sets, and what became of them.

    Attributes
    ----------
    rows : samples. truth : (n,) the decision that each grade is. queries : (n,) codes from 0. sets : (n,) names.
    left : (n,) which nobody has settled yet. before : judgments of the last level, of all rows it was asked about.
    """

    rows: pd.DataFrame
    truth: Integers
    queries: Integers
    sets: np.ndarray
    left: Booleans
    before: pd.DataFrame | None = None

    def of(self, name: str) -> Booleans:
        """(n,) the pairs of a set that are left."""
        return np.asarray(self.left & (self.sets == name), bool)

    def n_queries(self, name: str) -> int:
        """How many queries a set has."""
        return len(np.unique(self.queries[self.sets == name]))

    def settled(self, name: str, opinion: Opinion) -> LevelPairs:
        """What a level says of the pairs of a set that are left; the queries without one count too."""
        rows = self.of(name)
        codes = np.unique(self.queries[self.sets == name])
        places = np.searchsorted(codes, self.queries[rows]).astype(np.intp)
        agrees = np.asarray(opinion.decision[rows] == self.truth[rows], bool)
        return LevelPairs(opinion.confidence[rows], agrees, places, len(codes))


def pairs_of(samples: pd.DataFrame, scale: DecisionScale, aim: Aim) -> GradedPairs:
    """The graded pairs by query set.

    Raises
    ------
    InputError : no pair is graded, or too few queries are.
    """
    rows = samples[samples["grade"].notna()].reset_index(drop=True)
    if rows.empty:
        raise InputError(
            "no pair has a grade, and thresholds are calibrated on grades",
            where="field 'grade'",
            hint="Map the grade, or give --grades FILE.",
        )
    rest = (1 - aim.tune) / 2
    shares = {TUNE: aim.tune, TEST: 1 - aim.tune} if scale.by_level else {FIT: rest, TUNE: aim.tune, TEST: rest}
    try:
        sets = assign_query_sets(rows, shares, aim.seed)
    except InputError as error:
        hint = "Grade pairs of more queries, or give another --tune."
        raise InputError(error.problem, where="--tune", hint=hint) from error
    queries = pd.factorize(query_keys(rows["query"]), sort=True)[0].astype(np.intp)
    truth = scale.of_grades(rows["grade"].to_numpy(np.float64))
    return GradedPairs(rows, truth, queries, sets.to_numpy(object), np.ones(len(rows), bool))


def scale_of(samples: pd.DataFrame, aim: Aim) -> DecisionScale:
    """What decisions are about.

    Raises
    ------
    InputError : decisions are to be grades, and there are fewer than two.
    """
    if aim.agree_on == "relevant":
        return DecisionScale(relevant_at=aim.relevant_at)
    levels = np.unique(samples["grade"].dropna().to_numpy(np.float64))
    if not 2 <= len(levels) <= 20:
        problem = f"the grades have {len(levels)} different values; decisions need 2 to 20"
        raise InputError(problem, where="--agree-on level", hint="Use --agree-on relevant.")
    return DecisionScale(tuple(float(one) for one in levels), aim.relevant_at)


@dataclass
class ErrorShare:
    """How the probability of an error is shared: by levels, and of a level by the outcomes of those before it.

    The pairs that a level is asked about depend on where the levels before stopped, which their tests decided. For each
    of these outcomes its path is another one, and all of them together have the level's share (Bonferroni).
    """

    delta: float
    outcomes: int = 1

    def after(self, chosen: Chosen) -> None:
        """A level ended on one of its steps that could hold, or on none."""
        self.outcomes *= chosen.n_testable + 1

    @property
    def of_next(self) -> float:
        """Level of each test of the next level."""
        return self.delta / self.outcomes


@dataclass
class LevelOutcome:
    """A level calibrated."""

    content: dict[str, Any]
    chosen: Chosen
    settled: Booleans = field(repr=False)


def calibrated(
    samples: pd.DataFrame, settings: CascadeSettings, askers: Mapping[str, LevelAsker], limits: AskingLimits, aim: Aim
) -> dict[str, Any]:
    """What ``cascade.json`` holds, but for what is known of the queries that levels had seen.

    Parameters
    ----------
    samples : with grades; queries that a level has seen are not among them.

    Raises
    ------
    InputError : as of :func:`pairs_of` and :func:`scale_of`.
    """
    scale = scale_of(samples, aim)
    pairs = pairs_of(samples, scale, aim)
    share = ErrorShare(aim.delta / len(settings.answering))
    levels = []
    for level in settings.answering:
        asker = askers[level.name]
        asker.start(limits)
        say(f"Level '{level.name}': {counted(int(pairs.left.sum()), 'graded pair')} left")
        found = one_level(level, asker, limits, pairs, scale, aim, settings, share)
        share.after(found.chosen)
        pairs.left &= ~found.settled
        levels.append(found.content)
    test = pairs.sets == TEST
    left = {"n_asked": int(pairs.of(TEST).sum()), "n_pairs": 0, "coverage": float(pairs.of(TEST).sum() / test.sum())}
    if settings.has_people:
        person = settings.levels[-1]
        levels.append({"name": person.name, "kind": person.kind, "settings": person.model_dump(mode="json")})
    graded = pairs.sets != TEST
    n_fit, n_tune = pairs.n_queries(FIT), pairs.n_queries(TUNE)
    return {
        "levels": levels,
        **{name: getattr(aim, name) for name in ("alpha", "delta", "agree_on", "relevant_at", "tune", "seed")},
        "counts": settings.counts,
        "scale": list(scale.levels),
        "mode": f"gold-calibrated ({counted(int(graded.sum()), 'grade')} of {counted(n_fit + n_tune, 'query')})",
        "n_grades": int(graded.sum()),
        "n_fit_queries": n_fit,
        "n_queries": n_tune,
        "n_test_queries": pairs.n_queries(TEST),
        "n_test_pairs": int(test.sum()),
        "data": samples_hash(samples),
        "levels_hash": levels_hash(settings),
        "people": left,
    }


def one_level(
    level: Any,
    asker: LevelAsker,
    limits: AskingLimits,
    pairs: GradedPairs,
    scale: DecisionScale,
    aim: Aim,
    settings: CascadeSettings,
    share: ErrorShare,
) -> LevelOutcome:
    """Ask a level about all that is left, and find its threshold."""
    n, left = len(pairs.rows), pairs.left.copy()
    rows = pairs.rows[left]
    before = None if pairs.before is None else pairs.before.loc[rows.index]
    started, asked = time.perf_counter(), limits.account.asked
    table, given = asker.ask(rows, before) if len(rows) else (None, None)
    seconds, asked = time.perf_counter() - started, limits.account.asked - asked
    if asker.session is not None and asker.session.stopped == "cost":
        raise InputError(
            "the limit on cost was reached before all graded pairs were asked",
            where="--max-cost",
            hint="Give a higher one: what was answered is in the cache.",
        )
    curves: list[CalibrationCurve] = []
    why, chosen, opinion = "nothing is left for it", Chosen(None, share.of_next), None
    if table is not None and given is not None:
        pairs.before = table.set_axis(rows.index)
        answers = spread(given, left, n)
        curves, why = curves_of(answers, pairs, scale)
        if scale.by_level or curves:
            opinion = opinion_of(answers, level.confidence, scale, curves)
            how: dict[str, Any] = {"alpha": aim.alpha, "delta": share.of_next, "steps": settings.steps}
            tune, test = pairs.settled(TUNE, opinion), pairs.settled(TEST, opinion)
            chosen = choose_threshold(tune, test, **how, counts=settings.counts)
            why = why_not(chosen, aim)
    settled = np.zeros(n, bool)
    if opinion is not None and chosen.threshold is not None:
        settled = left & np.asarray(opinion.confidence >= chosen.threshold, bool)
    cost = None if table is None else cost_of(table, asker.prices)
    content = {
        "name": level.name,
        "kind": level.kind,
        "settings": level.model_dump(mode="json"),
        "fingerprint": asker.fingerprint,
        "model": asker.model,
        "threshold": chosen.threshold,
        "delta": chosen.delta,
        "curves": [{"slope": one.slope, "intercept": one.intercept, "n_grades": one.n_grades} for one in curves],
        "steps": [asdict(step) for step in chosen.steps],
        "n_fit": int(pairs.of(FIT).sum()),
        "more_queries": chosen.more,
        "why": why,
        "test": on_test(pairs, settled, opinion),
        "cost_per_pair": None if cost is None or not len(rows) else cost / len(rows),
        "seconds_per_pair": seconds_of(level, seconds, asked, len(rows)),
    }
    return LevelOutcome(content, chosen, settled)


def seconds_of(level: Any, seconds: float, asked: int, n_rows: int) -> float | None:
    """Seconds a pair: of a scorer of all, of a judge of those that were asked; None where there was none."""
    count = n_rows if isinstance(level, ScorerLevel) else asked
    return seconds / count if count else None


def spread(answers: Answers, rows: Booleans, n: int) -> Answers:
    """Answers about some rows as answers about all, NaN elsewhere."""
    scores, entropy = np.full((len(answers.scores), n), np.nan), np.full(n, np.nan)
    scores[:, rows], entropy[rows] = answers.scores, answers.entropy
    return Answers(scores, entropy, answers.most)


def curves_of(answers: Answers, pairs: GradedPairs, scale: DecisionScale) -> tuple[list[CalibrationCurve], str]:
    """Of each member, from its scores to the probability of being relevant; none, and why, where that fails."""
    if scale.by_level:
        return [], ""
    fit = pairs.of(FIT)
    grades, queries = pairs.rows["grade"].to_numpy(np.float64)[fit], pairs.queries[fit]
    try:
        return [
            fit_calibration(member[fit], grades, queries, method="platt", relevant_at=scale.relevant_at)
            for member in answers.scores
        ], ""
    except InputError as error:
        return [], f"its scores cannot be calibrated: {error.problem}"


def why_not(chosen: Chosen, aim: Aim) -> str:
    """Why a level settles nothing; empty where it settles something."""
    if chosen.threshold is not None:
        return ""
    if chosen.more is not None:
        return f"cannot be guaranteed from so few grades: about {counted(chosen.more, 'more graded query')} would do"
    if not chosen.steps:
        return "it has no answer"
    return f"its agreement is not above {1 - aim.alpha:g} where it is surest, whatever the number of grades"


def on_test(pairs: GradedPairs, settled: Booleans, opinion: Opinion | None) -> dict[str, Any]:
    """What a level settles of the test pairs."""
    rows = settled & (pairs.sets == TEST)
    asked, total = int(pairs.of(TEST).sum()), int((pairs.sets == TEST).sum())
    decision = np.empty(0, np.intp) if opinion is None else opinion.decision[rows]
    figures = settled_figures(decision, pairs.truth[rows][: len(decision)], pairs.queries[rows][: len(decision)])
    return {"n_asked": asked, **asdict(figures), "coverage": float(rows.sum() / total)}
