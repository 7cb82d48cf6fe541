"""The suite: one YAML file that says what a run does."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sie_agent.attribution import REFERENCES, TARGETS, TRAINERS
from sie_agent.errors import InputError
from sie_agent.evaluation import RANKERS, TARGET
from sie_agent.judging import AT_ONCE, DOUBLE_JUDGED, Endpoint, EndpointList, PricePart
from sie_agent.paths import suites_dir
from sie_agent.samples import QUERY_SETS


class Part(BaseModel):
    """Base of every part of a suite: a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataPart(Part):
    """Which samples: ``source`` and ``map`` as `load_samples` takes them."""

    source: str
    map: str | None = None
    split: str | None = None
    limit: int | None = Field(None, ge=1)
    min_items_per_query: int = Field(1, ge=1)


class LogPart(Part):
    """Where the log's labels come from: the data itself, or a simulation on the grades."""

    kind: Literal["given", "flips", "clicks"] = "given"
    rate: float = Field(0.2, ge=0, le=0.5)
    relevant_at: float = Field(0.75, gt=0, le=1)


class JudgePart(Part):
    """One judge. ``simulated`` reads the grade, and is never a headline."""

    name: str
    kind: Literal["local", "openai", "vllm", "langchain", "embedding", "lexical", "simulated", "random", "panel"]
    variant: str | None = None
    model: str | None = None
    revision: str = ""
    base_url: str | None = None
    endpoints: tuple[Endpoint, ...] | None = None
    double_judged: int = Field(DOUBLE_JUDGED, ge=0, description="pairs that each model judges, where several answered")
    price: PricePart | None = None
    concurrency: int = Field(AT_ONCE, ge=1)
    auc: float | None = Field(None, gt=0.5, le=1)
    members: tuple[str, ...] | None = Field(None, description="of a panel: the judges whose ranks are averaged")
    by_rank: bool = False
    draws: int | None = Field(None, ge=1, description="judge only the first so many draws")
    max_pairs: int | None = Field(None, ge=1, description="judge at most so many pairs of a draw, by whole queries")

    @model_validator(mode="after")
    def settings_fit_the_kind(self) -> JudgePart:
        """Only a simulated judge has a stated AUC, and only it can do without a variant."""
        if self.kind == "simulated" and self.auc is None:
            raise ValueError("a simulated judge needs `auc`")
        if self.kind != "simulated" and self.auc is not None:
            raise ValueError("`auc` is for simulated judges only")
        if (self.kind == "panel") != bool(self.members):
            raise ValueError("`members` names the judges of a panel, and is for panels only")
        if self.endpoints is not None and (self.model or self.base_url or self.price or self.revision):
            raise ValueError("`endpoints` say model, address, revision and price of each; leave them out beside it")
        return self

    @property
    def servers(self) -> EndpointList | None:
        """The endpoints, where several were named."""
        if self.endpoints is None:
            return None
        return EndpointList(endpoints=self.endpoints, double_judged=self.double_judged)

    @property
    def mode(self) -> str:
        """What the figures of this judge are marked with."""
        return "simulated" if self.kind in ("simulated", "random") else "zero-shot"


LEXICAL = JudgePart(name="lexical", kind="lexical")


class TargetPart(Part):
    """The target model, what it is trained on, and how many seeds of it are averaged.

    ``model``, ``layers`` and ``length`` are for a cross-encoder: its folder or Hub id (empty: the MiniLM in a package),
    how many of its layers are kept, and how many tokens it reads of a row.
    """

    kind: str = "perceptron"
    loss: Literal["pointwise", "pairwise"] = "pointwise"
    hidden: int = Field(64, ge=0)
    epochs: int = Field(8, ge=1)
    batch_size: int = Field(256, ge=1)
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(1.0, ge=0)
    checkpoints: int = Field(4, ge=1)
    seeds: int = Field(6, ge=2)
    model: str = ""
    layers: int | None = Field(None, ge=1)
    length: int = Field(32, ge=8, le=512)

    @field_validator("kind")
    @classmethod
    def kind_is_known(cls, kind: str) -> str:
        """A name in ``TARGETS`` or ``TRAINERS``."""
        if kind not in (*TARGETS, *TRAINERS):
            raise ValueError(f"no target '{kind}'; known: {', '.join((*TARGETS, *TRAINERS))}")
        return kind

    @model_validator(mode="after")
    def towers_give_something(self) -> TargetPart:
        """Two towers without outputs have no score."""
        if self.kind == "two-tower" and not self.hidden:
            raise ValueError("a two-tower target needs `hidden` of 1 or more")
        return self


