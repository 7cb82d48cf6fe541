"""Words and character n-grams of many texts at once, as flat arrays.

What a word and an n-gram are is stated in `reading`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sie_agent.features.reading import BY_SPACES, GRAM_SIZES, MOST_CHARACTERS, NOT_WORDS, PLURAL, SPACE, VERSION
from sie_agent.features.unspaced import UNIT, UNSPACED, WIDTHS, fold_widths, unspaced_pairs

Integers = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ragged:
    """Lists of different lengths, one after the other.

    Attributes
    ----------
    values : (total,) all entries; starts : (n + 1,) where each list begins, and the end.
    """

    values: Integers
    starts: Integers

    @property
    def lengths(self) -> Integers:
        """(n,) length of each list."""
        return np.diff(self.starts)

    def owners(self) -> Integers:
        """(total,) the list that each entry belongs to."""
        return np.repeat(np.arange(len(self.starts) - 1), self.lengths)

    def places(self) -> Integers:
        """(total,) place of each entry within its list."""
        return np.arange(len(self.values)) - np.repeat(self.starts[:-1], self.lengths)

    def take(self, chosen: npt.NDArray[np.integer[Any]]) -> Ragged:
        """The lists *chosen*, in that order, each as often as it is named."""
        lengths = self.lengths[chosen]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        inside = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)
        return Ragged(self.values[np.repeat(self.starts[:-1][chosen], lengths) + inside], starts)

    def keep(self, mask: npt.NDArray[np.bool_]) -> Ragged:
        """The entries of *mask* (total,)."""
        counts = np.concatenate([[0], np.cumsum(mask)])
        return Ragged(self.values[mask], counts[self.starts])


@dataclass(frozen=True)
class Counts:
    """How often each bucket occurs in each of some lists: a sparse matrix whose entries can be looked up.

    Attributes
    ----------
    keys : (entries,) list * width + bucket, rising; counts : (entries,) how often.
    starts : (n + 1,) where the entries of each list begin, and the end; width : number of buckets.
    """

    keys: Integers
    counts: Doubles
    starts: Integers
    width: int

    def buckets(self) -> Integers:
        """(entries,) bucket of each entry."""
        return self.keys % self.width

    def entries(self, lists: Integers, buckets: Integers) -> Integers:
        """Place of the entry of each (list, bucket), (m,); -1 where there is none."""
        wanted = lists * self.width + buckets
        if not len(self.keys):
            return np.full(len(wanted), -1, np.int64)
        at = np.searchsorted(self.keys, wanted)
        at[at == len(self.keys)] = 0
        return np.where(self.keys[at] == wanted, at, -1)


def lower(texts: pa.Array, version: int = VERSION) -> pa.Array:
    """Lower case, widths folded, white space at the ends gone and every other run of it one space.

    Parameters
    ----------
    texts : large_string; version : of the reading.
    """
    found = pc.utf8_lower(texts if version == BY_SPACES else with_usual_widths(texts))
    return pc.utf8_trim(pc.replace_substring_regex(found, pattern=SPACE, replacement=" "), " ")


def with_usual_widths(texts: pa.Array) -> pa.Array:
    """Texts with full- and half-width forms folded."""

    def folded(marked: pa.Array) -> pa.Array:
        return pa.array([fold_widths(text) for text in marked.to_pylist()], texts.type)

    return rewritten(texts, f"[{WIDTHS}]", 0xEF, folded)


def units_apart(texts: pa.Array) -> pa.Array:
    """Texts with a space on both sides of every unit of a script without spaces."""

    def spaced(marked: pa.Array) -> pa.Array:
        return pc.replace_substring_regex(marked, pattern=f"({UNIT})", replacement=r" \1 ")

    return rewritten(texts, f"[{UNSPACED}]", 0xE0, spaced)


def rewritten(texts: pa.Array, pattern: str, first_byte: int, rewrite: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """The texts with those that match rewritten; nothing is searched when all bytes are below *first_byte*.

    Parameters
    ----------
    pattern : its matches hold a character whose UTF-8 begins with *first_byte* or a higher byte.
    """
    if not len(texts) or not (utf8(texts) >= first_byte).any():
        return texts
    marked = pc.match_substring_regex(texts, pattern=pattern)
    return pc.replace_with_mask(texts, marked, rewrite(texts.filter(marked)))


def utf8(texts: pa.Array) -> npt.NDArray[np.uint8]:
    """The bytes of all texts, one after the other."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)
    if data is None:
        return np.empty(0, np.uint8)
    return np.frombuffer(data, np.uint8)[ends[texts.offset] : ends[texts.offset + len(texts)]]


def split_words(fields: Sequence[tuple[pa.Array, int]], version: int = VERSION) -> tuple[list[str], list[Ragged]]:
    """Words of several columns of lower-cased texts, plural endings taken off.

    Parameters
    ----------
    fields : texts (large_string), and how many words of each text are read.
    version : of the reading.

    Returns
    -------
    The distinct words, and per field the numbers of its texts' words.
    """
    columns = [texts if version == BY_SPACES else units_apart(texts) for texts, _ in fields]
    lists = [pc.split_pattern_regex(texts, pattern=NOT_WORDS[version]) for texts in columns]
    encoded = pa.concat_arrays([one.values for one in lists]).dictionary_encode()
    written = encoded.dictionary
    plural = pc.match_substring_regex(written, pattern=f"^{PLURAL}$")
    stems = pc.if_else(plural, pc.utf8_slice_codeunits(written, 0, -1), written).dictionary_encode()
    empty = np.asarray(pc.equal(written, "").to_numpy(zero_copy_only=False), bool)
    stem_of = np.asarray(stems.indices.to_numpy(zero_copy_only=False), np.int64)
    codes = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), np.int64)
    found, first = [], 0
    for one, (_, most) in zip(lists, fields, strict=True):
        starts = one.offsets.to_numpy().astype(np.int64)
        own = codes[first : first + len(one.values)]
        first += len(one.values)
        words = Ragged(own, starts).keep(~empty[own])
        words = words.keep(words.places() < most)
        found.append(Ragged(stem_of[words.values], words.starts))
    return stems.dictionary.to_pylist(), found


