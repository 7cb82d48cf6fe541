"""What every step of a campaign has at hand: the goal, the folder, the judges, the books, who approves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from sie_agent.campaign import CampaignLedger, CampaignState, Expense, Goal
from sie_agent.commands.comparing.arms import Arm, arms_of
from sie_agent.commands.judge_specs import parse_judge, parse_judges
from sie_agent.commands.judges import Judge, open_judge
from sie_agent.errors import InputError, SieError
from sie_agent.judging import (
    Accounted,
    PricePart,
    asked_variants,
    backend_kinds,
    can_answer,
    chat_server,
    check_method,
    default_variant,
    is_composite,
    load_variant,
)

# requests that a judge in this process has under way at once: a batch of its model
IN_PROCESS = 64


@dataclass
class Campaign:
    """A campaign under way.

    Attributes
    ----------
    how : ``skip_invalid`` and ``strict``. given : the goal's file as it was given, for commands that are shown.
    yes : the sum up to which all is approved. grades : the sheet that was filled in.
    paid_beside : USD of the step under way that is not in the answers' cost.
    judges, arms : as ``sie compare-prompts`` has them. priced : names of the judges that have prices.
    """

    goal: Goal
    folder: Path
    how: Mapping[str, Any]
    given: str
    yes: float | None
    grades: str | Path | None
    judges: dict[str, Judge]
    arms: list[Arm]
    ledger: CampaignLedger
    priced: frozenset[str]
    found: dict[str, pd.DataFrame] = field(default_factory=dict)
    paid_beside: float = 0.0

    @classmethod
    def opened(
        cls,
        goal: Goal,
        folder: Path,
        how: Mapping[str, Any],
        *,
        given: str = "GOAL",
        yes: float | None = None,
        grades: str | Path | None = None,
    ) -> Campaign:
        """The campaign of a goal in a folder; its judges are checked, and nothing is asked.

        Raises
        ------
        InputError : a judge or a variant is wrong, or has no price where money is limited.
        """
        from sie_agent.suite import load_distill_settings

        judges = named_judges(goal)
        try:
            load_distill_settings(None, goal.distill)
        except InputError as error:
            raise InputError(error.problem, where="goal, field 'distill'", hint=error.hint) from error
        check_planner(goal)
        arms = arms_of_goal(goal, judges)
        prices, priced = checked_prices(goal, judges, arms)
        ledger = CampaignLedger(goal, folder / "answers.sqlite", folder / "running", prices)
        return cls(goal, folder, how, given, yes, grades, judges, arms, ledger, priced)

    def table(self, name: str) -> pd.DataFrame:
        """A samples table of the folder."""
        from sie_agent.samples import load_samples

        if name not in self.found:
            self.found[name] = load_samples(self.folder / f"{name}.parquet", allow_missing_labels=True)
        return self.found[name]

    def keep(self, name: str, samples: pd.DataFrame) -> None:
        """Write a samples table into the folder."""
        from sie_agent.samples.tables import write_table

        self.found.pop(name, None)
        write_table(samples, self.folder / f"{name}.parquet")

    def arm(self, name: str) -> Arm:
        """An arm by its name."""
        return next(one for one in self.arms if one.name == name)

    def spent(self, state: CampaignState) -> Expense:
        """What was spent up to now, in the step under way too."""
        total = sum((Expense.of(row) for row in state["spending"]), Expense())
        new = [lost for attempt, lost in self.ledger.lost(state["lost"]).items()]
        lost = Expense(sum(one["money"] for one in new), 0, sum(one["seconds"] for one in new))
        return total + (self.ledger.answers() - Expense.of(state["answers"])) + lost

    def left(self, state: CampaignState) -> dict[str, Any]:
        """What each limit of the budget still allows."""
        return self.ledger.left(self.spent(state))

    def max_cost(self, state: CampaignState, arms: Sequence[Arm], most: float | None = None) -> float | None:
        """The limit on cost of a verb that asks these arms; None where money is not limited, or none of it is paid."""
        left = self.left(state)["money"]
        if left is None or not any(arm.by in self.priced for arm in arms):
            return None
        return float(left if most is None else min(left, most))

    def at_once(self, arms: Sequence[Arm]) -> int:
        """Requests that may be under way at once."""
        return max(arm.judge.concurrency if arm.by in self.priced else IN_PROCESS for arm in arms)


def named_judges(goal: Goal) -> dict[str, Judge]:
    """The judges of a goal, by name.

    Raises
    ------
    InputError : one is wrong or of an unknown backend, or two have one name.
    """
    where = "goal, field 'judges'"
    try:
        judges = parse_judges(goal.judges)
    except InputError as error:
        raise InputError(error.problem, where=where, hint=error.hint) from error
    for name, judge in judges.items():
        if judge.backend not in backend_kinds():
            problem = f"judge '{name}': unknown backend '{judge.backend}'"
            raise InputError(problem, where=where, hint=f"The backends are: {', '.join(backend_kinds())}.")
    return judges


def arms_of_goal(goal: Goal, judges: Mapping[str, Judge]) -> list[Arm]:
    """Every variant with every judge that can answer it; without variants, the one of each judge's backend.

    Raises
    ------
    InputError : a variant is not of relevance, or nobody can answer it.
    """
    own = [default_variant(judge.backend) for judge in judges.values()]
    names = list(goal.variants) or list(dict.fromkeys(name for name in own if name is not None))
    if not names:
        raise InputError("no prompt variant", where="goal, field 'variants'", hint="For example relevance/graded.")
    try:
        check_variants(names, judges)
        if len(names) * len(judges) > 1:
            return arms_of(names, judges, tell=bool(goal.variants))
        variant = load_variant(names[0])
    except InputError as error:
        raise InputError(error.problem, where="goal, field 'variants'", hint=error.hint) from error
    by, judge = next(iter(judges.items()))
    return [Arm(names[0], names[0], variant, by, judge)]


def check_variants(names: Sequence[str], judges: Mapping[str, Judge]) -> None:
    """Every variant is of relevance and some judge can answer it, and every judge can answer one.

    Raises
    ------
    InputError : not so.
    """
    loaded = {name: load_variant(name) for name in names}
    for name, variant in loaded.items():
        if variant.aspect != "relevance":
            hint = f"Choose a variant of relevance; to judge {variant.aspect}, use `sie label --variant {name}`."
            raise InputError(f"'{name}' judges {variant.aspect}, and a campaign judges relevance alone", hint=hint)
        if not any(can_answer(judge.backend, variant) for judge in judges.values()):
            problem = f"no judge can answer '{name}', whose method is {variant.method}"
            raise InputError(problem, hint="Choose another variant, or another judge.")
    for by, judge in judges.items():
        if not any(can_answer(judge.backend, variant) for variant in loaded.values()):
            problem = f"judge '{by}' ({judge.backend}) can answer none of {', '.join(names)}"
            raise InputError(problem, hint="Add a variant for it, or leave the judge out.")


def check_planner(goal: Goal) -> None:
    """The planner is the rules, or a model that can be asked within the budget.

    Raises
    ------
    InputError : it is neither, or has no price while money is limited.
    """
    where = "goal, field 'planner'"
    if goal.planner == "rules":
        return
    try:
        backend = open_judge(parse_judge(goal.planner, where=where)[1], asks=False)[0]
    except InputError as error:
        raise InputError(error.problem, where=where, hint=error.hint) from error
    try:
        try:
            chat_server(backend)
        except SieError as error:
            raise InputError(
                "the planner is no chat server", where=where, hint="Give one of backend openai."
            ) from error
        if goal.budget.money is not None and not (isinstance(backend, Accounted) and backend.prices):
            hint = "Give price_input and price_output, in USD per million tokens."
            raise InputError("a budget in money, and the planner has no price", where=where, hint=hint)
    finally:
        backend.close()


def checked_prices(
    goal: Goal, judges: Mapping[str, Judge], arms: Sequence[Arm]
) -> tuple[dict[str, PricePart], frozenset[str]]:
    """The prices by endpoint, and the names of the judges that have some.

    Raises
    ------
    InputError : money is limited, and a server has no price, or nobody has one.
    EnvironmentFailure : a package is not installed.
    """
    prices: dict[str, PricePart] = {}
    priced, unpriced = set(), []
    for name, judge in judges.items():
        try:
            backend = open_judge(judge)[0]
        except InputError as error:
            told = f"judge '{name}': {error.problem}"
            raise InputError(told, where="goal, field 'judges'", hint=error.hint) from error
        try:
            for arm in arms:
                if arm.by == name:
                    check_method(backend, arm.variant)
            if not isinstance(backend, Accounted):
                continue
            unpriced += [] if backend.prices else [name]
            priced |= {name} if backend.prices else set()
            for place, one in backend.prices.items():
                other = prices.get(place, one)
                dearer = {"input": max(one.input, other.input), "output": max(one.output, other.output)}
                prices[place] = PricePart(**dearer)
        finally:
            backend.close()
    if goal.budget.money is not None and (unpriced or not priced):
        who = f"judge '{unpriced[0]}' has no price" if unpriced else "no judge has a price"
        hint = "Give price_input and price_output (USD per million tokens), or a budget in judgments or seconds."
        raise InputError(f"a budget in money, and {who}", where="goal, field 'judges'", hint=hint)
    return prices, frozenset(priced)


def judgments_per_pair(arm: Arm) -> int:
    """How many answers a pair takes."""
    return len(asked_variants(arm.variant)) if is_composite(arm.variant) else 1
