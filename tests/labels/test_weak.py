"""The weak labels: formulas, signs, invariances, and that no grade can get in."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from sie_agent.attribution import (
    FeatureRows,
    TrainingSettings,
    curvatures,
    fitted_temperature,
    pairs_within,
    preconditioned,
    ranking_slopes,
    row_influence,
    train,
)
from sie_agent.labels import WEAK_LABELS, Evidence, LabelSettings, hardness, relevance, support, value
from sie_agent.labels.scale import joint_with_proxies, match_log


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """A log of 240 rows of 40 queries, a good judge, proxies trained on the log."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(240, 6)).astype(np.float32)
    truth = 1 / (1 + np.exp(-2 * features[:, 0]))
    label = (rng.random(240) < truth).astype(np.float32)
    judged = np.clip(truth + 0.1 * rng.normal(size=240), 0, 1)
    rows = FeatureRows(features, label, np.arange(240) // 6)
    settings = TrainingSettings(hidden=6, epochs=6, batch_size=32, learning_rate=1e-2, checkpoints=1)
    proxies = [train(features, label, settings, seed)[-1] for seed in range(3)]
    pool = FeatureRows(features, judged.astype(np.float32), rows.queries)
    return Evidence(rows, judged, proxies, pool, LabelSettings())


def test_hardness_is_the_distance_of_label_and_judge_on_the_logs_scale(evidence: Evidence) -> None:
    matched = match_log(evidence.relevance, evidence.rows.targets.astype(float))
    np.testing.assert_allclose(hardness(evidence), np.abs(evidence.rows.targets - matched))


def test_relevance_is_what_the_judge_said(evidence: Evidence) -> None:
    given = replace(evidence, relevance=np.where(np.arange(240) % 5, evidence.relevance, np.nan))
    np.testing.assert_array_equal(relevance(given), given.relevance)
    # the log is not looked at
    np.testing.assert_array_equal(relevance(replace(given, rows=flipped(given, 1).rows)), given.relevance)


def test_unjudged_rows_have_no_hardness_and_no_support(evidence: Evidence) -> None:
    judged = evidence.relevance.copy()
    judged[::5] = np.nan
    for label in (hardness, support):
        np.testing.assert_array_equal(np.isnan(label(replace(evidence, relevance=judged))), np.isnan(judged))
        assert np.isnan(label(replace(evidence, relevance=np.full(240, np.nan)))).all()


def flipped(evidence: Evidence, row: int) -> Evidence:
    targets = evidence.rows.targets.copy()
    targets[row] = 1 - targets[row]
    return replace(evidence, rows=replace(evidence.rows, targets=targets))


@pytest.mark.parametrize("loss", ["ranking", "mean"])
def test_value_says_that_right_labels_help_and_wrong_ones_hurt(evidence: Evidence, loss: str) -> None:
    """The proxies know little of the truth; the judged pool does: rows labelled against it get lower values."""
    weak = TrainingSettings(hidden=6, epochs=1, batch_size=240, learning_rate=1e-3, checkpoints=1)
    log = evidence.rows
    proxies = [train(log.features, log.targets, weak, seed)[-1] for seed in range(5)]
    given = replace(evidence, proxies=proxies, settings=LabelSettings(pool_loss=loss))
    before = value(given)
    sure = np.flatnonzero((evidence.relevance > 0.9) & (log.targets == 1))[:8]
    assert len(sure) == 8
    falls = [before[row] - value(flipped(given, int(row)))[row] for row in sure]
    assert np.mean(np.array(falls) > 0) >= 0.75 and np.mean(falls) > 0


def test_value_is_the_fall_of_the_pool_loss(evidence: Evidence) -> None:
    """One proxy: the order is that of the influence on the ranking loss at the fitted temperature, at unit spread."""
    proxy, pool = evidence.proxies[0], evidence.pool
    predicted, pairs = proxy.scores(pool.features), pairs_within(pool.queries)
    factor = fitted_temperature(predicted, pool.targets, pairs)
    slopes = ranking_slopes((factor * predicted).astype(np.float32), pool.targets, pairs)
    influence = row_influence(proxy, evidence.rows, proxy.backward(pool.features, slopes))
    found = value(replace(evidence, proxies=[proxy]))
    np.testing.assert_allclose(found, influence / influence.std(), rtol=1e-3, atol=1e-5)
    assert found.std() == pytest.approx(1, abs=1e-4)
    assert not np.allclose(found, value(replace(evidence, proxies=[proxy], settings=LabelSettings(temperature="one"))))


def test_no_proxy_outweighs_another(evidence: Evidence) -> None:
    parts = [value(replace(evidence, proxies=[proxy])) for proxy in evidence.proxies]
    np.testing.assert_allclose(value(evidence), np.mean(parts, axis=0), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", sorted(WEAK_LABELS))
def test_the_order_of_rows_does_not_matter(evidence: Evidence, name: str) -> None:
    rng = np.random.default_rng(2)
    order, pool_order = rng.permutation(240), rng.permutation(240)
    shuffled = replace(
        evidence,
        rows=evidence.rows.take(order),
        relevance=evidence.relevance[order],
        pool=evidence.pool.take(pool_order),
    )
    expected = WEAK_LABELS[name].make(evidence)[order]
    np.testing.assert_allclose(WEAK_LABELS[name].make(shuffled), expected, rtol=1e-3, atol=2e-4)


def test_a_pool_of_permuted_relevance_gives_another_value(evidence: Evidence) -> None:
    targets = np.random.default_rng(3).permutation(evidence.pool.targets)
    permuted = value(replace(evidence, pool=replace(evidence.pool, targets=targets)))
    assert spearmanr(value(evidence), permuted).statistic < 0.9


@pytest.mark.parametrize("kind", ["all alike", "one row a query"])
def test_where_no_query_is_ordered_the_mean_loss_stands_in(evidence: Evidence, kind: str) -> None:
    """A ranking loss without a pair to order would make every value zero."""
    pool = evidence.pool
    pool = (
        replace(pool, targets=np.full(240, 0.5, np.float32))
        if kind == "all alike"
        else replace(pool, queries=np.arange(240))
    )
    given = replace(evidence, pool=pool)
    np.testing.assert_array_equal(value(given), value(replace(given, settings=LabelSettings(pool_loss="mean"))))
    assert value(given).std() > 0.1


def test_no_grade_is_within_reach() -> None:
    """The labels' input has no field for a grade, and the labels read nothing else."""
    assert {field.name for field in fields(Evidence)} == {
        "rows",
        "relevance",
        "proxies",
        "pool",
        "settings",
        "held_out",
        "training_loss",
    }
    assert {field.name for field in fields(FeatureRows)} == {"features", "targets", "queries"}


def test_value_through_curvature_is_an_influence_function(evidence: Evidence) -> None:
    """By hand, proxy by proxy: the pool's gradient through the inverse curvature, then along each row's gradient."""
    given = replace(evidence, settings=LabelSettings(curvature="ekfac"))
    pairs, expected = pairs_within(evidence.pool.queries), np.zeros(240)
    for proxy in evidence.proxies:
        predicted = proxy.scores(evidence.pool.features)
        factor = fitted_temperature(predicted, evidence.pool.targets, pairs)
        slopes = ranking_slopes((factor * predicted).astype(np.float32), evidence.pool.targets, pairs)
        gradient = proxy.backward(evidence.pool.features, slopes)
        one = row_influence(proxy, evidence.rows, preconditioned(gradient, curvatures(proxy, evidence.rows)))
        expected += one / one.std()
    np.testing.assert_allclose(value(given), expected / 3, rtol=1e-3, atol=1e-4)
    assert spearmanr(value(given), value(evidence)).statistic < 0.999


def test_the_joint_scale_needs_held_out_proxies_and_uses_them(evidence: Evidence) -> None:
    joint = LabelSettings(scale="joint")
    with pytest.raises(ValueError, match="held-out"):
        support(replace(evidence, settings=joint))
    label = evidence.rows.targets.astype(float)
    held_out = np.random.default_rng(5).random(240)
    given = replace(evidence, settings=joint, held_out=held_out)
    np.testing.assert_allclose(
        hardness(given), np.abs(label - joint_with_proxies(given.relevance, label, held_out, given.rows.queries))
    )
