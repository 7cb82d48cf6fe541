"""The parts of ``agreement.json`` that say how good the judges are."""

from __future__ import annotations

from pydantic import Field

from sie_agent.results.base import Figure, MeasuredDraws, Result, Text


class JudgeAgainstGrade(Result):
    """One judge against the human grade; the intervals are means over draws."""

    judge: str = Field(description="name of the judge")
    kind: Text = Field("", description="kind of judge")
    mode: Text = Field("", description="`zero-shot`, `simulated` or `no judge`")
    n_draws: int | None = Field(None, description="draws that it judged")
    n_pairs: int | None = Field(None, description="pairs that it judged, over all draws")
    within: Figure = Field(None, description="accuracy within queries; 0.5 by chance")
    auc: Figure = Field(None, description="pooled AUC")
    auc_low: Figure = Field(None, description="lower end of its 95 % interval")
    auc_high: Figure = Field(None, description="upper end of its 95 % interval")


class JudgeQuality(JudgeAgainstGrade):
    """How well a judge agrees with the human grade."""

    within_low: Figure = Field(None, description="lower end of the 95 % interval of `within`")
    within_high: Figure = Field(None, description="upper end of the 95 % interval of `within`")
    spearman: Figure = Field(None, description="Spearman with the grade")


class QualityPoint(JudgeAgainstGrade):
    """One judge on the curve of judge quality, or beside it.

    ``kind`` is ``simulated``, ``random``, ``real``, ``made up`` (of positions or grades) or ``control``: the mean of
    the simulated judges' no-judge controls, at AUC 0.5.
    """

    agreement: MeasuredDraws | None = Field(None, description="Spearman of `label` with `reference`")
    share_of_bound: Figure = Field(None, description="`agreement` as a share of `bound`, at most 1")
    contribution: MeasuredDraws | None = Field(None, description="`agreement` given the no-judge control and the loss")
    flipped: MeasuredDraws | None = Field(None, description="AUC of flipped labels by `support`")
    gain: MeasuredDraws | None = Field(None, description="what `auto` gains over the log, within queries")
    luck: Figure = Field(None, description="spread of single permutations of its answers")


class Placed(Result):
    """A real judge less the curve at its AUC.

    The curve joins simulated judges by straight lines, with the control (``agreement``) or random judges (``gain``) at
    its left end. The interval is Student's t over draws, or the two intervals in quadrature where fewer than five draws
    are shared; there that of the agreement also holds the judge's luck.
    """

    judge: str = Field(description="name of the judge")
    measure: str = Field(description="`agreement` or `gain`")
    curve: Figure = Field(None, description="the curve at the judge's AUC, over all draws")
    n_shared_draws: int | None = Field(None, description="draws that judge and curve share")
    difference: Figure = Field(None, description="the judge less the curve, over the shared draws")
    ci_low: Figure = Field(None, description="lower end of its 95 % interval")
    ci_high: Figure = Field(None, description="upper end of its 95 % interval")
    place: Text = Field("unknown", description="`above`, `on` (the interval holds zero), `below` or `unknown`")


class Needed(Result):
    """The AUC from which on a judge is worth something."""

    measure: str = Field(description="`gain`")
    lowest: Figure = Field(None, description="AUC at the left end of the curve")
    highest: Figure = Field(None, description="AUC at the right end of the curve")
    above_zero: Figure = Field(None, description="AUC from which on the curve stays above zero; null: nowhere")
    certain: Figure = Field(None, description="AUC from which on the low end of its interval does; null: nowhere")


class Quality(Result):
    """Agreement and gain against the judge's quality."""

    reference: Text = Field("", description="reference importance")
    label: Text = Field("", description="weak label")
    bound: Figure = Field(None, description="bound of the agreement with the reference")
    target_auc: Figure = Field(None, description="AUC of the target model")
    points: list[QualityPoint] = Field(default_factory=list, description="a judge each, by rising AUC")
    placed: list[Placed] = Field(default_factory=list, description="a real judge and a measure each")
    needed: list[Needed] = Field(default_factory=list, description="how good a judge has to be")
