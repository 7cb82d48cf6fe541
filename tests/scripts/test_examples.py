"""The examples run as they are, from a folder of their own, and print what they did."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLES = {
    "weights_lightgbm": ("LightGBM regression", "LightGBM lambdarank"),
    "weights_scikit_learn": ("scikit-learn",),
    "weights_torch": ("PyTorch",),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name: str, tmp_path: Path) -> None:
    # where everything is tested, a missing torch is a fault of the installation
    if "torch" in name and importlib.util.find_spec("torch") is None and not os.environ.get("CI"):
        pytest.skip("torch is not installed")
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "SIE_CACHE_DIR": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "examples" / f"{name}.py")],
        cwd=tmp_path,
        env=surroundings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert list(tmp_path.iterdir()) == []
    judged, rows = (int(number) for number in re.findall(r"(\d+) of (\d+) rows judged", ran.stdout)[0])
    assert 0 < judged < rows
    for trainer in EXAMPLES[name]:
        found = re.findall(rf"{trainer}, (as logged|blended and weighted): AUC (0\.\d+)", ran.stdout)
        (_, logged), (_, blended) = found
        # what did not reach the trainer would leave the figure as it was
        assert logged != blended and min(float(logged), float(blended)) > 0.4


def test_every_example_is_tested() -> None:
    there = {path.stem for path in (ROOT / "scripts" / "examples").glob("weights_*.py")}
    assert there == set(EXAMPLES)
