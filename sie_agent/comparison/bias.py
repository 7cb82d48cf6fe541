"""What sways an arm's judgments besides relevance: the effect of a feature, given the human grade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sie_agent.comparison.bias_features import ABSENT, Feature, features_of
from sie_agent.comparison.pairs import holm
from sie_agent.results.comparison_parts import BiasRow, BrandEffect
from sie_agent.samples import query_keys
from sie_agent.utils.arrays import Booleans, Doubles, Integers

# fewer pairs or queries on one side say nothing
LEAST_PAIRS, LEAST_QUERIES = 20, 10
# of grades with more values, such as means of many raters, as many equal shares of the pairs are levels
MOST_LEVELS = 50
MOST_BRANDS, LONGEST_BRAND = 10, 80
LEVEL = 0.05


@dataclass(frozen=True)
class Effect:
    """A difference with its 95 % interval, its p-value and what it rests on."""

    value: float
    low: float
    high: float
    p: float


def bias_of(
    samples: pd.DataFrame, judgments: Doubles, grade: Doubles, features: Sequence[tuple[str, Feature]] | None = None
) -> list[BiasRow]:
    """How much each feature moves the judgment of pairs that people graded alike.

    A row for title length, position, brand, language and price, each the mean difference of the judgment between two
    groups of pairs of the same grade: the coefficient of the group in a regression of the judgment on it and on an
    indicator of each grade, with standard errors clustered by query. What people see and the grade does not tell, such
    as a finer order within one grade, shows as an effect too.

    Parameters
    ----------
    samples : (n rows) the samples table.
    judgments : (n,) in [0, 1], NaN where there is none. grade : (n,) human grades in [0, 1], NaN where there is none.
    features : of the samples, from :func:`features_of`; read here if not given.

    Returns
    -------
    a row per feature, ``absent`` saying why where there is no figure.
    """
    usable = ~np.isnan(judgments) & ~np.isnan(grade)
    named = list(features_of(samples)) if features is None else features
    levels, queries = grade_levels(grade), pd.factorize(query_keys(samples["query"]))[0].astype(np.intp)
    rows = [_row(name, feature, judgments, levels, queries, usable) for name, feature in named]
    certain = _holm([row.p for row in rows])
    return [row.model_copy(update={"certain": one}) for row, one in zip(rows, certain, strict=True)]


def effect_given_grade(first: Doubles, judgments: Doubles, levels: Integers, queries: Integers) -> Effect | None:
    """The difference of the judgment between two groups within grade levels, clustered by query.

    The coefficient of *first* in the least squares of the judgment on it and on an indicator per level (Frisch and
    Waugh 1933), with the cluster-robust variance of Liang and Zeger (1986) and the usual correction for small samples.
    Student's t has one degree of freedom less than there are queries with pairs of the rarer group: where few queries
    have any, the variance comes out too small, and all queries together would promise too much.

    Parameters
    ----------
    first : (n,) 1 or 0. judgments : (n,). levels, queries : (n,) codes from 0.

    Returns
    -------
    None where no level has pairs of both groups, or there is one query alone.
    """
    from scipy import stats

    codes, clusters = np.unique(levels, return_inverse=True)[1], np.unique(queries, return_inverse=True)[1]
    inside, said = _within(first, codes), _within(judgments, codes)
    spread, n_queries = float(inside @ inside), int(clusters.max()) + 1
    rest = len(first) - int(codes.max()) - 2
    if spread < 1e-9 or n_queries < 2 or rest < 1:
        return None
    value = float(inside @ said) / spread
    sums = np.bincount(clusters, inside * (said - value * inside))
    correction = n_queries / (n_queries - 1) * (len(first) - 1) / rest
    error = float(np.sqrt(correction * (sums @ sums))) / spread
    freedom = max(min(queries_of_sides(first, clusters)) - 1, 1)
    reach = float(stats.t.ppf(1 - LEVEL / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(value) / error, freedom)) if error > 0 else float(value == 0)
    return Effect(value, value - reach, value + reach, p)


def queries_of_sides(first: Doubles, queries: Integers) -> tuple[int, int]:
    """How many queries have pairs of the first group, and of the second."""
    return len(np.unique(queries[first == 1])), len(np.unique(queries[first == 0]))


def grade_levels(grade: Doubles) -> Integers:
    """(n,) codes of the grades' levels: their values, or fiftieths of the pairs where there are over fifty of them."""
    values, codes = np.unique(grade, return_inverse=True, equal_nan=True)
    if len(values) > MOST_LEVELS:
        known = grade[~np.isnan(grade)]
        codes = np.searchsorted(np.quantile(known, np.arange(1, MOST_LEVELS) / MOST_LEVELS), grade)
    return codes.astype(np.intp)


