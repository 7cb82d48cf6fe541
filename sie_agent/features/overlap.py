"""Features that count what a query and an item share, for many rows at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sie_agent.features.tokens import Counts, Doubles, Integers, Ragged, count_keys

OVERLAP_NAMES = (
    "share of query words in title",
    "share of query words in title, by rarity",
    "all query words in title",
    "share of query word pairs in title",
    "last query word in title",
    "last query word ends title",
    "first query word in title",
    "share of query numbers in title",
    "query has a number",
    "place of first match in title",
    "rarity of rarest missing query word",
    "mean rarity of query words",
    "words shared over words in either",
    "first title word in query",
    "share of query words in description",
    "share of query words in item",
    "query words",
    "query characters",
    "title words",
    "title characters",
    "share of title words in query",
)


@dataclass(frozen=True)
class Vocabulary:
    """What is known of each distinct word of some texts.

    Attributes
    ----------
    rarity : (words,) inverse document frequency; number : (words,) whether it has a digit.
    """

    rarity: Doubles
    number: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Field:
    """The distinct texts of one column, and which of them each row has.

    Attributes
    ----------
    words : numbers of each text's words; characters : (texts,) length; rows : (n,) the text of each row.
    """

    words: Ragged
    characters: Integers
    rows: Integers


def overlap_features(query: Field, title: Field, description: Field, vocabulary: Vocabulary) -> Doubles:
    """One column per name in ``OVERLAP_NAMES``, (n, 21)."""
    n, size = len(query.rows), max(len(vocabulary.rarity), 1)
    title_counts, in_description = count_words(title.words, size), count_words(description.words, size)
    asked = query.words.take(query.rows)
    row, word, place = asked.owners(), asked.values, asked.places()
    lengths, title_lengths = asked.lengths, title.words.lengths[title.rows]
    entry = title_counts.entries(title.rows[row], word)
    hit, hit_description = entry >= 0, in_description.entries(description.rows[row], word) >= 0
    distinct = first_of_each(asked, size)
    last = place == lengths[row] - 1
    rarity, number = vocabulary.rarity[word], vocabulary.number[word]

    def total(values: npt.NDArray[Any]) -> Doubles:
        return np.asarray(np.bincount(row, values.astype(np.float64), n), np.float64)

    def highest(values: Doubles) -> Doubles:
        found = np.zeros(n)
        np.maximum.at(found, row, values)
        return found

    count = np.maximum(lengths, 1)
    matched, numbers = total(hit), total(number)
    sum_rarity = total(rarity)
    sum_rarity[sum_rarity == 0] = 1.0
    shared, of_title = total(hit & distinct), np.diff(title_counts.starts)[title.rows]
    in_either = total(distinct) + of_title - shared
    places = np.where(hit, first_places(title.words, title_counts, size)[entry], title_lengths[row])
    first = title_lengths.copy()
    np.minimum.at(first, row, places)
    return np.column_stack(
        [
            matched / count,
            total(rarity * hit) / sum_rarity,
            (matched == lengths) & (matched > 0),
            pairs_in_title(query, title, size, matched / count),
            total(hit & last) > 0,
            total(last & ends_title(title, row, word)) > 0,
            total(hit & (place == 0)) > 0,
            np.where(numbers > 0, total(hit & number) / np.maximum(numbers, 1), 0.5),
            numbers > 0,
            first / np.maximum(title_lengths, 1),
            highest(rarity * ~hit),
            sum_rarity / count,
            shared / np.maximum(in_either, 1),
            total(word == word_at(title, row, np.zeros_like(row))) > 0,
            total(hit_description) / count,
            total(hit | hit_description) / count,
            lengths,
            query.characters[query.rows],
            title_lengths,
            title.characters[title.rows],
            total(np.where(hit & distinct, title_counts.counts[entry], 0.0)) / np.maximum(title_lengths, 1)
            if len(title_counts.counts)
            else np.zeros(n),
        ]
    ).astype(np.float64)


def count_words(words: Ragged, size: int) -> Counts:
    """How often each word occurs in each text; *size*: number of distinct words."""
    return count_keys(words.owners() * size + words.values, len(words.starts) - 1, size)


def first_of_each(words: Ragged, size: int) -> npt.NDArray[np.bool_]:
    """(total,) whether a word stands in its list for the first time."""
    keys = words.owners() * size + words.values
    found = np.zeros(len(keys), dtype=bool)
    found[np.unique(keys, return_index=True)[1]] = True
    return found


def first_places(words: Ragged, counts: Counts, size: int) -> Integers:
    """(entries,) the first place in its text of each entry of *counts*; one entry where there is none."""
    found = np.zeros(max(len(counts.keys), 1), np.int64)
    entries = np.searchsorted(counts.keys, words.owners() * size + words.values)
    # of several writes to one place the last stays: the smallest
    found[entries[::-1]] = words.places()[::-1]
    return found


def pairs_in_title(query: Field, title: Field, size: int, otherwise: Doubles) -> Doubles:
    """(n,) share of the query's neighbouring words that are neighbours in the title; *otherwise* without any."""
    n = len(query.rows)
    title_pairs, query_pairs = neighbours(title.words, size), neighbours(query.words, size).take(query.rows)
    codes, inverse = np.unique(np.concatenate([title_pairs.values, query_pairs.values]), return_inverse=True)
    width = max(len(codes), 1)
    in_title = count_words(Ragged(inverse[: len(title_pairs.values)], title_pairs.starts), width)
    row = query_pairs.owners()
    hit = in_title.entries(title.rows[row], inverse[len(title_pairs.values) :]) >= 0
    lengths = query_pairs.lengths
    return np.where(lengths > 0, np.bincount(row, hit, n) / np.maximum(lengths, 1), otherwise)


def neighbours(words: Ragged, size: int) -> Ragged:
    """Each word with the one behind it, as one number."""
    if not len(words.values):
        return words
    followed = words.places() < np.repeat(words.lengths, words.lengths) - 1
    pairs = words.values * size + np.concatenate([words.values[1:], [0]])
    return Ragged(pairs, words.starts).keep(followed)


def ends_title(title: Field, row: Integers, word: Integers) -> npt.NDArray[np.bool_]:
    """(m,) whether the word is one of the last two of the row's title."""
    lengths = title.words.lengths[title.rows[row]]
    last, before = (word_at(title, row, lengths - back) for back in (1, 2))
    return np.asarray((word == last) | (word == before))


def word_at(field: Field, row: Integers, places: Integers) -> Integers:
    """(m,) the word at a place of each row's text, or -1 where it has none."""
    if not len(field.words.values):
        return np.full(len(row), -1, np.int64)
    texts = field.rows[row]
    there = (places >= 0) & (places < field.words.lengths[texts])
    return np.where(there, field.words.values[np.where(there, field.words.starts[texts] + places, 0)], -1)
