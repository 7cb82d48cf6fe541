"""The levels of a cascade: a YAML file, checked when it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sie_agent.cascade.confidence import MEASURES
from sie_agent.errors import InputError
from sie_agent.files.field_errors import first_fault
from sie_agent.files.paths import user_path
from sie_agent.files.yaml_files import YamlText, dotted, read_yaml
from sie_agent.utils.values import MOST_AT_ONCE, MOST_SECONDS, MOST_SEED

HINT = "docs/guides/cascade.md has an example."
PERSON = "person"
# measures that ask each pair several times
ENSEMBLES = ("variants", "orders", "annotators")
MOST_LEVELS, MOST_STEPS, MOST_MEMBERS = 10, 50, 20
Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[\w.-]+$")]
Text = Annotated[str, Field(min_length=1, max_length=1000)]


class Section(BaseModel):
    """A part of the file; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AnsweringLevel(Section):
    """A level that answers by itself."""

    name: Name
    confidence: str = "margin"
    members: int = Field(5, ge=2, le=MOST_MEMBERS)
    seed: int = Field(0, ge=0, le=MOST_SEED)

    @field_validator("confidence")
    @classmethod
    def is_known(cls, value: str) -> str:
        """A name in ``MEASURES``."""
        if value not in MEASURES:
            raise ValueError(f"no measure of confidence '{value}'; known: {', '.join(MEASURES)}")
        return value


class ScorerLevel(AnsweringLevel):
    """A distilled scorer: its relevance of each row."""

    kind: Literal["scorer"]
    scorer: Text

    @model_validator(mode="after")
    def is_asked_once(self) -> ScorerLevel:
        """A scorer gives one number."""
        if self.confidence != "margin":
            raise ValueError(f"a scorer gives one number, so its confidence is 'margin', not '{self.confidence}'")
        return self


class AskedLevel(AnsweringLevel):
    """A level that asks a judge: the fields of `Judge`."""

    variant: Text
    backend: Text = "local"
    model: Text | None = None
    base_url: Text | None = None
    endpoints: Text | None = None
    concurrency: int = Field(32, ge=1, le=MOST_AT_ONCE)
    revision: str = Field("", max_length=200)
    price_input: float | None = Field(None, ge=0, allow_inf_nan=False)
    price_output: float | None = Field(None, ge=0, allow_inf_nan=False)
    timeout: float | None = Field(None, gt=0, le=MOST_SECONDS)
    patience: float | None = Field(None, ge=0, le=MOST_SECONDS)


class JudgeLevel(AskedLevel):
    """A judge, small (``judge``) or strong (``endpoint``)."""

    kind: Literal["judge", "endpoint"]
    variants: tuple[Text, ...] = Field((), max_length=MOST_MEMBERS)

    @model_validator(mode="after")
    def has_variants(self) -> JudgeLevel:
        """Other variants where, and only where, confidence is their agreement."""
        if (self.confidence == "variants") != bool(self.variants):
            raise ValueError("`variants` lists the other variants of confidence 'variants', and of no other")
        if self.variant in self.variants or len(set(self.variants)) < len(self.variants):
            raise ValueError("`variants` lists each other variant once")
        return self


class AgentLevel(AskedLevel):
    """An agent that looks things up; ``settings`` are those of `AgentSettings`."""

    kind: Literal["agent"]
    settings: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def is_asked_once(self) -> AgentLevel:
        """An agent goes through a pair once."""
        if self.confidence in ENSEMBLES:
            raise ValueError(
                f"an agent goes through a pair once: its confidence is 'margin' or 'entropy', not '{self.confidence}'"
            )
        return self


class PersonLevel(Section):
    """People: what is left goes into a sheet to be graded."""

    kind: Literal["person"]
    name: Name = PERSON


Level = Annotated[ScorerLevel | JudgeLevel | AgentLevel | PersonLevel, Field(discriminator="kind")]
# by kind, the class of its settings
LEVEL_KINDS: Mapping[str, type[Section]] = MappingProxyType(
    {
        "scorer": ScorerLevel,
        "judge": JudgeLevel,
        "agent": AgentLevel,
        "endpoint": JudgeLevel,
        "person": PersonLevel,
    }
)


class CascadeSettings(Section):
    """A cascade as it is written: levels in their order, and how thresholds are searched for.

    Attributes
    ----------
    steps : thresholds of each level's path. counts : ``pairs``, the guarantee is on the share of pairs; ``queries``,
        on the mean over queries of the share in each.
    """

    levels: tuple[Level, ...] = Field(min_length=1, max_length=MOST_LEVELS)
    steps: int = Field(6, ge=1, le=MOST_STEPS)
    counts: Literal["pairs", "queries"] = "pairs"

    @model_validator(mode="after")
    def is_in_order(self) -> CascadeSettings:
        """Each name once, somebody who answers first, people last."""
        names = [level.name for level in self.levels]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two levels are named '{twice}'")
        people = [place for place, level in enumerate(self.levels) if isinstance(level, PersonLevel)]
        if people and people != [len(names) - 1]:
            raise ValueError("a level of kind 'person' comes last: people get what nobody else settled")
        if not self.answering:
            raise ValueError("there is no level that answers by itself")
        return self

    @property
    def answering(self) -> list[ScorerLevel | JudgeLevel | AgentLevel]:
        """The levels that answer by themselves."""
        return [level for level in self.levels if not isinstance(level, PersonLevel)]

    @property
    def has_people(self) -> bool:
        """Whether people come last."""
        return isinstance(self.levels[-1], PersonLevel)


def load_levels(path: str | Path) -> CascadeSettings:
    """Read the levels of a cascade.

    Raises
    ------
    InputError : no such file, no YAML, or a wrong field; names file, line and field.
    """
    read = read_yaml(user_path(path), hint=HINT, what="the file of levels", expected="the levels of a cascade in YAML")
    content = read.content
    listed = content.get("levels") if isinstance(content, dict) else None
    for place, level in enumerate(listed if isinstance(listed, list) else []):
        check_level(level, ("levels", place), read)
    try:
        return CascadeSettings.model_validate(content)
    except ValidationError as error:
        raise fault_at((), error, CascadeSettings, read) from error


def check_level(level: Any, way: tuple[str | int, ...], read: YamlText) -> None:
    """Raise InputError unless a level says of which kind it is, and is one."""
    kind = level.get("kind") if isinstance(level, dict) else None
    if not isinstance(kind, str) or kind not in LEVEL_KINDS:
        found = "nothing" if kind is None else f"'{str(kind)[:40]}'"
        problem = f"field '{dotted((*way, 'kind'))}': expected one of {', '.join(LEVEL_KINDS)}, found {found}"
        raise InputError(problem, where=read.place(way), hint=HINT)
    try:
        LEVEL_KINDS[kind].model_validate(level)
    except ValidationError as error:
        raise fault_at(way, error, LEVEL_KINDS[kind], read) from error


def fault_at(
    before: tuple[str | int, ...], error: ValidationError, shape: type[BaseModel], read: YamlText
) -> InputError:
    """The first wrong field, by its place in the file."""
    way, problem = first_fault(error, shape)
    place = (*before, *way)
    field = f"field '{dotted(place)}': " if place else ""
    return InputError(f"{field}{problem}", where=read.place(place), hint=HINT)


def levels_hash(settings: CascadeSettings) -> str:
    """SHA-256 of the levels, their order and how thresholds are searched for."""
    told = json.dumps(settings.model_dump(mode="json"), sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(told.encode("ascii")).hexdigest()
