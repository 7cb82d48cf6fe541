"""The benchmarks of verbs run, at a size that says nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def figures(script: str, out: Path, *options: str) -> dict[str, Any]:
    command = [sys.executable, str(SCRIPTS / "benchmarks" / f"{script}.py"), "--out", str(out), *options]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    written: dict[str, Any] = json.loads((out / f"{script}.json").read_text())
    return written


@pytest.mark.slow
def test_a_full_cache_needs_no_server(tmp_path: Path) -> None:
    found = figures("cached_rerun", tmp_path, "--pairs", "60", "--runs", "1")
    assert found["runs"][0]["judgments"] == 60
    assert 0 < found["per_second"]["median"] < found["per_second_judging"]["median"]
    assert found["versions"]["pandas"]


@pytest.mark.slow
def test_memory_is_that_of_the_process(tmp_path: Path) -> None:
    found = figures("memory", tmp_path, "--sizes", "40", "80")
    assert [run["pairs"] for run in found["runs"]] == [40, 80]
    assert all(20 < run["peak_anonymous_mib"] < run["peak_mib"] < 4000 for run in found["runs"])


@pytest.mark.slow
def test_bulk_verbs_are_measured_at_every_size(tmp_path: Path) -> None:
    found = figures("bulk", tmp_path, "--sizes", "300", "600", "--workers", "1")
    verbs = ("score", "select", "weights")
    assert [(run["rows"], run["verb"]) for run in found["runs"]] == [(n, verb) for n in (300, 600) for verb in verbs]
    assert all(20 < run["peak_mib"] < 4000 and run["per_second"] > 0 for run in found["runs"])
    assert set(found["growth"]) == set(verbs)
