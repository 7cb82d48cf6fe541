"""A judge, a model that reflects and graded data before the search for a better prompt."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.commands.judges import Judge, open_judge
from sie_agent.errors import EXIT_DONE, EXIT_PARTIAL, InputError
from sie_agent.files.event_log import event, log_events
from sie_agent.files.manifest import Manifest, command_line, digest, write_text
from sie_agent.files.typed_json import write_document
from sie_agent.improvement import ImprovementTask, QuerySets, improve, query_sets
from sie_agent.improvement.bench import Spent
from sie_agent.improvement.candidates import difference, file_text
from sie_agent.improvement.trial_log import TrialLog
from sie_agent.judging import (
    Accounted,
    Backend,
    JudgmentCache,
    PlainAnswer,
    PricePart,
    Session,
    Variant,
    check_limit,
    check_method,
    estimate,
    say_in_text,
    stop_on_signals,
)
from sie_agent.judging import judge as judge_pairs
from sie_agent.outputs import Work
from sie_agent.pipeline.loading import samples_hash
from sie_agent.results.improvement import ImprovementFile
from sie_agent.samples import InvalidRows, load_samples, without_grade
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say

# of one answer of the model that reflects
REFLECTION_TOKENS = 2_048
REFLECTION_SECONDS = 120.0
# of one question to it, for the plan: mistakes and the prompt as it is
QUESTION_TOKENS = 1_500
CHARS_PER_TOKEN = 4


@dataclass(frozen=True)
class ImprovementSource:
    """What an improvement needs: data, the variant, the judges, how far to go."""

    data: str | Path
    how: dict[str, Any]
    variant: Variant
    judge: Judge
    reflects: Judge | None
    trials: int
    budget_pairs: int | None
    per_query: int
    margin: float
    seed: int
    cache_path: str | Path | None
    retry_failed: bool
    max_cost: float | None

    def task(self, policy: InvalidRows | None) -> ImprovementTask:
        """The task, with the data read and split."""
        samples = load_samples(self.data, **self.how, allow_missing_labels=True, invalid=policy)
        sets = query_sets(samples, seed=self.seed, per_query=self.per_query, budget_pairs=self.budget_pairs)
        task = ImprovementTask(self.variant, sets, self.trials, self.budget_pairs, self.margin, self.seed)
        if task.plan(reflects=self.reflects is not None).search < 2 * len(sets.train.head(2)) * 2:
            problem = f"{self.budget_pairs} pairs leave none for candidates"
            raise InputError(problem, where="--budget-pairs", hint="Give more, or none for no limit.")
        return task


@dataclass
class Reflector:
    """Asks the model that reflects, within the limit on cost."""

    backend: Backend
    session: Session
    max_cost: float | None
    price: PricePart | None
    asked: int = 0
    tokens: dict[str, int] = field(default_factory=lambda: {"input": 0, "output": 0})
    cost: float = 0.0

    def __call__(self, question: str) -> PlainAnswer:
        """What it says.

        Raises
        ------
        Spent : one more answer may cost more than is left.
        """
        account = self.session.account
        if self.max_cost is not None and self.price is not None:
            # no tokenizer makes more of a text than a token of each byte
            dearest = self.price.of(len(question.encode("utf-8", "replace")), REFLECTION_TOKENS)
            spent = account.cost if account.cost is not None else self.cost
            if spent + dearest > self.max_cost:
                raise Spent("cost")
        said = say_in_text(self.backend, question, most_tokens=REFLECTION_TOKENS, seconds=REFLECTION_SECONDS)
        self.asked += 1
        self.tokens["input"] += said.input_tokens
        self.tokens["output"] += said.output_tokens
        if self.price is not None:
            cost = self.price.of(said.input_tokens, said.output_tokens)
            self.cost += cost
            if account.cost is not None:
                account.cost += cost
        return said


def price_of(backend: Backend) -> PricePart | None:
    """The price of the preferred endpoint; None where none is known."""
    prices = list(backend.prices.values()) if isinstance(backend, Accounted) else []
    return prices[0] if prices else None


@contextmanager
def opened(source: ImprovementSource, *, asks: bool) -> Iterator[tuple[Backend, Backend | None]]:
    """The judge and the model that reflects, checked before anything is read.

    Raises
    ------
    InputError : the judge cannot answer the variant; a limit on cost without prices.
    """
    with ExitStack() as stack:
        judge = open_judge(source.judge, asks=asks)[0]
        stack.callback(judge.close)
        check_method(judge, source.variant)
        reflects = None
        if source.reflects is not None:
            reflects = open_judge(source.reflects, asks=asks)[0]
            stack.callback(reflects.close)
        asked = [judge] if reflects is None else [judge, reflects]
        paid: list[Backend] = [one for one in asked if isinstance(one, Accounted)]
        for one in paid or [judge]:
            check_limit(one, source.max_cost)
        yield judge, reflects


def planned_improvement(source: ImprovementSource, policy: InvalidRows | None) -> dict[str, Any]:
    """How many pairs, tokens, dollars and seconds the search takes at most; nothing is asked."""
    with opened(source, asks=False) as (judge, reflects):
        task = source.task(policy)
        plan = task.plan(reflects=reflects is not None)
        rows = without_grade(pd.concat(list(task.sets.judged.values()), ignore_index=True))
        with JudgmentCache(source.cache_path) as cache:
            told = estimate([rows], source.variant, judge, cache)
        if not told["to_ask"]:
            # all of the start's answers are there; those of candidates are not
            with tempfile.TemporaryDirectory() as folder, JudgmentCache(Path(folder) / "none.sqlite") as cache:
                told = {**estimate([rows], source.variant, judge, cache), "per_second": told["per_second"]}
        share = plan.total / max(told["to_ask"], 1)
        tokens = {kind: round(told[f"{kind}_tokens"] * share) for kind in ("input", "output")}
        cost = None if told["cost"] is None else told["cost"] * share
        questions = {"count": 0, "input": 0, "output": 0}
        if reflects is not None:
            length = QUESTION_TOKENS + len(source.variant.system) // CHARS_PER_TOKEN
            questions = {"count": task.trials, "input": task.trials * length, "output": task.trials * REFLECTION_TOKENS}
            if (price := price_of(reflects)) is not None:
                cost = (cost or 0.0) + price.of(questions["input"], questions["output"])
    rate = told["per_second"]
    return {
        "variant": source.variant.name,
        "model": told["model"],
        "trials": task.trials,
        "sets": task.sets.counts(),
        "plan": {"search": plan.search, "tune": plan.tune, "test": plan.test, "total": plan.total},
        "tokens": tokens,
        "reflections": questions,
        "cost": cost,
        "seconds": round(plan.total / rate, 1) if rate else None,
        "exit_code": EXIT_DONE,
    }


def improve_into(
    folder: Path, source: ImprovementSource, policy: InvalidRows | None, log_json: str | Path | None, work: Work
) -> dict[str, Any]:
    """:func:`sie_agent.improve_prompt` with everything checked and named."""
    manifest = Manifest(command_line(), seeds=[source.seed])
    with opened(source, asks=True) as (judge, reflects), JudgmentCache(source.cache_path) as cache:
        with manifest.stage("reading"):
            task = source.task(policy)
        say_plan(task, reflects=reflects is not None)
        limit = source.max_cost if isinstance(judge, Accounted) else None
        session = Session(judge, cache, max_cost=limit)
        reflector = None if reflects is None else Reflector(reflects, session, source.max_cost, price_of(reflects))
        how: dict[str, Any] = {"retry_failed": source.retry_failed, "session": session}

        def ask(rows: pd.DataFrame, variant: Variant) -> pd.DataFrame:
            return judge_pairs(without_grade(rows), variant, judge, cache, **how)

        log = TrialLog(folder / "trials.jsonl", work_key(work, task.sets))
        try:
            with log_events(log_json), stop_on_signals(session), manifest.stage("searching"):
                event("start", data=str(source.data), variants=[source.variant.name], judge=repr(judge))
                found = improve(task, ask, log, reflector)
                event("end", asked=session.account.asked, failed=found.result["n_unjudged"], cost=session.account.cost)
        finally:
            log.close()
        spent = spent_of(session, reflector, source.max_cost)
        told = {"judge": judge.model, "backend": source.judge.backend, "seed": source.seed}
        told["reflects"] = None if reflects is None else reflects.model
    best = found.best.model_copy(update={"name": f"{source.variant.name.rpartition('/')[2]}-improved"})
    if found.accepted:
        best = best.model_copy(update={"about": about(source.variant, found.result["mode"])})
        write_text(folder / "best.yaml", file_text(best))
        write_text(folder / "diff.txt", difference(source.variant, best))
    else:
        for name in ("best.yaml", "diff.txt"):
            (folder / name).unlink(missing_ok=True)
    result = {**found.result, **told, **spent}
    written = write_document(folder / "improvement.json", ImprovementFile, result)
    manifest.counts.update({f"pairs_{name}": count for name, count in found.result["pairs"].items()})
    manifest.counts.update(trials=found.result["n_trials"], asked=spent["asked"])
    manifest.tokens.update(spent["tokens"])
    manifest.cost = spent["cost"]
    manifest.hashes |= {name: samples_hash(rows) for name, rows in task.sets.judged.items()}
    manifest.write(folder / "manifest.json")
    partial = found.result["n_unjudged"] > 0 or found.result["stopped_by"] == "cost"
    files = {"best": str(folder / "best.yaml")} if found.accepted else {"best": None}
    return {**written.as_json(), **files, "exit_code": EXIT_PARTIAL if partial else EXIT_DONE}


def say_plan(task: ImprovementTask, *, reflects: bool) -> None:
    """The budget, before anything is asked."""
    plan, counts = task.plan(reflects=reflects), task.sets.counts()
    sets = ", ".join(f"{name} {count['queries']:,}" for name, count in counts.items())
    trials = counted(task.trials, "trial")
    say(f"At most {trials} and {plan.total:,} pairs: search {plan.search:,}, tuning {plan.tune:,}, test {plan.test:,}")
    say(f"Queries: {sets}")


def about(start: Variant, mode: str) -> str:
    """What the accepted variant says of itself."""
    curve = " Its calibration is the start's and fits no longer." if start.method == "likelihood" else ""
    return f"Improved from {start.name} by sie improve-prompt, {mode}.{curve}"


def work_key(work: Work, sets: QuerySets) -> str:
    """A hash of what is done on which pairs."""
    pairs = [samples_hash(rows) for rows in (sets.pool, *sets.judged.values())]
    return digest(json.dumps([work.as_dict(), pairs], sort_keys=True, default=str))


def spent_of(session: Session, reflector: Reflector | None, max_cost: float | None) -> dict[str, Any]:
    """What was asked and paid in this run, reflections included."""
    spent = session.as_dict()
    if reflector is None:
        return {**spent, "reflections": 0, "max_cost": max_cost}
    tokens = {kind: spent["tokens"][kind] + reflector.tokens[kind] for kind in ("input", "output")}
    cost = spent["cost"]
    if cost is None and reflector.price is not None:
        cost = reflector.cost
    return {**spent, "tokens": tokens, "cost": cost, "reflections": reflector.asked, "max_cost": max_cost}
