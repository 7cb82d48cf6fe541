"""The parts of a suite: one class for each mapping of its YAML file."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sie_agent.attribution import TARGETS, TRAINERS
from sie_agent.evaluation import RANKERS, TARGET
from sie_agent.judging import AT_ONCE, DOUBLE_JUDGED, Endpoint, EndpointList, PricePart


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
    """The students' size, of all weak labels; each has defaults of its own (see `sie_agent.scorer.settings_of`)."""

    trees: int | None = Field(None, ge=1)
    leaves: int | None = Field(None, ge=2)
    learning_rate: float | None = Field(None, gt=0)
    feature_share: float | None = Field(None, gt=0, le=1)


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
