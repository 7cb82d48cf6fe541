"""The wheel: everything that ships is in it, and it works in a venv of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from sie_agent import __version__

CHECKOUT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow
INSIDE = (
    "sie_agent/_prompts/relevance/query-likelihood.yaml",
    "sie_agent/_prompts/clarity/graded.yaml",
    "sie_agent/_suites/quickstart.yaml",
    "sie_agent/_campaigns/sample.yaml",
    "sie_agent/samples/quickstart/pairs.jsonl",
    "sie_agent/samples/quickstart/histories.jsonl",
    "sie_agent/samples/maps/wands.yaml",
    "sie_agent/report/templates/report.html.j2",
    "sie_agent/report/templates/report.css",
    "sie_agent/SCHEMAS.md",
    f"sie_agent-{__version__}.dist-info/licenses/LICENSE",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a fresh venv with the wheel, which sees the packages installed here."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    # the packages are lent by hand: installing them anew would take minutes. Appended, so the wheel comes first
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "lent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    return folder / "bin"


def run(programs: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """``sie`` of the fresh venv, started far from the checkout."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SIE_"))}
    surroundings["SIE_CACHE_DIR"] = str(folder / "cache")
    command = [str(programs / "sie"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=surroundings)


def test_what_is_inside(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for name in INSIDE:
        assert name in names
    strays = [name for name in names if not name.startswith(("sie_agent/", f"sie_agent-{__version__}.dist-info/"))]
    assert strays == []
    assert not [name for name in names if "__pycache__" in name or "/tests/" in name]


def test_help(programs: Path, tmp_path: Path) -> None:
    ran = run(programs, "--help", folder=tmp_path)
    assert ran.returncode == 0 and "distill" in ran.stdout


def test_doctor(programs: Path, tmp_path: Path) -> None:
    ran = run(programs, "doctor", folder=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "_prompts" in ran.stdout and "_suites" in ran.stdout
    assert str(CHECKOUT / "sie_agent") not in ran.stdout


def test_labels_with_what_ships(programs: Path, tmp_path: Path) -> None:
    command = ("label", "--data", "sample", "--variant", "relevance/lexical", "--backend", "lexical", "--out", "out")
    ran = run(programs, *command, folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "1,700 pairs judged" in ran.stdout


def test_the_wheel_has_the_version_of_the_package(programs: Path, tmp_path: Path) -> None:
    from sie_agent import __version__

    ran = run(programs, "--version", folder=tmp_path)
    assert ran.stdout.split() == ["sie", __version__]
