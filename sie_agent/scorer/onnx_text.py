"""The text features of :class:`sie_agent.samples.TextFeatures` as an ONNX graph that reads raw texts.

The same definitions as `tokens` and `overlap` of `sie_agent.samples`, in the operators that onnxruntime has for texts;
a test holds the two against each other. Upper case is folded for ASCII letters only: how other alphabets are folded
depends on the machine's locale there, so texts in them come in lower case.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sie_agent.samples import OVERLAP_NAMES, TextFeatures, reading
from sie_agent.scorer.onnx_graph import TEXT, Graph

# one more row, so that no axis is ever empty; it is cut off before the trees
SENTINEL = "sentinels of 2 words"


@dataclass(frozen=True)
class Words:
    """A column's words in the graph.

    Attributes
    ----------
    identity, bucket : (n, words) hash of each word, and its place among the rarities.
    there : (n, words) false beyond the end of a text; number : whether the word has a digit.
    place : (words,) 0, 1, …; length : (n,) number of words.
    """

    identity: str
    bucket: str
    there: str
    number: str
    place: str
    length: str


@dataclass(frozen=True)
class Hashed:
    """Hashed words or n-grams of a column: (n, entries) ``bucket`` and ``there``; ``width`` buckets."""

    bucket: str
    there: str
    width: int


def text_features(graph: Graph, features: TextFeatures) -> str:
    """Add the features to *graph*, whose inputs ``query``, ``title`` and ``description`` are (n,) texts.

    Returns
    -------
    Name of the (n, n_features) float32 result, what :meth:`TextFeatures.transform` gives.
    """
    lowered = {name: lower(graph, name) for name in reading.FIELDS}
    query, title, description = (words(graph, lowered[name], reading.MOST_WORDS[name]) for name in reading.FIELDS)
    rarity = graph.weights("word_rarity", features.word_rarity)
    columns = overlap(graph, query, title, description, graph.add("Gather", rarity, query.bucket))
    characters = [spelled(graph, lowered[name]) for name in ("query", "title")]
    lengths = [text_length(graph, one) for one in characters]
    columns[OVERLAP_NAMES.index("query characters")] = lengths[0]
    columns[OVERLAP_NAMES.index("title characters")] = lengths[1]
    hashed = [Hashed(one.bucket, one.there, reading.WORD_BUCKETS) for one in (query, title)]
    word_cosine, word_lengths = cosine(graph, hashed[0], hashed[1], rarity)
    grams = [hashed_grams(graph, one) for one in characters]
    gram_rarity = graph.weights("character_rarity", features.character_rarity)
    character_cosine, _ = cosine(graph, grams[0], grams[1], gram_rarity)
    topics = [
        topic_vector(graph, one, length, rarity, graph.weights("topics", features.topics))
        for one, length in zip(hashed, word_lengths, strict=True)
    ]
    shared = graph.add("Mul", *topics)
    columns += [word_cosine, character_cosine, graph.total(shared, 1)]
    single = graph.add("Concat", *(graph.widen(column, 1) for column in columns), axis=1)
    raw = graph.add("Concat", single, *topics, shared, axis=1)
    centred = graph.add("Sub", raw, graph.weights("centre", features.centre))
    scaled = graph.add("Div", centred, graph.weights("scale", features.scale))
    return graph.slice(graph.cast(scaled, np.float32), 0, -1, 0)


def lower(graph: Graph, name: str) -> str:
    """(n + 1,) texts in lower case, the sentinel last."""
    both = graph.add("Concat", name, graph.constant(np.array([SENTINEL], object), object), axis=0)
    return graph.add("StringNormalizer", both, case_change_action="LOWER", locale="C")


def tokens(graph: Graph, texts: str, expression: str) -> str:
    """What matches *expression* in each text, one after the other, one more axis, filled up with empty texts."""
    return graph.add("Tokenizer", texts, domain=TEXT, mark=0, pad_value="", mincharnum=1, tokenexp=expression)


def hashes(graph: Graph, texts: str) -> str:
    """MurmurHash3 of each text."""
    return graph.add("MurmurHash3", texts, domain=TEXT, positive=0, seed=0)


def buckets(graph: Graph, hashed: str, width: int) -> str:
    """The bucket of each hash."""
    return graph.add("Mod", graph.add("Abs", graph.cast(hashed, np.int64)), graph.constant(width, np.int64))


def written(graph: Graph, texts: str) -> str:
    """Whether each text is not empty."""
    return graph.add("Not", graph.add("Equal", texts, graph.text("")))


def words(graph: Graph, texts: str, most: int) -> Words:
    """The words of each text, plural endings taken off."""
    found = graph.slice(tokens(graph, texts, reading.WORD), 0, most, 1)
    stems = graph.add("Gather", tokens(graph, found, reading.STEM), graph.constant(0, np.int64), axis=2)
    plural = graph.add("RegexFullMatch", found, pattern=reading.PLURAL)
    stemmed = graph.add("Where", plural, stems, found)
    identity, there = hashes(graph, stemmed), written(graph, found)
    width = graph.add("Gather", graph.add("Shape", found), graph.constant(1, np.int64))
    place = graph.add("Range", graph.constant(0, np.int64), width, graph.constant(1, np.int64))
    return Words(
        identity,
        buckets(graph, identity, reading.WORD_BUCKETS),
        there,
        graph.add("RegexFullMatch", stemmed, pattern=f".*{reading.DIGIT}.*"),
        graph.cast(place, np.float64),
        graph.total(there, 1),
    )


def overlap(graph: Graph, query: Words, title: Words, description: Words, rarity: str) -> list[str]:
    """The features of ``OVERLAP_NAMES``, each (n,), but for the two lengths in characters, which are left empty."""
    equal = same_words(graph, query, title)
    hit, asked = graph.some(equal, 2), graph.some(equal, 1)
    described = graph.some(same_words(graph, query, description), 2)
    count, title_count = (graph.add("Max", one.length, graph.double(1)) for one in (query, title))
    one_before_end = graph.add("Sub", query.length, graph.double(1))
    last = graph.add("Equal", query.place, graph.widen(one_before_end, 1))
    first = graph.add("Equal", query.place, graph.double(0))
    number = graph.both(query.number, query.there)
    numbers = graph.total(number, 1)
    rare = graph.add("Mul", rarity, graph.cast(query.there, np.float64))
    rarities = graph.total(rare, 1)
    none_known = graph.add("Equal", rarities, graph.double(0))
    sum_rarity = graph.add("Where", none_known, graph.double(1), rarities)
    matched = graph.total(hit, 1)
    distinct, title_distinct = first_of_each(graph, query), first_of_each(graph, title)
    shared = graph.total(graph.both(hit, distinct), 1)
    either = graph.add("Sub", graph.add("Add", graph.total(distinct, 1), graph.total(title_distinct, 1)), shared)
    two_before_end = graph.widen(graph.add("Sub", title.length, graph.double(2)), 1)
    at_end = graph.both(graph.add("GreaterOrEqual", title.place, two_before_end), title.there)
    ends = graph.some(graph.both(equal, graph.widen(at_end, 1)), 2)
    title_places = graph.add("Where", asked, title.place, graph.widen(title.length, 1))
    place = graph.add("ReduceMin", title_places, graph.whole(1), keepdims=0)
    missing = graph.add("Mul", rare, graph.cast(graph.add("Not", hit), np.float64))
    share = graph.add("Div", matched, count)
    all_there = graph.both(graph.add("Equal", matched, query.length), graph.add("Greater", matched, graph.double(0)))
    numbered = graph.add("Greater", numbers, graph.double(0))
    number_share = graph.add("Div", graph.total(graph.both(hit, number), 1), graph.add("Max", numbers, graph.double(1)))
    first_title_word = graph.add("Gather", equal, graph.constant(0, np.int64), axis=2)
    flags = [
        graph.cast(value, np.float64)
        for value in (
            all_there,
            graph.some(graph.both(hit, last), 1),
            graph.some(graph.both(ends, last), 1),
            graph.some(graph.both(hit, first), 1),
            numbered,
            graph.some(first_title_word, 1),
        )
    ]
    return [
        share,
        graph.add("Div", graph.total(graph.add("Mul", rare, graph.cast(hit, np.float64)), 1), sum_rarity),
        flags[0],
        pairs_in_title(graph, query, equal, share),
        flags[1],
        flags[2],
        flags[3],
        graph.add("Where", numbered, number_share, graph.double(0.5)),
        flags[4],
        graph.add("Div", place, title_count),
        graph.add("ReduceMax", missing, graph.whole(1), keepdims=0),
        graph.add("Div", sum_rarity, count),
        graph.share(shared, either),
        flags[5],
        graph.add("Div", graph.total(described, 1), count),
        graph.add("Div", graph.total(graph.add("Or", hit, described), 1), count),
        query.length,
        "",
        title.length,
        "",
        graph.add("Div", graph.total(asked, 1), title_count),
    ]


def same_words(graph: Graph, left: Words, right: Words) -> str:
    """(n, left words, right words) whether two words of a row are the same."""
    equal = graph.add("Equal", graph.widen(left.identity, 2), graph.widen(right.identity, 1))
    return graph.both(equal, graph.widen(left.there, 2), graph.widen(right.there, 1))


def first_of_each(graph: Graph, found: Words) -> str:
    """(n, words) whether a word stands in its text for the first time."""
    earlier = graph.add("Less", graph.widen(found.place, 0), graph.widen(found.place, 1))
    repeated = graph.some(graph.both(same_words(graph, found, found), earlier), 2)
    return graph.both(found.there, graph.add("Not", repeated))


def pairs_in_title(graph: Graph, query: Words, equal: str, otherwise: str) -> str:
    """(n,) share of the query's neighbouring words that are neighbours in the title."""
    end = np.iinfo(np.int64).max
    first = graph.slice(graph.slice(equal, 0, -1, 1), 0, -1, 2)
    second = graph.slice(graph.slice(equal, 1, end, 1), 1, end, 2)
    hits = graph.total(graph.some(graph.both(first, second), 2), 1)
    pairs = graph.add("Sub", query.length, graph.double(1))
    some = graph.add("Greater", pairs, graph.double(0))
    return graph.add("Where", some, graph.share(hits, pairs), otherwise)


