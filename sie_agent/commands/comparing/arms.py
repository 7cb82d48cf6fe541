"""The same pairs before one arm (variant and judge) after the other; one that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.commands.judges import Judge, open_judge
from sie_agent.errors import InputError, SieError
from sie_agent.files.manifest import Manifest
from sie_agent.judging import (
    Account,
    Accounted,
    Backend,
    JudgmentCache,
    PricePart,
    Session,
    Variant,
    can_answer,
    check_limit,
    check_method,
    load_variant,
    stop_on_signals,
)
from sie_agent.judging import judge as judge_pairs
from sie_agent.samples import without_grade
from sie_agent.suite.failed import Failure, raised, reasons_of, ungraded
from sie_agent.utils.counts import counted
from sie_agent.utils.progress import say


@dataclass(frozen=True)
class Arm:
    """What is compared: a prompt variant that a judge is asked.

    Attributes
    ----------
    name : the variant as it was given, with ``@ judge`` where there are several judges.
    prompt : the variant as it was given; variant : the same, read.
    by, judge : name of the judge, and the judge.
    """

    name: str
    prompt: str
    variant: Variant
    by: str
    judge: Judge


def arms_of(variants: Sequence[str], judges: Mapping[str, Judge], *, tell: bool = True) -> list[Arm]:
    """Every variant with every judge that can answer it, judge by judge, so that a model is loaded once.

    Where no judge can answer a variant, or a judge can answer none, nothing is left out: `check_arms` refuses those.

    Parameters
    ----------
    tell : whether to name what is left out because its judge cannot answer it.

    Raises
    ------
    InputError : fewer than two arms, a variant twice, of another aspect, or one that its backend cannot answer.
    """
    if len(set(variants)) != len(variants) or len(variants) * len(judges) < 2:
        hint = "For example --variants relevance/A relevance/B."
        raise InputError("give two or more different variants", where="--variants", hint=hint)
    loaded = {name: load_variant(name) for name in variants}
    for name, variant in loaded.items():
        if variant.aspect != "relevance":
            problem = f"'{name}' judges {variant.aspect}, not relevance"
            raise InputError(problem, where="--variants", hint="Choose relevance variants.")
    several = len(judges) > 1
    every = [
        Arm(f"{name} @ {by}" if several else name, name, variant, by, judge)
        for by, judge in judges.items()
        for name, variant in loaded.items()
    ]
    able = [arm for arm in every if can_answer(arm.judge.backend, arm.variant)]
    if {arm.by for arm in able} != set(judges) or {arm.prompt for arm in able} != set(loaded):
        return every
    for arm in every:
        if tell and arm not in able:
            say(f"{arm.name} is left out: backend {arm.judge.backend} cannot do the method {arm.variant.method}")
    return able


def check_arms(arms: Sequence[Arm], max_cost: float | None) -> None:
    """Find out before anything is asked whether each judge can answer, and has the prices that a limit needs.

    Raises
    ------
    InputError : a backend cannot answer a variant; a limit on cost and a server without prices.
    EnvironmentFailure : a package is not installed.
    """
    for judge, of_judge in by_judge(arms):
        backend = open_judge(judge)[0]
        try:
            for arm in of_judge:
                check_method(backend, arm.variant)
        finally:
            backend.close()
    check_prices(arms, max_cost)


def check_prices(arms: Sequence[Arm], max_cost: float | None) -> None:
    """A limit on cost needs the price of every server, and one server at least.

    Raises
    ------
    InputError : there is a limit, and some price is not known.
    """
    if max_cost is None:
        return
    free = True
    for judge, _ in by_judge(arms):
        backend = open_judge(judge, asks=False)[0]
        try:
            if isinstance(backend, Accounted):
                check_limit(backend, max_cost)
                free = False
        finally:
            backend.close()
    if free:
        check_limit(backend, max_cost)


def by_judge(arms: Sequence[Arm]) -> Iterator[tuple[Judge, list[Arm]]]:
    """The judges, each with its arms."""
    for name in dict.fromkeys(arm.by for arm in arms):
        of_judge = [arm for arm in arms if arm.by == name]
        yield of_judge[0].judge, of_judge


def prices_of(backend: Backend) -> dict[str, PricePart]:
    """By the name of the endpoint; empty where nothing is known to be paid."""
    return dict(backend.prices) if isinstance(backend, Accounted) else {}


@dataclass
class Asking:
    """Asks arms, counts what all of them cost together, and remembers who failed.

    Attributes
    ----------
    cache, manifest : where answers and times are kept. max_cost : USD over all arms.
    keep_open : whether a judge stays loaded while another is asked.
    failures : the arms that raised an error, by name.
    """

    cache: JudgmentCache
    manifest: Manifest
    retry_failed: bool = False
    max_cost: float | None = None
    keep_open: bool = False
    account: Account = field(default_factory=Account)
    failures: dict[str, Failure] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    prices: dict[str, dict[str, PricePart]] = field(default_factory=dict)
    _backends: dict[str, Backend] = field(default_factory=dict)

    def table(
        self, arm: Arm, rows: pd.DataFrame, *, variant: Variant | None = None, repeat: int = 0
    ) -> pd.DataFrame | None:
        """The arm's judgments of *rows*; None where it raised an error, which is in ``failures`` then.

        Raises
        ------
        SieError : the judgment cache is in the way, or the settings of the backend are wrong.
        KeyboardInterrupt : stopped by a signal; what had been asked was waited for and kept.
        """
        backend, table = self.backend(arm), None
        session = self.session(arm, backend)
        try:
            with stop_on_signals(session):
                how: dict[str, Any] = {"retry_failed": self.retry_failed, "session": session, "repeat": repeat}
                table = judge_pairs(without_grade(rows), variant or arm.variant, backend, self.cache, **how)
        except SieError as error:
            self.failures[arm.name] = raised(arm.name, error, self.cache)
            say(f"{arm.name} is left out: {self.failures[arm.name]}")
        if table is None or (len(table) and table["score"].isna().all()):
            # what a backend learned of a server from one arm that failed is not to stand in the others' way
            self.close([arm.by])
        return table

    def session(self, arm: Arm, backend: Backend) -> Session:
        """The session of the arm's judge; all share one account."""
        if arm.by not in self.sessions:
            self.prices[arm.by] = prices_of(backend)
            limit = self.max_cost if self.prices[arm.by] else None
            self.sessions[arm.by] = Session(backend, self.cache, max_cost=limit, account=self.account)
        return self.sessions[arm.by]

    def backend(self, arm: Arm) -> Backend:
        """The arm's judge, opened where it is not."""
        if not self.keep_open:
            self.close([name for name in self._backends if name != arm.by])
        if arm.by not in self._backends:
            self._backends[arm.by] = open_judge(arm.judge)[0]
        return self._backends[arm.by]

    def close(self, names: Sequence[str] | None = None) -> None:
        """Close these judges; all where none are given."""
        for name in list(self._backends) if names is None else names:
            if (backend := self._backends.pop(name, None)) is not None:
                backend.close()

    @property
    def stopped(self) -> bool:
        """Whether the money or the disk ended it for some judge."""
        return any(session.stopped is not None for session in self.sessions.values())

    def spent(self) -> dict[str, Any]:
        """What was asked and paid, over all arms, as `Session.as_dict` has it."""
        parts = [session.as_dict() for session in self.sessions.values()]
        halted = next((part for part in parts if part["stopped"] is not None), parts[0])
        tries = [one for part in parts for one in part["tries_failed"]]
        return {**halted, "tries_failed": tries, "max_cost": self.max_cost}

    def cost_of(self, arm: Arm, table: pd.DataFrame) -> float | None:
        """USD of the arm's answers, those from the cache too; None where no price is known."""
        prices = self.prices.get(arm.by, {})
        if not prices:
            return None
        tokens = table.groupby("endpoint")[["input_tokens", "output_tokens"]].sum()
        known = [(prices.get(str(name)), int(sums.iloc[0]), int(sums.iloc[1])) for name, sums in tokens.iterrows()]
        return float(sum(price.of(read, written) for price, read, written in known if price is not None))


