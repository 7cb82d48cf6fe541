"""Parts of ``comparison.json`` about a single arm: what sways its judgments, and how well they are calibrated."""

from __future__ import annotations

from pydantic import Field

from sie_agent.results.base import Figure, Measured, Result


class BrandEffect(Measured):
    """How much higher an arm judges items of one brand than the others, at the same human grade."""

    brand: str = Field(description="the brand, as the data write it")
    n_pairs: int = Field(0, description="pairs with an item of the brand")
    certain: bool = Field(False, description="whether Holm's test over the listed brands finds an effect")


class BiasRow(Measured):
    """The effect of one feature on the judgment, given the human grade; figures are null where it cannot be told."""

    feature: str = Field(description="`title length`, `position`, `brand`, `language` or `price`")
    contrast: str = Field("", description="the two groups whose mean judgments are compared, `A less B`")
    source: str = Field("", description="the column or rule that the feature was taken from")
    absent: str = Field("", description="why there are no figures; empty where there are")
    n_pairs: int = Field(0, description="pairs with a grade, a judgment and the feature")
    n_first: int = Field(0, description="pairs in the first group of the contrast")
    n_queries: int = Field(0, description="queries of these pairs")
    p: Figure = Field(None, description="two-sided p-value of no effect, by queries")
    certain: bool = Field(False, description="whether Holm's test over the features of this arm finds an effect")
    brands: list[BrandEffect] = Field(default_factory=list, description="of `brand`: the commonest brands")


class ReliabilityPoint(Result):
    """Pairs of about the same judgment."""

    judged: float = Field(description="mean judgment")
    graded: float = Field(description="mean human grade")
    graded_low: Figure = Field(None, description="lower end of the 95 % interval of the mean grade, by queries")
    graded_high: Figure = Field(None, description="upper end of that interval")
    n_pairs: int = Field(0, description="pairs in the bin")


class Calibrated(Result):
    """How far judgments lie from the grades that they predict."""

    error: Measured | None = Field(None, description="expected calibration error: mean over bins, weighted by pairs")
    points: list[ReliabilityPoint] = Field(default_factory=list, description="the bins, by rising judgment")


class Reliability(Result):
    """Calibration of an arm's judgments, as they are and after isotonic regression."""

    bins: int = Field(10, description="bins of equal numbers of pairs; pairs of one judgment are in one bin")
    before: Calibrated | None = Field(None, description="the judgments as they are")
    after: Calibrated | None = Field(
        None, description="after isotonic regression, fitted on the other queries (five folds by query)"
    )
