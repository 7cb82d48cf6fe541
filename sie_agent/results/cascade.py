"""``cascade.json``: levels that settle pairs one after the other, their thresholds, and what was shown of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sie_agent.results.base import Document, Figure, Result, Text
from sie_agent.results.calibration import Finite, Share

MOST_LEVELS, MOST_STEPS, MOST_MEMBERS = 10, 50, 21
Count = Annotated[int, Field(ge=0)]


class CascadeStep(Result):
    """A threshold on a level's path, with the test on calibration queries."""

    threshold: Share = Field(description="confidence from which on a pair is settled")
    most: int | None = Field(None, ge=1, description="a query counts as at most so many pairs; null: each the same")
    status: Literal["held", "failed", "not-tested", "too-few"] = Field(
        description="of the test; `not-tested` lies behind one that failed, `too-few` could not hold if all agreed"
    )
    p: Figure = Field(None, description="p-value of an agreement of at most 1 - alpha; queries are the units")
    n_pairs: Count = Field(0, description="calibration pairs that it settles")
    n_queries: Count = Field(0, description="their queries")
    agreement: Figure = Field(None, description="share of them of which a person says the same")


class CascadeCurve(Result):
    """Platt's curve from a score to the probability that a pair is relevant."""

    slope: Finite = Field(ge=0, description="what a score is multiplied by")
    intercept: Finite = Field(description="added to that, which gives log-odds")
    n_grades: Count = Field(0, description="grades that it was fitted on")


class CascadeTest(Result):
    """What a level settles of the graded pairs of test queries."""

    n_asked: Count = Field(0, description="pairs that it was asked about")
    n_pairs: Count = Field(0, description="pairs that it settles")
    n_queries: Count = Field(0, description="their queries")
    coverage: Figure = Field(None, description="share of all test pairs that it settles")
    agreement: Figure = Field(None, description="share of the settled pairs of which a person says the same")
    low: Figure = Field(None, description="lower end of its 95 % interval, queries resampled")
    high: Figure = Field(None, description="upper end")
    constant: Figure = Field(None, description="what the best constant answer would agree on the same pairs")
    random: Figure = Field(None, description="what as many of each answer, given at random, would agree there")


class CascadeLevel(Result):
    """A level as it was calibrated."""

    name: str = Field(min_length=1, max_length=60, description="its name, in `settled_by` of the judgments")
    kind: str = Field(max_length=20, description="scorer, judge, agent, endpoint or person")
    settings: dict[str, Any] = Field(default_factory=dict, description="as the file of levels has them")
    fingerprint: Text = Field("", description="SHA-256 of the prompt variants, or of the scorer; empty for people")
    model: Text = Field("", description="who answered")
    threshold: Share | None = Field(
        None, description="confidence from which on it settles a pair; null: it settles none"
    )
    delta: Share | None = Field(None, description="level of each test on its path")
    curves: list[CascadeCurve] = Field(
        default_factory=list, max_length=MOST_MEMBERS, description="of each member; none where decisions are grades"
    )
    steps: list[CascadeStep] = Field(default_factory=list, max_length=MOST_STEPS, description="its path, in order")
    n_fit: Count = Field(0, description="graded pairs that its curves were fitted on")
    more_queries: int | None = Field(
        None,
        description="further graded queries that would do, if they agree as those so far; null: not known, or none",
    )
    why: Text = Field("", description="why it settles nothing, or no more")
    test: CascadeTest | None = Field(None, description="on test queries")
    cost_per_pair: Figure = Field(None, description="USD; null where no price is known")
    seconds_per_pair: Figure = Field(None, description="of the pairs that were asked; null where all were in the cache")


class CascadeFile(Document):
    """A cascade that was calibrated. `sie label --cascade` asks its levels in their order.

    With a probability of at least 1 - `delta`, the agreement with people is at least 1 - `alpha` among the pairs that a
    level settles, for all levels at once.
    """

    levels: list[CascadeLevel] = Field(min_length=1, max_length=MOST_LEVELS, description="in the order of asking")
    alpha: Share = Field(description="disagreement that is allowed among the pairs that a level settles")
    delta: Share = Field(description="probability with which some level may disagree more")
    counts: Literal["pairs", "queries"] = Field(
        "pairs", description="whose share it is: of pairs, or the mean of queries"
    )
    agree_on: Literal["relevant", "level"] = Field("relevant", description="what a decision is about")
    relevant_at: Share = Field(0.75, description="grade from which on a pair counts as relevant")
    scale: list[Share] = Field(default_factory=list, max_length=1000, description="where decisions are grades, those")
    mode: Text = Field("", description="`gold-calibrated (N grades of M queries)`")
    n_grades: Count = Field(0, description="grades of fit and calibration queries")
    n_fit_queries: Count = Field(0, description="queries that the curves were fitted on")
    n_queries: Count = Field(0, description="queries that thresholds were tested on")
    n_test_queries: Count = Field(0, description="queries that gave the path, and the figures of each `test`")
    n_test_pairs: Count = Field(0, description="their graded pairs")
    n_seen: Count = Field(0, description="graded queries that were left out, because a level had seen them")
    seen: Text = Field("", description="how it is known what the levels had seen")
    data: Text = Field("", description="SHA-256 of id, query, item and title of every row of the data")
    levels_hash: Text = Field("", description="SHA-256 of the levels, their order and the length of their paths")
    tune: Share = Field(0.5, description="share of the graded queries that thresholds were tested on")
    seed: int = Field(0, description="of the query sets")
    people: CascadeTest | None = Field(
        None, description="test pairs that nobody settled: the last level of people has them"
    )
    made_by: dict[str, Any] = Field(default_factory=dict, description="the work that made the file: verb, settings")

    @model_validator(mode="after")
    def is_whole(self) -> CascadeFile:
        """Names once; a path from strict to loose, and a threshold that is on it."""
        names = [level.name for level in self.levels]
        if len(set(names)) < len(names):
            raise ValueError("two levels have one name")
        for level in self.levels:
            thresholds = [step.threshold for step in level.steps]
            if any(after >= before for before, after in pairwise(thresholds)):
                raise ValueError(f"the thresholds of level '{level.name}' must fall")
            held = [step.threshold for step in level.steps if step.status == "held"]
            if level.threshold != (held[-1] if held else None):
                raise ValueError(f"the threshold of level '{level.name}' is not the last that held")
        if self.agree_on == "level" and len(self.scale) < 2:
            raise ValueError("`scale` must list two grades or more where decisions are grades")
        if any(after <= before for before, after in pairwise(self.scale)):
            raise ValueError("the grades of `scale` must rise")
        return self
