"""Prediction-powered means: against ppi_py and the formula, and how often their intervals cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sie_agent.evaluation import QueryPairs
from sie_agent.grading import (
    PoweredEstimate,
    choose_next,
    powered_difference,
    powered_pair_metric,
    powered_query_metric,
    prediction_powered_mean,
)
from tests.comparison.simulated import at_most, just

RUNS = 1_000


def correlated(rng: np.random.Generator, correlation: float, *shape: int) -> tuple[np.ndarray, np.ndarray]:
    """Grades with mean 0.5 and predictions that correlate with them so much."""
    one, other = rng.normal(size=(2, *shape))
    predicted = correlation * one + np.sqrt(1 - correlation**2) * other
    return 0.5 + 0.2 * one, 0.6 + 0.2 * predicted


def estimate(correlation: float, graded: int, everything: int, seed: int = 0) -> PoweredEstimate:
    truth, predicted = correlated(np.random.default_rng(seed), correlation, graded + everything)
    return prediction_powered_mean(truth[:graded], predicted[:graded], predicted[graded:])


@pytest.mark.slow
def test_the_estimate_is_that_of_ppi_py() -> None:
    ppi = pytest.importorskip("ppi_py")
    truth, predicted = correlated(np.random.default_rng(1), 0.7, 3_000)
    parts = truth[:1_000], predicted[:1_000], predicted[1_000:]
    found = prediction_powered_mean(*parts)
    assert found.value == pytest.approx(ppi.ppi_mean_pointestimate(*parts, lam=found.tuning)[0], abs=1e-12)
    # it takes the variance of predictions from all rows, not from the graded ones
    low, high = (float(end[0]) for end in ppi.ppi_mean_ci(*parts, alpha=0.05))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.03 * (high - low))


def test_the_estimate_is_its_formula() -> None:
    truth, predicted = correlated(np.random.default_rng(2), 0.8, 540)
    found = prediction_powered_mean(truth[:40], predicted[:40], predicted[40:])
    parts = predicted[:40], predicted[40:]
    # the coefficient of least variance, for independent rows
    spread = [part.var() / len(part) for part in parts]
    tuning = np.cov(truth[:40], parts[0], ddof=0)[0, 1] / 40 / sum(spread)
    assert found.tuning == pytest.approx(tuning)
    assert found.value == pytest.approx(truth[:40].mean() + tuning * (parts[1].mean() - parts[0].mean()))
    assert found.graded_only_value == pytest.approx(truth[:40].mean())


def test_grades_alone_are_a_t_interval() -> None:
    from scipy.stats import ttest_1samp

    truth = np.random.default_rng(3).normal(size=25)
    found = prediction_powered_mean(truth, np.zeros(25), np.zeros(300))
    ends = ttest_1samp(truth, 0).confidence_interval()
    assert (found.graded_only_low, found.graded_only_high) == pytest.approx((ends.low, ends.high))
    assert (found.low, found.high, found.tuning) == (found.graded_only_low, found.graded_only_high, 0)


def test_a_cluster_that_is_there_twice_is_one() -> None:
    truth, predicted = correlated(np.random.default_rng(4), 0.8, 20)
    everything = np.random.default_rng(5).normal(0.6, 0.2, 200)
    one = prediction_powered_mean(truth, predicted, everything, clusters_graded=range(20), clusters_all=range(20, 220))
    twice = prediction_powered_mean(
        np.repeat(truth, 2),
        np.repeat(predicted, 2),
        np.repeat(everything, 2),
        clusters_graded=np.repeat(np.arange(20), 2),
        clusters_all=np.repeat(np.arange(20, 220), 2),
    )
    assert (twice.low, twice.high) == pytest.approx((one.low, one.high))
    alone = prediction_powered_mean(truth, predicted, everything)
    assert (one.low, one.high) == pytest.approx((alone.low, alone.high))
    assert (twice.n_graded, twice.n_clusters) == (40, 20)


def test_all_graded_is_the_mean_of_the_grades() -> None:
    truth, predicted = correlated(np.random.default_rng(6), 0.8, 30)
    queries = np.arange(30)
    found = prediction_powered_mean(truth, predicted, predicted, clusters_graded=queries, clusters_all=queries)
    assert found.value == pytest.approx(truth.mean()) and found.high - found.low > 0.05


def test_a_constant_more_is_a_constant_more_with_unequal_probabilities() -> None:
    rng = np.random.default_rng(7)
    truth, predicted = correlated(rng, 0.8, 230)
    probabilities = rng.uniform(0.05, 1, 30)
    one = prediction_powered_mean(truth[:30], predicted[:30], predicted[30:], probabilities=probabilities)
    more = prediction_powered_mean(truth[:30] + 5, predicted[:30], predicted[30:], probabilities=probabilities)
    assert (more.value, more.low) == pytest.approx((one.value + 5, one.low + 5))
    weights = 1 / probabilities
    assert one.graded_only_value == pytest.approx((weights * truth[:30]).sum() / weights.sum())


def test_nothing_graded_says_nothing() -> None:
    found = prediction_powered_mean(np.empty(0), np.empty(0), np.ones(5))
    assert np.isnan(found.value) and np.isnan(found.low) and found.n_graded == 0
    one = prediction_powered_mean(np.ones(1), np.ones(1), np.ones(5))
    assert one.value == 1 and np.isnan(one.low)


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"clusters_graded": [1, 2]}, "or neither"),
        ({"clusters_graded": [1], "clusters_all": [1, 2, 3]}, "1 and 3 clusters for 2 graded rows of 3"),
        ({"probabilities": np.asarray([0.5])}, "1 probabilities"),
        ({"probabilities": np.asarray([0.5, 0.0])}, "above 0"),
        ({"probabilities": np.asarray([0.5, np.nan])}, "above 0"),
    ],
)
def test_what_does_not_fit_together_is_refused(keywords: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        prediction_powered_mean(np.ones(2), np.ones(2), np.ones(3), **keywords)
    with pytest.raises(ValueError, match="2 graded values, and 1 predictions"):
        prediction_powered_mean(np.ones(2), np.ones(1), np.ones(3))


def test_it_is_never_wider_than_the_grades_alone() -> None:
    for seed in range(200):
        found = estimate((seed % 10) / 10, 10 + seed % 30, 200, seed)
        assert found.high - found.low <= (found.graded_only_high - found.graded_only_low) * (1 + 1e-12)
        assert 0 <= found.tuning <= 1


@pytest.mark.slow
@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.7, 0.85])
def test_intervals_of_thirty_grades_cover_and_are_shorter(correlation: float) -> None:
    found = [estimate(correlation, 30, 600, seed) for seed in range(2 * RUNS)]
    assert just(sum(one.low <= 0.5 <= one.high for one in found), 2 * RUNS, 0.95)
    assert just(sum(one.graded_only_low <= 0.5 <= one.graded_only_high for one in found), 2 * RUNS, 0.95)
    powered = np.mean([one.high - one.low for one in found])
    alone = np.mean([one.graded_only_high - one.graded_only_low for one in found])
    if correlation >= 0.7:
        assert powered <= 0.8 * alone


def market(rng: np.random.Generator, n_queries: int, rows: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Pairs of queries: samples, true values around 0.5 that go together within queries, and a judge's of them."""
    query, judge_query = correlated(rng, 0.85, n_queries)
    row, judge_row = correlated(rng, 0.85, n_queries, rows)
    samples = pd.DataFrame({"query": np.repeat([f"query {place}" for place in range(n_queries)], rows)})
    return samples, (query[:, None] + row - 0.5).ravel(), (judge_query[:, None] + judge_row - 0.5).ravel()


