"""The learning curve: what a student of the judgments so far agrees with, and what the next batch would add to that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sie_agent.evaluation.within import QueryPairs
from sie_agent.utils.arrays import Doubles, Integers

# fractions of the judged pairs at which the student is fitted
STEPS = (0.25, 0.4, 0.6, 0.8, 1.0)
# exponents of the power law that are tried; the smallest is close to a gain with every doubling
EXPONENTS = np.array([0.02, 0.25, 0.5, 0.75, 1.0, 1.5])
FEWEST_ROWS = 12
FEWEST_REPLICATES = 10
RIDGE = 30.0


@dataclass(frozen=True)
class CurvePoints:
    """Quality of the student in replicates of the learning curve.

    Attributes
    ----------
    sizes : (replicates, steps) judged pairs that it was fitted on. quality : of the same shape, agreement
        with the target on queries it has not seen; NaN where that is not defined.
    judged : pairs that were judged in all. target : what it was compared with, in words.
    """

    sizes: Doubles
    quality: Doubles
    judged: int
    target: str

    def mean(self) -> list[dict[str, float]]:
        """Mean size and quality of each step, with a 80 % interval over replicates."""
        found = []
        for size, quality in zip(self.sizes.T, self.quality.T, strict=True):
            kept = np.isfinite(quality)
            if kept.sum() >= FEWEST_REPLICATES:
                low, high = np.quantile(quality[kept], [0.1, 0.9])
                point = {"judged": float(size[kept].mean()), "quality": float(quality[kept].mean())}
                found.append(point | {"low": float(low), "high": float(high)})
        return found


@dataclass(frozen=True)
class Gain:
    """What a batch is expected to add to the quality, with its uncertainty over queries.

    Attributes
    ----------
    expected, low, high : mean over bootstrap curves, and the 10 % and 90 % quantiles.
    gains : (replicates,) of each curve.
    """

    expected: float
    low: float
    high: float
    gains: Doubles

    def chance_above(self, needed: float) -> float:
        """The share of the curves in which the batch adds more than *needed*."""
        return float((self.gains > needed).mean())


def learning_points(
    features: Doubles,
    judged: Doubles,
    target: Doubles,
    queries: Integers,
    *,
    within: bool,
    words: str,
    replicates: int = 40,
    seed: int = 0,
) -> CurvePoints | None:
    """Fit a ridge regression to growing parts of the judged pairs, and compare it with the target on other queries.

    A bootstrap by queries (Efron 1979): the queries drawn give the pairs to learn from, in the order of the draw; those
    not drawn are for the test. So both the draw of the log's queries and that of the test are in the spread. Each
    size is of the same draw and test, so that differences between sizes are paired.

    Parameters
    ----------
    features : (n, d) text features of the rows. judged : (n,) judgments, NaN where there is none.
    target : (n,) grades, or the judgments themselves; NaN where there is none.
    queries : (n,) codes from 0. words : what the target is.
    within : measure the accuracy within queries, which needs several targets of a query; else Spearman over all.

    Returns
    -------
    None where there are too few judged pairs or queries.
    """
    from sklearn.linear_model import Ridge

    known = np.flatnonzero(np.isfinite(judged))
    own = np.unique(queries[known])
    if len(known) < FEWEST_ROWS / STEPS[0] or len(own) < 2 * FEWEST_REPLICATES:
        return None
    rng = np.random.default_rng(seed)
    rows_of = {int(code): known[queries[known] == code] for code in own}
    tested = np.flatnonzero(np.isfinite(target))
    sizes, found = [], []
    for _ in range(replicates):
        drawn = rng.choice(own, len(own))
        ordered = list(dict.fromkeys(drawn.tolist()))
        train = np.concatenate([rows_of[code] for code in ordered])
        test = tested[~np.isin(queries[tested], ordered)]
        ends = [max(round(step * len(train)), FEWEST_ROWS) for step in STEPS]
        students = [Ridge(alpha=RIDGE).fit(features[train[:end]], judged[train[:end]]) for end in ends]
        told = np.stack([one.predict(features[test]) if len(test) else np.empty(0) for one in students])
        sizes.append(ends)
        found.append(accuracy_within(told, target[test], queries[test]) if within else correlation(told, target[test]))
    return CurvePoints(np.asarray(sizes, float), np.stack(found), len(known), words)


def accuracy_within(told: Doubles, target: Doubles, queries: Integers) -> Doubles:
    """(k,) share of the pairs of rows of a query that each of k predictions orders as the target, mean over queries."""
    codes, place = np.unique(queries, return_inverse=True)
    if not len(codes):
        return np.full(len(told), np.nan)
    by_query = QueryPairs(target, place.astype(np.intp), len(codes)).accuracy(told)
    return by_query[:, known].mean(axis=1) if (known := np.isfinite(by_query[0])).any() else np.full(len(told), np.nan)


def correlation(told: Doubles, target: Doubles) -> Doubles:
    """(k,) Spearman's correlation of each of k predictions with the target; NaN where either is constant."""
    from scipy.stats import spearmanr

    if len(target) < FEWEST_ROWS or not np.ptp(target):
        return np.full(len(told), np.nan)
    return np.array([spearmanr(one, target).statistic if np.ptp(one) else np.nan for one in told])