def spelled(graph: Graph, texts: str) -> str:
    """(n, characters + 2) the characters of each text, a space at both ends, runs of white space as one space."""
    padded = graph.add("StringConcat", graph.add("StringConcat", graph.text(" "), texts), graph.text(" "))
    found = tokens(graph, padded, rf"{reading.SPACE}|(?s:.)")
    return graph.add("Where", graph.add("RegexFullMatch", found, pattern=reading.SPACE), graph.text(" "), found)


def text_length(graph: Graph, characters: str) -> str:
    """(n,) characters of each text, without the spaces at its ends."""
    both = graph.add("Sub", graph.total(written(graph, characters), 1), graph.double(2))
    return graph.add("Max", both, graph.double(0))


def hashed_grams(graph: Graph, characters: str) -> Hashed:
    """Hashed n-grams within words and the space around each."""
    most = reading.MOST_CHARACTERS + 1
    kept = graph.slice(characters, 0, most, 1)
    # a text that is cut ends with a space, as one that is not
    behind = graph.slice(characters, most, most + 1, 1)
    closed = graph.add("Where", written(graph, behind), graph.text(" "), graph.text(""))
    line = graph.add("Concat", kept, closed, axis=1)
    parts, valid = [], []
    for size in reading.GRAM_SIZES:
        pieces = [graph.slice(line, place, place - size + 1 or np.iinfo(np.int64).max, 1) for place in range(size)]
        gram = pieces[0]
        for piece in pieces[1:]:
            gram = graph.add("StringConcat", gram, piece)
        spaces = [graph.add("Equal", piece, graph.text(" ")) for piece in pieces[1:-1]]
        inner = [graph.add("Not", space) for space in spaces]
        valid.append(graph.both(written(graph, pieces[-1]), *inner))
        parts.append(buckets(graph, hashes(graph, gram), reading.CHARACTER_BUCKETS))
    return Hashed(graph.add("Concat", *parts, axis=1), graph.add("Concat", *valid, axis=1), reading.CHARACTER_BUCKETS)


