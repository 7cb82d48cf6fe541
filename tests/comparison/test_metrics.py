"""Every figure against a library or its formula, and its values per query against leaving each query out."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from sie_agent.comparison.metrics import (
    COMMON_LEVELS,
    METRICS,
    Graded,
    figure_of,
    krippendorff_alpha,
    levels_of,
    nearest_level,
    quadratic_kappa,
)
from sie_agent.evaluation import judge_within
from sie_agent.utils.arrays import Doubles

LEVELS = np.array([0.0, 1 / 3, 2 / 3, 1.0])


def drawn(seed: int, n_queries: int = 60, per_query: int = 8) -> tuple[Graded, Doubles]:
    """Grades and correlated judgments with effects of queries, and ties in both."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, per_query, n_queries)
    queries = np.repeat(np.arange(n_queries), sizes)
    grade = rng.choice(LEVELS, len(queries), p=[0.2, 0.3, 0.1, 0.4])
    noise = rng.normal(0, 0.3, len(queries)) + rng.normal(0, 0.2, n_queries)[queries]
    return Graded(grade, queries), np.clip(np.round(grade * 0.6 + 0.2 + noise, 1), 0, 1)


def figure(name: str, graded: Graded, score: Doubles) -> float:
    return figure_of(METRICS[name].values(graded, score), METRICS[name])["value"]


@pytest.mark.parametrize("seed", range(3))
def test_figures_are_those_of_the_libraries(seed: int) -> None:
    graded, score = drawn(seed)
    level, truth = nearest_level(score, LEVELS), graded.level
    assert figure("auc", graded, score) == pytest.approx(roc_auc_score(graded.grade >= 0.75, score))
    assert figure("spearman", graded, score) == pytest.approx(spearmanr(graded.grade, score).statistic)
    assert figure("kappa", graded, score) == pytest.approx(cohen_kappa_score(truth, level, weights="quadratic"))
    alpha = krippendorff.alpha(np.stack([truth, level]), level_of_measurement="ordinal", value_domain=range(4))
    assert figure("alpha", graded, score) == pytest.approx(alpha)
    assert figure("within", graded, score) == pytest.approx(
        judge_within(score, graded.grade, graded.queries, 10, 0).mean
    )
    assert figure("exact", graded, score) == pytest.approx((level == truth).mean())
    assert figure("severe", graded, score) == pytest.approx((abs(level - truth) >= 2).mean())
    assert figure("error", graded, score) == pytest.approx(abs(score - graded.grade).mean())


@pytest.mark.parametrize("name", ["auc", "spearman", "kappa", "alpha", "exact", "error"])
def test_values_are_what_leaving_a_query_out_changes(name: str) -> None:
    """The error by query is that of the brute-force jackknife, and the values follow it query by query."""
    graded, score = drawn(5, n_queries=120)
    values = METRICS[name].values(graded, score)
    whole, count = figure(name, graded, score), graded.n_queries
    brute = []
    for query in range(count):
        kept = graded.queries != query
        codes = np.unique(graded.queries[kept], return_inverse=True)[1]
        brute.append(whole + (count - 1) * (whole - figure(name, Graded(graded.grade[kept], codes), score[kept])))
    assert values.mean() == pytest.approx(whole)
    assert np.corrcoef(values, brute)[0, 1] > 0.995
    assert values.std(ddof=1) == pytest.approx(np.std(brute, ddof=1), rel=0.05)


def test_calibration_error_of_a_few_judgments_is_the_formula() -> None:
    graded, score = drawn(1)
    values = METRICS["ece"].values(graded, np.round(score))
    expected = sum(
        (np.round(score) == said).mean() * abs(said - graded.grade[np.round(score) == said].mean()) for said in (0, 1)
    )
    assert values.mean() == pytest.approx(expected)
    assert figure("ece", graded, graded.grade) == pytest.approx(0)


def test_intervals_cover_as_stated_and_would_not_if_pairs_were_independent() -> None:
    """500 logs with effects of queries: 95 % of the intervals hold the truth; those by pair are too short."""
    from scipy.stats import binomtest

    covered, naive, truth = 0, 0, 0.0
    drawn_values = []
    for seed in range(500):
        rng = np.random.default_rng(seed)
        queries = np.repeat(np.arange(40), 6)
        grade = rng.choice(LEVELS, 240)
        score = grade + rng.normal(0, 0.6, 40)[queries] + rng.normal(0, 0.3, 240)
        drawn_values.append(METRICS["error"].values(Graded(grade, queries), score))
        single = METRICS["error"].values(Graded(grade, np.arange(240)), score)
        drawn_values[-1] = np.append(drawn_values[-1], [figure_of(single)["ci_low"], figure_of(single)["ci_high"]])
    truth = float(np.mean([values[:-2].mean() for values in drawn_values]))
    for values in drawn_values:
        found = figure_of(values[:-2])
        covered += found["ci_low"] <= truth <= found["ci_high"]
        naive += values[-2] <= truth <= values[-1]
    assert binomtest(covered, 500, 0.95).pvalue > 0.001
    assert binomtest(naive, 500, 0.95).pvalue < 1e-6


def test_a_perfect_and_a_constant_judge() -> None:
    graded, _ = drawn(2)
    for name, metric in METRICS.items():
        best = 0.0 if not metric.decides else 1.0
        assert figure(name, graded, graded.grade) == pytest.approx(best), name
    constant = np.full(len(graded.grade), 0.5)
    assert figure("within", graded, constant) == figure("auc", graded, constant) == 0.5
    assert np.isnan(figure("spearman", graded, constant))
    assert figure("kappa", graded, constant) == pytest.approx(0)


def test_levels() -> None:
    assert levels_of(np.array([1.0, 0.0, 0.5, np.nan, 1.0])).tolist() == [0.0, 0.5, 1.0]
    assert levels_of(np.linspace(0, 1, 50)).tolist() == list(COMMON_LEVELS)
    assert levels_of(np.array([1.0, 1.0])).tolist() == list(COMMON_LEVELS)
    assert nearest_level(np.array([0.0, 0.2, 0.25, 0.3, 0.74, 0.75, 1.0]), np.array([0, 0.5, 1])).tolist() == [
        *(0, 0, 1, 1, 1, 2, 2),
    ]


def test_matrices_without_spread_have_no_figure() -> None:
    one = np.array([[0.0, 0.0], [0.0, 9.0]])
    assert np.isnan(quadratic_kappa(one)) and np.isnan(krippendorff_alpha(one))
    binary = Graded(np.array([0.0, 1.0, 1.0]), np.array([0, 0, 1]))
    assert np.isnan(METRICS["severe"].values(binary, np.array([1.0, 0.0, 1.0]))).all()