class LabelPart(Part):
    """How weak labels are made (see `sie_agent.labels.LabelSettings`).

    ``clarity``: ``catalogue`` computes the score of Cronen-Townsend (2002), for judges that cannot judge it; ``judge``
    asks the headline judge once per query, which must be a server; ``none`` counts every query as clear. ``proxy``: the
    cheap model, where it shall be another than the target; its ``seeds`` are not read.
    """

    proxies: int = Field(6, ge=1)
    pool_loss: Literal["ranking", "mean"] = "ranking"
    temperature: Literal["fitted", "one"] = "fitted"
    scale: Literal["matched", "joint"] = "matched"
    curvature: Literal["none", "ekfac"] = "none"
    clarity: Literal["catalogue", "judge", "none"] = "catalogue"
    proxy: TargetPart | None = None


class ScorerPart(Part):
    """The student's size (see `sie_agent.scorer.StudentSettings`)."""

    trees: int = Field(150, ge=1)
    leaves: int = Field(15, ge=2)
    learning_rate: float = Field(0.08, gt=0)


class DownstreamPart(Part):
    """What is tried on the models that are trained on the log; ``draws`` 0 leaves it out."""

    draws: int = Field(3, ge=0)
    seeds: int = Field(2, ge=1)
    rankers: tuple[str, ...] = (TARGET,)
    keep: tuple[float, ...] = (0.1, 0.25, 0.5, 0.75, 0.9)
    judges: tuple[str, ...] | None = None
    strengths: tuple[float, ...] = (0.5, 1.0)

    @field_validator("rankers")
    @classmethod
    def rankers_are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """Ranker names are those of the registry, each once."""
        for name in names:
            if name not in RANKERS:
                raise ValueError(f"no ranker '{name}'; known: {', '.join(RANKERS)}")
        if not names or len(set(names)) != len(names):
            raise ValueError(f"give one or more distinct rankers of {', '.join(RANKERS)}")
        return names


class EvaluationPart(Part):
    """Controls and intervals."""

    permutations: int = Field(20, ge=2)
    replicates: int = Field(500, ge=20)


class Suite(Part):
    """A whole run. ``draws`` are seeds: each redraws the query sets, the log, the simulated judges and the models."""

    name: str
    data: DataPart
    log: LogPart = LogPart()
    query_sets: dict[str, float]
    draws: tuple[int, ...] = (0,)
    judges: tuple[JudgePart, ...]
    headline_judge: str | None = None
    labels: LabelPart = LabelPart()
    scorer: ScorerPart = ScorerPart()
    target: TargetPart = TargetPart()
    references: tuple[str, ...] = ("tracin-ranking", "tracin-mean", "influence-linear-mean", "el2n")
    headline_reference: str = "tracin-ranking"
    downstream: DownstreamPart = DownstreamPart()
    evaluation: EvaluationPart = EvaluationPart()

    @field_validator("query_sets")
    @classmethod
    def sets_are_known(cls, shares: dict[str, float]) -> dict[str, float]:
        """Set names are those of the design."""
        for name in shares:
            if name not in QUERY_SETS:
                raise ValueError(f"no query set '{name}'; the sets are {', '.join(QUERY_SETS)}")
        if not shares.get("log-judged"):
            raise ValueError("'log-judged' needs a share: its rows are what the judge reads")
        return shares

    @model_validator(mode="after")
    def parts_fit_together(self) -> Suite:
        """Names that refer to other parts of the suite exist there."""
        names = [judge.name for judge in self.judges]
        if not names:
            raise ValueError("`judges` is empty")
        if len(set(names)) != len(names) or "human-grade" in names:
            raise ValueError("judges need distinct names, and 'human-grade' is taken")
        if any(judge.name == LEXICAL.name and judge.kind != LEXICAL.kind for judge in self.judges):
            raise ValueError("the name 'lexical' is for a judge of kind lexical, which is a baseline of every run")
        if self.headline_judge is not None and self.headline_judge not in names:
            raise ValueError(f"headline_judge '{self.headline_judge}' is none of {', '.join(names)}")
        for name in (*self.references, self.headline_reference):
            if name not in REFERENCES:
                raise ValueError(f"no reference '{name}'; known: {', '.join(REFERENCES)}")
        if self.headline_reference not in self.references:
            raise ValueError(f"headline_reference '{self.headline_reference}' is not among `references`")
        if len(set(self.draws)) != len(self.draws) or not self.draws:
            raise ValueError("`draws` must be one or more distinct seeds")
        for judge in self.judges:
            for member in judge.members or ():
                check_member(judge, next((one for one in self.judges if one.name == member), None), member)
        unknown = [name for name in self.downstream.judges or () if name not in names]
        if unknown:
            raise ValueError(f"downstream.judges names '{unknown[0]}', which is none of {', '.join(names)}")
        if self.labels.clarity == "judge" and self.primary.kind not in ("openai", "vllm", "langchain"):
            raise ValueError(
                "labels.clarity: judge needs a headline judge of kind openai, vllm or langchain; use catalogue"
            )
        if any(not 0 < share < 1 for share in self.downstream.keep):
            raise ValueError("downstream.keep holds shares above 0 and below 1")
        return self

    @property
    def judges_and_baseline(self) -> tuple[JudgePart, ...]:
        """The judges, and the lexical one as a baseline where none of them is it."""
        return self.judges if any(judge.kind == "lexical" for judge in self.judges) else (*self.judges, LEXICAL)

    @property
    def primary(self) -> JudgePart:
        """The judge of the headline: the one named, else the first."""
        wanted = self.headline_judge or self.judges[0].name
        return next(judge for judge in self.judges if judge.name == wanted)


