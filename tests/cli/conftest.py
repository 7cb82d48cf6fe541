"""Fixtures of the command line's tests: the program in this process, and a small log."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sie_agent.cli import main

ITEMS = ("Brass desk lamp", "Oak bookcase with five shelves", "Clip-on reading light", "Paper lantern", "Door knob")
QUERIES = ("desk lamp", "light", "bookcase", "door knob", "reading lamp", "shelf", "lantern", "brass knob")


@dataclass
class Ran:
    """What a run of the program left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, parsed."""
        return json.loads(self.out)


Sie = Callable[..., Ran]


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder and a cache of the test's own, and no server named by the environment."""
    monkeypatch.setenv("SIE_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("VLLM_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def sie(capsys: pytest.CaptureFixture[str]) -> Sie:
    """Run the program in this process: ``sie("label", "--data", …)``."""

    def run(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        caught = capsys.readouterr()
        return Ran(code, caught.out, caught.err)

    return run


def log_rows(count: int = 80) -> list[dict[str, Any]]:
    """Rows of a small log: eight queries, five items, labels, and grades from 0 to 1."""
    return [
        {
            "sample_id": f"s{number}",
            "query": QUERIES[number % len(QUERIES)],
            "item_id": f"i{number // len(QUERIES) % len(ITEMS)}",
            "title": f"{ITEMS[number // len(QUERIES) % len(ITEMS)]} {number // 40}",
            "label": number * 7 % 3 % 2,
            "grade": (number * 5 % 4) / 3,
        }
        for number in range(count)
    ]


def csv_text(rows: list[dict[str, Any]], without: tuple[str, ...] = ()) -> str:
    """Rows as CSV."""
    names = [name for name in rows[0] if name not in without]
    lines = [",".join(names), *(",".join(str(row[name]) for name in names) for row in rows)]
    return "\n".join(lines) + "\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A CSV file with labels and grades."""
    path = tmp_path / "log.csv"
    path.write_text(csv_text(log_rows()), encoding="utf-8")
    return path
