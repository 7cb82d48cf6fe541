"""Leave-group-out figures of what is known, and a run of the script at a size that says nothing."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS.parent))
    return importlib.import_module("scripts.experiments.groups.figures")


def told(figures: ModuleType, added: np.ndarray, effect: np.ndarray) -> dict[str, float]:
    """The figures of one predictor in one draw."""
    copies = np.random.default_rng(0).integers(len(effect), size=(400, len(effect)))
    found: dict[str, float] = figures.agreement([added], [effect], [copies])
    return found


def test_sums_that_are_the_effects_say_all(figures: ModuleType) -> None:
    effect = np.random.default_rng(0).normal(size=60)
    found = told(figures, effect[None], effect)
    assert found["spearman"] == found["low"] == found["high"] == pytest.approx(1.0)
    assert found["harmful_auc"] == 1.0 and found["lowest_fifth"] < -1
    assert told(figures, -effect[None], effect)["spearman"] == pytest.approx(-1.0)


def test_sums_of_nothing_say_nothing(figures: ModuleType) -> None:
    rng = np.random.default_rng(1)
    effect = rng.normal(size=80)
    found = told(figures, rng.normal(size=(20, 80)), effect)
    assert abs(found["spearman"]) < 0.1 and found["low"] < 0 < found["high"]
    assert found["harmful_auc"] == pytest.approx(0.5, abs=0.07)
    assert told(figures, np.ones((1, 80)), effect)["spearman"] is None


def test_intervals_hold_the_correlation_there_is(figures: ModuleType) -> None:
    rng = np.random.default_rng(2)
    held = []
    for _ in range(60):
        effect = rng.normal(size=80)
        found = told(figures, (0.5 * effect + np.sqrt(0.75) * rng.normal(size=80))[None], effect)
        # Spearman's correlation of two normal variables of correlation 1/2
        held.append(found["low"] <= 6 / np.pi * np.arcsin(0.25) <= found["high"])
    assert np.mean(held) > 0.85


def test_halves_of_seeds_that_agree_are_reliable(figures: ModuleType) -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(size=(80, 1))
    assert figures.reliability(truth + 0.1 * rng.normal(size=(80, 8))) > 0.95
    assert abs(figures.reliability(rng.normal(size=(80, 8)))) < 0.4


@pytest.mark.slow
def test_the_script_runs(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(SCRIPTS / "experiments/groups/validate.py"),
        "--data",
        "generated",
        "--rows",
        "300",
    ]
    command += ["--groups", "5", "--seeds", "2", "--draws", "1", "--out", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    found = json.loads((tmp_path / "generated-ranked-clicks.json").read_text())
    assert [one["groups_by"] for one in found["groups"]] == ["query", "10 queries", "kind of item"]
    names = {row["predictor"] for row in found["groups"][0]["predictors"]}
    assert {"rows", "scorer|simulated-0.79", "label|permuted-0.79", "ekfac-ranking|same"} <= names
    # every query of the made-up shop has as many rows
    assert found["groups"][0]["predictors"][0]["ranking_loss"] == {"spearman": None}