def power_law(sizes: Doubles, quality: Doubles) -> tuple[float, float, float]:
    """Fit quality = a - b size^(-c) by least squares with b of 0 or more; NaN values are left out.

    The form is that of Hestness (2017) and of most curves that Viering and Loog (2022) review. For each exponent the
    other two have a closed form, and the best exponent is taken.

    Returns
    -------
    a, b, c; b is 0 where quality does not rise.
    """
    kept = np.isfinite(quality)
    sizes, quality = sizes[kept], quality[kept]
    if not len(quality):
        return float("nan"), 0.0, 1.0
    best, least = (float(quality.mean()), 0.0, 1.0), float(((quality - quality.mean()) ** 2).sum())
    for exponent in EXPONENTS:
        fall = sizes**-exponent
        spread = fall - fall.mean()
        if not spread.any():
            continue
        slope = -float(spread @ quality / (spread @ spread))
        if slope <= 0:
            continue
        level = float(quality.mean() + slope * fall.mean())
        error = float(((quality - level + slope * fall) ** 2).sum())
        if error < least:
            best, least = (level, slope, float(exponent)), error
    return best


def expected_gain(points: CurvePoints, after: int) -> Gain | None:
    """What the quality gains from the judged pairs so far to *after* of them; None where the curve is not known.

    Each replicate of the bootstrap is fitted by :func:`power_law` for itself, and its gain is read off; a replicate
    learns from the share of the queries that it drew, so that its sizes are put on the scale of all judged pairs.
    """
    gains = []
    for sizes, quality in zip(points.sizes, points.quality, strict=True):
        if np.isfinite(quality).sum() < 3:
            continue
        _, slope, exponent = power_law(sizes, quality)
        gains.append(slope * (points.judged**-exponent - after**-exponent))
    if len(gains) < FEWEST_REPLICATES:
        return None
    found = np.asarray(gains)
    low, high = np.quantile(found, [0.1, 0.9])
    return Gain(float(found.mean()), float(low), float(high), found)


def as_figures(points: CurvePoints | None) -> dict[str, Any]:
    """The curve for the state of a campaign: plain numbers."""
    if points is None:
        return {}
    table: Sequence[dict[str, float]] = points.mean()
    sizes = [[float(one) for one in row] for row in points.sizes]
    quality = [[None if np.isnan(one) else float(one) for one in row] for row in points.quality]
    return {"points": table, "sizes": sizes, "quality": quality, "judged": points.judged, "target": points.target}


def from_figures(told: dict[str, Any]) -> CurvePoints | None:
    """The curve that :func:`as_figures` told of."""
    if not told:
        return None
    quality = [[np.nan if one is None else one for one in row] for row in told["quality"]]
    return CurvePoints(np.asarray(told["sizes"], float), np.asarray(quality, float), told["judged"], told["target"])
