"""Where the words of a text begin and end, for an explanation: what is left out of the text in turn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from sie_agent.features import unspaced

CHUNK = re.compile(r"\S+")
HAN, HIRAGANA, KATAKANA, OTHER = "han", "hiragana", "katakana", "other"
LONG_VOWEL = ("\u30fc", "\uff70")
# so many units of a text without spaces are looked at
MOST_UNITS = 4_096


class TextPart(NamedTuple):
    """A unit of a script without spaces, or all that stands between two of them.

    Attributes
    ----------
    start, end : in the text; script : of the unit, empty for what stands between.
    """

    start: int
    end: int
    script: str


def word_spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each word, in order: what stands between white space.

    Scripts without spaces are divided by their letters alone, so that a word is divided alike in every text and at
    every place: Han and the scripts of Southeast Asia into units, kana where the script changes. A single kana says
    nothing; a single Han character is often a word.
    """
    for chunk in CHUNK.finditer(text):
        if unspaced.UNIT_EXPRESSION.search(chunk.group()) is None:
            yield chunk.span()
            continue
        for start, end in spans_within(chunk.group()):
            yield chunk.start() + start, chunk.start() + end


def spans_within(chunk: str) -> Iterator[tuple[int, int]]:
    """The words of a text without white space; signs between them are of none."""
    parts = list(islice(parts_of(chunk), MOST_UNITS))
    place = 0
    while place < len(parts):
        end = end_of_word(parts, place)
        first, last = parts[place].start, parts[end - 1].end
        if not parts[place].script:
            inside = [at for at in range(first, last) if chunk[at].isalnum()]
            first, last = (inside[0], inside[-1] + 1) if inside else (first, first)
        if first < last:
            yield first, last
        place = end


def parts_of(chunk: str) -> Iterator[TextPart]:
    """Units of a text, and what stands between them."""
    done, script = 0, OTHER
    for unit in unspaced.UNIT_EXPRESSION.finditer(chunk):
        if unit.start() > done:
            yield TextPart(done, unit.start(), "")
        done = unit.end()
        script = script_of(unit.group()[0], script)
        yield TextPart(unit.start(), done, script)
    if done < len(chunk):
        yield TextPart(done, len(chunk), "")


def script_of(letter: str, before: str) -> str:
    """The script of a letter; the sign of a long vowel has that of the letter before it."""
    if letter in LONG_VOWEL and before in (HIRAGANA, KATAKANA):
        return before
    if letter in "\u3005\u3006\u3007\u303b" or (letter >= "\u3400" and not "\uff66" <= letter <= "\uff9f"):
        return HAN
    if "\u3041" <= letter <= "\u309f":
        return HIRAGANA
    return KATAKANA if letter >= "\u30a1" else OTHER


def end_of_word(parts: list[TextPart], place: int) -> int:
    """The place behind the last part of the word that begins at *place*."""
    end = place + 1
    while parts[place].script in (HIRAGANA, KATAKANA) and end < len(parts) and parts[end].script == parts[place].script:
        end += 1
    return end
