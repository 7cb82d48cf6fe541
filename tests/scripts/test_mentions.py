"""What the documents name is there, nothing outside the repository is cited, and the kept results stay small."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LARGEST_RESULTS = 3_000_000
# in two parts, so that this file may be read by its own test
OUTSIDE = ("DESIGN" + " §", "../shared/" + "DESIGN", "DESIGN" + ".md")
SKIPPED = {".git", ".venv", ".venv-vllm", "runs", "cache", "dist", "build"}


def files(pattern: str) -> list[Path]:
    """Files of the checkout, without what git ignores where there is git."""
    found = [path for path in ROOT.rglob(pattern) if path.is_file() and not SKIPPED & set(path.relative_to(ROOT).parts)]
    told = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    tracked = {ROOT / name for name in told.stdout.splitlines()}
    return sorted(path for path in found if told.returncode or path in tracked)


MARKDOWN = files("*.md")
PLACES = [*MARKDOWN, *files("*.py"), *files("*.yaml"), *files("*.yml"), *files("Makefile"), *files("Dockerfile")]


def paths_in(text: str) -> list[str]:
    """Every `scripts/...` that a text names, without the full stop of a sentence."""
    return [found.rstrip(".-/") for found in re.findall(r"(?<![\w/.-])(?:\.\./)*scripts/[\w./-]+", text)]


def test_what_counts_as_a_mention() -> None:
    told = "see `scripts/README.md`, scripts/a/b.py. [x](../../scripts/tools/c) and tests/scripts/d.py"
    assert paths_in(told) == ["scripts/README.md", "scripts/a/b.py", "../../scripts/tools/c"]


@pytest.mark.parametrize("document", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_scripts_that_a_document_names_exist(document: Path) -> None:
    for named in paths_in(document.read_text()):
        place = document.parent / named if named.startswith("..") else ROOT / named
        assert place.exists(), f"{document.name} names {named}"


def test_commands_in_code_exist() -> None:
    """Also in docstrings, comments and configuration."""
    for place in [one for one in PLACES if one not in MARKDOWN and one != Path(__file__)]:
        for named in paths_in(place.read_text()):
            assert named.startswith("..") or (ROOT / named).exists(), f"{place.relative_to(ROOT)} names {named}"


def test_every_program_has_a_line() -> None:
    told = (ROOT / "scripts" / "README.md").read_text()
    below = [path for path in files("*.py") if path.is_relative_to(ROOT / "scripts")]
    programs = [path for path in below if "__main__" in path.read_text()]
    assert len(programs) > 25
    for program in programs:
        assert f"`{program.relative_to(ROOT / 'scripts')}`" in told, program


def test_nothing_outside_the_repository_is_cited() -> None:
    for place in PLACES:
        text = place.read_text()
        assert not [one for one in OUTSIDE if one in text], place


def test_kept_results_are_small_and_hold_no_rows() -> None:
    kept = [path for path in files("*") if path.is_relative_to(ROOT / "eval" / "results")]
    assert sum(path.stat().st_size for path in kept) <= LARGEST_RESULTS
    assert [path for path in kept if path.suffix == ".parquet"] == []