@pytest.mark.slow
def test_clustered_intervals_cover_and_those_of_rows_do_not() -> None:
    rng, hits, row_hits, shorter = np.random.default_rng(0), 0, 0, []
    for _ in range(RUNS):
        samples, truth, judge = market(rng, 150, 4)
        graded, queries = np.arange(600) < 60, samples["query"]
        parts = truth[graded], judge[graded], judge
        found = prediction_powered_mean(*parts, clusters_graded=queries[graded], clusters_all=queries)
        rows = prediction_powered_mean(*parts, clusters_graded=np.flatnonzero(graded), clusters_all=np.arange(600))
        hits, row_hits = hits + (found.low <= 0.5 <= found.high), row_hits + (rows.low <= 0.5 <= rows.high)
        shorter.append(found.shorter)
    assert just(hits, RUNS, 0.95)
    assert not just(row_hits, RUNS, 0.95)
    assert np.mean(shorter) > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("whole_queries", [True, False])
def test_intervals_cover_where_pairs_were_drawn_with_unequal_probabilities(whole_queries: bool) -> None:
    rng, hits, plain = np.random.default_rng(1), 0, []
    for run in range(RUNS):
        samples, truth, judge = market(rng, 100, 4)
        # the draw prefers what is correlated with the value: unweighted figures are too high
        pairs = samples.assign(disagreement=np.exp(3 * (truth - 0.5)))
        drawn = choose_next(pairs, 80, seed=run, whole_queries=whole_queries)
        place, queries = drawn.index.to_numpy(), samples["query"].to_numpy()
        found = prediction_powered_mean(
            truth[place],
            judge[place],
            judge,
            clusters_graded=queries[place],
            clusters_all=queries,
            probabilities=drawn["sampling_probability"].to_numpy(),
        )
        hits += found.low <= 0.5 <= found.high
        plain.append(truth[place].mean())
    assert at_most(RUNS - hits, RUNS, 0.05)
    assert np.mean(plain) > 0.55


