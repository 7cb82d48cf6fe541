"""``comparison.json``: prompt variants and judges on the same pairs, and what to do."""

from __future__ import annotations

from pydantic import Field

from sie_agent.results.base import Document, Figure, Measured, ReasonCount, Result, Text
from sie_agent.results.comparison_parts import BiasRow
from sie_agent.results.comparison_rows import (
    ArmsAgreement,
    Confusion,
    DecisionRow,
    Differing,
    GradeSheet,
    JudgedBatch,
    Powered,
    ReliabilityPoint,
    Stability,
)
from sie_agent.results.manifest import TokenCount


class VariantQuality(Result):
    """The judgments of one arm: a variant asked of one judge; or a control."""

    variant: str = Field(description="name of the arm: the variant, `variant @ judge` where there are several judges")
    prompt: Text = Field("", description="name or path of the prompt variant")
    judge: Text = Field("", description="name of the judge, as `--judge` gives it")
    kind: Text = Field("arm", description="`arm`, or `control`: no part of the decision")
    about: Text = Field("", description="what a control is")
    n_graded: int = Field(0, description="pairs with a judgment")
    n_failed: int = Field(0, description="pairs without one")
    unparsed: Figure = Field(None, description="share of the pairs whose answer was not a judgment")
    input_tokens: int = Field(0, description="tokens sent")
    output_tokens: int = Field(0, description="tokens received")
    cost: Figure = Field(None, description="in USD, as if all its answers had been asked for now; null: no price")
    seconds_per_pair: Figure = Field(None, description="mean time to an answer; null where it was not measured")
    auc: Measured | None = Field(None, description="AUC of relevant pairs, as in `metrics`")
    spearman: Measured | None = Field(None, description="Spearman with the grade, as in `metrics`")
    metrics: dict[str, Measured] = Field(
        default_factory=dict,
        description="by metric: `within`, `ndcg@10`, `auc`, `spearman`, `kappa`, `alpha`, `exact`, `severe`, `error`, "
        "`ece`; intervals by query",
    )
    powered: dict[str, Powered] = Field(
        default_factory=dict, description="by metric, estimates from the grades and the other arms' judgments together"
    )
    confusion: Confusion | None = Field(None, description="grades against judged levels, counts of pairs")
    reliability: list[ReliabilityPoint] = Field(
        default_factory=list, description="bins of equal numbers of pairs, by rising judgment"
    )
    ece_calibrated: Measured | None = Field(None, description="`ece` after calibration, cross-fitted by query")
    reliability_calibrated: list[ReliabilityPoint] = Field(default_factory=list, description="the same, calibrated")
    bias: list[BiasRow] = Field(
        default_factory=list, description="what sways its judgments besides the grade, a row per feature"
    )
    reasons: list[ReasonCount] = Field(default_factory=list, description="why pairs have no judgment")


class VariantDifference(Measured):
    """A variant less the baseline, paired."""

    variant: str = Field(description="name of the arm")
    baseline: str = Field(description="the arm that it is compared with")
    measure: str = Field(description="a metric, as in `metrics`")
    certain: bool = Field(False, description="whether the interval does not hold zero; not corrected for many pairs")
    powered: Powered | None = Field(None, description="from the grades and other judgments together")


class VariantFailure(Result):
    """A variant that failed completely."""

    variant: str = Field(description="name of the arm")
    cause: str = Field("", description="why, in one line")
    hint: str = Field("", description="what to do about it")


class Comparison(Document):
    """Prompt variants on the same pairs; intervals are by query."""

    mode: Text = Field("", description="`zero-shot`, or `gold-calibrated (n grades)`")
    decide_by: Text = Field("", description="the metric that decides")
    decision: DecisionRow | None = Field(None, description="what to do")
    baseline: Text = Field("", description="the first variant")
    n_samples: int = Field(0, description="pairs that were put before every arm")
    n_pairs: int = Field(0, description="pairs with a grade (without any grade: all) that every arm judged")
    n_left_out: int = Field(0, description="pairs that some arm, or nobody, graded")
    n_queries: int = Field(0, description="queries of the compared pairs")
    levels: list[float] = Field(
        default_factory=list, description="the grades' own scale; a judgment counts as its nearest level"
    )
    relevant_at: Figure = Field(None, description="grade from which on a pair counts as relevant")
    variants: list[VariantQuality] = Field(default_factory=list, description="every compared arm")
    controls: list[VariantQuality] = Field(
        default_factory=list, description="word overlap, a random judge, the best arm's twin; none of them decides"
    )
    differences: list[VariantDifference] = Field(default_factory=list, description="each arm less the first")
    agreement: list[ArmsAgreement] = Field(
        default_factory=list, description="every two arms' judgments, without the grade"
    )
    stability: list[Stability] = Field(default_factory=list, description="the same pairs, asked again")
    differing: list[Differing] = Field(default_factory=list, description="the pairs on which arms differ most")
    batches: list[JudgedBatch] = Field(default_factory=list, description="with `--until decided`: after every batch")
    sheet: GradeSheet | None = Field(None, description="pairs that were chosen to be graded next")
    note: Text = Field("", description="what is to be known of the grades")
    graded_by_sheet: int = Field(0, description="grades that a sheet gave")
    failed: list[VariantFailure] = Field(default_factory=list, description="arms that failed completely")
    asked: int = Field(0, description="pairs that were asked about, without those in the cache")
    tokens: TokenCount | None = Field(None, description="tokens of all answers")
    tries_failed: list[ReasonCount] = Field(default_factory=list, description="why single tries failed")
    cost: Figure = Field(None, description="in USD; null where it is not known")
    max_cost: Figure = Field(None, description="the limit that was given")
    stopped: str | None = Field(None, description="why judging stopped early")
    next_may_cost: Figure = Field(None, description="what the next request may cost, where the limit stopped the run")
    failed_for_good: int = Field(0, description="failures that would come again")
    n_without_grade: int = Field(0, description="pairs without a judgment, over all arms")
