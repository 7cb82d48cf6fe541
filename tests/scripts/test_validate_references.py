"""The linear datamodelling score of what is known, and a run of the script at a size that says nothing."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from sie_agent.files.paths import data_dir

SCRIPTS = Path(__file__).parents[2] / "scripts"
HOMEDEPOT = data_dir() / "homedepot" / "pairs.parquet"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(SCRIPTS.parent))
    return importlib.import_module("scripts.experiments.references.validate")


def planted(noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Importance by group (3, 50), which rows are in (80, 50), and losses (2 seeds, 80, 3) that follow from them."""
    rng = np.random.default_rng(0)
    importance, chosen = rng.normal(size=(3, 50)), rng.random((80, 50)) < 0.5
    fallen = chosen @ importance.T
    return importance, chosen, -fallen + noise * rng.normal(size=(2, 80, 3))


def test_what_made_the_losses_scores_one_and_its_opposite_minus_one(script: ModuleType) -> None:
    importance, chosen, losses = planted(0.0)
    assert script.datamodelling(importance, chosen, losses)["lds"] == pytest.approx(1.0)
    assert script.datamodelling(-importance, chosen, losses)["lds"] == pytest.approx(-1.0)
    whole = script.whole_score(importance.mean(axis=0), chosen, losses)
    assert whole["lds_whole"] == pytest.approx(1.0)
    assert script.reliability(losses) == pytest.approx(1.0)


def test_what_has_nothing_to_do_with_the_losses_scores_nothing(script: ModuleType) -> None:
    importance, chosen, losses = planted(5.0)
    other = np.random.default_rng(1).normal(size=importance.shape)
    found = script.datamodelling(other, chosen, losses)
    assert abs(found["lds"]) < 0.25 and found["lds_low"] <= found["lds"] <= found["lds_high"]
    right = script.datamodelling(importance, chosen, losses)["lds"]
    assert 0.4 < right < 0.95
    assert 0.2 < script.reliability(losses) < 0.95


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(not HOMEDEPOT.is_file(), reason="the Home Depot pairs are not at hand: set SIE_DATA")
def test_the_script_runs(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(SCRIPTS / "experiments/references/validate.py"),
        "--target",
        "linear",
        "--log",
        "clicks",
    ]
    command += ["--rows", "300", "--subsets", "5", "--groups", "3", "--seeds", "1", "--without-libraries"]
    command += ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "out")]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    found = json.loads((tmp_path / "out" / "linear-clicks.json").read_text())
    assert {row["by"] for row in found["rows"]} == {"sie_agent", "scorer"}
    assert found["log_rows"] <= 300 and len(list((tmp_path / "work").iterdir())) == 10
    table = pd.read_parquet(tmp_path / "out" / "linear-clicks.parquet")
    assert not {"query", "title", "grade"} & set(table.columns) and len(table) == found["log_rows"]


def test_numbers_for_ids_follow_no_order_of_the_table(script: ModuleType) -> None:
    assert script.numbers_of(["4-2", "4-7", "9-1"]) == script.numbers_of(["9-1", "4-7", "4-2", "4-2"])
    ids = [f"{shopper}-{item}" for shopper in range(30) for item in range(2)]
    number_of = script.numbers_of(ids)
    assert sorted(map(int, number_of.values())) == list(range(60))
    table = pd.DataFrame({"sample_id": ids, "first": [1.0, 0.0] * 30})
    kept = script.numbered(table, number_of)
    assert kept["sample_id"].tolist() == [str(number) for number in range(60)]
    assert kept["first"].tolist() != table["first"].tolist()
    back = {number: one for one, number in number_of.items()}
    assert [back[number].endswith("-0") for number in kept["sample_id"]] == kept["first"].astype(bool).tolist()
