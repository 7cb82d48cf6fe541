"""The parts of ``agreement.json`` that rest on rankers trained on the log."""

from __future__ import annotations

from pydantic import Field

from sie_agent.results.base import MODES, Figure, Measured, MeasuredDraws, Result, Text


class Against(Measured):
    """What training with a judge gains over one rival."""

    rival: Text = Field(description="what the judge is compared with")
    beaten: bool = Field(False, description="whether the gain is certain (95 %)")


class Verdict(Result):
    """What to do with one judge's target and weights, and why."""

    judge: Text = Field("", description="name of the judge")
    use: Text = Field("unknown", description="`use`, `simpler`, `log loses nothing`, `cannot tell` or `unknown`")
    text: Text = Field("", description="the verdict in words")
    against: list[Against] = Field(default_factory=list, description="by rival, what `auto` gains within queries")


class ToGrade(Result):
    """The grades that are missing before rankers can be tested."""

    queries: int = Field(0, description="queries to grade, those that lack the fewest grades")
    rows: int = Field(0, description="rows of these queries")
    graded: int = Field(0, description="rows of these queries that have a grade")
    pairs: int = Field(0, description="rows of these queries that are to be graded")


class HeadlineVerdict(Verdict):
    """The verdict on the headline judge."""

    to_grade: ToGrade | None = Field(None, description="what to grade, where grades are missing")


class Headline(Result):
    """What the ranker gains with the judge over the log, and over the judge's twin by the same recipe."""

    judge: str | None = Field(None, description="headline judge")
    mode: Text = Field("", description=MODES)
    measure: Text = Field("", description="what is measured")
    gain: Measured | None = Field(None, description="gain of `auto` over the log")
    less_twin: Measured | None = Field(None, description="gain over the judge's twin, by the same recipe")


class WayTried(Result):
    """What was done to the log, and the ranker that was trained on it."""

    ranker: str = Field(description="name of the ranker")
    strategy: str = Field(description="recipe, baseline or text score")
    judge: str | None = Field(None, description="name of the judge; null or empty where none took part")
    twin: bool = Field(False, description="whether the judge's knowledge had been removed")


class RankerQuality(MeasuredDraws):
    """Quality of one ranker under one metric."""

    metric: str = Field(description="`within` (share of a query's pairs in the right order), `ndcg@10` or `auc`")
    n_draws: int | None = Field(None, description="draws that have it")
    n_queries: int | None = Field(None, description="test queries behind it")
    minus_log: Measured | None = Field(None, description="gain over the log as it is")


class Downstream(RankerQuality, WayTried):
    """Quality of one ranker trained in one way."""

    gains: list[Figure] = Field(default_factory=list, description="`minus_log` in each draw")
    minus_text: Measured | None = Field(None, description="gain over the best text score")
    gap_recovered: Figure = Field(
        None, description="gain as a share of that of clean labels; null where the log loses nothing for certain"
    )


class RecipeCount(WayTried):
    """How often a recipe was chosen."""

    judge: Text = Field("", description="name of the judge")
    recipe: Text = Field("", description="name of the recipe")
    count: int = Field(0, description="folds and draws in which it was chosen")
    of: int = Field(0, description="folds and draws in which one was chosen")


class Teaches(Result):
    """What clean labels gain."""

    ranker: str = Field(description="name of the ranker")
    metric: str = Field(description="as in `downstream`")
    best_text: str | None = Field(None, description="the best text score")
    clean_minus_text: Measured | None = Field(None, description="gain over the best text score")
    clean_minus_log: Measured | None = Field(None, description="gain over the log as it is")


class TwinMade(Result):
    """How a judge's knowledge was taken out."""

    cells: Text = Field("grade", description="`grade`; `relevant` where grades are too fine")
    covered: Figure = Field(None, description="share of the judged rows with two others in their cell")


class KeptShare(Result):
    """Which rows a ranker was trained on."""

    ranker: str = Field(description="name of the ranker")
    keep: float = Field(description="share of the log's rows; 1 for all")
    by: str = Field(description="`support`, `value`, `plain loss` or `random`; `log` for all rows")
    judge: str | None = Field(None, description="judge whose scores decide; null where none does")
    twin: bool = Field(False, description="whether the judge's knowledge had been removed")

    @property
    def key(self) -> tuple[str, float, str, str | None, bool]:
        """What distinguishes it from other selections."""
        return (self.ranker, self.keep, self.by, self.judge, self.twin)


class KeptRow(RankerQuality, KeptShare):
    """Quality of one ranker trained on some rows."""

    minus_random: Measured | None = Field(None, description="gain over as many rows at random")
    rows: Figure = Field(None, description="rows trained on, mean over folds and draws")
    positives: Figure = Field(None, description="share of positives among them, mean over folds and draws")


class TrainingSeconds(KeptShare):
    """How long the training of one ranker takes in one thread, without predictions; means over folds and draws."""

    rows: Figure = Field(None, description="rows trained on")
    seconds: Figure = Field(None, description="wall time")
    cpu_seconds: Figure = Field(None, description="time on the processor, which other programs do not lengthen")
    of_log: Figure = Field(None, description="`cpu_seconds` as a share of that for all rows")
    n: int = Field(0, description="trainings")
