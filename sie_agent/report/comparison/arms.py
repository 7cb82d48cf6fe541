"""The arms as the page names, numbers and draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sie_agent.report import plots
from sie_agent.report.number_words import Ends, ends_of
from sie_agent.results.comparison import Comparison, VariantQuality

LONGEST_NAME = 24


@dataclass(frozen=True)
class ShownArm:
    """One arm, or one control.

    Attributes
    ----------
    place : its number on the page, by the ranking, from 1; 0 for controls. name : as the comparison has it.
    short : for charts, without the folder that all share. role : ``baseline``, ``choice`` (an arm that
        is to take its place), ``arm`` or ``control``.
    """

    place: int
    name: str
    short: str
    role: str
    quality: VariantQuality

    @property
    def numbered(self) -> str:
        """Number and short name."""
        return f"{self.place} {self.short}" if self.place else self.short

    @property
    def color(self) -> str:
        """Colour of its marks."""
        return {"choice": plots.GREEN, "baseline": plots.BLUE, "control": plots.GREY}.get(self.role, plots.OCHRE)

    @property
    def symbol(self) -> str:
        """Shape of its marks, so that colour is not needed to tell roles apart."""
        return {"choice": "diamond", "baseline": "square", "control": "circle-open"}.get(self.role, "circle")

    def metric(self, name: str) -> Ends:
        """A figure of it, with its interval."""
        return ends_of(self.quality.metrics.get(name))


@dataclass(frozen=True)
class ShownComparison:
    """A comparison with its arms in the order of the ranking."""

    found: Comparison

    @cached_property
    def arms(self) -> list[ShownArm]:
        """The arms, best first: by the ranking, within a tie by the metric that decides."""
        decision = self.found.decision
        groups = decision.ranking if decision else []
        group_of = {name: place for place, group in enumerate(groups) for name in group}

        def order(quality: VariantQuality) -> tuple[int, float]:
            value = ends_of(quality.metrics.get(self.metric))[0]
            return group_of.get(quality.variant, len(groups)), -(value if value is not None else -1.0)

        ranked = sorted(self.found.variants, key=order)
        shorts = short_names([one.variant for one in ranked])
        return [
            ShownArm(place, quality.variant, short, self._role(quality.variant), quality)
            for place, (quality, short) in enumerate(zip(ranked, shorts, strict=True), start=1)
        ]

    @cached_property
    def controls(self) -> list[ShownArm]:
        """The controls, in the order of the file."""
        held = self.found.controls
        shorts = short_names([one.variant for one in held])
        return [ShownArm(0, one.variant, short, "control", one) for one, short in zip(held, shorts, strict=True)]

    @property
    def metric(self) -> str:
        """The metric that decides."""
        return self.found.decide_by or (self.found.decision.metric if self.found.decision else "") or "within"

    @property
    def mode(self) -> str:
        """The mode of its figures."""
        return self.found.mode or "zero-shot"

    @property
    def graded(self) -> bool:
        """Whether there is any figure against a human grade."""
        return any(arm.quality.metrics for arm in self.arms)

    def number_of(self, name: str) -> str:
        """The arm of this name as the page writes it: number and name."""
        return next((f"{arm.place} {arm.name}" for arm in self.arms if arm.name == name), name)

    def _role(self, name: str) -> str:
        if name == self.found.baseline:
            return "baseline"
        decision = self.found.decision
        return "choice" if decision and decision.verdict != "unknown" and name == decision.choice else "arm"


def short_names(names: Sequence[str]) -> list[str]:
    """Names for charts: without the folder that all have in common; of long ones both ends."""
    folder = names[0][: names[0].rfind("/") + 1] if names else ""
    shared = len(folder) if all(name.startswith(folder) for name in names) else 0
    half = LONGEST_NAME // 2 - 1
    left = [name[shared:] or name for name in names]
    return [name if len(name) <= LONGEST_NAME else f"{name[:half]}…{name[-half:]}" for name in left]
