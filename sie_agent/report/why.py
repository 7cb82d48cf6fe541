"""Why a row has its score, for the report and for a page of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sie_agent.report.number_words import count, number, signed, significant
from sie_agent.report.page import cleaned, printable, render, write_page
from sie_agent.results import Explained
from sie_agent.scorer import marked_text, strength

LISTED = 8
# bars of tiny effects are not to look like something
SMALLEST_SCALE = 0.05
# with three decimals it would be shown as zero
UNSEEN = 0.0005
WORDS_TELL = "What each word adds to the row's place, found by scoring the row without it"
LONGEST = {"query": 120, "title": 200}


@dataclass(frozen=True)
class Piece:
    """Some text and how it is marked; the text is foreign and must be escaped."""

    text: str
    kind: str
    effect: str


@dataclass(frozen=True)
class Line:
    """One effect: its figure, its bar, and what has it; the text may be foreign and must be escaped."""

    effect: str
    kind: str
    width: int
    name: str
    meaning: str = ""


@dataclass(frozen=True)
class Why:
    """An explanation as shown."""

    sample_id: str
    opening: str
    query: list[Piece]
    title: list[Piece]
    features: list[Line]
    about_words: str
    words: list[Line]
    left_out: str
    what_if: str


def why(explained: Explained, listed: int = LISTED) -> Why:
    """An explanation in words and bars."""
    features = [feature for feature in explained.features[:listed] if abs(feature.effect) >= UNSEEN]
    # what is not listed, whatever the reason, so that the lines add up
    rest = explained.rank - explained.base - sum(feature.effect for feature in features)
    telling = sorted((word for word in explained.words if strength(word.effect)), key=lambda word: -abs(word.effect))
    left = explained.words_left_out
    scale = max(
        SMALLEST_SCALE, abs(rest), *(abs(one.effect) for one in features), *(abs(one.effect) for one in telling)
    )
    lines = [_line(one.effect, scale, one.name, one.meaning) for one in features]
    return Why(
        sample_id=cleaned(explained.sample_id, 60),
        opening=opening(explained),
        query=pieces(explained, "query"),
        title=pieces(explained, "title"),
        features=[*lines, _line(rest, scale, "all other features", "")],
        about_words=WORDS_TELL if telling else "No single word moves the row's place by 0.005 or more.",
        words=[_line(word.effect, scale, cleaned(word.word, 40), f"in the {word.field}") for word in telling[:listed]],
        left_out=f"{count(left, 'word', 'words')} of long texts were not tried." if left else "",
        what_if=what_if(explained),
    )


def shown_explanation(explanation: Mapping[str, Any], listed: int = LISTED) -> Why:
    """What is shown of one object of ``explanations.json``, with at most *listed* features and words."""
    return why(Explained.model_validate(explanation), listed)


def opening(explained: Explained) -> str:
    """Score, rank, and how the effects add up."""
    # trees predict ranks a little outside 0 to 1
    place = min(max(explained.rank, 0.0), 1.0)
    return (
        f"The scorer's {explained.by} of this row is {significant(explained.score)}: place "
        f"{number(place, 3)} on a scale from 0 (the lowest rows) to 1 (the highest); the mean is "
        f"{number(explained.base, 3)}. What features add to the mean:"
    )


def what_if(explained: Explained) -> str:
    """The score under either label; empty if unknown or unchanged."""
    low, high = explained.score_if_label_0, explained.score_if_label_1
    # a score that does not read the label has nothing to say here
    if low is None or high is None or low == high:
        return ""
    if explained.label in (0.0, 1.0):
        other, score = (1, high) if explained.label == 0 else (0, low)
        return (
            f"The log says {explained.label:.0f}. If it said {other}, the {explained.by} would be {significant(score)}."
        )
    said = "has no label" if explained.label is None else f"says {explained.label:.3g}"
    return (
        f"The log {said}. If it said 0, the {explained.by} would be {significant(low)}; "
        f"if it said 1, {significant(high)}."
    )


def pieces(explained: Explained, field: str) -> list[Piece]:
    """A text with its telling words marked, cleaned, and cut to what a page can carry."""
    found: list[Piece] = []
    left = LONGEST[field]
    text = explained.query if field == "query" else explained.title
    marks = [(word.start, word.end, word.effect) for word in explained.words if word.field == field]
    for part, effect in marked_text(text, marks):
        shown = printable(part)
        found.append(Piece(shown if len(shown) <= left else f"{shown[:left]}…", kind_of(effect), signed(effect)))
        left -= len(shown)
        if left <= 0:
            break
    return found


def kind_of(effect: float) -> str:
    """The CSS classes of an effect; empty if it is too small to be marked."""
    step = strength(effect)
    return f"{'up' if effect > 0 else 'down'} step-{step}" if step else ""


def _line(effect: float, scale: float, name: str, meaning: str) -> Line:
    kind = "up" if effect > 0 else "down"
    return Line(signed(effect), kind, round(100 * abs(effect) / scale), name, meaning)


def write_explanations(explanations: Sequence[Mapping[str, Any]], target: Path) -> Path:
    """Write a self-contained page about rows that were asked for.

    Parameters
    ----------
    explanations : as ``explanations.json`` holds them, one object per row.

    Raises
    ------
    EnvironmentFailure : the page cannot be written.
    """
    shown = [Explained.model_validate(one) for one in explanations]
    rows = [why(one, len(one.features)) for one in shown]
    return write_page(target, render("explanations.html.j2", rows=rows, by=shown[0].by))
