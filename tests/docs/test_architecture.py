"""The page on the architecture names files that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_where_is_names_files_that_exist() -> None:
    page = (ROOT / "docs/engineers/architecture.md").read_text("utf-8")
    table = page.split("## Where is …")[1].split("## ")[0]
    files = re.findall(r"`(sie_agent/[^`]+)`", table)
    assert len(files) >= 15
    assert [file for file in files if not (ROOT / file).is_file()] == []
