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
from sie_agent.evaluation.effects import Measured, downstream_rows, gap, over_draws

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
    noisy = table["all-noisy||1||target"].to_numpy(float)
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
    names = ["all-noisy||1||target", "clean-labels||1||target", "value|j|0.5||target"]
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
    single = [roc_auc(table["value|j|0.5||target"].to_numpy(), table["grade"].to_numpy() >= 0.75) for table in tables]
    assert both["value"] == pytest.approx(np.mean(single)) and both["draws"] == pytest.approx(single)
    assert both["n_draws"] == 2 and both["n_queries"] == 30
    assert both["gap_recovered"] is None  # the predictions are noise


def test_without_graded_validation_rows_there_is_no_selection_by_influence(bench: Bench) -> None:
    none = replace(bench, validation=bench.validation.take(np.zeros(N_OTHER, bool)))
    assert [one.name for one in baseline_strategies(none, 0)] == [n for n in BASELINES if n != "exact-influence"]


def test_each_ranker_is_held_against_itself(bench: Bench) -> None:
    right = (bench.log.targets == bench.clean).astype(float)
    effects = []
    for ranker in ("target", "linear", "lambdamart"):
        trained = replace(bench, ranker=ranker)
        effects += base_effects(trained)
        effects += filter_effects(trained, [Strategy("support", "oracle", right)], (0.65,), lambda: None)
        effects += weight_effects(trained, [Strategy("support", "oracle", right)], (0.5, 1.0), lambda: None)
    rows = downstream_rows([table_of(bench, effects)], query_copies(40, 200, 0), 0.75)
    auc = {(row["strategy"], row["ranker"]): row for row in rows if row["metric"] == "auc"}
    assert len(auc) == 4 * 3
    for ranker in ("target", "linear", "lambdamart"):
        noisy, clean, kept, weighted = (
            auc[name, ranker] for name in ("all-noisy", "clean-labels", "support", "support-weights")
        )
        span = clean["value"] - noisy["value"]
        assert noisy["gap_recovered"] == 0 and clean["gap_recovered"] == 1
        assert kept["gap_recovered"] == pytest.approx((kept["value"] - noisy["value"]) / span)
        assert kept["gap_recovered"] > 0.4 and weighted["gap_recovered"] > 0.2, ranker
    assert len({auc["all-noisy", ranker]["value"] for ranker in ("target", "linear", "lambdamart")}) == 3


def measured(value: float, seed: int) -> Measured:
    return Measured(value, value + 0.002 * np.random.default_rng(seed).normal(size=4000))


def test_the_interval_holds_the_spread_of_the_draws() -> None:
    """Against a computation by hand: draws 0.6 and 0.8 have a standard error of 0.1."""
    alone = over_draws([measured(0.7, 0)])
    assert alone["ci_high"] == pytest.approx(0.7 + 1.96 * 0.002, abs=3e-4) and alone["draws"] == [0.7]
    apart = over_draws([measured(0.6, 0), measured(0.8, 1)])
    assert apart["value"] == pytest.approx(0.7) and apart["draws"] == [0.6, 0.8]
    expected = np.hypot(1.96 * 0.002 / np.sqrt(2), 1.96 * 0.1)
    assert apart["ci_low"] == pytest.approx(0.7 - expected, abs=1e-3)
    assert apart["ci_high"] == pytest.approx(0.7 + expected, abs=1e-3)
    assert over_draws([measured(0.2, 0), measured(1.0, 1)])["ci_high"] == 1.0


def test_the_gap_is_a_ratio_of_means_with_the_spread_of_the_draws() -> None:
    """By hand: gains 0.02 and 0.06, ways 0.10 and 0.10: 40 %, with a standard error of 20 %."""
    noisy, clean = [Measured(0.6, np.full(50, 0.6))] * 2, [Measured(0.7, np.full(50, 0.7))] * 2
    treated = [Measured(value, np.full(50, value)) for value in (0.62, 0.66)]
    found = gap(treated, noisy, clean)
    assert found["gap_recovered"] == pytest.approx(0.4) and found["gap_draws"] == pytest.approx([0.2, 0.6])
    assert found["gap_ci_low"] == pytest.approx(0.4 - 1.96 * 0.2, abs=1e-4)
    assert found["gap_ci_high"] == pytest.approx(0.4 + 1.96 * 0.2, abs=1e-4)
    # gains 0.02 and 0.09 of ways 0.1 and 0.3: 27.5 %, not the mean of 20 % and 30 %; strays of -+0.0375
    longer = [clean[0], Measured(0.9, np.full(50, 0.9))]
    found = gap([treated[0], Measured(0.69, np.full(50, 0.69))], noisy, longer)
    assert found["gap_recovered"] == pytest.approx(0.275)
    assert found["gap_ci_high"] - 0.275 == pytest.approx(1.96 * 0.0375, abs=1e-4)


def test_no_gap_where_draws_disagree_on_the_way_to_clean_labels() -> None:
    """Each draw alone is sure of its own way; together they are not."""
    noisy = [measured(0.65, 0), measured(0.65, 1)]
    clean = [measured(0.64, 2), measured(0.75, 3)]
    found = gap([measured(0.66, 4), measured(0.70, 5)], noisy, clean)
    assert found["gap_recovered"] is None and found["gap_ci_low"] is None
    assert found["gap_draws"][0] is None and found["gap_draws"][1] == pytest.approx(0.5)


def test_columns_of_an_older_run_are_of_the_target_model() -> None:
    rng = np.random.default_rng(0)
    columns = {name: rng.random(60) for name in ("all-noisy||1|", "clean-labels||1|", "value|j|0.5|")}
    table = pd.DataFrame({"query_code": np.arange(60) // 3, "grade": rng.random(60), **columns})
    rows = downstream_rows([table], query_copies(20, 50, 0), 0.75)
    assert {row["ranker"] for row in rows} == {"target"} and len(rows) == 6
