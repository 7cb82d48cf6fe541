"""Every setting of the way from a judged log to a scorer and a recipe; `sie run` and `sie distill` read the same."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sie_agent.attribution import TARGETS, TRAINERS, TrainingSettings
from sie_agent.errors import InputError
from sie_agent.models import require_encoder
from sie_agent.scorer import TEXT_INPUTS, inputs_named
from sie_agent.utils.shown import changed_fields
from sie_agent.utils.values import fits, shown

# digits that a YAML file has for an integer, and that are more than 64 bits hold: read as a text there
LONG = re.compile(r"\s*[-+]?\d{19,}\s*")


class SuiteSection(BaseModel):
    """Base of every mapping of a suite: a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def numbers_are_of_this_machine(cls, content: Any) -> Any:
        """Integers have 64 bits."""
        if isinstance(content, dict):
            for name, value in content.items():
                if (isinstance(value, int) and not fits(value)) or (isinstance(value, str) and LONG.fullmatch(value)):
                    raise ValueError(f"{name}: expected an integer of at most 64 bits, found {shown(value)}")
        return content

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """At a prompt, what differs from the defaults, without keys and passwords."""
        return changed_fields(self)


def known_inputs(given: Any) -> Any:
    """Names of inputs in their order; what is no list of texts is left to pydantic."""
    if not isinstance(given, str) and not (
        isinstance(given, list | tuple) and all(isinstance(one, str) for one in given)
    ):
        return given
    try:
        return inputs_named(given)
    except InputError as error:
        raise ValueError(f"{error.problem}. {error.hint}".rstrip(".")) from None


class TargetPart(SuiteSection):
    """The target model, what it is trained on, and how many seeds of it are averaged.

    ``model``, ``layers`` and ``length`` are for a cross-encoder: its folder or Hub id (empty: the MiniLM in a package),
    how many of its layers are kept, and how many tokens it reads of a row. ``inputs``, of a perceptron: what it reads,
    as a scorer's.
    """

    kind: str = "perceptron"
    loss: Literal["pointwise", "pairwise"] = "pointwise"
    hidden: int = Field(64, ge=0)
    epochs: int = Field(8, ge=1)
    batch_size: int = Field(256, ge=1)
    learning_rate: float = Field(2e-3, gt=0, allow_inf_nan=False)
    weight_decay: float = Field(1.0, ge=0, allow_inf_nan=False)
    checkpoints: int = Field(4, ge=1)
    seeds: int = Field(6, ge=2)
    model: str = ""
    layers: int | None = Field(None, ge=1)
    length: int = Field(32, ge=8, le=512)
    inputs: tuple[str, ...] = (TEXT_INPUTS,)

    _inputs_are_known = field_validator("inputs", mode="before")(known_inputs)

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

    @model_validator(mode="after")
    def a_perceptron_reads_more(self) -> TargetPart:
        """Towers and transformers read what they are made for."""
        if self.kind != "perceptron" and self.inputs != (TEXT_INPUTS,):
            raise ValueError(f"a {self.kind} target reads no other `inputs` than {TEXT_INPUTS}")
        return self

    @property
    def training(self) -> TrainingSettings:
        """How one model of it is trained."""
        return TrainingSettings(**self.model_dump(exclude={"seeds", "inputs"}))


class LabelPart(SuiteSection):
    """How weak labels are made (see `sie_agent.labels.LabelSettings`).

    ``clarity`` of the queries enters no label and no weight: no ranker came out better for it
    (``scripts/experiments/clarity/measure.py``). ``catalogue`` shows the score of Cronen-Townsend (2002) beside the
    labels, ``judge`` asks the headline judge once per query, which must be a server, ``none`` does without.
    ``log_columns``: also train proxies that did not see a row, so that the scorer tells wrong labels of the log from
    more than the text: eight times as many models; never done with a proxy of a kind in ``TRAINERS``, whose training
    takes long.
    ``proxy``: the cheap model, where it shall be another than the target; its ``seeds`` are not read.
    """

    proxies: int = Field(6, ge=1)
    pool_loss: Literal["ranking", "mean"] = "ranking"
    temperature: Literal["fitted", "one"] = "fitted"
    scale: Literal["matched", "joint"] = "matched"
    curvature: Literal["none", "ekfac"] = "none"
    clarity: Literal["none", "judge", "catalogue"] = "none"
    log_columns: bool = True
    proxy: TargetPart | None = None


class ScorerPart(SuiteSection):
    """What the scorer reads, and the students' size, of all weak labels; each has defaults of its own.

    ``inputs``: ``text``, and behind it any of ``embedding`` (``embedding:static``, ``embedding:FOLDER``) and
    ``behaviour`` (see `sie_agent.scorer.fit_blocks`).
    """

    trees: int | None = Field(None, ge=1, le=10_000)
    leaves: int | None = Field(None, ge=2, le=10_000)
    learning_rate: float | None = Field(None, gt=0, allow_inf_nan=False)
    feature_share: float | None = Field(None, gt=0, le=1)
    inputs: tuple[str, ...] = (TEXT_INPUTS,)

    _inputs_are_known = field_validator("inputs", mode="before")(known_inputs)

    @property
    def of_students(self) -> dict[str, Any]:
        """The settings of the students, as :func:`sie_agent.labels.student_settings` takes them."""
        return self.model_dump(exclude={"inputs"})


class RecipePart(SuiteSection):
    """How target and weight of a row are chosen (see `sie_agent.pipeline.recipes`).

    ``tune``: share of the queries that are held out to choose on, graded ones; ``seeds``: models that are trained and
    averaged for each candidate; ``auto: false`` leaves the log as it is. ``preference``: how far a weight is moved by
    whether the row's shopper backs its label, in whatever recipe is chosen; for that, preference has to be judged.
    """

    auto: bool = True
    tune: float = Field(0.15, gt=0, lt=1)
    seeds: int = Field(2, ge=1)
    preference: float = Field(0.0, ge=0, le=1)


class DistillSettings(SuiteSection):
    """What decides on weak labels, scorer and recipe, beside the log and the judgments."""

    labels: LabelPart = LabelPart()
    scorer: ScorerPart = ScorerPart()
    target: TargetPart = TargetPart()
    recipe: RecipePart = RecipePart()

    @model_validator(mode="after")
    def labels_can_be_made(self) -> DistillSettings:
        """The proxies are of a kind that the weak labels can be made with."""
        proxy = self.proxy
        if self.labels.scale == "joint" and proxy.loss == "pairwise":
            raise ValueError(
                "labels.scale: joint needs proxies that give probabilities; with the loss pairwise use matched"
            )
        if self.labels.curvature == "ekfac" and proxy.kind in TRAINERS:
            raise ValueError(
                "labels.curvature: ekfac needs proxies of dense layers; use none, or another labels.proxy.kind"
            )
        return self

    @property
    def proxy(self) -> TargetPart:
        """The proxies' settings: as given, else the target's; beside a transformer, a perceptron's."""
        if self.labels.proxy is None and self.target.kind in TRAINERS:
            return TargetPart(loss=self.target.loss)
        return self.labels.proxy or self.target

    @property
    def wants_log_columns(self) -> bool:
        """Whether proxies are trained that did not see a row."""
        return self.labels.log_columns and self.proxy.kind not in TRAINERS


def check_models_installed(*models: TargetPart) -> None:
    """Find out before anything is read whether the packages are there that models on the log are trained with.

    Raises
    ------
    EnvironmentFailure : one is not; says what to install.
    """
    for part in models:
        if part.kind in TRAINERS:
            require_encoder(part.model)
