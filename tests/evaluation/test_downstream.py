"""Strategies on a bench with known noise, and the rows that are made of their predictions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import ndcg_score

from sie_agent.attribution import Rows, TrainingSettings
from sie_agent.evaluation import (
    BASELINES,
    Bench,
    Strategy,
    base_effects,
    baseline_strategies,
    effect_columns,
    filter_effects,
    query_copies,
    roc_auc,
    weight_effects,
)
from sie_agent.evaluation.effects import downstream_rows

N_LOG, N_OTHER = 400, 200


def rows_of(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 8)).astype(np.float32)
    grade = 1 / (1 + np.exp(-2 * features[:, 0] - features[:, 1] + 0.3 * rng.normal(size=count)))
    return features, grade.astype(np.float32)


@pytest.fixture(scope="module")
def bench() -> Bench:
    features, grade = rows_of(N_LOG, 0)
    clean = (grade >= 0.75).astype(np.float32)
    flipped = np.random.default_rng(1).random(N_LOG) < 0.35
    tune, test, trusted = (Rows(*rows_of(N_OTHER, seed), np.arange(N_OTHER) // 5) for seed in (2, 3, 4))
    settings = TrainingSettings(hidden=8, epochs=12, batch_size=32, learning_rate=1e-2, checkpoints=1)
    log = Rows(features, np.where(flipped, 1 - clean, clean).astype(np.float32), np.arange(N_LOG) // 5)
    return Bench(log, clean, tune, test, trusted, 0.75, settings, (1, 2))


def counted() -> tuple[list[int], object]:
    steps: list[int] = []
    return steps, lambda: steps.append(1)


def table_of(bench: Bench, effects: list) -> pd.DataFrame:
    return pd.DataFrame(
        {"query_code": bench.test.queries, "grade": bench.test.targets.astype(float), **effect_columns(effects)}
    )


def test_an_oracle_recovers_the_gap_and_its_reverse_does_not(bench: Bench) -> None:
    right = (bench.log.targets == bench.clean).astype(float)
    steps, step = counted()
    strategies = [Strategy("support", "oracle", right), Strategy("support", "liar", -right)]
    effects = base_effects(bench)
    effects += filter_effects(bench, [*baseline_strategies(bench, 0), *strategies], (0.5,), step)
    effects += weight_effects(bench, strategies, (0.5, 1.0), step)
    assert len(steps) == len(BASELINES) + 2 + 4
    rows = downstream_rows([table_of(bench, effects)], query_copies(40, 200, 0), 0.75)
    auc = {(row["strategy"], row["judge"], row["keep"]): row for row in rows if row["metric"] == "auc"}
    noisy, clean = auc["all-noisy", None, 1.0], auc["clean-labels", None, 1.0]
    assert clean["value"] > noisy["value"] + 0.03
    assert noisy["gap_recovered"] == 0 and clean["gap_recovered"] == 1
    oracle, liar = auc["support", "oracle", 0.5], auc["support", "liar", 0.5]
    assert oracle["gap_recovered"] > 0.5 and oracle["gap_ci_low"] > 0
    assert liar["gap_recovered"] < 0
    bound = auc["oracle", None, 0.5]
    assert bound["gap_recovered"] > 0.5 and abs(bound["value"] - oracle["value"]) < 0.05
    assert auc["exact-influence", None, 0.5]["value"] > auc["random", None, 0.5]["value"]
    assert auc["drop-easiest", None, 0.5]["gap_recovered"] < 0
    assert auc["support-weights", "oracle", 1.0]["gap_recovered"] > 0.3
    expected = (oracle["value"] - noisy["value"]) / (clean["value"] - noisy["value"])
    assert oracle["gap_recovered"] == pytest.approx(expected)
    for row in rows:
        assert row["ci_low"] <= row["value"] <= row["ci_high"] and row["n_queries"] == 40


def test_metrics_are_those_of_the_predictions(bench: Bench) -> None:
    effects = base_effects(bench)
    table = table_of(bench, effects)
    rows = downstream_rows([table], query_copies(40, 50, 0), 0.75)
    noisy = table["all-noisy||1|"].to_numpy(float)
    found = {row["metric"]: row["value"] for row in rows if row["strategy"] == "all-noisy"}
    assert found["auc"] == pytest.approx(roc_auc(noisy, bench.test.targets >= 0.75))
    gains = np.exp2(3 * bench.test.targets.astype(float)) - 1
    expected = [ndcg_score([gains[q : q + 5]], [noisy[q : q + 5]], k=10) for q in range(0, N_OTHER, 5)]
    assert found["ndcg@10"] == pytest.approx(np.mean(expected))


def test_weights_of_nothing_are_plain_training(bench: Bench) -> None:
    flat = Strategy("value", "j", np.zeros(N_LOG))
    (effect,) = weight_effects(bench, [flat], (1.0,), lambda: None)
    np.testing.assert_array_equal(effect.predictions, base_effects(bench)[0].predictions)


def test_the_strength_is_chosen_on_tuning_queries_not_on_test(bench: Bench) -> None:
    """A bench whose test grades are turned round chooses the same strength."""
    score = Strategy("support", "oracle", (bench.log.targets == bench.clean).astype(float))
    turned = Bench(
        bench.log,
        bench.clean,
        bench.tune,
        Rows(bench.test.features, 1 - bench.test.targets, bench.test.queries),
        bench.validation,
        0.75,
        bench.settings,
        bench.seeds,
    )
    one, other = (weight_effects(b, [score], (0.0, 1.0), lambda: None)[0] for b in (bench, turned))
    np.testing.assert_array_equal(one.predictions, other.predictions)
    alone = [weight_effects(bench, [score], (strength,), lambda: None)[0] for strength in (0.0, 1.0)]
    assert one.tune_auc == max(effect.tune_auc for effect in alone)


def test_rows_over_draws_are_means(bench: Bench) -> None:
    rng = np.random.default_rng(0)
    names = ["all-noisy||1|", "clean-labels||1|", "value|j|0.5|"]
    tables = [
        pd.DataFrame(
            {
                "query_code": np.arange(60) // 3 + 10 * draw,
                "grade": rng.random(60),
                **{name: rng.random(60) for name in names},
            }
        )
        for draw in range(2)
    ]
    rows = downstream_rows(tables, query_copies(40, 50, 0), 0.75)
    both = next(row for row in rows if row["strategy"] == "value" and row["metric"] == "auc")
    single = [roc_auc(table["value|j|0.5|"].to_numpy(), table["grade"].to_numpy() >= 0.75) for table in tables]
    assert both["value"] == pytest.approx(np.mean(single))
    assert both["n_draws"] == 2 and both["n_queries"] == 30
    assert both["gap_recovered"] is None  # the predictions are noise


def test_without_graded_validation_rows_there_is_no_selection_by_influence(bench: Bench) -> None:
    none = replace(bench, validation=bench.validation.take(np.zeros(N_OTHER, bool)))
    assert [one.name for one in baseline_strategies(none, 0)] == [n for n in BASELINES if n != "exact-influence"]
