"""What a run had to do without is said at the top of the page, and why pairs have no grade in its table."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sie_agent.report import write_report

from .fixtures import HOSTILE, build_run
from .test_browser import CHROMIUM, OVERFLOWING, browser, open_page

__all__ = ["browser"]
UNBROKEN = "https://server.example/" + "a" * 180
SAID = f"{HOSTILE[0]} {UNBROKEN}"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run without one of its judges, whose pairs were refused in foreign words."""
    folder = build_run(tmp_path / "run")
    path = folder / "agreement.json"
    told = {"failed": [{"judge": "x", "text": f"Judge 'x' is left out: {SAID}"}], "instead_of": "x"}
    path.write_text(json.dumps({**json.loads(path.read_text()), **told}), encoding="utf-8")
    judgments = pd.read_parquet(folder / "judgments.parquet")
    refused = judgments.head(9).assign(status="rejected", score=float("nan"), detail=SAID)
    pd.concat([judgments, refused], ignore_index=True).to_parquet(folder / "judgments.parquet")
    return folder


def test_who_failed_and_why_stands_on_the_page_as_text(run: Path) -> None:
    page = write_report(run).read_text(encoding="utf-8")
    assert HOSTILE[0] not in page
    seen = html.unescape(page)
    assert f"Judge 'x' is left out: {SAID}." in seen and "in place of 'x'" in seen
    assert "Why there is no answer" in seen


def test_a_run_without_failures_says_nothing_of_them(tmp_path: Path) -> None:
    page = write_report(build_run(tmp_path / "run")).read_text(encoding="utf-8")
    assert "This page is about judge" not in page and "is left out" not in page


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no Chromium at {CHROMIUM}: apt-get install chromium")
@pytest.mark.parametrize("width", [390, 1024])
def test_long_foreign_words_widen_nothing(browser: Any, run: Path, width: int) -> None:
    page, complaints = open_page(browser, write_report(run), viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVERFLOWING) == [] and complaints == []
    page.context.close()
