"""The journal of a campaign: every decision with its evidence, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sie_agent.results.campaign import BY

UNITS = {"money": "USD", "judgments": "judgments", "seconds": "s"}
TITLES = {
    "check": "The data",
    "plan": "The plan",
    "approval": "Approval",
    "pilot": "The pilot",
    "grades": "People's grades",
    "choose": "Who judges the log",
    "cascade": "Who settles what",
    "decide": "What to judge next",
    "label": "Judging the log",
    "curve": "What the judgments are worth so far",
    "distill": "The scorer",
    "evaluate": "What it is worth",
}


def entry(
    step: str, decided: str, why: str = "", *, by: str = "rules", figures: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """An entry; the campaign adds its number, what was spent and what is left."""
    return {"step": step, "decided": decided, "why": why, "by": by, "figures": dict(figures or {})}


def amount(told: Mapping[str, Any], *, nothing: str = "nothing") -> str:
    """What was spent or is left, in words; limits that were not given are left out."""
    parts = []
    if told.get("money") is not None:
        parts.append(f"{told['money']:.4g} USD")
    if told.get("judgments") is not None:
        parts.append(f"{told['judgments']:,} judgments")
    if told.get("seconds") is not None:
        parts.append(f"{told['seconds']:,.0f} s")
    return ", ".join(parts) or nothing


def in_line(one: Mapping[str, Any]) -> str:
    """What was decided, and why, on one line."""
    decided, why = str(one["decided"]), str(one["why"])
    if not why:
        return decided
    return f"{decided} {why[0].upper()}{why[1:]}" if decided.endswith(".") else f"{decided}: {why}"


def as_lines(entries: Sequence[Mapping[str, Any]]) -> str:
    """The journal as JSON lines."""
    return "".join(f"{json.dumps(one, ensure_ascii=False, sort_keys=True)}\n" for one in entries)


def as_markdown(entries: Sequence[Mapping[str, Any]], title: str) -> str:
    """The journal for people; what comes from files and servers stays on its line and makes no markup."""
    parts = [f"# {plain(title)}\n"]
    for one in entries:
        parts.append(f"## {one['number']}. {TITLES.get(one['step'], one['step'])}\n")
        parts.append(f"**{plain(one['decided'])}**\n")
        if one["why"]:
            parts.append(f"Why ({BY.get(one['by'], one['by'])}): {plain(one['why'])}\n")
        if one["figures"]:
            parts += [
                f"- {plain(name.replace('_', ' '))}: {plain(shown(value))}" for name, value in told(one["figures"])
            ]
            parts.append("")
        parts.append(f"Spent so far: {amount(one['spent'])}. Left: {amount(one['left'], nothing='no limit')}.\n")
    return "\n".join(parts)


def told(figures: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The figures that people read: no lists of lists."""
    return [
        (name, value) for name, value in figures.items() if value is not None and not isinstance(value, dict | list)
    ]


def shown(value: Any) -> str:
    """A figure in few digits."""
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if type(value) is int else str(value)


def plain(text: object) -> str:
    """A text on one line, of which Markdown makes nothing."""
    line = " ".join(str(text).split())
    for letter in "\\`*_<>[]#|":
        line = line.replace(letter, f"\\{letter}")
    return line
