"""The part of ``comparison.json`` about what sways an arm's judgments besides relevance."""

from __future__ import annotations

from pydantic import Field

from sie_agent.results.base import Figure, Measured


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
