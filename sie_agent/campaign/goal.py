"""The goal of a campaign: one YAML file that says what there is, what may be spent, and what is worth it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sie_agent.budget import DEFAULT, STRATEGIES
from sie_agent.errors import CONTROLS, InputError
from sie_agent.files.field_errors import explain
from sie_agent.files.manifest import write_text
from sie_agent.files.paths import campaigns_dir, user_path
from sie_agent.files.yaml_files import read_yaml
from sie_agent.samples import LOGS
from sie_agent.utils.values import INT64, MOST_SECONDS, MOST_SEED

HINT = "See docs/guides/campaign.md; the smallest goal has `log`, `judges` and `budget`."
MOST_ARMS = 100
# how the steps of a campaign name a field, without the file
OF_GOAL = re.compile(r"goal, field '([\w.]+)'")


def printable(name: str) -> str:
    """A name without control characters."""
    if found := CONTROLS.search(name):
        raise ValueError(f"it holds the character U+{ord(found.group()):04X}; take it out")
    return name


Name = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(printable)]


class GoalPart(BaseModel):
    """A part of a goal: unknown keys are refused, numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, str_strip_whitespace=True)


class GoalLog(GoalPart):
    """The log: what `load_samples` reads, or a log simulated from the grades of *data*."""

    data: Name
    map: Name | None = None
    split: Name | None = None
    limit: int | None = Field(None, ge=1, le=INT64)
    simulate: Name | None = None

    @field_validator("simulate")
    @classmethod
    def simulation_is_known(cls, name: str | None) -> str | None:
        """A log that can be simulated."""
        if name is not None and name not in LOGS:
            raise ValueError(f"no simulated log '{name}'; choose one of {', '.join(LOGS)}")
        return name


class GoalBudget(GoalPart):
    """What may be spent over all steps: US dollars, seconds, judgments; each that is given is a limit."""

    money: float | None = Field(None, gt=0, le=1e9)
    seconds: float | None = Field(None, gt=0, le=MOST_SECONDS)
    judgments: int | None = Field(None, ge=1, le=INT64)

    @model_validator(mode="after")
    def something_is_limited(self) -> GoalBudget:
        """One limit at least."""
        if self.money is None and self.seconds is None and self.judgments is None:
            raise ValueError("give a limit: `money` in US dollars, `seconds`, or `judgments`")
        return self

    @property
    def unit(self) -> Literal["money", "judgments", "seconds"]:
        """What shares of the budget and approvals are counted in: the first that is given of money, judgments, time."""
        return "money" if self.money is not None else "judgments" if self.judgments is not None else "seconds"

    @property
    def total(self) -> float:
        """The budget in its unit."""
        return float(getattr(self, self.unit))


class GoalPeople(GoalPart):
    """What people can grade: so many pairs on a sheet, where the log has no grades; and which share is for testing."""

    pairs: int = Field(0, ge=0, le=1_000_000)
    test: float = Field(0.5, gt=0, lt=1)
    relevant_at: float = Field(0.75, gt=0, le=1)


class GoalPilot(GoalPart):
    """The pilot: at most so many pairs before each variant and judge, and at most this share of the budget."""

    pairs: int = Field(60, ge=10, le=100_000)
    share: float = Field(0.2, gt=0, le=1)
    decide_by: Name = "within"
    margin: float = Field(0.02, gt=0, le=1)

    @field_validator("decide_by")
    @classmethod
    def metric_decides(cls, name: str) -> str:
        """A metric of `sie compare-prompts --decide-by`."""
        from sie_agent.comparison.metrics import METRICS

        names = [one for one, metric in METRICS.items() if metric.decides]
        if name not in names:
            raise ValueError(f"expected one of {', '.join(names)}, found '{name}'")
        return name


class GoalStop(GoalPart):
    """When more judging does not pay.

    A point of quality (0.01) is worth ``point_worth`` of the budget. Where the chance that the next batch pays is below
    ``chance``, judging stops, but not before ``least`` judged pairs: a curve of fewer is often flat by chance.
    """

    point_worth: float = Field(0.5, gt=0, le=1_000)
    chance: float = Field(0.25, gt=0, lt=1)
    first: int = Field(100, ge=20, le=INT64)
    least: int = Field(300, ge=0, le=INT64)


