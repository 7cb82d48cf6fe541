"""``comparison.json``: prompt variants on the same graded pairs."""

from __future__ import annotations

from pydantic import Field

from sie_agent.results.base import Document, Figure, Measured, ReasonCount, Result, Text
from sie_agent.results.manifest import TokenCount


class VariantQuality(Result):
    """The judgments of one variant."""

    variant: str = Field(description="name or path of the prompt variant")
    n_graded: int = Field(0, description="pairs with a judgment")
    n_failed: int = Field(0, description="pairs without one")
    input_tokens: int = Field(0, description="tokens sent")
    auc: Measured | None = Field(None, description="AUC of relevant pairs")
    spearman: Measured | None = Field(None, description="Spearman with the grade")
    reasons: list[ReasonCount] = Field(default_factory=list, description="why pairs have no judgment")


class VariantDifference(Measured):
    """A variant less the baseline, paired."""

    variant: str = Field(description="name or path of the prompt variant")
    baseline: str = Field(description="the variant that it is compared with")
    measure: str = Field(description="`auc` or `spearman`")
    certain: bool = Field(False, description="whether the interval does not hold zero")


class VariantFailure(Result):
    """A variant that failed completely."""

    variant: str = Field(description="name or path of the prompt variant")
    cause: str = Field("", description="why, in one line")
    hint: str = Field("", description="what to do about it")


class Comparison(Document):
    """Prompt variants on the same graded pairs; intervals resample queries."""

    mode: Text = Field("", description="`zero-shot`")
    baseline: Text = Field("", description="the first variant")
    n_pairs: int = Field(0, description="pairs that every variant graded")
    n_left_out: int = Field(0, description="pairs that some variant, or nobody, graded")
    n_queries: int = Field(0, description="queries of the compared pairs")
    relevant_at: Figure = Field(None, description="grade from which on a pair counts as relevant")
    variants: list[VariantQuality] = Field(default_factory=list, description="every compared variant")
    differences: list[VariantDifference] = Field(default_factory=list, description="each variant less the first")
    failed: list[VariantFailure] = Field(default_factory=list, description="variants that failed completely")
    asked: int = Field(0, description="pairs that were asked about, without those in the cache")
    tokens: TokenCount | None = Field(None, description="tokens of all answers")
    tries_failed: list[ReasonCount] = Field(default_factory=list, description="why single tries failed")
    cost: Figure = Field(None, description="in USD; null where it is not known")
    max_cost: Figure = Field(None, description="the limit that was given")
    stopped: str | None = Field(None, description="why judging stopped early")
    next_may_cost: Figure = Field(None, description="what the next request may cost, where the limit stopped the run")
    failed_for_good: int = Field(0, description="failures that would come again")
    n_without_grade: int = Field(0, description="pairs without a judgment, over all variants")
