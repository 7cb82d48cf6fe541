"""The shapes of ``agreement.json``, ``manifest.json`` and a draw's ``facts.json``, as far as the report reads them.

Every field that a run may lack has a default, and unknown fields are passed over, so that a report can be
made of a run without grades and of a run made by a newer version.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _none_for_nan(value: Any) -> Any:
    """Python's JSON writer leaves NaN behind where a figure could not be computed: the same as absent."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _empty_for_none(value: Any) -> Any:
    return "" if value is None else value


Figure = Annotated[float | None, BeforeValidator(_none_for_nan)]
Text = Annotated[str, BeforeValidator(_empty_for_none)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class AgreementRow(_Shape):
    """Agreement of one label with one reference under one metric."""

    label: str
    judge: str = "none"
    mode: Text = ""
    reference: Text = ""
    metric: str
    value: Figure = None
    ci_low: Figure = None
    ci_high: Figure = None
    n_samples: int | None = None
    n_queries: int | None = None
    is_baseline: bool = False
    draws: list[Figure] = Field(default_factory=list)
    source: Text = "scorer"


class Reliability(_Shape):
    """How far a reference agrees with itself, and the bound that follows."""

    reference: str
    metric: str = "spearman"
    judge: str | None = None
    value: Figure = None
    ci_low: Figure = None
    ci_high: Figure = None
    bound: Figure = None


class Ceiling(_Shape):
    """Agreement of the same pipeline with the human grade in the judge's place."""

    label: str
    reference: str
    metric: str = "spearman"
    value: Figure = None
    ci_low: Figure = None
    ci_high: Figure = None


class Measured(_Shape):
    """A figure with its interval."""

    value: Figure = None
    ci_low: Figure = None
    ci_high: Figure = None


class Downstream(Measured):
    """Quality of one ranker trained in one way; ``minus_log`` is what that gains over the log as it is."""

    ranker: str
    strategy: str
    judge: str | None = None
    twin: bool = False
    metric: str
    n_queries: int | None = None
    minus_log: Measured | None = None
    gap_recovered: Figure = None


class JudgeQuality(_Shape):
    """How well a judge agrees with the human grade, within queries first."""

    judge: str
    kind: Text = ""
    mode: Text = ""
    n_pairs: int | None = None
    n_draws: int | None = None
    within: Figure = None
    within_low: Figure = None
    within_high: Figure = None
    auc: Figure = None
    auc_low: Figure = None
    auc_high: Figure = None
    spearman: Figure = None


class QualityPoint(_Shape):
    """One judge on the curve of judge quality, or beside it."""

    judge: str
    mode: Text = ""
    kind: Text = ""
    auc: Figure = None
    auc_low: Figure = None
    auc_high: Figure = None
    within: Figure = None
    n_pairs: int | None = None
    n_draws: int | None = None
    share_of_bound: Figure = None
    agreement: Measured | None = None
    contribution: Measured | None = None
    gain: Measured | None = None


class Placed(_Shape):
    """A real judge less the curve at its AUC."""

    judge: str
    measure: str
    difference: Figure = None
    ci_low: Figure = None
    ci_high: Figure = None
    place: Text = "unknown"


class Quality(_Shape):
    """Agreement and gain against the judge's quality."""

    reference: Text = ""
    label: Text = ""
    bound: Figure = None
    points: list[QualityPoint] = Field(default_factory=list)
    placed: list[Placed] = Field(default_factory=list)


class Against(Measured):
    """What training with a judge gains over one rival."""

    rival: Text
    beaten: bool = False


class Verdict(_Shape):
    """What to do with one judge's target and weights, and why."""

    judge: Text = ""
    use: Text = "unknown"
    text: Text = ""
    against: list[Against] = Field(default_factory=list)


class Teaches(_Shape):
    """What clean labels gain, by ranker and metric."""

    ranker: str
    metric: str
    best_text: str | None = None
    clean_minus_text: Measured | None = None
    clean_minus_log: Measured | None = None


class Choice(_Shape):
    """How often a recipe was chosen."""

    ranker: str
    strategy: str
    judge: Text = ""
    twin: bool = False
    recipe: Text = ""
    count: int = 0
    of: int = 0


class Twin(_Shape):
    """How a judge's knowledge was taken out."""

    cells: Text = "grade"
    covered: Figure = None


class Headline(_Shape):
    """What the ranker gains with the judge over the log, and over the judge's twin by the same recipe."""

    judge: str | None = None
    gain: Measured | None = None
    less_twin: Measured | None = None


class Agreed(_Shape):
    """Which agreement with gradients is shown first."""

    label: str | None = None
    judge: str | None = None
    reference: str | None = None


class Lost(_Shape):
    """A judge, or a part of what judges were to give, that the run had to do without."""

    text: Text = ""


class Agreement(_Shape):
    """``agreement.json`` as a whole."""

    suite: Text = ""
    mode: Text = ""
    verdict: Verdict = Field(default_factory=Verdict)
    verdicts: dict[str, list[Verdict]] = Field(default_factory=dict)
    downstream: list[Downstream] = Field(default_factory=list)
    teaches: list[Teaches] = Field(default_factory=list)
    choices: list[Choice] = Field(default_factory=list)
    twins: list[dict[str, Twin]] = Field(default_factory=list)
    n_test_queries: int = 0
    headline: Headline | None = None
    agreement: Agreed | None = None
    rows: list[AgreementRow] = Field(default_factory=list)
    reliability: list[Reliability] = Field(default_factory=list)
    ceiling: list[Ceiling] = Field(default_factory=list)
    judges: list[JudgeQuality] = Field(default_factory=list)
    quality: Quality | None = None
    notes: list[str] = Field(default_factory=list)
    failed: list[Lost] = Field(default_factory=list)
    instead_of: str | None = None


class Facts(_Shape):
    """``facts.json`` of a draw, as far as it is read."""

    recipe: dict[str, Any] | None = None


class Stage(_Shape):
    """One stage of the run and how long it took."""

    name: str
    seconds: Figure = None


class Tokens(_Shape):
    """Tokens sent to and received from the judge."""

    input: int | None = None
    output: int | None = None


class Cost(_Shape):
    """What the judge cost, if that is known."""

    amount: Figure = None
    currency: Text = "USD"


class Between(_Shape):
    """How far two models agree on pairs that each judged."""

    first: Text = ""
    second: Text = ""
    spearman: Figure = None
    spearman_low: Figure = None
    spearman_high: Figure = None
    difference: Figure = None
    difference_low: Figure = None
    difference_high: Figure = None


class Mixture(_Shape):
    """Agreement of the models whose judgments are in one result."""

    pairs: int = 0
    between: list[Between] = Field(default_factory=list)


class Asked(_Shape):
    """Who answered for one judge."""

    models: dict[str, int] = Field(default_factory=dict)
    endpoints: dict[str, int] = Field(default_factory=dict)
    mixture: Mixture | None = None


class Manifest(_Shape):
    """``manifest.json`` as a whole."""

    sie_version: Text = ""
    command: str | list[str] = ""
    started: Text = ""
    finished: Text = ""
    wall_seconds: Figure = None
    stages: list[Stage] = Field(default_factory=list)
    counts: dict[str, Any] = Field(default_factory=dict)
    tokens: Tokens | None = None
    cost: Cost | None = None
    hashes: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, Any] = Field(default_factory=dict)
    seeds: Any = Field(default_factory=list)
    platform: Any = Field(default_factory=dict)
    judges: dict[str, Asked] = Field(default_factory=dict)
