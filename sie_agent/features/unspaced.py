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


def ranges_of(text: str) -> Ranges:
    """Ranges of code points, written as Unicode's own tables have them: first and last, in hexadecimal."""
    return tuple((int(first, 16), int(last, 16)) for first, last in (one.split("-") for one in text.split()))


# Han, kana, Bopomofo, Yi, Tangut; Thai, Lao, Khmer, Burmese and Tai. Digits are not in it: a number stays one word
UNSPACED_RANGES = ranges_of(
    """
    0E01-0E3A 0E40-0E4E 0E81-0ECF 0EDC-0EDF 1000-103F 1050-108F 109A-109D 1780-17D3 17D7-17D7 17DC-17DD 1950-1974
    1980-19C9 1A20-1A7C 3005-3007 3021-302D 3031-3035 3038-303C 3041-309A 309D-309F 30A1-30FA 30FC-312F 31A0-31BF
    31F0-31FF 3400-4DBF 4E00-A48C A9E0-A9EF A9FA-A9FE AA60-AA76 AA7A-AADD F900-FAFF FF66-FF9F 16FE0-16FE1
    16FE3-18DFF 1AFF0-1B2FF 20000-3FFFD
    """
)
# what is written on the character before it: vowel signs, tones, voicing, variants of one ideograph
MARK_RANGES = ranges_of(
    """
    0300-036F 0E31-0E31 0E34-0E3A 0E47-0E4E 0EB1-0EB1 0EB4-0EBC 0EC8-0ECF 102B-103E 1056-1059 105E-1060 1062-1064
    1067-106D 1071-1074 1082-108D 108F-108F 109A-109D 17B4-17D3 17DD-17DD 1A55-1A7C 302A-302D 3099-309A A9E5-A9E5
    AA7B-AA7D AAB0-AAB0 AAB2-AAB4 AAB7-AAB8 AABE-AABF AAC1-AAC1 FE00-FE0F FF9E-FF9F E0100-E01EF
    """
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
