"""``improvement.json``: a search for a better prompt."""

from __future__ import annotations

from pydantic import Field

from sie_agent.results.base import Document, Figure, Measured, ReasonCount, Result, Text
from sie_agent.results.manifest import TokenCount


class SetCount(Result):
    """How many queries and pairs are for one purpose."""

    queries: int = Field(0, description="queries")
    pairs: int = Field(0, description="pairs, at most so many of each query as were asked for")


class PairCounts(Result):
    """Pairs that were put before the judge, those whose answers were in the cache counted too."""

    search: int = Field(0, description="on training queries, for all candidates")
    tune: int = Field(0, description="on tuning queries, for the start and the finalists")
    test: int = Field(0, description="on test queries, for the start and what was accepted")
    total: int | None = Field(None, description="of a plan: the sum")


class TrialRow(Result):
    """One candidate."""

    trial: int = Field(description="its number, from 1")
    key: Text = Field("", description="a hash of its texts, which are in `trials.jsonl`")
    change: Text = Field("", description="what is new in it, in words")
    failed: str | None = Field(None, description="why it is no variant, or may not be used; null for the others")
    value: Figure = Field(None, description="accuracy within the training queries on which it was judged last")
    start: Figure = Field(None, description="that of the start, on the same queries")
    queries: int = Field(0, description="how many these are")
    pairs: int = Field(0, description="pairs that were judged for it in the search")
    tuned: Figure = Field(None, description="of a finalist: accuracy within the tuning queries")


class ImprovementPair(Result):
    """Two of the variants that were compared on tuning queries."""

    first: str = Field(description="`start` or a finalist")
    second: str = Field(description="another one")
    difference: Figure = Field(None, description="the second's mean less the first's")
    low: Figure = Field(None, description="lower end of its 95 % interval")
    high: Figure = Field(None, description="upper end of its 95 % interval")
    p: Figure = Field(None, description="p-value of no difference")
    p_holm: Figure = Field(None, description="the same, corrected by Holm over all pairs")
    better: str | None = Field(None, description="which is certainly better; null where none is")
    equivalent: bool = Field(False, description="whether they are certainly the same within the margin")
    identical: bool = Field(False, description="whether they are the same on every query")
    n_queries: int = Field(0, description="queries that were compared")


class ImprovementDecision(Result):
    """The one look at the tuning queries."""

    verdict: Text = Field("", description="`take`, `keep`, `same` or `grade-more`")
    choice: Text = Field("", description="`start` or the finalist to take")
    margin: Figure = Field(None, description="a difference that does not matter")
    alpha: Figure = Field(None, description="the level of the tests")
    n_queries: int = Field(0, description="tuning queries")
    means: dict[str, Figure] = Field(default_factory=dict, description="accuracy within queries, by variant")
    queries_needed: int | None = Field(None, description="tuning queries that would probably decide what is open")
    sentence: Text = Field("", description="the decision in words")
    pairs: list[ImprovementPair] = Field(default_factory=list, description="every two of them")


class ImprovementTest(Result):
    """Figures on the test queries, which were looked at once."""

    name: str = Field(description="`start`, `best`, or the control")
    kind: Text = Field("", description="`judge` or `control`")
    mode: Text = Field("", description="`zero-shot`, `gold-calibrated (N human grades)` or `simulated`")
    within: Measured | None = Field(
        None, description="share of the pairs of one query and different grades in the right order, mean over queries"
    )
    ndcg: Measured | None = Field(None, description="NDCG@10")
    against: Text = Field(
        "",
        description="what `within` is measured against: `grade`, or, of a twin made of that, `relevant` (or not)",
    )
    difference: Measured | None = Field(
        None, description="of `within`, to the start's; null for the start and the judge without its knowledge"
    )
    n_queries: int = Field(0, description="queries with pairs of different grades")


class ImprovementFile(Document):
    """A search for a better prompt: what was tried, what was accepted, how good it is."""

    variant: str = Field(description="the variant that was to be improved")
    judge: Text = Field("", description="the model that judged")
    backend: Text = Field("", description="the backend that asked it")
    reflects: str | None = Field(None, description="the model that proposed; null where candidates were drawn")
    metric: Text = Field("", description="what is compared")
    search: Text = Field("", description="`reflection` or `candidates drawn`")
    mode: Text = Field("", description="of the variant to use: `zero-shot` or `gold-calibrated (N human grades)`")
    accepted: str | None = Field(None, description="the trial that was accepted; null where the start is kept")
    sentence: Text = Field("", description="what to do")
    stopped_by: str | None = Field(None, description="what ended the search early: `budget` or `cost`")
    seed: int = Field(0, description="of the split and of the search")
    sets: dict[str, SetCount] = Field(
        default_factory=dict,
        description="queries and pairs: `pool` (may become examples), `train`, `tune`, `test`",
    )
    plan: PairCounts | None = Field(None, description="most pairs that were to be judged")
    pairs: PairCounts | None = Field(None, description="pairs that were judged")
    n_unjudged: int = Field(0, description="of them without a judgment")
    n_trials: int = Field(0, description="candidates")
    n_failed: int = Field(0, description="of them no variant, or not to be used")
    finalists: list[str] = Field(default_factory=list, description="candidates that were judged on tuning queries")
    decision: ImprovementDecision | None = Field(None, description="null where there was no finalist")
    trials: list[TrialRow] = Field(default_factory=list, description="every candidate")
    test: list[ImprovementTest] = Field(default_factory=list, description="figures on the test queries")
    reflections: int = Field(0, description="questions to the model that proposes, in this run")
    asked: int = Field(0, description="pairs that were asked about in this run, without those in the cache")
    tokens: TokenCount | None = Field(None, description="tokens of this run, reflections included")
    tries_failed: list[ReasonCount] = Field(default_factory=list, description="why single tries failed")
    cost: Figure = Field(None, description="of this run, in USD; null where it is not known")
    max_cost: Figure = Field(None, description="the limit that was given")
    stopped: str | None = Field(None, description="why judging stopped early")
    next_may_cost: Figure = Field(None, description="what the next request may cost, where the limit stopped the run")
