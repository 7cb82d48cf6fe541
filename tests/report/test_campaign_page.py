"""The page of a campaign: decisions, bill and curve; nothing that a model or a file says becomes code."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from sie_agent.report import write_campaign_page
from sie_agent.report.campaign import drawn
from sie_agent.results.campaign import CampaignFile, CampaignPoint

HOSTILE = "</bdi><script>alert(1)</script><img src=x onerror=alert(1)>"
SPENT = {"money": 0.5, "judgments": 10, "seconds": 3.0}


class Tags(HTMLParser):
    """The tags of a page, and those with a handler."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.handlers = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.handlers += sum(name.startswith("on") for name, _ in attrs)


def campaign(**more: object) -> CampaignFile:
    decision = {"number": 1, "step": "choose", "decided": HOSTILE, "why": HOSTILE, "by": "model", "left": SPENT}
    points = [{"judged": size, "quality": 0.5, "low": 0.4, "high": 0.6} for size in (20, 40, 80)]
    content = {
        "status": "done",
        "decisions": [{**decision, "spent": SPENT}],
        "spending": [{"step": "total", **SPENT}, {"step": "left", **SPENT}],
        "arms": [{"name": HOSTILE, "quality": {"value": 0.7, "ci_low": 0.6, "ci_high": 0.8}}],
        "curve": points,
        "curve_target": HOSTILE,
        "choice": HOSTILE,
        **more,
    }
    return CampaignFile.model_validate(content)


@pytest.mark.parametrize("waits", ["", f"Waits for approval of {HOSTILE}"])
def test_nothing_that_is_told_becomes_code(waits: str, tmp_path: Path) -> None:
    text = write_campaign_page(tmp_path, campaign(), waits).read_text()
    tags = Tags()
    tags.feed(text)
    assert not tags.found & {"script", "img"} and not tags.handlers
    assert "script-src &#39;none&#39;" in text or "script-src 'none'" in text
    assert "&lt;script&gt;" in text and "0.700 [0.600, 0.800]" in text


def test_the_outcome_is_the_first_sentence(tmp_path: Path) -> None:
    gain = {"value": 0.02, "ci_low": 0.01, "ci_high": 0.03}
    outcome = {
        "verdict": "use",
        "sentence": "Use the targets",
        "mode": "gold (90 grades of 9 test queries)",
        "gain": gain,
    }
    text = write_campaign_page(tmp_path, campaign(outcome=outcome)).read_text()
    assert 'verdict good"' in text and "gold (90 grades of 9 test queries)" in text and "0.020 [0.010, 0.030]" in text
    assert text.index("Use the targets") < text.index("What was decided")


def test_a_curve_rises_to_the_right_and_up() -> None:
    rising = [
        CampaignPoint(judged=size, quality=size / 100, low=size / 100 - 0.1, high=size / 100 + 0.1) for size in (20, 40)
    ]
    made = drawn(rising)
    assert made is not None
    (left, low), (right, high) = ([float(one) for one in point.split(",")] for point in made["line"].split())
    assert left < right and low > high
    assert drawn(rising[:1]) is None and drawn([]) is None
