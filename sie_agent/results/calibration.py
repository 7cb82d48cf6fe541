"""``calibration.json``: how the judgments of one judge become probabilities, what that was fitted on, and its worth."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sie_agent.results.base import Document, Figure, Result, Text

# a curve of more knots than distinct judgments of a large log says nothing more
MOST_KNOTS = 100_000
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class CalibrationQuality(Result):
    """Judgments as probabilities that a pair is relevant, before and after calibration, on graded pairs."""

    n_pairs: int = Field(0, description="graded pairs that have a judgment")
    n_queries: int = Field(0, description="their queries")
    ece_before: Figure = Field(None, description="expected calibration error of the judgments as they are")
    ece_after: Figure = Field(None, description="of the calibrated judgments")
    brier_before: Figure = Field(None, description="Brier score (mean squared error) of the judgments as they are")
    brier_after: Figure = Field(None, description="of the calibrated judgments")
    brier_change: Figure = Field(None, description="Brier score after less before: below 0 is better")
    ci_low: Figure = Field(None, description="lower end of the 95 % interval of `brier_change`, queries resampled")
    ci_high: Figure = Field(None, description="upper end")


class CalibrationFile(Document):
    """A calibration with its provenance. One of another variant or model is refused by `sie label`."""

    method: Literal["isotonic", "platt", "prior"] = Field(description="how it was fitted")
    mode: Text = Field("", description="`gold-calibrated (N grades)`, or `share-calibrated (share S)`")
    variant: str = Field(description="prompt variant of the judgments")
    model: str = Field(description="model that gave them")
    n_grades: int = Field(0, ge=0, description="human grades that it was fitted on; 0 for `prior`")
    n_queries: int = Field(0, ge=0, description="queries that it was fitted on: tuning queries alone")
    data: Text = Field("", description="SHA-256 of id, query, item and title of every row of the data")
    relevant_at: Share = Field(0.75, description="grade from which on a pair counts as relevant")
    share: Share | None = Field(None, description="of `prior`: the stated share of relevant pairs")
    scores: list[Share] = Field(
        default_factory=list, max_length=MOST_KNOTS, description="of `isotonic`: judgments at the knots, rising"
    )
    values: list[Share] = Field(
        default_factory=list, max_length=MOST_KNOTS, description="of `isotonic`: probabilities there; lines in between"
    )
    slope: Finite = Field(1.0, ge=0, description="of `platt`: what a judgment is multiplied by")
    intercept: Finite = Field(
        0.0, description="of `platt`: added to that, which gives log-odds; of `prior`: added to the log-odds"
    )
    tune: Share = Field(0.5, description="share of the graded queries that were for tuning")
    seed: int = Field(0, description="of the query sets")
    cross_fitted: CalibrationQuality | None = Field(
        None, description="on the tuning queries, each calibrated by a fit that has not seen its query"
    )
    test: CalibrationQuality | None = Field(None, description="on graded queries that were not for tuning")
    made_by: dict[str, Any] = Field(default_factory=dict, description="the work that made the file: verb, settings")

    @model_validator(mode="after")
    def knots_are_a_curve(self) -> CalibrationFile:
        """As many values as scores, both rising, at least one for ``isotonic``; a share for ``prior`` alone."""
        if len(self.scores) != len(self.values):
            raise ValueError(f"{len(self.scores)} scores and {len(self.values)} values are no curve")
        if self.method == "isotonic" and not self.scores:
            raise ValueError("an isotonic calibration needs knots: `scores` and `values`")
        if (self.method == "prior") != (self.share is not None):
            raise ValueError("`share` is that of method `prior`, and of no other")
        if any(after <= before for before, after in pairwise(self.scores)):
            raise ValueError("`scores` must rise")
        if any(after < before for before, after in pairwise(self.values)):
            raise ValueError("`values` must not fall")
        return self
