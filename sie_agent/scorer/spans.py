"""Where the words of a text begin and end, for an explanation: what is left out of the text in turn."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from sie_agent.samples import unspaced

CHUNK = re.compile(r"\S+")
HAN, HIRAGANA, KATAKANA, OTHER = "han", "hiragana", "katakana", "other"
LONG_VOWEL = ("\u30fc", "\uff70")
# what a word is compared with is read up to here, and so many units of a text without spaces are looked at
MOST_COMPARED = 4_096
MOST_UNITS = 4_096
# a stretch that nothing divides is left out in pieces of so many units
MOST_TOGETHER = 32


class Part(NamedTuple):
    """A unit of a script without spaces, or all that stands between two of them.

    Attributes
    ----------
    start, end : in the text; written : the unit, case and widths folded, empty for what stands between.
    script : of the unit.
    """

    start: int
    end: int
    written: str
    script: str


def word_spans(text: str, other: str) -> Iterator[tuple[int, int]]:
    """Start and end of each word, in order: what stands between white space.

    Scripts without spaces are divided by what the text shares with *other* (the query for a title, title and
    description for a query), and else where the script changes, so that of a title that is one phrase the words of the
    query are told apart from the rest. A single shared character is a word only where it is Han: a single one of an
    alphabet or a syllabary says nothing.
    """
    shared: str | None = None
    for chunk in CHUNK.finditer(text):
        if unspaced.UNIT_EXPRESSION.search(chunk.group()) is None:
            yield chunk.span()
            continue
        if shared is None:
            shared = as_key(other[:MOST_COMPARED])
        for start, end in spans_within(chunk.group(), shared):
            yield chunk.start() + start, chunk.start() + end


def as_key(text: str) -> str:
    """The words of a text as one text in which one finds whole words alone, and none across a space or a sign."""
    folded = unspaced.fold_widths(text).casefold()
    key, done = "\0", 0
    for word in unspaced.WORD.finditer(folded):
        key += f"{word.group()}\0" if word.start() == done else f"\0{word.group()}\0"
        done = word.end()
    return key


def spans_within(chunk: str, shared: str) -> Iterator[tuple[int, int]]:
    """The words of a text without white space; signs between them are of none."""
    parts = list(islice(parts_of(chunk), MOST_UNITS))
    place = 0
    while place < len(parts):
        end = end_of_word(parts, place, shared)
        first, last = parts[place].start, parts[end - 1].end
        if not parts[place].written:
            inside = [at for at in range(first, last) if chunk[at].isalnum()]
            first, last = (inside[0], inside[-1] + 1) if inside else (first, first)
        if first < last:
            yield first, last
        place = end


def parts_of(chunk: str) -> Iterator[Part]:
    """Units of a text, and what stands between them."""
    done, script = 0, OTHER
    for unit in unspaced.UNIT_EXPRESSION.finditer(chunk):
        if unit.start() > done:
            yield Part(done, unit.start(), "", "")
        done = unit.end()
        script = script_of(unit.group()[0], script)
        yield Part(unit.start(), done, unspaced.fold_widths(unit.group()).casefold(), script)
    if done < len(chunk):
        yield Part(done, len(chunk), "", "")


def script_of(letter: str, before: str) -> str:
    """The script of a letter; the sign of a long vowel has that of the letter before it."""
    if letter in LONG_VOWEL and before in (HIRAGANA, KATAKANA):
        return before
    if letter in "\u3005\u3006\u3007\u303b" or (letter >= "\u3400" and not "\uff66" <= letter <= "\uff9f"):
        return HAN
    if "\u3041" <= letter <= "\u309f":
        return HIRAGANA
    return KATAKANA if letter >= "\u30a1" else OTHER


def end_of_word(parts: list[Part], place: int, shared: str) -> int:
    """The place behind the last part of the word that begins at *place*."""
    if not parts[place].written:
        return place + 1
    if (end := end_of_shared(parts, place, shared)) > place:
        return end
    end = place + 1
    while (
        end < min(len(parts), place + MOST_TOGETHER)
        and parts[end].script == parts[place].script
        and end_of_shared(parts, end, shared) == end
    ):
        end += 1
    return end


def end_of_shared(parts: list[Part], place: int, shared: str) -> int:
    """The place behind the longest run of units from *place* on that is shared; *place* where there is none."""
    end, key = place, "\0"
    while end < len(parts) and parts[end].written and key + parts[end].written + "\0" in shared:
        key += parts[end].written + "\0"
        end += 1
    alone = end == place + 1 and parts[place].script != HAN
    return place if alone else end