def _row(
    name: str,
    feature: Feature,
    judgments: Doubles,
    levels: Integers,
    queries: Integers,
    usable: Booleans,
) -> BiasRow:
    if feature.first is None:
        return BiasRow(feature=name, absent=feature.absent or ABSENT)
    rows = usable & ~np.isnan(feature.first)
    first = feature.first[rows]
    sizes = {
        "n_pairs": int(rows.sum()),
        "n_first": int(first.sum()),
        "n_queries": len(np.unique(queries[rows])),
    }
    told = BiasRow(feature=name, contrast=feature.contrast, source=feature.source, **sizes)
    fewest = min(sizes["n_first"], len(first) - sizes["n_first"])
    if fewest < LEAST_PAIRS or min(queries_of_sides(first, queries[rows])) < LEAST_QUERIES:
        few = f"{ABSENT}: fewer than {LEAST_PAIRS} pairs or {LEAST_QUERIES} queries on one side"
        return told.model_copy(update={"absent": few})
    found = effect_given_grade(first, judgments[rows], levels[rows], queries[rows])
    if found is None:
        return told.model_copy(update={"absent": f"{ABSENT}: no grade was given to pairs of both groups"})
    figures = {"value": found.value, "ci_low": found.low, "ci_high": found.high, "p": found.p}
    brands = [] if feature.categories is None else _brands(feature.categories, judgments, levels, queries, rows)
    return told.model_copy(update={**figures, "brands": brands})


def _brands(
    categories: pd.Series, judgments: Doubles, levels: Integers, queries: Integers, rows: Booleans
) -> list[BrandEffect]:
    """Each of the commonest brands against all others."""
    named = categories.to_numpy()[rows]
    counts = pd.Series(named).value_counts()
    found: list[tuple[str, int, Effect]] = []
    for brand, n_pairs in counts[counts >= LEAST_PAIRS].head(MOST_BRANDS).items():
        own = named == brand
        if len(np.unique(queries[rows][own])) >= LEAST_QUERIES:
            effect = effect_given_grade(own.astype(np.float64), judgments[rows], levels[rows], queries[rows])
            if effect is not None:
                found.append((str(brand), int(n_pairs), effect))
    certain = _holm([effect.p for _, _, effect in found])
    return [
        BrandEffect(
            brand=brand[:LONGEST_BRAND], n_pairs=n, value=one.value, ci_low=one.low, ci_high=one.high, certain=sure
        )
        for (brand, n, one), sure in zip(found, certain, strict=True)
    ]


def _within(values: Doubles, codes: Integers) -> Doubles:
    """Values less the mean of their level."""
    means = np.bincount(codes, values) / np.bincount(codes)
    return np.asarray(values - means[codes])


def _holm(p: list[float | None]) -> list[bool]:
    """Which of the p-values that are there hold at 5 % over all of them (Holm 1979)."""
    known = np.asarray([one for one in p if one is not None])
    kept = iter((holm(known) <= LEVEL).tolist())
    return [one is not None and bool(next(kept)) for one in p]
