"""Ctrl-C while scoring processes start: one line from the parent, none from them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

from sie_agent.labels import StudentSettings
from sie_agent.samples import load_samples
from sie_agent.scorer import distill_scorer, save_scorer

from .conftest import csv_text, log_rows

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from sie_agent.commands import score
score.ROWS_AT_ONCE = 20
from sie_agent.cli import main
if __name__ == "__main__":
    sys.exit(main())
"""
# seconds after the first child; a worker is busy with its imports for two of them and more
DELAYS = [0.0, 0.02, 0.1, 0.2, 0.5, 1.2, 3.0]


def wait_for_children(process: subprocess.Popen[bytes]) -> None:
    """Return once a worker was started, or the program ended."""
    seen = psutil.Process(process.pid)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if any("spawn_main" in " ".join(child.cmdline()) for child in seen.children()):
                return
        except psutil.Error:
            continue
        time.sleep(0.005)


@pytest.mark.slow
def test_workers_say_nothing_when_they_are_interrupted(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(csv_text(log_rows(600)), encoding="utf-8")
    samples = load_samples(tmp_path / "log.csv")
    labels = pd.DataFrame({"sample_id": samples["sample_id"], "support": samples["label"].astype(float)})
    save_scorer(distill_scorer(samples, labels, settings=StudentSettings(trees=8)), tmp_path / "scorer")
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    typed = ["score", "--scorer", "scorer", "--data", "log.csv", "--workers", "2", "--quiet", "--out"]
    surroundings, codes = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, []
    for number, delay in enumerate(DELAYS):
        command = [sys.executable, "program.py", *typed, f"s{number}.parquet"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, env=surroundings, start_new_session=True)
        wait_for_children(process)
        time.sleep(delay)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        # the pipe is open until the last worker has ended
        _, said = process.communicate(timeout=120)
        codes.append(process.returncode)
        assert process.returncode in (130, 0), said.decode()
        assert said.count(b"\n") <= 1 and b"Traceback" not in said, said.decode()
    assert 130 in codes
