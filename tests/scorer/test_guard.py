"""Several workers need a guard in the script that asks for them; without one, that is one line and nothing starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from sie_agent.scorer import Scorer, save_scorer

CALL = """
import sie_agent.commands.score as verb
verb.ROWS_AT_ONCE = 50
"""
UNGUARDED = CALL + 'print(verb.score("scorer", "log.parquet", "out.parquet", workers=2)["rows"])\n'
IN_FUNCTION = CALL + (
    'def work():\n    print(verb.score("scorer", "log.parquet", "out.parquet", workers=2)["rows"])\n\n\nwork()\n'
)
GUARDED = IN_FUNCTION.replace("\nwork()\n", '\nif __name__ == "__main__":\n    work()\n')


def ran(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "script.py"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, env=environment, check=False
    )


@pytest.fixture
def folder(scorer: Scorer, samples: pd.DataFrame, tmp_path: Path) -> Path:
    save_scorer(scorer, tmp_path / "scorer")
    samples.drop(columns="grade").to_parquet(tmp_path / "log.parquet")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("text", [UNGUARDED, IN_FUNCTION], ids=["at once", "in a function"])
def test_a_script_without_a_guard_is_told_so(folder: Path, text: str) -> None:
    told = ran(folder, text)
    line = told.stderr.strip().splitlines()[-1]
    assert told.returncode == 1 and told.stdout == ""
    assert "script.py, line " in line and '`if __name__ == "__main__":`' in line and "workers=1" in line
    assert told.stderr.count("Traceback") == 1 and not (folder / "out.parquet").exists()
    assert not list(folder.glob("*.parts"))


@pytest.mark.slow
def test_a_script_with_a_guard_scores(folder: Path) -> None:
    told = ran(folder, GUARDED)
    assert told.returncode == 0 and told.stdout == "180\n", told.stderr


@pytest.mark.slow
def test_one_worker_needs_no_guard(folder: Path) -> None:
    assert ran(folder, UNGUARDED.replace("workers=2", "workers=1")).stdout == "180\n"
