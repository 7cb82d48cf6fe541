"""Where the words of a text begin and end, for an explanation: what is left out of the text in turn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from sie_agent.features import unspaced

CHUNK = re.compile(r"\S+")
HIRAGANA, KATAKANA, OTHER = "hiragana", "katakana", "other"
LONG_VOWEL = ("\u30fc", "\uff70")
# of a text without spaces only so many units are read
MOST_UNITS = 4_096


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
    """The words of a text without white space; signs between them belong to none."""
    units = list(islice(unspaced.UNIT_EXPRESSION.finditer(chunk), MOST_UNITS))
    begin, end, script = 0, 0, OTHER
    for unit in units:
        before, script = script, script_of(unit.group()[0], script)
        if unit.start() > end or script != before or script == OTHER:
            if begin < end:
                yield begin, end
            yield from letters_between(chunk, end, unit.start())
            begin = unit.start()
        end = unit.end()
    yield begin, end
    if len(units) < MOST_UNITS:
        yield from letters_between(chunk, end, len(chunk))


def letters_between(chunk: str, first: int, last: int) -> Iterator[tuple[int, int]]:
    """The word of another script in a part of the text, without the signs around it; none where it has no letters."""
    inside = [at for at in range(first, last) if chunk[at].isalnum()]
    if inside:
        yield inside[0], inside[-1] + 1


def script_of(letter: str, before: str) -> str:
    """The script of a letter; the sign of a long vowel has that of the letter before it."""
    if letter in LONG_VOWEL and before != OTHER:
        return before
    if letter in "\u3005\u3006\u3007\u303b" or (letter >= "\u3400" and not "\uff66" <= letter <= "\uff9f"):
        return OTHER
    if "\u3041" <= letter <= "\u309f":
        return HIRAGANA
    return KATAKANA if letter >= "\u30a1" else OTHER
