"""The figures of an arm's judgments against the grade, each as one value per query: one registry.

The mean over queries of these values is the figure, and their spread is its error by query clusters. Of a mean over
queries (within-query accuracy, NDCG) they are the queries' own figures. Of a figure of all pairs together they are the
figure plus each query's influence on it, times the number of queries (the infinitesimal jackknife: Efron 1982, ch. 6),
or what leaving the query out changes (the jackknife of Tukey 1958) where the figure is one of a confusion matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sie_agent.evaluation import QueryNdcg, QueryPairs, query_auc
from sie_agent.utils.arrays import Doubles, Integers

# of grades that are finer than any scale that people fill in
COMMON_LEVELS = (0.0, 1 / 3, 2 / 3, 1.0)
MOST_LEVELS = 10
BINS = 10


def levels_of(grade: Doubles) -> Doubles:
    """(k,) the grades' own scale, rising: the grades that occur, or 0, 1/3, 2/3, 1 where there are more than ten."""
    found = np.unique(grade[~np.isnan(grade)])
    return found if 2 <= len(found) <= MOST_LEVELS else np.array(COMMON_LEVELS)


def nearest_level(values: Doubles, levels: Doubles) -> Integers:
    """(n,) place of the level that is nearest to each value; of two that are as near, the higher."""
    return np.searchsorted((levels[1:] + levels[:-1]) / 2, values, side="right").astype(np.intp)


@dataclass(frozen=True)
class Graded:
    """The pairs that judgments are compared on; what does not change from arm to arm is worked out once.

    Attributes
    ----------
    grade : (n,) in [0, 1], all known. queries : (n,) codes from 0, each with a pair.
    relevant_at : grade from which on a pair counts as relevant.
    scale : (k,) the grades' own scale, rising; the one that `levels_of` finds if not given.
    """

    grade: Doubles
    queries: Integers
    relevant_at: float = 0.75
    scale: Doubles | None = None

    @cached_property
    def n_queries(self) -> int:
        """How many queries there are."""
        return int(self.queries.max(initial=-1)) + 1

    @cached_property
    def levels(self) -> Doubles:
        """The grades' own scale."""
        return levels_of(self.grade) if self.scale is None else self.scale

    @cached_property
    def level(self) -> Integers:
        """(n,) the level of each grade."""
        return nearest_level(self.grade, self.levels)

    @cached_property
    def pairs(self) -> QueryPairs:
        """The pairs of a query whose grades differ."""
        return QueryPairs(self.grade, self.queries, self.n_queries)

    @cached_property
    def ndcg(self) -> QueryNdcg:
        """NDCG of each query."""
        return QueryNdcg(self.grade, self.queries, self.n_queries)

    @cached_property
    def grade_places(self) -> RankPlaces:
        """The ranks of the grades."""
        return RankPlaces(self.grade)

    def confusion(self, score: Doubles) -> Doubles:
        """(n_queries, k, k) pairs of each query, by level of the grade and level of the judgment."""
        size = len(self.levels)
        cells = (self.queries * size + self.level) * size + nearest_level(score, self.levels)
        counts = np.bincount(cells, minlength=self.n_queries * size * size).astype(np.float64)
        return counts.reshape(self.n_queries, size, size)


Values = Callable[[Graded, Doubles], Doubles]


@dataclass(frozen=True)
class Metric:
    """A figure of judgments.

    Attributes
    ----------
    name : its key in ``METRICS``; words : what it is.
    values : from graded pairs and scores (n,) to (n_queries,) values, whose mean is the figure; NaN where a query says
        nothing, everywhere where the figure cannot be computed.
    low, high : its bounds; None for none. decides : whether arms can be ranked by it (higher is better).
    by_query : whether it is a mean over queries of figures in [0, 1], which a test under peeking needs.
    """

    name: str
    words: str
    values: Values
    low: float | None = 0.0
    high: float | None = 1.0
    decides: bool = True
    by_query: bool = False


def within(graded: Graded, score: Doubles) -> Doubles:
    """Per query the share of pairs of unequal grade that are in the right order, ties counted half."""
    return graded.pairs.accuracy(score)


def ndcg(graded: Graded, score: Doubles) -> Doubles:
    """Per query NDCG at 10, ties in every order."""
    return graded.ndcg.ndcg(score)


