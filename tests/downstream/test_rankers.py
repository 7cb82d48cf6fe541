"""LambdaMART and the target's family as rankers: what they learn, that weights count, that runs repeat."""

from __future__ import annotations

import numpy as np
import pytest

from sie_agent.attribution import FeatureRows, TrainingSettings, predict, train
from sie_agent.downstream import RANKERS
from sie_agent.downstream.rankers import MOST_ROWS, group_sizes, main_ranker
from sie_agent.evaluation import QueryNdcg, roc_auc

SETTINGS = TrainingSettings(hidden=8, epochs=12, batch_size=32, learning_rate=1e-2, checkpoints=1)
ITEMS = 8


def rows_of(n_queries: int, seed: int) -> tuple[FeatureRows, np.ndarray]:
    """Rows whose relevance two of six features tell not quite linearly; rows of a query are not side by side."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_queries * ITEMS, 6)).astype(np.float32)
    merit = 2 * features[:, 0] + np.abs(features[:, 1]) + 0.3 * rng.normal(size=len(features))
    labels = (merit > 1).astype(np.float32)
    return FeatureRows(features, labels, np.tile(np.arange(n_queries), ITEMS)), labels >= 0.5


@pytest.mark.parametrize("ranker", RANKERS)
def test_a_ranker_learns_what_can_be_learned(ranker: str) -> None:
    log, _ = rows_of(150, 0)
    test, relevant = rows_of(60, 1)
    predicted = RANKERS[ranker].learn(log, None, SETTINGS, (1, 2))
    found, same = predicted(test.features), predicted(test.features)
    np.testing.assert_array_equal(found, same)
    assert found.shape == relevant.shape and found.dtype == np.float32
    assert roc_auc(found.astype(float), relevant) > 0.85
    ranked = QueryNdcg(relevant.astype(float), test.queries, 60).ndcg(found.astype(float))
    assert np.nanmean(ranked) > 0.9


@pytest.mark.parametrize("ranker", RANKERS)
def test_a_ranker_repeats_itself_and_its_seeds_differ(ranker: str) -> None:
    log, _ = rows_of(60, 0)
    weights = np.random.default_rng(0).uniform(0.2, 1.8, len(log.targets)).astype(np.float32)
    first, again, other = (
        RANKERS[ranker].learn(log, weights, SETTINGS, seeds)(log.features) for seeds in ((1, 2), (1, 2), (3, 4))
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4


def test_the_target_is_the_target_model() -> None:
    log, _ = rows_of(40, 0)
    found = RANKERS["target"].learn(log, None, SETTINGS, (1,))(log.features)
    network = train(log.features, log.targets, SETTINGS, 1)[-1]
    np.testing.assert_array_equal(found, predict([network], log.features))


@pytest.mark.parametrize("ranker", RANKERS)
def test_a_lighter_wrong_label_does_less_harm(ranker: str) -> None:
    log, _ = rows_of(150, 0)
    test, relevant = rows_of(60, 1)
    wrong = np.random.default_rng(2).random(len(log.targets)) < 0.4
    noisy = FeatureRows(log.features, np.where(wrong, 1 - log.targets, log.targets), log.queries)
    weights = np.where(wrong, 0.1, 1.6).astype(np.float32)
    plain, weighted = (
        RANKERS[ranker].learn(noisy, given, SETTINGS, (1, 2))(test.features).astype(float) for given in (None, weights)
    )
    assert roc_auc(weighted, relevant) > roc_auc(plain, relevant) + 0.02


def test_rows_of_weight_zero_are_as_good_as_absent() -> None:
    """Their labels and features do not matter to the trees, nor do they push the other rows of their query."""
    log, _ = rows_of(80, 0)
    rng = np.random.default_rng(1)
    kept = rng.random(len(log.targets)) < 0.6
    weights = np.where(kept, rng.uniform(0.5, 1.5, len(kept)), 0).astype(np.float32)
    other = FeatureRows(log.features, np.where(kept, log.targets, 1 - log.targets), log.queries)
    learn = RANKERS["lambdamart"].learn
    one, turned = (learn(rows, weights, SETTINGS, (1,))(log.features) for rows in (log, other))
    absent = learn(log.take(kept), weights[kept], SETTINGS, (1,))(log.features)
    np.testing.assert_allclose(one, turned, atol=1e-6)
    np.testing.assert_allclose(one, absent, atol=1e-6)


def test_queries_with_one_label_are_harmless() -> None:
    log, _ = rows_of(80, 0)
    test, relevant = rows_of(60, 1)
    more = FeatureRows(
        np.concatenate([log.features, log.features]),
        np.concatenate([log.targets, np.ones_like(log.targets)]),
        np.concatenate([log.queries, log.queries + 80]),
    )
    learn = RANKERS["lambdamart"].learn
    found = learn(more, None, SETTINGS, (1,))(test.features)
    assert roc_auc(found.astype(float), relevant) > 0.85
    nothing = FeatureRows(log.features, np.ones_like(log.targets), log.queries)
    flat = learn(nothing, None, SETTINGS, (1,))(test.features)
    assert np.ptp(flat) == 0


def test_labels_between_zero_and_one_are_levels() -> None:
    log, _ = rows_of(100, 0)
    soft = FeatureRows(log.features, (1 / (1 + np.exp(-2 * log.features[:, 0]))).astype(np.float32), log.queries)
    found = RANKERS["lambdamart"].learn(soft, None, SETTINGS, (1,))(log.features)
    assert np.corrcoef(found, log.features[:, 0])[0, 1] > 0.8


def test_a_query_with_very_many_rows_is_cut() -> None:
    assert group_sizes(np.repeat([3, 5], [2, 2 * MOST_ROWS + 1])) == [2, MOST_ROWS, MOST_ROWS, 1]


def test_the_main_ranker_is_the_target_where_it_is_there() -> None:
    assert main_ranker(["lambdamart", "target"]) == "target" and main_ranker([]) == "target"
    assert main_ranker(iter(["lambdamart", "linear"])) == "lambdamart"
