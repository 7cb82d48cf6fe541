"""``campaign.json``: a whole job within a budget: what was decided on which figures, what it cost, what came out."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from sie_agent.results.base import Document, Figure, Measured, Result, Text

# who decided, in words
BY = {"rules": "by the rules", "model": "as the model proposed", "person": "by a person", "verb": "from the data"}


class CampaignSpending(Result):
    """What was spent, by a step or in all."""

    step: Text = Field("", description="the step; `total` for all, `left` for what the budget still allows")
    money: Figure = Field(None, description="in USD; null: no limit")
    judgments: int | None = Field(None, description="answers that were asked for and kept; null: no limit")
    seconds: Figure = Field(None, description="time of the steps; null: no limit")


class CampaignDecision(Result):
    """One entry of the journal."""

    number: int = Field(description="from 1")
    step: Text = Field("", description="what it is about")
    decided: Text = Field("", description="what was decided or done, in a sentence")
    why: Text = Field("", description="the rule and its evidence, in words")
    by: Text = Field("rules", description="`rules`, `model`, `person`, or `verb` for what a verb found")
    figures: dict[str, Any] = Field(default_factory=dict, description="the figures that it rests on")
    spent: CampaignSpending | None = Field(None, description="by the campaign so far")
    left: CampaignSpending | None = Field(None, description="what the budget still allows")


class CampaignPoint(Result):
    """A point of the learning curve: a student of so many judged pairs, on queries it has not seen."""

    judged: Figure = Field(None, description="judged pairs that it was fitted on, mean over replicates")
    quality: Figure = Field(None, description="agreement with the target, mean over replicates")
    low: Figure = Field(None, description="10 % quantile over bootstrap replicates by query")
    high: Figure = Field(None, description="90 % quantile")


class CampaignArm(Result):
    """A variant and a judge in the pilot."""

    name: str = Field(description="the variant, `variant @ judge` where there are several judges")
    quality: Measured | None = Field(None, description="the metric that decides, with its interval by query")
    money_per_pair: Figure = Field(None, description="USD; null: no price")
    seconds_per_pair: Figure = Field(None, description="as it was measured")
    failed: int = Field(0, description="pairs without a judgment")


class CampaignOutcome(Result):
    """Whether a ranker gains by targets and weights, on test queries whose grades decided nothing."""

    verdict: Text = Field(
        "",
        description="`use`, `no-better`, `log-as-it-is` (the recipe uses no judgment), or `not-tested` (no grades of "
        "test queries)",
    )
    sentence: Text = Field("", description="the same in a sentence")
    mode: Text = Field("", description="`gold (n grades of m test queries)`, or empty")
    log: Measured | None = Field(
        None, description="accuracy within test queries of a ranker (LambdaMART) trained with the log's labels"
    )
    target: Measured | None = Field(None, description="of one trained with blended labels and weights")
    scorer: Measured | None = Field(None, description="of the scorer's relevance itself")
    gain: Measured | None = Field(None, description="`target` less `log`, paired by query")
    scorer_gain: Measured | None = Field(None, description="`scorer` less `log`, paired by query")


class CampaignFile(Document):
    """A campaign: its goal, the journal, the bill, the learning curve and the outcome."""

    status: Text = Field("", description="`done`, `approval` or `grades`: what it waits for")
    goal: dict[str, Any] = Field(default_factory=dict, description="the goal as it was read")
    mode: Text = Field("", description="`zero-shot`, or `gold-calibrated (n grades)`: how the choices were made")
    unit: Text = Field("", description="what shares of the budget are counted in: money, judgments or seconds")
    decisions: list[CampaignDecision] = Field(default_factory=list, description="the journal")
    spending: list[CampaignSpending] = Field(default_factory=list, description="step by step, `total`, `left`")
    arms: list[CampaignArm] = Field(default_factory=list, description="what was piloted")
    choice: Text = Field("", description="the variant and judge that judged the log")
    curve_target: Text = Field("", description="what the learning curve is measured against")
    curve: list[CampaignPoint] = Field(default_factory=list, description="the learning curve, by rising size")
    judged: int = Field(0, description="pairs of the log that have a judgment")
    outcome: CampaignOutcome | None = Field(None, description="what the result is worth")
    files: dict[str, str] = Field(default_factory=dict, description="by what it is, the file in the folder")
