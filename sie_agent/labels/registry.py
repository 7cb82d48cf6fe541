"""The weak importance labels: one file and one line each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sie_agent.errors import InputError
from sie_agent.labels.hardness import HARDNESS
from sie_agent.labels.label import StudentSettings, WeakLabel
from sie_agent.labels.preference import PREFERENCE
from sie_agent.labels.preference_support import PREFERENCE_SUPPORT
from sie_agent.labels.relevance import RELEVANCE
from sie_agent.labels.support import SUPPORT
from sie_agent.labels.value import VALUE

WEAK_LABELS: dict[str, WeakLabel] = {
    RELEVANCE.name: RELEVANCE,
    VALUE.name: VALUE,
    SUPPORT.name: SUPPORT,
    HARDNESS.name: HARDNESS,
    PREFERENCE.name: PREFERENCE,
    PREFERENCE_SUPPORT.name: PREFERENCE_SUPPORT,
}


def label_named(name: str, where: str | None = None) -> WeakLabel:
    """The weak label of this name.

    Raises
    ------
    InputError : there is none.
    """
    if name not in WEAK_LABELS:
        raise InputError(f"no weak label '{name}'", where=where, hint=f"Choose one of {', '.join(WEAK_LABELS)}.")
    return WEAK_LABELS[name]


def label_names(among: Iterable[str] | None = None, *, importance: bool = False) -> tuple[str, ...]:
    """Names of the weak labels in the order of the registry: of all, or of those *among* some columns.

    Parameters
    ----------
    importance : only those that say something of a row's place in training.
    """
    there = None if among is None else set(among)
    return tuple(
        name
        for name, label in WEAK_LABELS.items()
        if (there is None or name in there) and (label.is_importance or not importance)
    )


def student_settings(name: str, **chosen: Any) -> StudentSettings:
    """Settings of a weak label's student: its defaults, except for those *chosen* by name that are not None."""
    wanted = {key: value for key, value in chosen.items() if value is not None}
    return replace(WEAK_LABELS[name].student, **wanted)
