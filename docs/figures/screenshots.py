"""Pictures of pages for ``docs/guides/evaluate.md`` and ``docs/guides/compare-prompts.md``.

sie run docs/figures/report.yaml --out runs/docs-report
python docs/figures/screenshots.py runs/docs-report/report.html

sie compare-prompts --data sample --limit 400 --backend local --out runs/docs-comparison --stability 60 --variants \\
    relevance/query-likelihood relevance/query-likelihood-terse relevance/query-likelihood-plain
python docs/figures/screenshots.py runs/docs-comparison/comparison.html
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BROWSER = "/usr/bin/chromium"
# by page, name of the picture: the part of the page, and how much of its height
PARTS = {
    "report.html": {
        "report-verdict": ("section.verdict", 700),
        "report-wrong-rows": ("#wrong", 620),
        # cut off above the commands, which name folders of the machine
        "report-weights": ("#weights", 690),
        "report-gains": ("#plot-gains", 900),
    },
    "comparison.html": {
        "comparison-decision": ("body", 950),
        "comparison-differing": ("#differing", 520),
    },
}
MOST_BYTES = 200_000


def picture(page: Any, selector: str, height: int, to: Path) -> None:
    """One part of the page, cut off below *height* pixels.

    Raises
    ------
    ValueError : the file is too large to be kept with the pages.
    """
    part = page.locator(selector)
    part.scroll_into_view_if_needed()
    box = part.bounding_box()
    edge = 12
    page.screenshot(
        path=str(to),
        full_page=True,
        clip={
            "x": max(box["x"] - edge, 0),
            "y": box["y"] + page.evaluate("window.scrollY") - edge,
            "width": box["width"] + 2 * edge,
            "height": min(box["height"], height) + 2 * edge,
        },
    )
    if to.stat().st_size > MOST_BYTES:
        raise ValueError(f"{to} has {to.stat().st_size:,} bytes; more than {MOST_BYTES:,} are not kept")


def main() -> None:
    """Take all pictures."""
    parser = argparse.ArgumentParser(description="Pictures of a page, for the documentation.")
    parser.add_argument("report", type=Path, help="report.html or comparison.html")
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 960, "height": 900}, color_scheme="light")
        page.goto(given.report.resolve().as_uri())
        page.evaluate("document.querySelectorAll('#check > details').forEach(part => { part.open = true; })")
        page.wait_for_timeout(3000)
        for name, (selector, height) in PARTS[given.report.name].items():
            picture(page, selector, height, HERE / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