def auc(graded: Graded, score: Doubles) -> Doubles:
    """Area under the ROC curve of relevant pairs."""
    return np.asarray(query_auc(score[None], graded.grade >= graded.relevant_at, graded.queries, graded.n_queries)[0])


class RankPlaces:
    """The places of values in their order: F(x) - 1/2, where F is the share below, ties counted half.

    Parameters
    ----------
    values : (n,).
    """

    def __init__(self, values: Doubles) -> None:
        _, self._codes, self._counts = np.unique(values, return_inverse=True, return_counts=True)
        self.count = len(values)
        self.centred = self.spread_of(np.ones(self.count), below=True) - 0.5

    def spread_of(self, weights: Doubles, *, below: bool) -> Doubles:
        """(n,) the sum of weights of the values below each (or above), over n; equal ones count half."""
        sums = np.bincount(self._codes, weights, len(self._counts))
        before = np.cumsum(sums) - sums / 2
        sided = before if below else sums.sum() - before
        return np.asarray(sided[self._codes] / self.count)


def spearman(graded: Graded, score: Doubles) -> Doubles:
    """Spearman's rank correlation with the grade.

    Its influence function, ties included: that of the ratio M / sqrt(V W) of moments of the places F and G, where each
    pair counts both with its own places and in the places of all others (Croux & Dehon 2010).
    """
    own, other = RankPlaces(score), graded.grade_places
    f, g = own.centred, other.centred
    moment, first, second = float((f * g).mean()), float((f * f).mean()), float((g * g).mean())
    if first * second < 1e-18 or len(score) < 3:
        return np.full(graded.n_queries, np.nan)
    figure = moment / np.sqrt(first * second)
    in_moment = f * g + own.spread_of(g, below=False) + other.spread_of(f, below=False) - 3 * moment
    in_first = f * f + 2 * own.spread_of(f, below=False) - 3 * first
    in_second = g * g + 2 * other.spread_of(g, below=False) - 3 * second
    influence = in_moment / np.sqrt(first * second) - figure / 2 * (in_first / first + in_second / second)
    return from_influence(float(figure), influence - influence.mean(), graded)


def from_influence(figure: float, influence: Doubles, graded: Graded) -> Doubles:
    """(n_queries,) a figure plus each query's share in it; *influence* (n,) has the mean 0."""
    sums = np.bincount(graded.queries, influence, graded.n_queries)
    return np.asarray(figure + sums * (graded.n_queries / len(influence)))


def mean_over_pairs(each: Doubles, graded: Graded) -> Doubles:
    """(n_queries,) values of a mean over pairs, as of a ratio of sums."""
    figure = float(each.mean())
    return from_influence(figure, each - figure, graded)


def exact(graded: Graded, score: Doubles) -> Doubles:
    """Share of pairs on the level of their grade."""
    return mean_over_pairs((nearest_level(score, graded.levels) == graded.level).astype(np.float64), graded)


def severe(graded: Graded, score: Doubles) -> Doubles:
    """Share of pairs that are two levels off, or more; NaN where the scale has only two."""
    if len(graded.levels) < 3:
        return np.full(graded.n_queries, np.nan)
    off = np.abs(nearest_level(score, graded.levels) - graded.level) >= 2
    return mean_over_pairs(off.astype(np.float64), graded)


def error(graded: Graded, score: Doubles) -> Doubles:
    """Mean absolute difference of judgment and grade."""
    return mean_over_pairs(np.abs(score - graded.grade), graded)


def bins_of(score: Doubles, bins: int = BINS) -> Integers:
    """(n,) the bin of each judgment, by rising judgment; of equal numbers of pairs, equal judgments in one bin."""
    places = RankPlaces(score).centred + 0.5
    return np.unique(np.minimum((places * bins).astype(np.intp), bins - 1), return_inverse=True)[1].astype(np.intp)


def ece(graded: Graded, score: Doubles) -> Doubles:
    """Expected calibration error (Naeini 2015): mean over ten bins of the distance of mean judgment and mean grade.

    The influence is that with the bins, and which side of the diagonal each is on, held fixed.
    """
    bins = bins_of(score)
    apart = score - graded.grade
    side = np.sign(np.bincount(bins, apart))[bins]
    return mean_over_pairs(side * apart, graded)


MatrixFigure = Callable[[Doubles], Doubles]