@contextmanager
def asking(cache_path: str | Path | None, manifest: Manifest, **how: Any) -> Iterator[Asking]:
    """Arms to ask, with the cache open; judges are closed in the end."""
    with JudgmentCache(cache_path) as cache:
        asked = Asking(cache, manifest, **how)
        try:
            yield asked
        finally:
            asked.close()


def judge_each(samples: pd.DataFrame, arms: Sequence[Arm], asked: Asking) -> dict[str, pd.DataFrame]:
    """Judgments by arm; those that raised an error instead are in the failures of *asked*."""
    tables: dict[str, pd.DataFrame] = {}
    for arm in arms:
        say(f"Judging {counted(len(samples), 'pair')} with {arm.name}")
        with asked.manifest.stage(f"judging with {arm.name}"):
            table = asked.table(arm, samples)
        if table is not None:
            tables[arm.name] = table
    return tables


def not_comparable(table: pd.DataFrame, name: str, kept: dict[str, pd.DataFrame]) -> Failure:
    """Why the judgments of an arm are not among those that are compared."""
    graded = int(table["score"].notna().sum())
    where = f", none of which {', '.join(kept) + ' judged' if kept else 'a person graded'} too" if graded else ""
    return ungraded(name, reasons_of(table), len(table), graded, where)