def levels(rng: np.random.Generator, n_queries: int, rows: int) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Graded pairs, and judges with noise of their own."""
    samples = pd.DataFrame({"query": np.repeat([f"query {place}" for place in range(n_queries)], rows)})
    grade = rng.integers(0, 4, n_queries * rows) / 3

    def judge(noise: float) -> np.ndarray:
        return np.clip(grade + rng.normal(0, noise, len(grade)), 0, 1)

    return samples, {"grade": grade, "A": judge(0.3), "B": judge(0.25), "predictor": judge(0.1)}


def partly(grade: np.ndarray, count: int) -> np.ndarray:
    return np.where(np.arange(len(grade)) < count, grade, np.nan)


def test_a_query_metric_is_the_mean_of_whole_graded_queries() -> None:
    samples, columns = levels(np.random.default_rng(0), 60, 8)
    # eleven queries, and half of another
    found = powered_query_metric(samples, partly(columns["grade"], 92), columns["A"], columns["predictor"])
    each = QueryPairs(columns["grade"], np.repeat(np.arange(60), 8), 60).accuracy(columns["A"])
    assert found.n_graded == 11 and found.n_all == 60
    assert found.graded_only_value == pytest.approx(each[:11].mean())
    assert found.shorter > 0


def test_pair_metrics_are_means_over_graded_pairs() -> None:
    samples, columns = levels(np.random.default_rng(1), 60, 8)
    grade, judged = columns["grade"][:92], columns["A"][:92]
    expected = {
        "absolute_error": np.abs(grade - judged).mean(),
        "squared_error": ((grade - judged) ** 2).mean(),
        "agreement": (np.rint(3 * grade) == np.rint(3 * judged)).mean(),
    }
    for metric, value in expected.items():
        found = powered_pair_metric(
            samples,
            partly(columns["grade"], 92),
            columns["A"],
            columns["predictor"],
            metric=metric,  # type: ignore[arg-type]
        )
        assert found.graded_only_value == pytest.approx(value) and found.n_clusters == 12


@pytest.mark.parametrize("metric", ["within", "ndcg", "squared_error", "agreement"])
def test_a_difference_is_that_of_both_metrics(metric: str) -> None:
    samples, columns = levels(np.random.default_rng(2), 60, 8)
    measure = powered_query_metric if metric in ("within", "ndcg") else powered_pair_metric
    grade = partly(columns["grade"], 96)
    one, other = (measure(samples, grade, columns[name], columns["predictor"], metric=metric) for name in "AB")  # type: ignore[operator]
    found = powered_difference(samples, grade, columns["A"], columns["B"], columns["predictor"], metric=metric)  # type: ignore[arg-type]
    assert found.graded_only_value == pytest.approx(other.graded_only_value - one.graded_only_value)


def test_a_query_that_its_grades_say_nothing_of_is_left_out() -> None:
    samples, columns = levels(np.random.default_rng(3), 60, 8)
    columns["grade"][:8] = 1.0
    found = powered_query_metric(samples, partly(columns["grade"], 80), columns["A"], columns["predictor"])
    assert (found.n_graded, found.n_all) == (9, 60) and np.isfinite(found.low)


def test_the_predictor_is_never_the_variant_under_test() -> None:
    samples, columns = levels(np.random.default_rng(4), 10, 4)
    grade, one, other = columns["grade"], columns["A"], columns["B"]
    for measure in (powered_pair_metric, powered_query_metric):
        with pytest.raises(ValueError, match="the predictor is the variant under test"):
            measure(samples, grade, one, one.copy())
    for judged in ((one, other), (other, one)):
        with pytest.raises(ValueError, match="the predictor is the variant under test"):
            powered_difference(samples, grade, *judged, one.copy())
    with pytest.raises(ValueError, match="different lengths"):
        powered_query_metric(samples, columns["grade"][:3], columns["A"], columns["B"])


@pytest.mark.slow
def test_powered_metrics_cover_their_true_value() -> None:
    rng = np.random.default_rng(5)
    samples, columns = levels(rng, 20_000, 5)
    queries = np.repeat(np.arange(20_000), 5)
    each = [QueryPairs(columns["grade"], queries, 20_000).accuracy(columns[name]) for name in "AB"]
    truth, hits, shorter = float(np.nanmean(each[1] - each[0])), 0, []
    for _ in range(RUNS):
        samples, columns = levels(rng, 150, 5)
        found = powered_difference(
            samples, partly(columns["grade"], 150), columns["A"], columns["B"], columns["predictor"]
        )
        hits += found.low <= truth <= found.high
        shorter.append(found.shorter)
    assert just(hits, RUNS, 0.95)
    assert np.mean(shorter) > 0.1