def split_grams(texts: pa.Array, buckets: int, version: int = VERSION) -> Counts:
    """Counts of hashed character 3- and 4-grams of lower-cased texts, within words and the space around each.

    Of scripts without spaces, pairs of neighbouring characters count too: most of their words are as short.

    Parameters
    ----------
    texts : large_string; buckets : number of hash buckets; version : of the reading.
    """
    space, nothing = (pa.scalar(text, pa.large_string()) for text in (" ", ""))
    padded = pc.binary_join_element_wise(space, pc.utf8_slice_codeunits(texts, 0, MOST_CHARACTERS), space, nothing)
    lengths = pc.utf8_length(padded).to_numpy(zero_copy_only=False)
    characters = code_points(padded)
    owners = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    spaces = characters == ord(" ")
    keys = [np.empty(0, np.int64)]
    for size in GRAM_SIZES:
        total = max(len(characters) - size + 1, 0)
        good = owners[:total] == owners[size - 1 :]
        for inner in range(1, size - 1):
            good &= ~spaces[inner : inner + total]
        at = np.flatnonzero(good)
        keys.append(owners[at].astype(np.int64) * buckets + hash_grams(characters, at, size, buckets))
    if version != BY_SPACES:
        at = unspaced_pairs(characters, owners)
        keys.append(owners[at].astype(np.int64) * buckets + hash_grams(characters, at, 2, buckets))
    return count_keys(np.concatenate(keys), len(lengths), buckets)


def count_keys(keys: Integers, n: int, width: int) -> Counts:
    """Counts of keys, each list * *width* + bucket, of *n* lists."""
    ordered = np.sort(keys)
    # np.unique would be ten times slower
    first = np.flatnonzero(np.diff(ordered, prepend=-1))
    counts = np.diff(first, append=len(ordered)).astype(np.float64)
    distinct = ordered[first]
    starts = np.searchsorted(distinct, np.arange(n + 1, dtype=np.int64) * width)
    return Counts(distinct, counts, starts, width)


def code_points(texts: pa.Array) -> npt.NDArray[np.uint32]:
    """Code points of all characters of all texts, one after the other."""
    whole = utf8(texts)
    if (whole < 128).all():
        return whole.astype(np.uint32)
    return np.frombuffer(whole.tobytes().decode("utf-8").encode("utf-32-le"), np.uint32)


def hash_grams(characters: npt.NDArray[np.uint32], at: Integers, size: int, buckets: int) -> Integers:
    """Bucket of the gram of *size* characters at each of the places *at*: MurmurHash3 (Appleby 2008) of its UTF-8."""
    grams = [characters[at + offset] for offset in range(size)]
    hashes = murmur_ascii(grams)
    foreign = np.flatnonzero(np.maximum.reduce(grams) > 127) if len(at) else np.empty(0, np.int64)
    if len(foreign):
        from sklearn.utils import murmurhash3_32

        wide = np.column_stack([gram[foreign] for gram in grams])
        distinct, inverse = np.unique(wide, axis=0, return_inverse=True)
        known = [murmurhash3_32("".join(map(chr, row)).encode("utf-8", "replace"), seed=0) for row in distinct.tolist()]
        hashes[foreign] = np.asarray(known, np.int32)[inverse.ravel()]
    return np.abs(hashes.astype(np.int64)) % buckets


def murmur_ascii(grams: Sequence[npt.NDArray[np.uint32]]) -> npt.NDArray[np.int32]:
    """MurmurHash3 (32 bits, seed 0) of strings of at most four ASCII characters.

    Parameters
    ----------
    grams : per place in the string, the (n,) codes there.
    """
    first, second = np.uint32(0xCC9E2D51), np.uint32(0x1B873593)
    block = np.zeros(len(grams[0]), np.uint32)
    for place, gram in enumerate(grams):
        block |= gram << np.uint32(8 * place)
    block = rotated(block * first, 15) * second
    hashes = block
    if len(grams) == 4:
        hashes = rotated(hashes, 13) * np.uint32(5) + np.uint32(0xE6546B64)
    hashes = hashes ^ np.uint32(len(grams))
    hashes ^= hashes >> np.uint32(16)
    hashes *= np.uint32(0x85EBCA6B)
    hashes ^= hashes >> np.uint32(13)
    hashes *= np.uint32(0xC2B2AE35)
    hashes ^= hashes >> np.uint32(16)
    return hashes.view(np.int32)


def rotated(values: npt.NDArray[np.uint32], by: int) -> npt.NDArray[np.uint32]:
    """32-bit values rotated to the left."""
    return np.asarray((values << np.uint32(by)) | (values >> np.uint32(32 - by)), np.uint32)
