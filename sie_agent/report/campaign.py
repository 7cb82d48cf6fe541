"""The page of a campaign: the outcome, the decisions with their evidence, the bill, the learning curve."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sie_agent.report.number_words import count
from sie_agent.report.page import cleaned, render, write_page
from sie_agent.results.base import Measured
from sie_agent.results.campaign import BY, CampaignFile, CampaignPoint, CampaignSpending

PAGE = "campaign.html"
LONGEST = 600
# of the drawn curve, in pixels
WIDTH, HEIGHT, EDGE = 640, 260, 46
TONES = {"use": "good", "no-better": "open", "log-as-it-is": "open", "not-tested": "open"}


def write_campaign_page(folder: Path, campaign: CampaignFile, waits: str = "") -> Path:
    """Write ``campaign.html`` into a folder: one self-contained page without scripts.

    Parameters
    ----------
    campaign : the content of ``campaign.json``. waits : what it waits for, in a sentence.

    Raises
    ------
    EnvironmentFailure : the page cannot be written.
    """
    return write_page(Path(folder) / PAGE, render("campaign.html.j2", (), **content(campaign, waits)))


def content(campaign: CampaignFile, waits: str) -> dict[str, Any]:
    """What the template shows; texts are plain, so that the template escapes them."""
    outcome = campaign.outcome
    sentence = outcome.sentence if outcome else waits or "The campaign is under way."
    return {
        "sentence": cleaned(sentence, LONGEST),
        "waits": cleaned(waits, LONGEST),
        "tone": TONES.get(outcome.verdict if outcome else "", "open"),
        "mode": outcome.mode if outcome and outcome.mode else campaign.mode,
        "outcome": [] if outcome is None else outcome_rows(outcome),
        "decisions": [
            {
                "number": one.number,
                "decided": cleaned(one.decided, LONGEST),
                "why": cleaned(one.why, 2 * LONGEST),
                "by": BY.get(one.by, one.by),
                "left": bill(one.left),
            }
            for one in campaign.decisions
        ],
        "spending": [
            (one.step, figure(one.money, 4), count(one.judgments), figure(one.seconds, 0)) for one in campaign.spending
        ],
        "arms": [
            (cleaned(one.name), ends(one.quality), figure(one.money_per_pair, 6), one.failed) for one in campaign.arms
        ],
        "choice": cleaned(campaign.choice),
        "curve": drawn(campaign.curve),
        "curve_target": cleaned(campaign.curve_target),
        "points": [(figure(one.judged, 0), figure(one.quality), interval_of(one)) for one in campaign.curve],
        "files": sorted(campaign.files.items()),
    }


def outcome_rows(outcome: Any) -> list[tuple[str, str]]:
    """The figures of the test, in words."""
    rows = (
        ("A ranker trained with the log's labels", outcome.log),
        ("A ranker trained with blended labels and weights", outcome.target),
        ("The scorer's relevance", outcome.scorer),
        ("Gain by blended labels and weights", outcome.gain),
        ("The scorer less the ranker of the log", outcome.scorer_gain),
    )
    return [(name, ends(value)) for name, value in rows if value is not None]


def figure(value: float | None, digits: int = 3) -> str:
    """A number; a dash where there is none."""
    return "–" if value is None else f"{value:,.{digits}f}"


def ends(value: Measured | None) -> str:
    """A figure with its interval."""
    if value is None or value.value is None:
        return "–"
    low, high = value.ci_low, value.ci_high
    return f"{value.value:.3f}" if low is None or high is None else f"{value.value:.3f} [{low:.3f}, {high:.3f}]"


def interval_of(point: CampaignPoint) -> str:
    """The interval of a point of the curve."""
    return f"[{figure(point.low)}, {figure(point.high)}]"


def bill(spent: CampaignSpending | None) -> str:
    """What is left, in words."""
    if spent is None:
        return "–"
    parts = [] if spent.money is None else [f"{spent.money:.4g} USD"]
    parts += [] if spent.judgments is None else [f"{spent.judgments:,} judgments"]
    parts += [] if spent.seconds is None else [f"{spent.seconds:,.0f} s"]
    return ", ".join(parts) or "no limit"


def drawn(points: list[CampaignPoint]) -> dict[str, Any] | None:
    """The curve as coordinates of a drawing: the line, the band around it, and marks of the axes."""
    known = [(one.judged, one.quality, one.low, one.high) for one in points]
    whole = [tuple(float(value) for value in row if value is not None) for row in known]
    rows = [row for row in whole if len(row) == 4]
    if len(rows) < 2:
        return None
    left, right = rows[0][0], rows[-1][0]
    bottom, top = min(row[2] for row in rows), max(row[3] for row in rows)
    across = (WIDTH - 2 * EDGE) / max(right - left, 1e-9)
    up = (HEIGHT - 2 * EDGE) / max(top - bottom, 1e-9)

    def place(size: float, value: float) -> str:
        return f"{EDGE + (size - left) * across:.1f},{HEIGHT - EDGE - (value - bottom) * up:.1f}"

    band = [place(row[0], row[3]) for row in rows] + [place(row[0], row[2]) for row in reversed(rows)]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "edge": EDGE,
        "line": " ".join(place(row[0], row[1]) for row in rows),
        "band": " ".join(band),
        "ends": (f"{left:,.0f}", f"{right:,.0f}", f"{bottom:.2f}", f"{top:.2f}"),
    }
