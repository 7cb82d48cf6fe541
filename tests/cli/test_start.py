"""The program starts quickly, and imports nothing heavy before a verb is called."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAVY = (
    "accelerate", "datasets", "httpx", "jinja2", "lightgbm", "numpy", "openai", "pandas", "plotly", "pyarrow",
    "pydantic", "rich", "scipy", "sklearn", "torch", "transformers", "yaml",
)  # fmt: skip
SURROUNDINGS = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}


@pytest.mark.parametrize(
    "statement",
    [
        "import sie_agent",
        "import sie_agent.cli",
        "import sie_agent.cli; sie_agent.cli.main(['--help'])",
        "import sie_agent.cli; sie_agent.cli.main(['label', '--help'])",
        "import sie_agent.cli; sie_agent.cli.main(['lable'])",
    ],
)
def test_nothing_heavy_is_imported(statement: str) -> None:
    # the parser itself takes pydantic to read the options of a verb
    heavy = [name for name in HEAVY if name != "pydantic" or "main" not in statement]
    code = f"{statement}; import sys; print('LOADED', *sorted(set(sys.modules) & set({heavy!r})))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=SURROUNDINGS)
    assert ran.stdout.splitlines()[-1] == "LOADED"


def test_help_is_quick() -> None:
    best = min(seconds_for_help() for _ in range(5))
    assert best < 0.5


def seconds_for_help() -> float:
    """How long ``sie --help`` takes, in seconds."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "sie_agent", "--help"], capture_output=True, check=True, env=SURROUNDINGS)
    return time.perf_counter() - started
