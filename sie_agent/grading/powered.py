"""Prediction-powered estimates of a mean: few human grades, and a judge's word on everything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

from sie_agent.utils.arrays import Doubles, Integers


@dataclass(frozen=True)
class PoweredEstimate:
    """A mean from grades and judgments together, and beside it from the grades alone.

    Parameters
    ----------
    value, low, high : prediction-powered, with its interval. graded_only_value, …_low, …_high : from grades alone.
    tuning : λ in [0, 1], how far the judgments are believed; 0 where they would not have made the interval shorter.
    n_graded, n_all : how many values, and predictions of all, went in. n_clusters : graded queries, or rows.
    """

    value: float
    low: float
    high: float
    graded_only_value: float
    graded_only_low: float
    graded_only_high: float
    tuning: float
    n_graded: int
    n_all: int
    n_clusters: int

    @property
    def shorter(self) -> float:
        """By which share the interval is shorter than that of the grades alone, in [0, 1]."""
        return 1 - (self.high - self.low) / (self.graded_only_high - self.graded_only_low)


def prediction_powered_mean(
    graded_values: Doubles,
    predicted_on_graded: Doubles,
    predicted_on_all: Doubles,
    *,
    clusters_graded: npt.ArrayLike | None = None,
    clusters_all: npt.ArrayLike | None = None,
    probabilities: Doubles | None = None,
    alpha: float = 0.05,
) -> PoweredEstimate:
    """Mean of a value that people gave for some rows and a judge predicts for all (Angelopoulos et al. 2023).

    With Y the values, f the predictions of the same rows and F those of all rows,

        θ = mean(Y) + λ·(mean(F) − mean(f))

    λ is the one in [0, 1] with the smallest variance (power tuning, Angelopoulos, Duchi and Zrnic 2023), from the
    clusters' influence on both means. Means over graded rows are weighted by 1/probability and divided by the sum of
    the weights (Hájek 1971: unlike Horvitz and Thompson's, adding a constant to all values adds it to the estimate,
    and how many rows there are need not be known).

    The standard error is the jackknife's that leaves out one cluster at a time and tunes λ anew, so that it knows what
    tuning costs; Student's t has two degrees of freedom less than graded clusters, with λ = 0 one. Where the interval
    would not be shorter than that of the grades alone, λ is 0: it is never wider than theirs.

    Parameters
    ----------
    graded_values, predicted_on_graded : (n,), NaN where a row says nothing. predicted_on_all : (N,).
    clusters_graded, clusters_all : (n,) and (N,) query of each row; one that stands in both is one cluster, so the
        graded rows may be among all. None: every row is a cluster of its own, and graded rows are not among all.
    probabilities : (n,) with which each graded row was drawn, in (0, 1]; None: equal.
    alpha : 1 - level of the interval.

    Returns
    -------
    NaN where no row is graded, and for the interval where fewer than two clusters are.

    Raises
    ------
    ValueError : arrays of different length, clusters of one side only, a probability outside (0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.normal(0.5, 0.2, 1030)
    >>> judge = truth + rng.normal(0, 0.1, 1030)
    >>> found = prediction_powered_mean(truth[:30], judge[:30], judge[30:])
    >>> found.shorter > 0.3
    True
    """
    weights = _checked(graded_values, predicted_on_graded, probabilities)
    graded, everything, count = _codes(len(graded_values), len(predicted_on_all), clusters_graded, clusters_all)
    value = _Mean(graded_values, weights, graded, count)
    predicted = _Mean(predicted_on_graded, weights, graded, count)
    overall = _Mean(predicted_on_all, np.ones(len(predicted_on_all)), everything, count)
    n_clusters = int(np.count_nonzero(value.weights))
    factors = np.where(value.weights + predicted.weights > 0, 1 - 1 / max(n_clusters, 1), 1 - 1 / max(count, 1))
    alone_reach, reach = (_reach(n_clusters - lost, alpha) for lost in (1, 2))
    alone_error = float(np.sqrt((factors * (value.without - value.value) ** 2).sum()))
    tuning, tunings = _tunings(value.influence, predicted.influence - overall.influence)
    powered = value.value + tuning * (overall.value - predicted.value) if tuning else value.value
    again = value.without + np.where(tunings > 0, tunings * (overall.without - predicted.without), 0.0)
    error = float(np.sqrt((factors * (again - powered) ** 2).sum()))
    if not reach * error < alone_reach * alone_error:
        tuning, powered, error, reach = 0.0, value.value, alone_error, alone_reach
    return PoweredEstimate(
        value=powered,
        low=powered - reach * error,
        high=powered + reach * error,
        graded_only_value=value.value,
        graded_only_low=value.value - alone_reach * alone_error,
        graded_only_high=value.value + alone_reach * alone_error,
        tuning=tuning,
        n_graded=value.n,
        n_all=overall.n,
        n_clusters=n_clusters,
    )


def _reach(freedom: int, alpha: float) -> float:
    """Half the width of an interval in standard errors."""
    return float(stdtrit(freedom, 1 - alpha / 2)) if freedom > 0 else float("nan")


class _Mean:
    """A weighted mean of known values, without each cluster, and each cluster's influence on it."""

    def __init__(self, values: Doubles, weights: Doubles, codes: Integers, count: int) -> None:
        known = np.isfinite(values)
        codes, share = codes[known], weights[known]
        self.n = int(known.sum())
        self.weights = np.bincount(codes, share, count)
        sums = np.bincount(codes, share * values[known], count)
        total, mass = sums.sum(), self.weights.sum()
        self.value = float(total / mass) if mass else float("nan")
        with np.errstate(invalid="ignore", divide="ignore"):
            self.without = (total - sums) / (mass - self.weights)
        # a cluster of all the weight leaves no mean behind, only a rounding error
        self.without[mass - self.weights <= 1e-12 * mass] = np.nan
        self.influence = (sums - self.weights * self.value) / mass if mass else np.zeros(count)


def _tunings(value: Doubles, prediction: Doubles) -> tuple[float, Doubles]:
    """λ of all clusters, and without each: the regression of one influence on the other, within [0, 1]."""
    products, squares = value * prediction, prediction**2
    total = float(squares.sum())
    if not total > 1e-24:
        return 0.0, np.zeros(len(value))
    left = np.maximum(total - squares, 1e-12 * total)
    return float(np.clip(products.sum() / total, 0, 1)), np.clip((products.sum() - products) / left, 0, 1)


def _checked(values: Doubles, predicted: Doubles, probabilities: Doubles | None) -> Doubles:
    """The weights of the graded rows.

    Raises
    ------
    ValueError : as :func:`prediction_powered_mean`.
    """
    if len(values) != len(predicted):
        raise ValueError(f"{len(values)} graded values, and {len(predicted)} predictions of them")
    if probabilities is None:
        return np.ones(len(values))
    if len(probabilities) != len(values):
        raise ValueError(f"{len(values)} graded values, and {len(probabilities)} probabilities")
    if not ((probabilities > 0) & (probabilities <= 1)).all():
        raise ValueError("every sampling probability has to be above 0 and at most 1")
    return np.asarray(1 / probabilities)


def _codes(
    graded: int, everything: int, clusters_graded: npt.ArrayLike | None, clusters_all: npt.ArrayLike | None
) -> tuple[Integers, Integers, int]:
    """Cluster codes of graded rows and of all rows, and how many clusters there are."""
    if clusters_graded is None and clusters_all is None:
        return np.arange(graded), np.arange(graded, graded + everything), graded + everything
    if clusters_graded is None or clusters_all is None:
        raise ValueError("give the clusters of graded rows and of all rows, or neither")
    names = [np.asarray(clusters_graded), np.asarray(clusters_all)]
    if (len(names[0]), len(names[1])) != (graded, everything):
        raise ValueError(f"{len(names[0])} and {len(names[1])} clusters for {graded} graded rows of {everything}")
    codes, found = pd.factorize(np.concatenate([names[0].astype(object), names[1].astype(object)]))
    return codes[:graded].astype(np.intp), codes[graded:].astype(np.intp), len(found)
