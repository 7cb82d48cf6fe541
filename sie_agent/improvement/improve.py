"""A search for a better prompt: proposals, the test that accepts one or none, and the report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sie_agent.comparison import Decision, decide
from sie_agent.improvement import halving, reflective
from sie_agent.improvement.bench import Ask, Bench, Spent
from sie_agent.improvement.planning import MOST_FINALISTS, PairPlan, pair_plan
from sie_agent.improvement.query_sets import QuerySets, n_queries
from sie_agent.improvement.reflective import Reflect
from sie_agent.improvement.reporting import test_rows
from sie_agent.improvement.trial_log import TrialLog
from sie_agent.improvement.trials import Trial, Trials
from sie_agent.judging import Variant
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say

START = "start"
METRIC = "accuracy within queries"


@dataclass(frozen=True)
class ImprovementTask:
    """What is improved, and how far a search may go.

    Attributes
    ----------
    start : the variant. sets : graded pairs by what they are for. trials : most candidates. budget_pairs : most pairs
        that are judged, those in the cache counted too. margin : a difference that does not matter.
    relevant_at : grade from which on a pair is relevant, for the judge without its knowledge.
    """

    start: Variant
    sets: QuerySets
    trials: int = 20
    budget_pairs: int | None = None
    margin: float = 0.02
    seed: int = 0
    relevant_at: float = 0.75

    def plan(self, *, reflects: bool) -> PairPlan:
        """Most pairs of each step."""
        return pair_plan(self.sets, self.trials, reflects=reflects, budget_pairs=self.budget_pairs)


@dataclass(frozen=True)
class Improvement:
    """What came out of a search.

    Attributes
    ----------
    best : the variant to use: the accepted candidate, else the start. accepted : whether it is a candidate.
    result : the keys of ``improvement.json`` that rest on the search.
    """

    best: Variant
    accepted: bool
    result: dict[str, Any]


def improve(task: ImprovementTask, ask: Ask, log: TrialLog, reflect: Reflect | None = None) -> Improvement:
    """Propose candidates on training queries, accept one on tuning queries or none, report on test queries.

    All finalists are judged on the tuning queries before any of them is looked at, and are compared by one
    :func:`~sie_agent.comparison.decide`, with Holm over all pairs of them: that is the only look. A candidate is
    accepted where it is certainly better than the start by what may be more than the margin. Test queries are judged
    after that, by the start and by what was accepted.

    Parameters
    ----------
    ask : puts pairs without grades before the judge. log : of trials. reflect : asks the model that proposes; without
        one, candidates are drawn.

    Raises
    ------
    MissingExtraError : gepa is needed and not installed. EnvironmentFailure : a model does not answer.
    """
    plan = task.plan(reflects=reflect is not None)
    bench = Bench(ask, limit=plan.search)
    trials = Trials(task.start, task.sets, bench, log, task.trials)
    if reflect is None:
        ranked, stopped = halving.search(trials, task.seed)
    else:
        ranked, stopped = reflective.search(trials, reflect, task.seed)
    promising = [trial for trial in ranked if halving.gain(trial) > 0][:MOST_FINALISTS]
    if task.budget_pairs is not None:
        bench.limit = task.budget_pairs
        room = (task.budget_pairs - bench.pairs - plan.test) // max(len(task.sets.tune), 1) - 1
        promising = promising[: max(room, 0)]
    else:
        bench.limit = None
    searched = bench.pairs
    decision, values = None, dict[str, Doubles]()
    try:
        if stopped != "cost":
            values = tuned(trials, promising)
            decision = decide(values, margin=task.margin) if promising else None
    except Spent as spent:
        stopped = spent.reason
    accepted = None
    if decision is not None and decision.verdict == "take":
        accepted = next(trial for trial in promising if trial.name == decision.choice)
    best = task.start if accepted is None or accepted.variant is None else accepted.variant
    tune_pairs, n_grades = bench.pairs - searched, len(bench.graded)
    mode = f"gold-calibrated ({n_grades:,} human grades)"
    rows = list[dict[str, Any]]()
    if stopped != "cost":
        try:
            rows = test_rows(task, bench, best, mode, accepted is not None)
        except Spent as spent:
            stopped = spent.reason
    return Improvement(
        best=best,
        accepted=accepted is not None,
        result={
            "variant": task.start.name,
            "metric": METRIC,
            "search": "candidates drawn" if reflect is None else "reflection",
            "mode": mode if accepted is not None else "zero-shot",
            "accepted": None if accepted is None else accepted.name,
            "sentence": sentence(trials, promising, decision, accepted, stopped),
            "stopped_by": stopped,
            "sets": task.sets.counts(),
            "plan": {**asdict(plan), "total": plan.total},
            "pairs": {"search": searched, "tune": tune_pairs, "test": bench.pairs - searched - tune_pairs},
            "n_unjudged": bench.unjudged,
            "n_trials": len(trials.tried),
            "n_failed": sum(trial.failed is not None for trial in trials.tried),
            "finalists": [trial.name for trial in promising],
            "decision": None if decision is None else decision_row(decision),
            "trials": [trial.as_dict() for trial in trials.tried],
            "test": rows,
        },
    )


def tuned(trials: Trials, finalists: list[Trial]) -> dict[str, Doubles]:
    """(n_queries,) values of the start and of each finalist on the tuning queries; nothing without a finalist."""
    if not finalists:
        return {}
    rows = trials.sets.tune
    say(f"Judging {counted(n_queries(rows), 'tuning query')} with {len(finalists) + 1} variants")
    found = {START: trials.bench.values(trials.start, rows)}
    for trial in finalists:
        assert trial.variant is not None
        found[trial.name] = trials.bench.values(trial.variant, rows)
    for trial in finalists:
        trial.tuned, start = halving.paired_means(found[trial.name], found[START])
        trials.log.note(trial=trial.number, set="tune", value=trial.tuned, start=start, queries=n_queries(rows))
    return found


def decision_row(decision: Decision) -> dict[str, Any]:
    """The decision for a file."""
    pairs = [
        {
            **{name: getattr(pair, name) for name in ("first", "second", "difference", "low", "high", "p", "p_holm")},
            **{name: getattr(pair, name) for name in ("better", "equivalent", "identical", "n_queries")},
        }
        for pair in decision.pairs
    ]
    told = {name: getattr(decision, name) for name in ("verdict", "choice", "margin", "alpha", "n_queries", "means")}
    return {**told, "queries_needed": decision.queries_needed, "sentence": decision.sentence, "pairs": pairs}


def sentence(
    trials: Trials, finalists: list[Trial], decision: Decision | None, accepted: Trial | None, stopped: str | None
) -> str:
    """What to do, in a sentence or two."""
    name, tried = trials.start.name, counted(len(trials.tried), "candidate")
    if stopped == "cost":
        return f"Stopped at the limit on cost after {tried}: keep {name} until the search has been finished."
    if accepted is not None and decision is not None:
        pair = decision.pair(START, accepted.name)
        sign = 1 if pair.second == accepted.name else -1
        low, high = sorted((sign * pair.low, sign * pair.high))
        size = f"{sign * pair.difference:.3f} (95 % interval {low:.3f} to {high:.3f}, {pair.n_queries:,} queries)"
        return f"Take best.yaml ({accepted.name}): on tuning queries it is better than {name} by {size}."
    if not finalists:
        return f"Keep {name}: none of {tried} was better on training queries."
    assert decision is not None
    number = counted(len(finalists), "finalist")
    more = ""
    if decision.queries_needed is not None:
        more = f" About {decision.queries_needed:,} tuning queries would decide it."
    return f"Keep {name}: of {tried}, {number} went to the test, and none is certainly better on tuning queries.{more}"
