"""Where every pair is refused, each command says why, in the server's own words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..judging.scripted_server import Reply, error, scripted_server
from .conftest import Sie, csv_text, log_rows

COUNT = 16


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(csv_text(log_rows(COUNT)), encoding="utf-8")
    return path


def strict(body: dict[str, Any], number: int) -> Reply:
    """A server that wants what it is not given, and says so with an id of the request."""
    return Reply(422, error(f"temperature must be > 0 (request req_{number:04x}c{number}, 2026-11-26T{number:02d}:00)"))


def label(sie: Sie, url: str, log: Path, *more: str) -> Any:
    server = ("--backend", "openai", "--base-url", url, "--model", "m")
    return sie("label", "--data", log, *server, "--out", log.parent / "out", *more)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "count", "what"), [("relevance/graded", 16, "pairs"), ("clarity/graded", 8, "queries")]
)
def test_label_says_why_no_pair_has_a_grade(sie: Sie, log: Path, variant: str, count: int, what: str) -> None:
    with scripted_server(strict) as server:
        shown = label(sie, server.url, log, "--variant", variant)
        told = label(sie, server.url, log, "--variant", variant, "--output", "json")
    assert shown.code == told.code == 3
    assert (
        f'without         {count} {what} (rejected {count}: "' in shown.out and "temperature must be > 0" in shown.out
    )
    (reason,) = told.json["reasons"]
    assert (reason["status"], reason["count"]) == ("rejected", count) and "temperature must be > 0" in reason["detail"]
    manifest = json.loads((log.parent / "out" / "manifest.json").read_text())
    assert manifest["judge"]["reasons"] == [reason]
