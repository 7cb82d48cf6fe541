"""Scripts that put no space between words, how their texts fall into units, and full- and half-width forms.

A unit is one character with the marks on it, and in Thai and Lao also the vowels that are written before and behind its
consonant: roughly the character clusters of Theeramunkong 2000, which need no dictionary. The expressions hold literal
characters, so that Python's `re` and RE2 read the same ones, whatever version of Unicode each knows.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import numpy as np
import numpy.typing as npt

Ranges = tuple[tuple[int, int], ...]

# Han, kana, Bopomofo, Yi, Tangut; Thai, Lao, Khmer, Burmese and Tai. Digits are not in it: a number stays one word
UNSPACED_RANGES = (
    (0x0E01, 0x0E3A),
    (0x0E40, 0x0E4E),
    (0x0E81, 0x0ECF),
    (0x0EDC, 0x0EDF),
    (0x1000, 0x103F),
    (0x1050, 0x108F),
    (0x109A, 0x109D),
    (0x1780, 0x17D3),
    (0x17D7, 0x17D7),
    (0x17DC, 0x17DD),
    (0x1950, 0x1974),
    (0x1980, 0x19C9),
    (0x1A20, 0x1A7C),
    (0x3005, 0x3007),
    (0x3021, 0x302D),
    (0x3031, 0x3035),
    (0x3038, 0x303C),
    (0x3041, 0x309A),
    (0x309D, 0x309F),
    (0x30A1, 0x30FA),
    (0x30FC, 0x312F),
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0xA48C),
    (0xA9E0, 0xA9EF),
    (0xA9FA, 0xA9FE),
    (0xAA60, 0xAA76),
    (0xAA7A, 0xAADD),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),
    (0x16FE0, 0x16FE1),
    (0x16FE3, 0x18DFF),
    (0x1AFF0, 0x1B2FF),
    (0x20000, 0x3FFFD),
)
# what is written on the character before it: vowel signs, tones, voicing, variants of one ideograph
MARK_RANGES = (
    (0x0300, 0x036F),
    (0x0E31, 0x0E31),
    (0x0E34, 0x0E3A),
    (0x0E47, 0x0E4E),
    (0x0EB1, 0x0EB1),
    (0x0EB4, 0x0EBC),
    (0x0EC8, 0x0ECF),
    (0x102B, 0x103E),
    (0x1056, 0x1059),
    (0x105E, 0x1060),
    (0x1062, 0x1064),
    (0x1067, 0x106D),
    (0x1071, 0x1074),
    (0x1082, 0x108D),
    (0x108F, 0x108F),
    (0x109A, 0x109D),
    (0x17B4, 0x17D3),
    (0x17DD, 0x17DD),
    (0x1A55, 0x1A7C),
    (0x302A, 0x302D),
    (0x3099, 0x309A),
    (0xA9E5, 0xA9E5),
    (0xAA7B, 0xAA7D),
    (0xAAB0, 0xAAB0),
    (0xAAB2, 0xAAB4),
    (0xAAB7, 0xAAB8),
    (0xAABE, 0xAABF),
    (0xAAC1, 0xAAC1),
    (0xFE00, 0xFE0F),
    (0xFF9E, 0xFF9F),
    (0xE0100, 0xE01EF),
)
# vowels that stand before their consonant, and behind it; signs that put the next consonant below
BEFORE = "\u0e40-\u0e44\u0ec0-\u0ec4"
BEHIND = "\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3"
STACKERS = "\u1039\u17d2\u1a60"


def as_class(ranges: Ranges) -> str:
    """Ranges of code points as the inside of a character class."""
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


def without(ranges: Ranges, other: Ranges) -> Ranges:
    """Ranges of the code points that are in *ranges* and in none of *other*; both rise."""
    kept = []
    for start, last in ranges:
        first = start
        for low, high in other:
            if first <= high and low <= last:
                if first < low:
                    kept.append((first, low - 1))
                first = high + 1
        if first <= last:
            kept.append((first, last))
    return tuple(kept)


UNSPACED = as_class(UNSPACED_RANGES)
MARKS = as_class(MARK_RANGES)
BASES = as_class(without(UNSPACED_RANGES, MARK_RANGES))
# the first way to match is the longest one: of two the one engine takes the first, the other the longest. A mark that
# stands on nothing is a unit too
UNIT = f"[{BEFORE}]?[{BASES}](?:[{STACKERS}][{BASES}]|[{MARKS}])*[{BEHIND}]?|[{UNSPACED}][{MARKS}]*"

# in these scripts, pairs of neighbouring characters are grams too
PAIR = f"[{UNSPACED}]{{2}}"

# what Unicode calls full- and half-width forms: of ASCII, of kana and of their punctuation
WIDTHS = "\uff01-\uff5e\uff61-\uff9f"
WIDTH_RUN = re.compile(f"[{WIDTHS}]+")

UNIT_EXPRESSION = re.compile(UNIT)
WORD = re.compile(rf"[^\W_{UNSPACED}]+|{UNIT}")


def fold_widths(text: str) -> str:
    """Full-width letters, digits and signs as ASCII, half-width kana as the usual ones; all else as it is."""
    if text.isascii():
        return text
    return WIDTH_RUN.sub(lambda run: unicodedata.normalize("NFKC", run.group()), text)


def words_in(text: str) -> list[str]:
    """The words of a text, case and widths folded: runs of letters and digits, and units of scripts without spaces."""
    return WORD.findall(fold_widths(text).casefold())


def unspaced_pairs(
    characters: npt.NDArray[np.unsignedinteger[Any]], owners: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.intp]:
    """Places where two characters of scripts without spaces stand side by side in one text.

    Parameters
    ----------
    characters : (total,) code points of texts, one after the other; owners : (total,) the text of each.
    """
    places = np.flatnonzero(characters >= UNSPACED_RANGES[0][0])
    if not len(places):
        return places
    firsts, lasts = (np.array(ends, characters.dtype) for ends in zip(*UNSPACED_RANGES, strict=True))
    found = characters[places]
    places = places[found <= lasts[np.searchsorted(firsts, found, side="right") - 1]]
    follows = (places[1:] == places[:-1] + 1) & (owners[places[1:]] == owners[places[:-1]])
    return np.asarray(places[:-1][follows])