def cosine(graph: Graph, left: Hashed, right: Hashed, rarity: str) -> tuple[str, tuple[str, str]]:
    """(n,) cosine of counts times rarity, and the two lengths; 0 where a text is empty.

    The sum over entries of rarity² times the other text's count in the entry's bucket is the dot product.
    """
    counts = {one: count(graph, one) for one in (left, right)}

    def dot(one: Hashed, other: Hashed) -> str:
        weight = graph.add("Gather", rarity, one.bucket)
        met = graph.cast(graph.add("GatherElements", counts[other], one.bucket, axis=1), np.float64)
        product = graph.add(
            "Mul", graph.add("Mul", graph.add("Mul", weight, weight), met), graph.cast(one.there, np.float64)
        )
        return graph.total(product, 1)

    lengths = (graph.add("Sqrt", dot(left, left)), graph.add("Sqrt", dot(right, right)))
    together = graph.add("Mul", *lengths)
    safe = graph.add("Where", graph.add("Greater", together, graph.double(0)), together, graph.double(1))
    return graph.add("Div", dot(left, right), safe), lengths


def count(graph: Graph, hashed: Hashed) -> str:
    """(n, width) how often each bucket occurs in each text."""
    rows = graph.slice(graph.add("Shape", hashed.bucket), 0, 1, 0)
    shape = graph.add("Concat", rows, graph.whole(hashed.width), axis=0)
    # no text has more entries than these whole numbers hold, and the less memory there is to fill the better
    zeros = graph.zeros(shape, np.int16)
    ones = graph.cast(hashed.there, np.int16)
    return graph.add("ScatterElements", zeros, hashed.bucket, ones, axis=1, reduction="add")


def topic_vector(graph: Graph, hashed: Hashed, length: str, rarity: str, topics: str) -> str:
    """(n, topics) the text's place in the latent space, of length one."""
    weight = graph.add("Mul", graph.add("Gather", rarity, hashed.bucket), graph.cast(hashed.there, np.float64))
    safe = graph.add("Where", graph.add("Greater", length, graph.double(0)), length, graph.double(1))
    unit = graph.add("Div", weight, graph.widen(safe, 1))
    places = graph.add("Gather", topics, hashed.bucket)
    summed = graph.total(graph.add("Mul", graph.widen(unit, 2), places), 1)
    size = graph.add("Sqrt", graph.total(graph.add("Mul", summed, summed), 1))
    return graph.add("Div", summed, graph.widen(graph.add("Max", size, graph.double(1e-9)), 1))