def quadratic_kappa(counts: Doubles) -> Doubles:
    """(...,) Cohen's kappa with quadratic weights (1968) of confusion matrices (..., k, k); NaN without any spread."""
    place = np.arange(counts.shape[-1], dtype=np.float64)
    weights = (place[:, None] - place) ** 2
    total = counts.sum(axis=(-2, -1))
    rows, columns = counts.sum(axis=-1), counts.sum(axis=-2)
    observed = (counts * weights).sum(axis=(-2, -1)) * total
    expected = np.einsum("...i,ij,...j->...", rows, weights, columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(expected > 0, 1 - observed / expected, np.nan))


def krippendorff_alpha(counts: Doubles) -> Doubles:
    """(...,) Krippendorff's alpha (2011), ordinal, of two raters, from confusion matrices (..., k, k)."""
    margin = counts.sum(axis=-1) + counts.sum(axis=-2)
    upto = margin.cumsum(axis=-1)
    middle = upto - margin / 2
    # ranks within the pooled margins: the sum from one level to another, both ends counted half
    distance = (middle[..., :, None] - middle[..., None, :]) ** 2
    total = margin.sum(axis=-1)
    observed = (counts * distance).sum(axis=(-2, -1)) * 2 * (total - 1)
    expected = (margin[..., :, None] * margin[..., None, :] * distance).sum(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(expected > 0, 1 - observed / expected, np.nan))


def of_matrix(figure: MatrixFigure) -> Values:
    """A figure of the confusion matrix, as values per query: what leaving each query out changes."""

    def values(graded: Graded, score: Doubles) -> Doubles:
        return left_out(figure, graded.confusion(score))

    values.__doc__ = figure.__doc__
    return values


def left_out(figure: MatrixFigure, counts: Doubles) -> Doubles:
    """(n_queries,) values of a figure of confusion matrices (n_queries, k, k), centred on the figure of all."""
    whole = counts.sum(axis=0)
    without = figure(whole[None] - counts) if len(counts) > 1 else np.full(len(counts), np.nan)
    all_of_it = float(figure(whole))
    if len(counts) == 1 or np.isnan(all_of_it):
        return np.full(len(counts), all_of_it)
    # without a query that holds all the spread there is no figure: it says nothing then
    without = np.where(np.isnan(without), np.nanmean(without) if not np.isnan(without).all() else all_of_it, without)
    return np.asarray(all_of_it + (len(counts) - 1) * (without.mean() - without))


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("within", "within-query accuracy", within, by_query=True),
        Metric("ndcg@10", "NDCG at 10", ndcg, by_query=True),
        Metric("auc", "AUC of relevant pairs", auc),
        Metric("spearman", "Spearman with the grade", spearman, low=-1.0),
        Metric("kappa", "quadratic kappa with the grade", of_matrix(quadratic_kappa), low=-1.0),
        Metric("alpha", "Krippendorff's alpha with the grade, ordinal", of_matrix(krippendorff_alpha), low=None),
        Metric("exact", "share of pairs on the level of their grade", exact),
        Metric("severe", "share of pairs two levels off", severe, decides=False),
        Metric("error", "mean absolute difference to the grade", error, decides=False),
        Metric("ece", "expected calibration error", ece, decides=False),
    )
}


def figure_of(values: npt.NDArray[np.floating], metric: Metric | None = None) -> dict[str, float]:
    """A figure with its 95 % interval by query: mean and standard error of its values, Student's t.

    Parameters
    ----------
    values : (n_queries,), NaN where a query says nothing. metric : bounds the interval, where it has bounds.

    Returns
    -------
    ``value, ci_low, ci_high``; NaN where there is none, the ends also where there is one query only.
    """
    from scipy.stats import t as student

    known = values[~np.isnan(values)]
    if not len(known):
        return dict.fromkeys(("value", "ci_low", "ci_high"), float("nan"))
    value, nothing = float(known.mean()), float("nan")
    if len(known) == 1:
        return {"value": value, "ci_low": nothing, "ci_high": nothing}
    half = float(student.ppf(0.975, len(known) - 1) * known.std(ddof=1) / np.sqrt(len(known)))
    low, high = value - half, value + half
    if metric is not None:
        low = low if metric.low is None else max(low, metric.low)
        high = high if metric.high is None else min(high, metric.high)
    return {"value": value, "ci_low": low, "ci_high": high}
