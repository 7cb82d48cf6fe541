"""References that are tried for the headline: the same figures as the package has, and what projecting out leaves."""

from __future__ import annotations

import importlib
from itertools import permutations
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from sie_agent.attribution import FeatureRows, Setting, pairs_within, ranking_slopes, reference_importance, train
from sie_agent.labels import Evidence, LabelSettings, value

SCRIPTS = Path(__file__).parents[2] / "scripts"
RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(90, 6)).astype(np.float32)
QUERIES = np.repeat(np.arange(15), 6)
LOG = FeatureRows(FEATURES, (RNG.random(90) < 0.3).astype(np.float32), QUERIES)
GRADED = FeatureRows(
    RNG.normal(size=(60, 6)).astype(np.float32), RNG.random(60).astype(np.float32), np.repeat(np.arange(10), 6)
)
TEXT = RNG.random(60).astype(np.float32)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS.parent))
    return importlib.import_module("scripts.experiments.headline.variants")


@pytest.fixture
def views(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS.parent))
    return importlib.import_module("scripts.experiments.headline.views")


@pytest.fixture
def statistics(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS.parent))
    return importlib.import_module("scripts.experiments.headline.summary")


def models(script: ModuleType, target: str) -> list[list]:
    return [train(FEATURES, LOG.targets, script.TARGETS[target], seed, queries=QUERIES) for seed in (0, 1)]


@pytest.mark.parametrize(
    ("target", "metric", "name"),
    [
        ("text", "none", "tracin"),
        ("text", "ekfac", "ekfac"),
        ("text", "trak", "trak"),
        ("text", "linear", "influence-linear"),
        ("pairwise", "none", "tracin"),
        ("pairwise", "ekfac", "ekfac"),
    ],
)
def test_with_nothing_projected_out_it_is_the_packages_reference(
    script: ModuleType, views: ModuleType, target: str, metric: str, name: str
) -> None:
    runs, loss = models(script, target), script.TARGETS[target].loss
    seen = [
        [views.View(one, LOG, LOG, metric, loss) for one in (run if metric == "none" else run[-1:])] for run in runs
    ]
    if metric == "linear":
        seen = [[views.LinearView(LOG, LOG)]]
    found = script.references(script.Variant("x", target, metric), seen, [(GRADED, TEXT)])[0]
    wanted = reference_importance(f"{name}-ranking", Setting(runs, LOG, LOG, GRADED, 0.75, loss))
    assert np.corrcoef(found, wanted)[0, 1] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("metric", ["none", "ekfac", "trak"])
def test_no_step_along_what_is_left_moves_the_loss_on_the_text_score(
    script: ModuleType, views: ModuleType, metric: str
) -> None:
    view = views.View(models(script, "text")[0][-1], LOG, LOG, metric, "pointwise")
    pairs, scores = pairs_within(GRADED.queries), view.network.scores(GRADED.features)
    gradient = view.gradient(GRADED.features, ranking_slopes(scores, GRADED.targets, pairs))
    (words,) = script.removed_directions(view, "text", GRADED, scores, TEXT, pairs)
    left = views.direction(view, gradient, [words])
    assert abs(words @ view.solve(gradient)) > 1e-4
    assert abs(words @ left) < 1e-6 * np.abs(words).sum() * np.abs(left).max()
    assert not views.direction(view, words, [words]).any()


def test_leading_directions_are_the_singular_vectors_of_the_rows_gradients(
    script: ModuleType, views: ModuleType
) -> None:
    view = views.View(models(script, "text")[0][-1], LOG, LOG, "none", "pointwise")
    one_hot = np.diag(view.slopes)
    rows = np.array([views.flat(view.network.backward(FEATURES, slopes)) for slopes in one_hot])
    wanted = np.linalg.svd(rows, full_matrices=False)[2]
    assert abs(view.leading[0] @ wanted[0]) == pytest.approx(1.0, abs=1e-3)
    left = views.direction(view, rows.mean(axis=0), list(view.leading[:3]))
    assert np.abs(view.leading[:3] @ left).max() < 1e-8