def check_member(panel: JudgePart, member: JudgePart | None, name: str) -> None:
    """A panel's member is a real judge of the suite, and judges at least the panel's draws.

    Raises
    ------
    ValueError : it is not, or does not.
    """
    if member is None or member.kind in ("panel", "simulated", "random"):
        raise ValueError(f"judges: panel '{panel.name}' names '{name}', which is no real judge of this suite")
    if member.draws is not None and (panel.draws is None or panel.draws > member.draws):
        raise ValueError(f"judges: panel '{panel.name}' needs `draws` of at most {member.draws}, those of '{name}'")


def load_suite(source: str | Path, overrides: Sequence[str] = ()) -> Suite:
    """Read a suite from a file, or one that ships by its name; then apply ``key=value`` overrides.

    Parameters
    ----------
    source : path of a YAML file, or a name in ``eval/suites``.
    overrides : such as ``target.epochs=4`` or ``draws=[1,2]``; values are YAML.

    Raises
    ------
    InputError : no such file, not YAML, unknown or wrong keys; names the file and the key.
    """
    path = find_suite(source)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise InputError(
            "not valid YAML", where=f"{path}{line}", mend="Check the indentation and the colons."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the suite ({type(error).__name__})", where=path) from error
    if not isinstance(content, dict):
        raise InputError("a suite is a mapping of keys", where=path, mend="`sie init DATA` writes one to start from.")
    for override in overrides:
        apply_override(content, override)
    try:
        return Suite.model_validate(content)
    except ValidationError as error:
        raise InputError(explain(error), where=path, mend="`sie init DATA` writes a commented suite.") from error


def find_suite(source: str | Path) -> Path:
    """The file of a suite.

    Raises
    ------
    InputError : neither a file nor a suite that ships.
    """
    path = Path(source)
    if path.is_file():
        return path
    shipped = {found.stem: found for found in sorted(suites_dir().glob("*.yaml"))}
    if str(source) in shipped:
        return shipped[str(source)]
    raise InputError(
        "no such suite",
        where=source,
        mend=f"Give a YAML file, or one of: {', '.join(shipped) or 'none ship'}.",
    )


def apply_override(content: dict[str, Any], override: str) -> None:
    """Set one dotted key of a suite in place.

    Raises
    ------
    InputError : not of the form ``key=value``, the value is no YAML, or the key goes through what is no mapping.
    """
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise InputError(f"'{override}' is not key=value", where="--set", mend="For example --set target.epochs=4.")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"'{text}' is not a YAML value", where=f"--set {key}") from error
    place = content
    *parents, last = key.strip().split(".")
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise InputError(f"'{parent}' has no keys below it", where=f"--set {key}")
    place[last] = value


def explain(error: ValidationError) -> str:
    """All mistakes of a suite in one line: the dotted key and what is wrong with it."""
    mistakes = []
    for mistake in error.errors():
        place = ".".join(str(part) for part in mistake["loc"])
        if mistake["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(mistake["loc"][-1]), known_keys(), 1)
            mistakes.append(f"unknown key '{place}'" + (f" (did you mean '{near[0]}'?)" if near else ""))
        else:
            message = mistake["msg"].removeprefix("Value error, ")
            mistakes.append(f"{place}: {message}" if place else message)
    return "; ".join(mistakes)


def known_keys() -> list[str]:
    """Every key that a suite can hold, at any depth."""
    parts: tuple[type[Part], ...] = (
        Suite,
        DataPart,
        LogPart,
        JudgePart,
        LabelPart,
        ScorerPart,
        TargetPart,
        DownstreamPart,
        EvaluationPart,
    )
    return sorted({key for part in parts for key in part.model_fields})


def dump_suite(suite: Suite) -> str:
    """The suite as resolved, as YAML."""
    return yaml.safe_dump(suite.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
