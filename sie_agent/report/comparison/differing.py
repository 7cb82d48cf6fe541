"""The pairs on which the arms differ most, side by side with what each said."""

from __future__ import annotations

from dataclasses import dataclass

from sie_agent.report.comparison.arms import ShownArm, ShownComparison
from sie_agent.report.number_words import count, number, percent
from sie_agent.report.page import cleaned
from sie_agent.results.comparison_rows import Differing

MOST_PAIRS, SHOWN_PAIRS = 30, 6
LONGEST_TEXT, LONGEST_RATIONALE = 300, 500


@dataclass(frozen=True)
class ShownSaid:
    """What one arm said; ``width`` is its judgment in percent, ``near`` whether its level is the grade's."""

    name: str
    role: str
    score: str
    level: str
    width: float
    near: bool
    rationale: str


@dataclass(frozen=True)
class ShownPair:
    """One pair; ``spread`` is how far apart the arms put it, ``department`` its department's place in the filter."""

    sample_id: str
    query: str
    title: str
    grade: str
    spread: str
    department: int
    department_name: str
    said: list[ShownSaid]


@dataclass(frozen=True)
class ShownDiffering:
    """The pairs, and the departments to filter them by: name and number of pairs."""

    pairs: list[ShownPair]
    departments: list[tuple[str, str]]
    shown: int = SHOWN_PAIRS


def differing_of(compared: ShownComparison) -> ShownDiffering | None:
    """At most thirty pairs; None where there is none."""
    held = compared.found.differing[:MOST_PAIRS]
    if not held:
        return None
    counts: dict[str, int] = {}
    for pair in held:
        counts[pair.department] = counts.get(pair.department, 0) + 1
    names = sorted(counts, key=lambda name: (name == "", -counts[name], name))
    arms = {arm.name: arm for arm in compared.arms}
    pairs = [_shown(pair, names.index(pair.department), arms) for pair in held]
    listed = [(cleaned(name, 60) or "no department", count(counts[name], "pair", "pairs")) for name in names]
    return ShownDiffering(pairs, listed if len(listed) > 1 else [])


def _shown(pair: Differing, department: int, arms: dict[str, ShownArm]) -> ShownPair:
    by_place = sorted(pair.said, key=lambda one: arms[one.variant].place if one.variant in arms else len(arms) + 1)
    said = [
        ShownSaid(
            name=arms[one.variant].numbered if one.variant in arms else one.variant,
            role=arms[one.variant].role if one.variant in arms else "",
            score=number(one.score) if one.score is not None else "no judgment",
            level=f"level {number(one.level)}" if one.level is not None else "",
            width=round(100 * min(max(one.score or 0.0, 0.0), 1.0), 1),
            near=one.level is not None and pair.grade is not None and abs(one.level - pair.grade) < 1e-6,
            rationale=cleaned(one.rationale, LONGEST_RATIONALE),
        )
        for one in by_place
    ]
    return ShownPair(
        sample_id=cleaned(pair.sample_id, 80),
        query=cleaned(pair.query, LONGEST_TEXT),
        title=cleaned(pair.title, LONGEST_TEXT),
        grade=number(pair.grade) if pair.grade is not None else "",
        spread=percent(pair.spread),
        department=department,
        department_name=cleaned(pair.department, 60),
        said=said,
    )
