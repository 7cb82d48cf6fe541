"""The scores of rows that can be aggregated, and which way each points."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sie_agent.errors import InputError
from sie_agent.labels import WEAK_LABELS
from sie_agent.samples import made_by_words
from sie_agent.scorer import LABEL_ERROR


@dataclass(frozen=True)
class Direction:
    """Which way a score points.

    Attributes
    ----------
    high_is_good : whether groups of a high score come first.
    signed : whether zero parts good from bad; else the mean of all groups does.
    """

    high_is_good: bool
    signed: bool


def score_names() -> tuple[str, ...]:
    """Every score that can be aggregated."""
    return (*WEAK_LABELS, LABEL_ERROR)


def direction_of(score: str) -> Direction:
    """Which way a score points; of `label_error` less is better.

    Parameters
    ----------
    score : one of :func:`score_names`.
    """
    if score == LABEL_ERROR:
        return Direction(high_is_good=False, signed=False)
    label = WEAK_LABELS[score]
    return Direction(label.high_is_good, label.low is None)


def check_score(score: str, names: Collection[str], path: Path) -> None:
    """Make sure that a scores file has a score that can be aggregated.

    Raises
    ------
    InputError : there is no such score, or the file has not got it.
    """
    if score not in score_names():
        hint = f"Choose one of {', '.join(score_names())}."
        raise InputError(f"no score '{score}'", where="--score", hint=hint)
    if score not in names:
        there = [name for name in score_names() if name in names]
        made = "" if there else made_by_words(path)
        raise InputError(
            f"{made}no column '{score}'; the scores there are: {', '.join(there) or 'none'}",
            where=path,
            hint=f"Give --score {there[0]}." if there else "Give a scores.parquet that `sie score` wrote.",
        )
