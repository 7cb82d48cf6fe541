"""The parts of ``comparison.json``."""

from __future__ import annotations

from pydantic import Field

from sie_agent.results.base import Figure, Measured, Result, Text


class PairDecision(Result):
    """Two arms by the deciding metric: a paired test on queries, Holm over all pairs."""

    first: str = Field(description="name of an arm")
    second: str = Field(description="name of the other arm")
    difference: Figure = Field(None, description="second less first, mean over queries")
    ci_low: Figure = Field(None, description="lower end of its 95 % interval, of this pair alone")
    ci_high: Figure = Field(None, description="upper end of it")
    p: Figure = Field(None, description="p-value of no difference, of this pair alone")
    p_holm: Figure = Field(None, description="the same, Holm over all pairs")
    better: str | None = Field(None, description="the arm that is better for certain; null where none is")
    p_equivalent: Figure = Field(None, description="p-value of two one-sided tests within the margin, Holm")
    equivalent: bool = Field(False, description="whether the two differ by less than the margin for certain")
    identical: bool = Field(False, description="whether the two are byte-identical")
    n_queries: int = Field(0, description="queries that say something of both")
    queries_needed: int | None = Field(None, description="graded queries in all that would decide it with 80 % power")


class DecisionRow(Result):
    """What to do with the variants, and why."""

    verdict: Text = Field(
        "unknown", description="`take`, `keep`, `same`, `grade-more`; `unknown` without grades, or of one arm"
    )
    choice: Text = Field("", description="the arm to use; empty where the verdict is `unknown`")
    sentence: Text = Field("", description="the decision in words")
    mode: Text = Field("", description="`zero-shot`, or `gold-calibrated (n grades)`")
    metric: Text = Field("", description="the metric that decides, as in `metrics`")
    margin: Figure = Field(None, description="difference that does not matter")
    alpha: Figure = Field(None, description="chance of any false alarm, over all pairs")
    power: Figure = Field(None, description="of `queries_needed`")
    sequential: bool = Field(False, description="whether the test is valid at every look (`--until decided`)")
    ranking: list[list[str]] = Field(default_factory=list, description="arms, best first; a tie is one group")
    pairs: list[PairDecision] = Field(default_factory=list, description="all pairs of arms")
    n_queries: int = Field(0, description="queries with grades that say something")
    queries_needed: int | None = Field(None, description="graded queries in all that would decide it with that power")


class Confusion(Result):
    """How often which grade was judged to be which level."""

    levels: list[float] = Field(default_factory=list, description="the grades' own scale, rising")
    counts: list[list[int]] = Field(default_factory=list, description="pairs: a row by grade, a column by judged level")


class ReliabilityPoint(Result):
    """One bin of judgments and the grades in it."""

    judged: Figure = Field(None, description="mean judgment")
    graded: Measured | None = Field(None, description="mean grade, with its interval by query")
    n: int = Field(0, description="pairs")


class Powered(Measured):
    """A prediction-powered estimate beside that of the grades alone (Angelopoulos 2023)."""

    graded_only: Measured | None = Field(None, description="the grades alone")
    predictor: Text = Field("", description="the arm whose judgments stand in where there is no grade; never itself")
    tuning: Figure = Field(None, description="share of the predictions that is used, 0 to 1")
    n_graded: int = Field(0, description="pairs, or queries, with grades")
    n_all: int = Field(0, description="all of them")


class ArmsAgreement(Result):
    """How far two arms say the same, whoever is right."""

    first: str = Field(description="name of an arm")
    second: str = Field(description="name of the other arm")
    spearman: Measured | None = Field(None, description="Spearman of their judgments")
    kappa: Measured | None = Field(None, description="quadratic kappa of their levels")
    alpha: Measured | None = Field(None, description="Krippendorff's alpha of their levels, ordinal")
    same_level: Measured | None = Field(None, description="share of the pairs that both put on one level")


class Stability(Result):
    """The same pairs asked again of one arm, changed in a way that should not matter."""

    variant: str = Field(description="name of the arm")
    change: str = Field(
        description="`repeat`, `examples` (their order), or of the query `word order`, `plural`, `letter case`"
    )
    n_pairs: int = Field(0, description="pairs with both answers; of several repeats, all of them together")
    n_failed: int = Field(0, description="answers that are missing")
    same_level: Measured | None = Field(None, description="share of equal levels, with its interval by query")
    mean_change: Measured | None = Field(None, description="mean absolute change of the judgment, 0 to 1")
    note: Text = Field("", description="why there is no figure")


class Said(Result):
    """What one arm said of a pair."""

    variant: str = Field(description="name of the arm")
    score: Figure = Field(None, description="its judgment, 0 to 1")
    level: Figure = Field(None, description="the nearest level of the grades' scale")
    rationale: Text = Field("", description="why, where the arm gives reasons")


class Differing(Result):
    """A pair on which arms differ."""

    sample_id: str = Field(description="id of the pair")
    query: Text = Field("", description="the query")
    item_id: Text = Field("", description="id of the item")
    title: Text = Field("", description="title of the item")
    department: Text = Field("", description="department of the item, where the data have one")
    grade: Figure = Field(None, description="human grade; null where there is none")
    spread: Figure = Field(
        None, description="highest less lowest place of it in the order of an arm's judgments, 0 to 1"
    )
    said: list[Said] = Field(default_factory=list, description="by arm")


class JudgedBatch(Result):
    """How a comparison stood after one batch of queries."""

    n_queries: int = Field(0, description="queries so far")
    n_pairs: int = Field(0, description="pairs so far")
    cost: Figure = Field(None, description="in USD so far; null where it is not known")
    leader: Text = Field("", description="the best arm so far")
    difference: Figure = Field(None, description="of it to the next")
    ci_low: Figure = Field(None, description="lower end of the interval that is valid at every look")
    ci_high: Figure = Field(None, description="upper end of it")
    decided: bool = Field(False, description="whether that decided it")


class GradeSheet(Result):
    """Pairs that were chosen to be graded next."""

    file: Text = Field("", description="the sheet")
    n_pairs: int = Field(0, description="pairs on it")
    n_queries: int = Field(0, description="their queries")
    seed: int | None = Field(None, description="of the draw")
    whole_queries: bool = Field(False, description="whether queries were drawn with all their pairs")
