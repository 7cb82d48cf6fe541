"""The experiment on what to judge: its smoke run, and the rule that decides on the default."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from sie_agent.budget import DEFAULT, STRATEGIES
from sie_agent.evaluation import query_copies

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "experiments" / "what_to_judge" / "measure.py"
KEPT = ROOT / "eval" / "results" / "what_to_judge.json"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("scripts.experiments.what_to_judge.measure")


@pytest.mark.slow
def test_smoke(tmp_path: Path) -> None:
    out = tmp_path / "some.json"
    command = [sys.executable, str(SCRIPT), "--smoke", "--out", str(out)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    found = json.loads(out.read_text())
    rows = found["data"]["generated:40"]["curves"]
    assert len(rows) == len(STRATEGIES) * 2 * 3 and all(np.isfinite(row["value"]) for row in rows)
    assert "Default by the rule" in ran.stdout
    ElementTree.fromstring(out.with_suffix(".svg").read_text())


def drawn(script: ModuleType, ahead: float, queries: int = 60) -> dict[tuple[str, str], np.ndarray]:
    """Ten draws of figures in which `diverse` is ahead of random by so much."""
    rng, shape = np.random.default_rng(0), (10, 3, 3, queries)
    base = rng.normal(0.6, 0.05, shape)
    return {
        (judge, name): base + rng.normal(ahead * (name == "diverse"), 0.02, shape)
        for judge in script.REAL
        for name in STRATEGIES
    }


def test_the_rule_takes_what_wins_for_certain_and_random_otherwise(script: ModuleType) -> None:
    copies = {"one": query_copies(60, 500, 0), "two": query_copies(60, 500, 1)}

    def default(one: float, two: float) -> str:
        found = {"one": drawn(script, one), "two": drawn(script, two)}
        return str(script.decided(found, script.REAL, copies)["default"])

    assert default(0.05, 0.04) == "diverse"
    assert default(0.0, 0.0) == "random"
    assert default(-0.05, -0.04) == "random"
    # ahead on the whole, and certainly behind on one data set
    assert default(0.2, -0.05) == "random"


def test_the_default_is_what_the_kept_figures_say() -> None:
    if not KEPT.is_file():
        pytest.skip("not measured yet")
    assert json.loads(KEPT.read_text())["decision"]["default"] == DEFAULT
