"""``manifest.json``: what a command used, how long it took, what it cost."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from sie_agent.results.base import Document, Figure, Result, Text
from sie_agent.results.bench import TrainingSeconds


class Stage(Result):
    """One stage and how long it took."""

    name: str = Field(description="name of the stage")
    seconds: Figure = Field(None, description="wall time")


class TokenCount(Result):
    """Tokens sent to and received from the judges."""

    input: int | None = Field(None, description="tokens sent")
    output: int | None = Field(None, description="tokens received")


class Cost(Result):
    """What the judges cost."""

    amount: Figure = Field(None, description="null where it is not known")
    currency: Text = Field("USD", description="always USD")


class ModelPair(Result):
    """How far two models agree on pairs that each judged; intervals resample queries."""

    first: Text = Field("", description="name of one model")
    second: Text = Field("", description="name of the other model")
    spearman: Figure = Field(None, description="Spearman of their scores")
    spearman_low: Figure = Field(None, description="lower end of its 95 % interval")
    spearman_high: Figure = Field(None, description="upper end of its 95 % interval")
    difference: Figure = Field(None, description="mean score of the second less that of the first")
    difference_low: Figure = Field(None, description="lower end of its 95 % interval")
    difference_high: Figure = Field(None, description="upper end of its 95 % interval")


class ModelAgreement(Result):
    """Agreement of the models whose judgments are in one result."""

    models: list[str] = Field(default_factory=list, description="names of the models")
    pairs: int = Field(0, description="pairs that each of them graded")
    between: list[ModelPair] = Field(default_factory=list, description="every two models")


class JudgeAccount(Result):
    """The models that answered for one judge, and what they cost."""

    asked: int | None = Field(None, description="pairs that were asked about, without those in the cache")
    cost: Figure = Field(None, description="in USD; null where it is not known")
    tokens: TokenCount | None = Field(None, description="tokens of its answers")
    models: dict[str, int] = Field(default_factory=dict, description="judgments with a score, by model")
    endpoints: dict[str, int] = Field(default_factory=dict, description="judgments with a score, by endpoint")
    mixture: ModelAgreement | None = Field(None, description="agreement of the models, where several answered")
    servers: list[dict[str, Any]] = Field(
        default_factory=list,
        description="what each endpoint did: `requests, answers, failures, outages, input_tokens, output_tokens, cost, "
        "concurrency`",
    )


class RunManifest(Document):
    """What a command used, how long it took, what it cost; a command may add keys of its own.

    ``sie label`` and ``sie distill`` add ``judge``, ``sie distill`` also ``settings`` and ``recipe``, ``sie label
    --budget`` also ``budget``, ``sie compare-prompts`` adds ``failed``.
    """

    model_config = ConfigDict(extra="allow")

    sie_version: Text = Field("", description="version of sie")
    command: str | list[str] = Field("", description="what was typed, without secrets")
    started: Text = Field("", description="when, in UTC")
    finished: Text = Field("", description="when, in UTC")
    wall_seconds: Figure = Field(None, description="from start to finish")
    stages: list[Stage] = Field(default_factory=list, description="the stages, in their order")
    counts: dict[str, Any] = Field(default_factory=dict, description="how many samples, queries, judgments and so on")
    tokens: TokenCount | None = Field(None, description="tokens of all judges")
    cost: Cost | None = Field(None, description="cost of all judges")
    hashes: dict[str, Any] = Field(default_factory=dict, description="SHA-256 of inputs")
    versions: dict[str, Any] = Field(
        default_factory=dict, description="of Python and of libraries that figures depend on"
    )
    seeds: Any = Field(default_factory=list, description="seeds of the draws")
    platform: Any = Field(default_factory=dict, description="`system`, `machine` and `cores`")
    judges: dict[str, JudgeAccount] = Field(
        default_factory=dict, description="of `sie run`, every judge, failed ones too"
    )
    training_seconds: list[TrainingSeconds] = Field(
        default_factory=list, description="of `sie run` with `downstream.keep`: a ranker and a share of the rows each"
    )
