"""``agreement.json``: every figure of a run; and ``failures.json``, whose keys it has too."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from sie_agent.results.base import MODES, Document, Figure, Measured, MeasuredDraws, Result, Text
from sie_agent.results.bench import (
    Downstream,
    Headline,
    HeadlineVerdict,
    KeptRow,
    RecipeCount,
    Teaches,
    TwinMade,
    Verdict,
)


class Compared(Result):
    """What is compared with what."""

    label: str = Field(description="weak label, baseline or reference")
    judge: str = Field("none", description="judge whose label it is; `none` for baselines")
    mode: Text = Field("", description=f"{MODES}, `ceiling`, `no judge` or `reads grades`")
    reference: Text = Field("", description="reference importance, or `flipped-labels`")
    metric: str = Field(
        description="`spearman`, `partial_spearman`, `partial_given_proxy_loss`, `kendall`, `top10_overlap`, "
        "`bottom10_overlap` (of ties, the expected overlap in random order) or `auc_flipped`"
    )
    is_baseline: bool = Field(False, description="whether no evaluated judge made it")
    source: Text = Field("scorer", description="`scorer`, `weak label`, `baseline` or `reference`")


class AgreementRow(MeasuredDraws, Compared):
    """Agreement of one label with one reference under one metric."""

    n_samples: int | None = Field(None, description="rows behind the figure, over all draws")
    n_queries: int | None = Field(None, description="queries behind the figure")


class Reliability(Measured):
    """How far a reference agrees with itself, and the bound that follows."""

    reference: str = Field(description="reference importance")
    metric: str = Field("spearman", description="`spearman` or `partial_spearman`")
    judge: str | None = Field(None, description="judge of the control, in files of earlier versions")
    bound: Figure = Field(None, description="the most that any label can reach: the square root of the value")


class Ceiling(Measured):
    """Agreement of the same pipeline with the human grade in the judge's place."""

    label: str = Field(description="weak label")
    reference: str = Field(description="reference importance")
    metric: str = Field("spearman", description="as in `rows`")


class PermutationSpread(Result):
    """How single permutations of a judge's answers agree with a reference; each is a judge that knows nothing."""

    judge: str = Field(description="judge whose answers were permuted")
    reference: str = Field(description="reference importance")
    n: int = Field(0, description="permutations, over all draws")
    spearman_mean: Figure = Field(None, description="mean of their agreement")
    spearman_deviation: Figure = Field(None, description="standard deviation of their agreement")
    partial_deviation: Figure = Field(None, description="root mean square of their contributions, mean over draws")
    random_holds_zero: Figure = Field(None, description="share of them whose contribution has an interval around zero")
    random_judges: int = Field(0, description="how many that share is of")
    partial_mean: Figure = Field(None, description="mean of their contributions")
    partial_mean_low: Figure = Field(None, description="lower end of its 95 % interval over draws")
    partial_mean_high: Figure = Field(None, description="upper end of its 95 % interval over draws")


class CalibrationRow(Result):
    """Whether labels are right as often as ``support`` says; means over draws."""

    judge: str = Field(description="judge whose `support` it is")
    source: str = Field(description="`weak label` or `scorer`")
    label: float = Field(description="the log's label of these rows, 0 or 1")
    n: Figure = Field(None, description="rows")
    mean: Figure = Field(None, description="mean `support`")
    share: Figure = Field(None, description="share of the labels that are right")
    error: Figure = Field(None, description="expected calibration error")


class Agreed(Result):
    """Which agreement with gradients is shown first."""

    label: str | None = Field(None, description="weak label")
    judge: str | None = Field(None, description="headline judge")
    reference: str | None = Field(None, description="reference importance")


class HeadlineJudge(Result):
    """The headline judge against the grade, beside the target model."""

    judge: Text = Field("", description="name of the headline judge")
    within: Figure = Field(None, description="accuracy within queries")
    auc: Figure = Field(None, description="pooled AUC")
    spearman: Figure = Field(None, description="Spearman with the grade")
    target_auc: Figure = Field(None, description="AUC of the target model that was trained on the log")


class Target(Result):
    """The target model."""

    auc: Figure = Field(None, description="its AUC against the grade")


class JudgeAgainstGrade(Result):
    """One judge against the human grade; the intervals are means over draws."""

    judge: str = Field(description="name of the judge")
    kind: Text = Field("", description="kind of judge")
    mode: Text = Field("", description=f"{MODES} or `no judge`")
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


class Loss(Result):
    """A judge, or a part of what judges were to give, that the run had to do without."""

    judge: str = Field("", description="name of the judge")
    kind: str = Field("", description="its kind")
    lost: Literal["judge", "members", "clarity"] = Field(
        "judge", description="`judge`: it is left out; `members`: a panel goes on without some; `clarity`: of queries"
    )
    without: tuple[str, ...] = Field((), description="members that a panel goes on without")
    cause: str = Field("", description="why, in one line, in the server's words where it said any")
    hint: str = Field("", description="what to do about it")
    text: str = Field("", description="the sentence that is shown")


class Failures(Document):
    """``failures.json``: what the run had to do without."""

    failed: tuple[Loss, ...] = Field((), description="what the run had to do without")
    instead_of: str | None = Field(None, description="the judge that was to be in the headline; null where it is")


class Agreement(Failures):
    """All figures of a run.

    ``rows``, ``reliability``, ``ceiling`` and ``permutations`` are empty where the suite has no ``references``.
    """

    suite: Text = Field("", description="name of the suite")
    mode: Text = Field("", description=f"{MODES}, of the headline judge")
    log: dict[str, Any] | None = Field(None, description="the suite's `log`")
    headline: Headline | None = Field(None, description="what the judge's knowledge is worth to the ranker")
    agreement: Agreed | None = Field(None, description="the agreement with gradients that is shown first")
    verdict: HeadlineVerdict = Field(
        default_factory=HeadlineVerdict, description="on the headline judge and first ranker"
    )
    verdicts: dict[str, list[Verdict]] = Field(default_factory=dict, description="by ranker, on every judge")
    downstream: list[Downstream] = Field(default_factory=list, description="a way to train and a metric each")
    teaches: list[Teaches] = Field(default_factory=list, description="what clean labels gain, by ranker and metric")
    choices: list[RecipeCount] = Field(default_factory=list, description="how often each recipe was chosen")
    kept: list[KeptRow] = Field(default_factory=list, description="a share of the rows and a metric each")
    twins: list[dict[str, TwinMade]] = Field(default_factory=list, description="per draw, by judge: its twin")
    n_test_queries: int = Field(0, description="queries that rankers were tested on")
    judges: list[JudgeQuality] = Field(default_factory=list, description="every judge against the grade")
    judge: HeadlineJudge | None = Field(None, description="the headline judge against the grade")
    target: Target | None = Field(None, description="the target model")
    rows: list[AgreementRow] = Field(default_factory=list, description="a label, a reference and a metric each")
    reliability: list[Reliability] = Field(default_factory=list, description="a reference and a metric each")
    ceiling: list[Ceiling] = Field(default_factory=list, description="the human grade as the judge")
    permutations: list[PermutationSpread] = Field(default_factory=list, description="a judge and a reference each")
    calibration: list[CalibrationRow] = Field(default_factory=list, description="a judge, a source and a label each")
    quality: Quality | None = Field(None, description="whether the judge is good enough")
    notes: list[str] = Field(default_factory=list, description="what a reader must know to read the figures rightly")
