"""Settings of the drift watch: windows, thresholds, and the rate of false alarms."""

from __future__ import annotations

from dataclasses import dataclass

from sie_agent.errors import InputError
from sie_agent.utils.renamed import renamed_fields

WHERE = "adjustment settings"
FEWEST_ROWS = 8  # of a segment
# the weak label that says how far the judge backs the log; a scorer may be without it
BACKING = "support"
MEANS = ("label", BACKING)


@renamed_fields(distil_index="distill_index", distil_change="distill_change")
@dataclass(frozen=True)
class AdjustmentSettings:
    """Sizes are in events (rows that were scored).

    Attributes
    ----------
    window : live events that ranks and the figures over all departments are made of.
    department_window : live events of a department's figures.
    segments : parts that a window is moved on by; a look at the figures is taken whenever one is full.
    warm_up : first events of a department that are its baseline, where none is given.
    persist : looks in a row that have to agree before a level is raised or lowered.
    watch_index, distill_index : PSI from which on a distribution is to be watched, and the scorer distilled again.
    watch_change, distill_change : the same of a mean, in standard deviations of the baseline. Of a normal distribution
        that moves by d of them PSI is d², so these see less than the indexes do: a fifth of the labels flipped moves
        the support of Home Depot's pairs by 0.2 and its PSI to 0.05 only.
    false_alarms : looks beyond chance that are allowed in a million events where nothing changes.
    strength : a of the weight's formula; None: that of the scorer's recipe.
    bins : of equal share in the baseline; groups : parts that queries are dealt to, to see how alike their rows are.
    departments : that get figures of their own; the rest shares the bucket ``other``.
    pending : events that are taken in at once.
    """

    window: int = 4_000
    department_window: int = 3_000
    segments: int = 8
    warm_up: int = 4_000
    persist: int = 3
    watch_index: float = 0.1
    distill_index: float = 0.2
    watch_change: float = 0.1
    distill_change: float = 0.15
    false_alarms: float = 1.0
    strength: float | None = None
    bins: int = 10
    groups: int = 32
    departments: int = 200
    pending: int = 1_024

    def __post_init__(self) -> None:
        for name in ("segments", "persist", "departments", "pending"):
            require(name, getattr(self, name), getattr(self, name) >= 1, "1 or more")
        for name in ("window", "department_window", "warm_up"):
            least = FEWEST_ROWS * self.segments
            require(name, getattr(self, name), getattr(self, name) >= least, f"{least} or more")
        require("bins", self.bins, 2 <= self.bins <= 50, "2 to 50")
        require("groups", self.groups, 8 <= self.groups <= 256, "8 to 256")
        if self.strength is not None:
            require("strength", self.strength, 0 <= self.strength < float("inf"), "0 or more")
        require("false_alarms", self.false_alarms, 0 < self.false_alarms < 1e5, "above 0 and below 100000")
        for name in ("index", "change"):
            low, high = getattr(self, f"watch_{name}"), getattr(self, f"distill_{name}")
            require(f"distill_{name}", high, 0 < high < float("inf"), "above 0")
            allowed = f"above 0 and at most distill_{name} ({high})"
            require(f"watch_{name}", low, 0 < low <= high < float("inf"), allowed)

    def level_per_test(self, labels: int) -> float:
        """Probability of a single test's error, so that a million events have *false_alarms* of them.

        Every event is in the window of one department and in that of all, so the number of tests in a million events
        is known, however many departments there are: by Bonferroni's inequality this holds whatever their dependence.
        """
        tests = labels + len(MEANS)
        per_event = tests * self.segments / self.department_window + (tests + 1) * self.segments / self.window
        return self.false_alarms / (1e6 * per_event)

    def promise(self, window: int) -> int:
        """Number of events within which a change beyond threshold and chance is reported."""
        return window + self.persist * (window // self.segments)


def require(name: str, value: object, holds: bool, allowed: str) -> None:
    """Raise InputError unless *holds*."""
    if not holds:
        raise InputError(f"{name} is {value}", where=WHERE, hint=f"Give {allowed}.")
