"""Which queries, items, shoppers and departments matter, as the page shows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from sie_agent.groups import FEWEST_GROUPS, KINDS, group_keys, rank_groups
from sie_agent.labels import WEAK_LABELS
from sie_agent.report.listed_rows import ranking_label
from sie_agent.report.number_words import count, significant
from sie_agent.report.page import cleaned
from sie_agent.report.read import RunFolder

SHOWN = 5
LONGEST = 120
NOUNS = {
    "query": ("query", "queries"),
    "item": ("item", "items"),
    "user": ("shopper", "shoppers"),
    "department": ("department", "departments"),
}
OPINION = (
    "These are the opinion of a judge that no human grade has confirmed yet: read them as what it thinks of each "
    "group, and do not clean or cut a log on their basis."
)


@dataclass(frozen=True)
class ShownGroup:
    """One group; its name is foreign text and must be escaped."""

    name: str
    title: str
    mean: str
    interval: str
    rows: str


@dataclass(frozen=True)
class GroupSide:
    """One end of the groups of a kind."""

    title: str
    groups: list[ShownGroup]
    empty: str


@dataclass(frozen=True)
class ShownKind:
    """The groups of one kind: what they are called, how many lie wholly on either side, and both ends."""

    key: str
    title: str
    noun: str
    told: str
    sides: list[GroupSide]


@dataclass(frozen=True)
class ShownGroups:
    """The whole section. ``caution`` is empty where the judge's verdict is to use it."""

    caution: str
    told: str
    kinds: list[ShownKind]


def groups_of(run: RunFolder, known: pd.DataFrame) -> ShownGroups | None:
    """The most helpful and harmful groups of each kind; None if no kind has three groups with a score.

    Parameters
    ----------
    known : the log's rows, of :func:`sie_agent.report.listed_rows.known_rows`.
    """
    name = ranking_label(known.columns)
    if name is None:
        return None
    label = WEAK_LABELS[name]
    found = []
    for kind in KINDS:
        ranked = rank_groups(group_keys(known, kind), known[name].to_numpy(np.float64), higher=label.high_is_good)
        if len(ranked) >= FEWEST_GROUPS:
            titles = known.groupby("item_id")["title"].min() if kind == "item" else pd.Series(dtype=object)
            # what parts the good groups from the bad: 0, or the mean of all groups of a score that has a range
            level = 0.0 if label.low is None else float(ranked["mean"].mean())
            found.append(shown_kind(kind, ranked, titles, level, higher=label.high_is_good))
    if not found:
        return None
    return ShownGroups(
        caution="" if run.agreement.verdict.use == "use" else OPINION,
        told=f"{label.title}, averaged over the rows of a group: {label.meaning}. The mean of a group with few rows is "
        "pulled towards the mean of all groups. The 95 % interval says where the group's mean would lie with more such "
        "rows; it reflects how much rows differ, not whether the judge is right. Look at both ends before you act: "
        "such a list only weakly predicts what training without a group would do.",
        kinds=found,
    )


def shown_kind(kind: str, ranked: pd.DataFrame, titles: pd.Series, level: float, *, higher: bool) -> ShownKind:
    """Both ends of the groups of one kind.

    Parameters
    ----------
    ranked : of :func:`sie_agent.groups.rank_groups`. titles : by group, what to show beside its name.
    """
    one, many = NOUNS[kind]
    above, below = ranked["low"] > level, ranked["high"] < level
    helpful, harmful = (above, below) if higher else (below, above)
    good = (ranked["mean"] > level) == higher
    at = "0" if level == 0 else f"the mean of all groups, {significant(level)}"
    certain = (
        f"{int(helpful.sum()):,} certainly on the helpful side of {at}, {int(harmful.sum()):,} on the harmful side"
    )
    none = f"none is certainly on the helpful or the harmful side of {at}: every interval includes it"
    told = f"{count(len(ranked), one, many)}: {certain if helpful.any() or harmful.any() else none}."
    sides = []
    for side, degree, certainly, members in (
        ("helpful", "Highest", helpful, ranked[good].head(SHOWN)),
        ("harmful", "Lowest", harmful, ranked[~good].tail(SHOWN)[::-1]),
    ):
        # no more is claimed in a heading than the intervals say
        title = f"Most {side}" if certainly.any() else f"{degree} scores, none certainly {side}"
        sides.append(GroupSide(title, shown(members, titles), f"No {one} has its mean on the {side} side."))
    return ShownKind(kind, many.capitalize(), one, told, sides)


def shown(ranked: pd.DataFrame, titles: pd.Series) -> list[ShownGroup]:
    """Groups in words."""
    return [
        ShownGroup(
            name=cleaned(row["group"], LONGEST),
            title=cleaned(titles.get(row["group"], ""), LONGEST),
            mean=significant(row["mean"]),
            interval=f"{significant(row['low'])}\u00a0to\u00a0{significant(row['high'])}",
            rows=count(row["rows"]),
        )
        for row in ranked.to_dict("records")
    ]
