"""The lists of pinned packages hold what the package asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def plain(name: str) -> str:
    """A package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("listed", ["constraints.txt", "constraints-vllm.txt"])
def test_every_core_dependency_is_pinned(listed: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {plain(re.split(r"[<>=\[; ]", one)[0]) for one in project["dependencies"]}
    pinned = {plain(line.split("==")[0]) for line in (ROOT / listed).read_text().splitlines() if "==" in line}
    assert needed - pinned == set()
