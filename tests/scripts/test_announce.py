"""What `make test` and `make quickstart` say before they download anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout in which nothing was set up yet, older than whatever is made now."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "install.sh", tmp_path / "scripts")
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "constraints.txt", "constraints-vllm.txt"):
        shutil.copy(ROOT / name, tmp_path)
        os.utime(tmp_path / name, (1_000_000_000, 1_000_000_000))
    return tmp_path


def announced(folder: Path, target: str, **more: str) -> str:
    """What is said; nothing is made."""
    environment = {"PATH": os.environ["PATH"], **more}
    before = sorted(folder.rglob("*"))
    done = subprocess.run(
        ["scripts/install.sh", "announce", target], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "") and sorted(folder.rglob("*")) == before
    return done.stdout


def test_the_tests_say_all_that_they_download(bare: Path) -> None:
    said = announced(bare, "test", SIE_BROWSER="/nowhere")
    wanted = [
        "into .venv (about",
        "language model (98 MB)",
        "encoder (83 MB)",
        "vLLM into .venv-vllm",
        "25 minutes on 2",
    ]
    assert [one for one in wanted if one not in said] == []
    if os.geteuid() == 0 and shutil.which("apt-get"):
        assert "Chromium (about 0.1 GB" in said
    assert said.index("downloads what is missing") < said.index("25 minutes")


def test_the_quickstart_says_its_own(bare: Path) -> None:
    said = announced(bare, "quickstart")
    assert "language model (98 MB)" in said and "about 5 minutes" in said
    assert "vLLM" not in said and "Chromium" not in said and "25 minutes" not in said


def test_what_is_there_is_not_announced(bare: Path) -> None:
    for name in (".venv/.ready-run", ".venv/.ready-test", "vllm/.ready-cpu"):
        (bare / name).parent.mkdir(exist_ok=True)
        (bare / name).touch()
    said = announced(bare, "test", SIE_BROWSER=sys.executable, SIE_VLLM_VENV="vllm")
    assert "download" not in said and "25 minutes" in said
    assert "download" not in announced(bare, "quickstart")
    os.utime(bare / "constraints.txt")
    os.utime(bare / ".venv" / ".ready-test", (1_000_000_001, 1_000_000_001))
    assert "Python packages" in announced(bare, "test", SIE_BROWSER=sys.executable, SIE_VLLM_VENV="vllm")


@pytest.mark.parametrize("target", ["test", "quickstart"])
def test_it_is_the_first_thing_that_make_does(bare: Path, target: str) -> None:
    # as it is where no make called this
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    command = ["make", "-n", target]
    done = subprocess.run(command, cwd=bare, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == f"scripts/install.sh announce {target}"


def test_no_address_of_an_index_is_in_it(bare: Path) -> None:
    for target in ("test", "quickstart"):
        assert "://" not in announced(bare, target)


def test_an_unknown_target_is_refused(bare: Path) -> None:
    done = subprocess.run(["scripts/install.sh", "announce", "all"], cwd=bare, capture_output=True, text=True)
    assert done.returncode == 2 and "quickstart|test" in done.stderr
