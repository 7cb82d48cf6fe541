"""The comparison of students is fair: no unseen query in the pool, ranks of the training rows, a front that is one."""

from __future__ import annotations

import importlib
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata

from sie_agent.judging import JudgmentCache
from sie_agent.suite.draw.draw import start_draw
from sie_agent.suite.draw.world import World, build_world
from sie_agent.suite.settings import load_suite
from sie_agent.utils.progress import set_quiet

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(SCRIPTS.parent))
    set_quiet(True)

    def load(name: str) -> ModuleType:
        monkeypatch.delitem(sys.modules, name, raising=False)
        return importlib.import_module(name)

    return load


@pytest.fixture
def world(script: Any, tmp_path: Path) -> World:
    sets = script("scripts.experiments.students.setting").QUERY_SETS
    small = [
        "data.source=sample",
        "data.limit=452",
        "data.min_items_per_query=1",
        "target.epochs=1",
        "labels.proxies=1",
    ]
    suite = load_suite("homedepot-clicks", [f"query_sets={sets}", "draws=[1]", *small])
    with JudgmentCache(tmp_path / "cache.sqlite") as cache:
        return build_world(suite, cache)


def test_no_unseen_query_is_in_the_pool_of_value(script: Any, world: World) -> None:
    module, draw = script("scripts.experiments.students.setting"), start_draw(world, 1)
    perfect = [part for part in world.suite.judges if part.name == "simulated-1.00"]
    before = module.settings_from(world, draw, perfect)[0]
    queries = [set(before.queries[mask]) for mask in (before.training, before.tuning, before.unseen)]
    assert not queries[0] & queries[1] and not queries[0] & queries[2] and not queries[1] & queries[2]
    world.samples.loc[before.unseen, "grade"] = 1 - world.samples.loc[before.unseen, "grade"]
    after = module.settings_from(world, draw, perfect)[0]
    assert np.abs(before.weak["hardness"] - after.weak["hardness"])[before.unseen].max() > 0.1
    np.testing.assert_array_equal(before.weak["value"], after.weak["value"])
    assert "grade" not in before.samples or before.samples["grade"].isna().all()


def test_students_learn_ranks_among_the_training_rows(script: Any, world: World) -> None:
    module = script("scripts.experiments.students.setting")
    judge = [part for part in world.suite.judges if part.name == "simulated-0.90"]
    setting = module.settings_from(world, start_draw(world, 1), judge)[0]
    learnt = setting.ranks("support")[setting.training]
    truth = setting.weak["support"][setting.training]
    np.testing.assert_allclose(learnt, (rankdata(truth) - 0.5) / len(truth))
    assert setting.ranks("support").min() >= 0 and setting.ranks("support").max() <= 1


def test_the_best_student_and_the_distance_to_it(script: Any, world: World) -> None:
    setting_module, module = script("scripts.experiments.students.setting"), script("scripts.benchmarks.students")
    judge = [part for part in world.suite.judges if part.name == "simulated-0.90"]
    setting = setting_module.settings_from(world, start_draw(world, 1), judge)[0]
    perfect = np.column_stack([setting.weak[name] for name in module.LABELS])
    noise = np.random.default_rng(0).standard_normal(perfect.shape)
    found = module.verdict(setting, {module.SHIPPED: noise, "perfect": perfect}, "value")
    assert found["student"] == "perfect" and found["spearman"] == pytest.approx(1) and not found["within"]
    assert found["low"] < found["gap"] < found["high"]
    alone = module.verdict(setting, {module.SHIPPED: perfect}, "value")
    assert alone["gap"] == 0 and alone["within"]
    blend = module.blended(setting, {"noise": noise, "perfect": perfect, "copy": perfect.copy()})
    held = setting.tuning | setting.unseen
    assert np.corrcoef(rankdata(perfect[held, 2]), blend[held, 2])[0, 1] == pytest.approx(1)


def test_the_picture_joins_those_that_no_other_beats(script: Any, tmp_path: Path) -> None:
    module = script("scripts.experiments.students.picture")
    told = [(10.0, 0.9), (100.0, 0.8), (50.0, 0.7), (1000.0, 0.85)]
    front = module.front([rate for rate, _ in told], [{"spearman": value} for _, value in told])
    assert front == [(1000.0, 0.85), (10.0, 0.9)]
    students = [
        {
            "student": f"<{rate}>",
            "rows_per_second": {"median": rate},
            "agreement": {"value": {"spearman": value, "low": value - 0.01, "high": value + 0.01}},
        }
        for rate, value in told
    ]
    path = tmp_path / "students.svg"
    module.write_pareto(
        path, {"judge": "a & b", "students": students, "best": {"value": {"spearman": 0.9}}}, ["value"], "<50.0>"
    )
    root = ElementTree.fromstring(path.read_text())
    circles = root.findall(".//{*}circle")
    assert len(circles) == 4 and sum(circle.get("fill") == module.CHOSEN for circle in circles) == 1
    assert any("(chosen)" in (text.text or "") for text in root.findall(".//{*}text"))
