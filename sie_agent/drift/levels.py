"""From figures to advice: a level for every figure that persists, and the reasons in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from sie_agent.drift.settings import AdjustmentSettings
from sie_agent.drift.window import MIX, Finding

STEADY, WATCH, DISTILL = "steady", "watch", "distill_again"
LEVELS = (STEADY, WATCH, DISTILL)
# department (None: all of them) and name of a figure
Figure = tuple[str | None, str]
NullIsNan = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]


class Standing(BaseModel):
    """Where one figure stands.

    Attributes
    ----------
    level : index into ``LEVELS``; since_events, since : when it was reached, in events of the service and UTC time.
    above_watch, above_distill, below : looks in a row at which the figure was so.
    raised_watch, raised_distill : how often it was raised to that level.
    value, critical : at the last look; live, baseline : means, where the figure is the change of one.
    """

    model_config = ConfigDict(extra="forbid")

    level: int = 0
    since_events: int = 0
    since: str = ""
    above_watch: int = 0
    above_distill: int = Field(0, validation_alias=AliasChoices("above_distill", "above_distil"))
    below: int = 0
    raised_watch: int = 0
    raised_distill: int = Field(0, validation_alias=AliasChoices("raised_distill", "raised_distil"))
    value: NullIsNan = math.nan
    critical: NullIsNan = math.nan
    live: float | None = None
    baseline: float | None = None

    def look(self, finding: Finding, thresholds: tuple[float, float], persist: int, events: int) -> bool:
        """Update with one look; True if the level changed."""
        self.value, self.critical = finding.value, finding.critical
        self.live, self.baseline = finding.live, finding.baseline
        # a critical value that is not a number compares as false: what cannot be told raises nothing
        beyond_chance = abs(finding.value) > finding.critical
        seen = sum(beyond_chance and abs(finding.value) >= threshold for threshold in thresholds)
        self.above_watch = self.above_watch + 1 if seen >= 1 else 0
        self.above_distill = self.above_distill + 1 if seen == len(thresholds) else 0
        self.below = self.below + 1 if seen < self.level else 0
        if self.above_distill >= persist:
            level = 2
        elif self.above_watch >= persist:
            level = self.level if self.level == 2 and self.below < persist else 1
        else:
            level = self.level if self.below < persist else seen
        if level == self.level:
            return False
        self.raised_watch += self.level < 1 <= level
        self.raised_distill += self.level < 2 <= level
        self.level, self.since_events, self.since, self.below = level, events, now(), 0
        return True

    def as_dict(self) -> dict[str, Any]:
        """As the answer shows it."""
        shown = {
            "value": rounded(self.value),
            "critical": rounded(self.critical),
            "level": LEVELS[self.level],
            "since_events": self.since_events if self.level else None,
            "since": self.since if self.level else None,
        }
        if self.baseline is not None:
            shown |= {"live": rounded(self.live), "baseline": rounded(self.baseline)}
        return shown

    def saved(self) -> dict[str, Any]:
        """Every field, for the saved state."""
        return {key: rounded(value, 12) if isinstance(value, float) else value for key, value in self}


def thresholds_of(name: str, settings: AdjustmentSettings) -> tuple[float, float]:
    """Practical thresholds for ``watch`` and ``distill_again`` of a figure."""
    if name.startswith("mean_"):
        return settings.watch_change, settings.distill_change
    return settings.watch_index, settings.distill_index


def advice(standings: Mapping[Figure, Standing], settings: AdjustmentSettings) -> dict[str, Any]:
    """What to do, since when, and why."""
    raised = [(*figure, standing) for figure, standing in standings.items() if standing.level > 0]
    raised.sort(key=lambda entry: (-entry[2].level, entry[2].since_events))
    highest = raised[0][2] if raised else Standing()
    return {
        "distill_again": LEVELS[highest.level] == DISTILL,
        "level": LEVELS[highest.level],
        "since_events": highest.since_events if raised else None,
        "since": highest.since if raised else None,
        "reasons": [reason(*entry, settings) for entry in raised],
    }


def reason(department: str | None, name: str, standing: Standing, settings: AdjustmentSettings) -> str:
    """A sentence about one raised figure."""
    where = "over all departments" if department is None else f"in department '{department}'"
    threshold = thresholds_of(name, settings)[standing.level - 1]
    since = f"(since event {standing.since_events:,})"
    if standing.baseline is not None and standing.live is not None:
        moved = "fell" if standing.value < 0 else "rose"
        what = name.removeprefix("mean_")
        return (
            f"{where}, the mean {what} {moved} from {standing.baseline:.3f} to {standing.live:.3f}, "
            f"{abs(standing.value):.2f} deviations; threshold {threshold:g} {since}"
        )
    what = "the mix of departments" if name == MIX else f"the scores for {name}"
    return f"{where}, {what} moved: PSI {standing.value:.2f}; threshold {threshold:g} {since}"


def rounded(value: float | None, digits: int = 4) -> float | None:
    """A rounded number for JSON; None for NaN and infinities."""
    return None if value is None or not math.isfinite(value) else round(float(value), digits)


def now() -> str:
    """UTC time to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
