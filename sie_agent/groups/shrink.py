"""Means of groups, drawn towards the mean of all: a group of few rows says little of itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sie_agent.utils.arrays import Doubles

Integers = npt.NDArray[np.int64]

# means that are the same up to here are ordered by the names of their groups
DIGITS = 12
FEWEST_GROUPS = 3
POINTS = 48
# a spread that is e^-12 times as likely as the likeliest one is left out
UNLIKELY = 12.0
# the spread between groups is looked for up to so many standard deviations of their means
WIDEST = 10.0
FEWEST_LIKELY = 12
MOST_ZOOMS = 12
NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Groups:
    """What is known of each of k groups.

    Attributes
    ----------
    rows : (k,) number of rows, at least 1. mean : (k,) mean of their scores.
    variance : (k,) variance of their scores with n - 1 below the line; NaN of a single row.
    """

    rows: Integers
    mean: Doubles
    variance: Doubles


@dataclass(frozen=True)
class Prior:
    """What all groups together say of any one of them.

    Attributes
    ----------
    within : variance of rows within a group, pooled over groups.
    strength : how many rows the pooled variance counts for beside a group's own; infinite where groups do not differ
        in it by more than chance.
    spread : (t,) standard deviations between the true means of groups, and how likely each is: ``likely`` (t,), of
        sum 1. centre, centre_variance : (t,) mean of the true means given each, and its variance.
    """

    within: float
    strength: float
    spread: Doubles
    likely: Doubles
    centre: Doubles
    centre_variance: Doubles

    @property
    def mean(self) -> float:
        """The mean that groups are drawn towards."""
        return float(self.likely @ self.centre)

    @property
    def between(self) -> float:
        """Standard deviation between the true means of groups: its mean, given the data."""
        return float(self.likely @ self.spread)


@dataclass(frozen=True)
class Shrunken:
    """Of each of k groups the mean, drawn towards that of all, and its 95 % interval, (k,) each.

    The interval is NaN where there is one row in all.
    """

    mean: Doubles
    low: Doubles
    high: Doubles


def fit_prior(groups: Groups) -> Prior:
    """Learn from many groups how much they differ, and how much rows differ within them.

    True means are taken to be normal around a common mean, and rows normal within their group (the hierarchical normal
    model, Gelman et al., Bayesian Data Analysis, 3rd ed., 5.4). The standard deviation between groups has a flat prior,
    as is advised there, and is integrated out over a grid: with few groups a single estimate of it, of which zero is a
    frequent one, makes intervals too short. With many groups it makes no difference.

    The variance within a group is an inverse χ² variable (Smyth 2004), whose parameters are found by moments: that of
    one group's rows is drawn towards the pooled one, and a group of a single row gets the pooled one. Where all groups
    have a single row, all that they differ by counts as variance within: nothing tells it from what lies between.

    Raises
    ------
    ValueError : there are fewer than three groups, which say nothing of how groups differ.
    """
    if len(groups.rows) < FEWEST_GROUPS:
        raise ValueError(f"{len(groups.rows)} groups, and {FEWEST_GROUPS} are needed")
    within, strength = pooled_variance(groups)
    noise = variance_of_means(groups, within, strength)
    scale = float(groups.mean.std())
    if scale == 0.0:
        known = np.array([groups.mean[0]])
        return Prior(within, strength, np.zeros(1), np.ones(1), known, np.array([1 / (1 / noise).sum()]))
    spread = np.concatenate([[0.0], np.geomspace(1e-4, WIDEST, POINTS - 1) * scale])
    for _ in range(MOST_ZOOMS):
        density = log_density(spread, groups.mean, noise)[0]
        kept = np.flatnonzero(density > density.max() - UNLIKELY)
        if len(kept) >= FEWEST_LIKELY and np.allclose(np.diff(spread), spread[1] - spread[0], rtol=1e-6):
            break
        first, last = max(int(kept[0]) - 1, 0), min(int(kept[-1]) + 1, len(spread) - 1)
        spread = np.linspace(spread[first], spread[last], POINTS)
    density, centre, centre_variance = log_density(spread, groups.mean, noise)
    likely = np.exp(density - density.max())
    # the ends of the grid stand for half a step each
    likely[[0, -1]] /= 2
    return Prior(within, strength, spread, likely / likely.sum(), centre, centre_variance)


def shrink(groups: Groups, prior: Prior | None) -> Shrunken:
    """Draw the mean of each group towards that of all, by as much as its own rows leave open.

    The interval holds the group's true mean, that of ever more rows like those it has, with a probability of 95 %. It
    knows how rows differ, and nothing of whether the score itself is right.

    Parameters
    ----------
    prior : from :func:`fit_prior`, of these or of a sample of them; None where there are too few groups: then the means
        stay where they are, and the variance of a group's rows is pooled over all.
    """
    if prior is None:
        if groups.rows.sum() == 1:
            # one row does not tell how rows differ
            unknown = np.full(len(groups.mean), np.nan)
            return Shrunken(groups.mean, unknown, unknown)
        within, strength = pooled_variance(groups)
        deviation = np.sqrt(variance_of_means(groups, within, strength))
        return Shrunken(groups.mean, groups.mean - NORMAL_95 * deviation, groups.mean + NORMAL_95 * deviation)
    noise = variance_of_means(groups, prior.within, prior.strength)
    first, second = np.zeros(len(noise)), np.zeros(len(noise))
    deviation_from = groups.mean - prior.mean
    for spread, likely, centre, uncertain in zip(
        prior.spread, prior.likely, prior.centre - prior.mean, prior.centre_variance, strict=True
    ):
        trust = spread**2 / (spread**2 + noise)
        middle = centre + trust * (deviation_from - centre)
        first += likely * middle
        second += likely * (trust * noise + (1 - trust) ** 2 * uncertain + middle**2)
    deviation = np.sqrt(np.maximum(second - first**2, 0.0))
    mean = prior.mean + first
    return Shrunken(mean, mean - NORMAL_95 * deviation, mean + NORMAL_95 * deviation)


def pooled_variance(groups: Groups) -> tuple[float, float]:
    """Variance of rows within groups, and how many rows it counts for beside those of a group (infinite: all).

    With d = n - 1 and s² the variance of a group, E s² = m and E s⁴ = (1 + 2/d)·E σ⁴. Of an inverse χ² variable
    E σ⁴ / m² = c / (c - 2), where c is the number of rows that m counts for in the mean of σ² given s²,
    (c·m + d·s²) / (c + d).
    """
    several = groups.rows > 1
    freedom = (groups.rows[several] - 1).astype(np.float64)
    variance = groups.variance[several]
    if not len(freedom):
        return float(groups.mean.var(ddof=1)) if len(groups.mean) > 1 else 0.0, np.inf
    within = float(freedom @ variance / freedom.sum())
    if within == 0.0:
        return 0.0, np.inf
    ratio = float(freedom @ ((variance / within) ** 2 / (1 + 2 / freedom)) / freedom.sum())
    return within, 2 * ratio / (ratio - 1) if ratio > 1 else np.inf


def variance_of_means(groups: Groups, within: float, strength: float) -> Doubles:
    """Variance of the mean of each group's rows, (k,), above zero."""
    freedom = (groups.rows - 1).astype(np.float64)
    own = np.where(groups.rows > 1, groups.variance, 0.0)
    own = (
        np.full(len(freedom), within)
        if np.isinf(strength)
        else (strength * within + freedom * own) / (strength + freedom)
    )
    # rows that are all alike leave nothing open, but nothing can be divided by that
    spread = float(groups.mean.var()) if len(groups.mean) else 0.0
    least = max(1e-12 * spread, np.finfo(np.float64).tiny ** 0.5)
    return np.asarray(np.maximum(own / groups.rows, least))


def log_density(spread: Doubles, mean: Doubles, noise: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Of each spread: log p(spread | means) up to a constant, and the mean of all groups with its variance.

    Gelman et al., equations 5.20 and 5.21, with a flat prior of the spread.

    Parameters
    ----------
    spread : (t,); mean, noise : (k,) of the groups, and the variance of each mean.
    """
    density, centre, uncertain = np.empty((3, len(spread)))
    start = mean.mean()
    for place, one in enumerate(spread):
        weight = 1 / (noise + one**2)
        total = weight.sum()
        offset = float(weight @ (mean - start) / total)
        centre[place], uncertain[place] = start + offset, 1 / total
        density[place] = 0.5 * (np.log(weight).sum() - np.log(total) - weight @ (mean - start - offset) ** 2)
    return density, centre, uncertain