def test_slopes_of_chance_are_the_mean_over_all_orders_of_the_grades(script: ModuleType) -> None:
    queries, scores = np.zeros(4, np.intp), RNG.normal(size=4).astype(np.float32)
    pairs, grades = pairs_within(queries), np.array([0.0, 0.2, 0.7, 1.0], np.float32)
    orders = [ranking_slopes(scores, np.array(order, np.float32), pairs) for order in permutations(grades)]
    found = script.chance_slopes(scores, pairs)
    wanted = np.mean(orders, axis=0)
    assert found / np.abs(found).max() == pytest.approx(wanted / np.abs(wanted).max(), abs=1e-5)


@pytest.mark.parametrize("target", ["text", "pairwise"])
@pytest.mark.parametrize("curvature", ["none", "ekfac"])
def test_value_is_the_packages_value(script: ModuleType, views: ModuleType, target: str, curvature: str) -> None:
    loss, judged = script.TARGETS[target].loss, QUERIES < 9
    proxies = [run[-1] for run in models(script, target)]
    part = LOG.take(judged)
    pool = FeatureRows(part.features, RNG.random(len(part.targets)).astype(np.float32), part.queries)
    seen = [[views.View(one, part, LOG, metric, loss) for metric in ("none", "ekfac")] for one in proxies]
    label = (target, curvature, 0)
    found = script.pool_values(seen, [label], pool, TEXT[: len(part.targets)], judged)[label]
    settings = LabelSettings(curvature=curvature)
    wanted = value(Evidence(part, pool.targets.astype(np.float64), proxies, pool, settings, loss))
    assert found[judged] == pytest.approx(wanted, abs=1e-4)


def planted(knows: float) -> dict[str, np.ndarray]:
    """A draw in which scores hold the reference as far as their judge is accurate, times *knows*."""
    rng = np.random.default_rng(1)
    reference, levels = rng.normal(size=600), np.linspace(1.0, 0.5, 6)
    scores = np.array(
        [
            [(level - 0.5) * knows * (place == 0) * reference + rng.normal(size=600) for place in range(6)]
            for level in levels
        ]
    )
    return {
        "queries": np.repeat(np.arange(60), 10),
        "judges": np.array([f"judge {level:.1f}" for level in levels]),
        "accuracy": np.clip(levels[:, None] + 0.02 * rng.normal(size=(6, 60)), 0, 1),
        "references": np.array([[reference, reference + rng.normal(size=600), reference + rng.normal(size=600)]] * 21),
        "losses": rng.normal(size=(3, 600)),
        **{f"{kind} {label}": scores for kind in ("distilled", "direct") for label in range(14)},
    }


def test_a_reference_that_follows_knowledge_orders_the_judges_and_one_that_does_not_does_not(
    statistics: ModuleType,
) -> None:
    variant = statistics.VARIANTS[0]
    orders = {}
    for knows in (0.0, 4.0):
        draw = planted(knows)
        measures = [statistics.measured(draw, "distilled", 0, variant)]
        accuracy = statistics.judge_accuracy([draw])
        found = statistics.judged(measures, "less twin", list(draw["judges"]), accuracy)
        orders[knows] = found["order"]
        assert max(abs(one["value"]) for one in found["twins"].values()) < 0.15
    assert orders[4.0]["value"] == pytest.approx(1.0) and orders[4.0]["ci_low"] > 0.5
    assert orders[0.0]["ci_low"] < 0.5
    assert statistics.reliability([planted(0.0)], 0, variant)["value"] == pytest.approx(2 / 3, abs=0.08)


def test_a_reference_passes_only_if_it_meets_all_four(statistics: ModuleType) -> None:
    def figure(value: float, width: float = 0.02) -> dict[str, float]:
        return {"value": value, "ci_low": value - width, "ci_high": value + width}

    good = {"order": figure(0.9), "twin": figure(0.01)}
    row = {"reliability": figure(0.6), "lds": figure(0.4)}
    assert statistics.passes(row, good)
    assert not statistics.passes(row, good | {"order": figure(0.9, 0.5)})
    assert not statistics.passes(row, good | {"twin": figure(0.04)})
    assert not statistics.passes(row | {"reliability": figure(0.4)}, good)
    assert not statistics.passes(row | {"lds": figure(0.31)}, good)
