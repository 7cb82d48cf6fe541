"""What `sie label` counts: each number with its noun, rows read are those used and those skipped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import Sie

MAP = "columns: {query: query, item_id: item_id, title: title}\nevents: {clicked: 1.0}\nimpressions: {VISIT}\n"
LEXICAL = ("--variant", "relevance/lexical", "--backend", "lexical", "--out", "out")


@pytest.fixture
def log(tmp_path: Path) -> None:
    """60 rows of 35 pairs of 5 queries; one row cannot be used."""
    rows = [f"query {n % 5},i{n % 7},thing {n % 7},{int(n % 3 == 0)},v{n // 2}" for n in range(60)]
    rows[11] = ",i3,thing 3,0,v5"
    text = "\n".join(["query,item_id,title,clicked,visit", *rows])
    (tmp_path / "log.csv").write_text(text + "\n")
    (tmp_path / "folded.yaml").write_text(MAP.replace("VISIT", ""))
    (tmp_path / "visits.yaml").write_text(MAP.replace("VISIT", "visit: visit"))


@pytest.mark.parametrize("folded", [None, "folded.yaml", "visits.yaml"])
@pytest.mark.usefixtures("log")
def test_the_counts_add_up(sie: Sie, tmp_path: Path, folded: str | None) -> None:
    given = ("--map", folded) if folded else ()
    ran = sie("label", "--data", "log.csv", *given, *LEXICAL, "--output", "json")
    told = json.loads(ran.out)
    assert (told["rows_read"], told["rows_used"], told["rows_skipped"]) == (60, 59, 1)
    assert (told["pairs"], told["queries"]) == (35, 5)
    assert told["rows"] == told["ok"] + told["failed"] == (35 if folded else 59)
    counts = json.loads((tmp_path / "out" / "manifest.json").read_text())["counts"]
    assert counts["rows_used"] + counts["rows_skipped"] == counts["rows_read"] == 60
    said = sie("label", "--data", "log.csv", *given, *LEXICAL).out
    assert "60 rows: 59 rows used, 1 row skipped" in said
    assert f"with an answer  {'35 pairs' if folded else '59 rows'}" in said
    assert f"without         0 {'pairs' if folded else 'rows'}" in said


@pytest.mark.usefixtures("log")
def test_one_is_in_the_singular(sie: Sie) -> None:
    ran = sie("label", "--data", "log.csv", *LEXICAL, "--limit", "1")
    assert "1 pair judged" in ran.out and "with an answer  1 pair\n" in ran.out and "1 pair of 1 query" in ran.err