class Goal(GoalPart):
    """A campaign: the log, who can judge it, what people can grade, what may be spent. The rest has defaults."""

    log: GoalLog
    judges: tuple[Name, ...] = Field(("small=local",), min_length=1, max_length=MOST_ARMS)
    variants: tuple[Name, ...] = Field((), max_length=MOST_ARMS)
    budget: GoalBudget
    people: GoalPeople = GoalPeople()
    pilot: GoalPilot = GoalPilot()
    stop: GoalStop = GoalStop()
    strategy: Name = DEFAULT
    planner: Name = "rules"
    # none: where it pays
    cascade: Literal["auto", "off"] | None = None
    distill: tuple[Name, ...] = Field((), max_length=MOST_ARMS)
    seed: int = Field(0, ge=0, le=MOST_SEED)

    @field_validator("log", mode="before")
    @classmethod
    def log_may_be_a_name(cls, given: Any) -> Any:
        """``log: sample`` stands for ``log: {data: sample}``."""
        return {"data": given} if isinstance(given, str) else given

    @field_validator("judges", "variants", "distill", mode="before")
    @classmethod
    def one_may_stand_alone(cls, given: Any) -> Any:
        """One text stands for a list of it."""
        return [given] if isinstance(given, str) else given

    @field_validator("strategy")
    @classmethod
    def strategy_is_known(cls, name: str) -> str:
        """A strategy of `sie label`."""
        if name not in STRATEGIES:
            raise ValueError(f"no strategy '{name}'; choose one of {', '.join(STRATEGIES)}")
        return name

    def spent(self, money: float, seconds: float, judgments: int) -> float:
        """What was spent, in the budget's unit."""
        return {"money": money, "seconds": seconds, "judgments": float(judgments)}[self.budget.unit]


def find_goal(source: str | Path) -> Path:
    """The file of a goal.

    Raises
    ------
    InputError : neither a file nor a goal that ships.
    """
    path = user_path(source)
    shipped = {found.stem: found for found in sorted(campaigns_dir().glob("*.yaml"))}
    if not path.is_file() and str(source) in shipped:
        return shipped[str(source)]
    if not path.exists():
        raise InputError("no such goal", where=source, hint=f"Give a YAML file, or one of: {', '.join(shipped)}.")
    return path


def load_goal(source: str | Path) -> Goal:
    """Read a goal from a file, or one that ships by its name.

    Paths in it count from its folder, or else from the current one.

    Raises
    ------
    InputError : no such file, not YAML, unknown or wrong keys; names the file, its line and the key.

    Examples
    --------
    >>> import pathlib
    >>> from sie_agent.campaign import load_goal
    >>> _ = pathlib.Path("goal.yaml").write_text("log: sample\\njudges: words=lexical\\nbudget: {judgments: 500}\\n")
    >>> load_goal("goal.yaml").budget.unit
    'judgments'
    """
    path = find_goal(source)
    text = read_yaml(path, hint=HINT, what="the goal", expected="a goal in YAML")
    if not isinstance(text.content, dict):
        raise InputError("a goal is a mapping of keys", where=path, hint=HINT)
    try:
        goal = Goal.model_validate(text.content)
    except ValidationError as error:
        raise InputError(explain(error, Goal), where=text.place(error.errors()[0]["loc"]), hint=HINT) from error
    return with_paths(goal, path.parent)


def placed(error: InputError, source: str | Path) -> InputError:
    """An error that names a field of a goal, with the goal's file and line; any other error as it is."""
    found = OF_GOAL.fullmatch(error.where or "")
    if found is None:
        return error
    path = find_goal(source)
    place = read_yaml(path, hint=HINT, what="the goal").place(found.group(1).split("."))
    return InputError(error.problem, where=f"{place}, field '{found.group(1)}'", hint=error.hint)


def with_paths(goal: Goal, folder: Path) -> Goal:
    """The goal with the paths that lead somewhere from *folder*."""

    def found(name: str | None) -> str | None:
        return str(folder / name) if name and not Path(name).is_absolute() and (folder / name).exists() else name

    log = goal.log.model_copy(update={"data": found(goal.log.data), "map": found(goal.log.map)})
    variants = tuple(str(found(name)) for name in goal.variants)
    return goal.model_copy(update={"log": log, "variants": variants})


def write_goal(path: str | Path, goal: Goal | Mapping[str, Any]) -> Path:
    """Write a goal, as :func:`load_goal` reads it; what has its default is left out.

    Raises
    ------
    InputError : the goal is wrong. EnvironmentFailure : it cannot be written.
    """
    try:
        checked = goal if isinstance(goal, Goal) else Goal.model_validate(dict(goal))
    except ValidationError as error:
        raise InputError(explain(error, Goal), where="goal", hint=HINT) from error
    content = checked.model_dump(mode="json", exclude_defaults=True)
    target = user_path(path)
    write_text(target, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    return target
