"""``benchmark.json``: a judge on the balanced pairs of a public set."""

from __future__ import annotations

from pydantic import Field

from sie_agent.results.base import Document, Figure, Measured, ReasonCount, Result, Text
from sie_agent.results.manifest import TokenCount


class BenchmarkSplit(Result):
    """The pairs that figures are of."""

    rule: Text = Field("", description="how they are drawn")
    seed: int | None = Field(None, description="the seed in that rule")
    part: Text = Field("", description="the split of the set that they are drawn from; empty for all of it")
    pairs: int = Field(0, description="how many there are")
    wanted: int = Field(0, description="how many were asked for")
    queries: int = Field(0, description="their queries")
    levels: dict[str, int] = Field(default_factory=dict, description="pairs of each label, the lowest label first")
    short_of: list[str] = Field(default_factory=list, description="labels of which there are fewer than wanted")
    tuning_pairs: int = Field(0, description="other pairs, of other queries, that thresholds were tuned on")
    sha256: Text = Field("", description="of the sorted ids, a line each: the same for the same pairs")


class BenchmarkRow(Result):
    """Figures of one judge or control, on the pairs that it judged; intervals resample queries.

    Of the random judges they are means over 200 of them, and 95 % of them lie in the interval; no `confusion`.
    """

    name: str = Field(description="the prompt variant and the model, or the control")
    kind: Text = Field("", description="`judge` or `control`")
    mode: Text = Field("", description="`zero-shot`, `gold-calibrated (N human grades)`, or `simulated`")
    thresholds: list[float] = Field(
        default_factory=list, description="from which relevance on a pair has the second, third … label"
    )
    n_judged: int = Field(0, description="pairs with a judgment")
    kappa: Measured | None = Field(None, description="Cohen's kappa with quadratic weights")
    accuracy: Measured | None = Field(None, description="share of pairs with the human label")
    alpha: Measured | None = Field(None, description="Krippendorff's ordinal alpha")
    spearman: Measured | None = Field(None, description="Spearman of relevance and grade")
    auc: Measured | None = Field(None, description="AUC of the highest label")
    severe_errors: Measured | None = Field(None, description="share of pairs two labels off or more")
    within_query_accuracy: Measured | None = Field(
        None, description="share of the pairs of one query and different grades in the right order, mean over queries"
    )
    n_queries_within: int = Field(0, description="queries with such pairs")
    confusion: list[list[int]] = Field(
        default_factory=list, description="pairs by human label (rows) and judged label (columns), the lowest first"
    )


class PublishedRow(Result):
    """A figure that was published elsewhere."""

    judge: str = Field(description="the judge, in words")
    kappa: Figure = Field(None, description="its quadratic kappa")
    note: Text = Field("", description="when, and on which pairs")


class Latency(Result):
    """How long answers took, those from the cache as they took when they came."""

    median: Figure = Field(None, description="in milliseconds; null where it is not known")
    p95: Figure = Field(None, description="that of 95 % of the answers, in milliseconds")


class Benchmark(Document):
    """A judge on the balanced pairs of a public set, with controls and published figures beside."""

    dataset: str = Field(description="`wands` or `esci`")
    title: Text = Field("", description="the set, in words")
    levels: list[str] = Field(default_factory=list, description="its labels, the lowest first")
    mode: Text = Field("", description="of the judge's labels: `zero-shot` or `gold-calibrated (N human grades)`")
    split: BenchmarkSplit = Field(description="the pairs")
    variant: Text = Field("", description="name of the prompt variant")
    model: Text = Field("", description="the model that gave most judgments")
    backend: Text = Field("", description="the backend that asked it")
    relevant_at: Figure = Field(None, description="grade from which on a pair counts as relevant, for the AUC")
    rows: list[BenchmarkRow] = Field(default_factory=list, description="the judge, then the controls")
    published: list[PublishedRow] = Field(default_factory=list, description="figures of others, for orientation")
    unparsed_share: Figure = Field(None, description="share of the pairs without a judgment")
    reasons: list[ReasonCount] = Field(default_factory=list, description="why pairs have no judgment")
    tokens_per_pair: Figure = Field(None, description="tokens sent and received, mean of the pairs")
    latency_ms: Latency | None = Field(None, description="how long answers took")
    cached: int = Field(0, description="judgments from the cache")
    asked: int = Field(0, description="pairs that were asked about, without those in the cache")
    tokens: TokenCount | None = Field(None, description="tokens of the answers of this run")
    tries_failed: list[ReasonCount] = Field(default_factory=list, description="why single tries failed")
    cost: Figure = Field(None, description="of this run, in USD; null where it is not known")
    max_cost: Figure = Field(None, description="the limit that was given")
    stopped: str | None = Field(None, description="why judging stopped early")
    next_may_cost: Figure = Field(None, description="what the next request may cost, where the limit stopped the run")
    failed_for_good: int = Field(0, description="failures that would come again")
    n_without_grade: int = Field(0, description="pairs without a judgment")
