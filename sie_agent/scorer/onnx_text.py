"""The text features of :class:`sie_agent.samples.TextFeatures` as an ONNX graph that reads raw texts.

The same definitions as `tokens` and `overlap` of `sie_agent.samples`, in the operators that onnxruntime has for texts;
a test holds the two against each other.

A single row takes as long as there are operators, whatever they do. So queries and titles are read together, one half
of the rows behind the other; whether something is so is a float 0 or 1; and quotients are taken all at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sie_agent.samples import OVERLAP_NAMES, TextFeatures, reading
from sie_agent.scorer.onnx_graph import END, TEXT, Graph
from sie_agent.scorer.onnx_hashed import Hashed, bucket, cosines, topic_vectors
from sie_agent.scorer.onnx_lower import lower

# no hash of a word is one of these: what fills up a shorter text is equal to no word
PADS = {"both": -(2**40), "description": -(2**41)}


@dataclass(frozen=True)
class Words:
    """Words of some texts in the graph, each (n, words).

    Attributes
    ----------
    identity : hash of each word; there : 0 beyond the end of a text.
    """

    identity: str
    there: str


@dataclass(frozen=True)
class Query:
    """What is known of the words of queries.

    Attributes
    ----------
    words : as above; number : (n, words) whether the word has a digit.
    rare : (n, words) rarity of each word, 0 beyond the query's end.
    """

    words: Words
    number: str
    rare: str


def text_features(graph: Graph, features: TextFeatures) -> str:
    """Add the features to *graph*, whose inputs ``query``, ``title`` and ``description`` are (n,) texts.

    Returns
    -------
    Name of the (n, n_features) float32 result, what :meth:`TextFeatures.transform` gives.
    """
    both, description_text = lower(graph, ("query", "title"), ("description",))
    stems = words(graph, both, reading.MOST_WORDS["title"])
    hashed_words, absent = hashes(graph, stems), empty(graph, stems)
    found = identity(graph, hashed_words, absent, "both"), graph.unless(absent)
    # a query is read less far than a title
    shorter = reading.MOST_WORDS["query"]
    query = Words(*(graph.slice(graph.half(value, 0), 0, shorter, 1) for value in found))
    title = Words(*(graph.half(value, 1) for value in found))
    number = numbers_in(graph, graph.slice(graph.half(stems, 0), 0, shorter, 1))
    described = words(graph, description_text, reading.MOST_WORDS["description"])
    description = identity(graph, hashes(graph, described), empty(graph, described), "description")
    there = cut_queries(graph, query.there, title.there)
    buckets = bucket(graph, hashed_words, reading.WORD_BUCKETS)
    hashed = Hashed(buckets, there, reading.WORD_BUCKETS)
    rarity = graph.weights("word_rarity", features.word_rarity)
    word_cosine, lengths, weights = cosines(graph, hashed, rarity)
    characters = spelled(graph, both)
    gram_rarity = graph.weights("character_rarity", features.character_rarity)
    character_cosine, _, _ = cosines(graph, hashed_grams(graph, characters), gram_rarity)
    vectors = topic_vectors(graph, buckets, weights, lengths, graph.weights("topics", features.topics))
    topics = [graph.half(vectors, place) for place in (0, 1)]
    shared = graph.add("Mul", *topics)
    rare = graph.slice(graph.half(weights, 0), 0, shorter, 1)
    asked = Query(query, number, rare)
    overlap = overlap_columns(graph, asked, title, description, text_lengths(graph, characters))
    latent = graph.add("ReduceSum", shared, graph.whole(1), keepdims=1)
    raw = graph.add("Concat", overlap, word_cosine, character_cosine, latent, *topics, shared, axis=1)
    centred = graph.add("Sub", raw, graph.weights("centre", features.centre))
    scaled = graph.add("Div", centred, graph.weights("scale", features.scale))
    return graph.cast(scaled, np.float32)


def hashes(graph: Graph, texts: str) -> str:
    """MurmurHash3 of each text, as 64-bit numbers."""
    return graph.cast(graph.add("MurmurHash3", texts, domain=TEXT, positive=0, seed=0), np.int64)


def empty(graph: Graph, texts: str) -> str:
    """Whether each text is empty."""
    return graph.add("Equal", texts, graph.text(""))


def words(graph: Graph, texts: str, most: int) -> str:
    """(n, words) the words of each text, plural endings taken off, filled up with empty ones."""
    found = graph.slice(graph.tokens(texts, reading.WORD), 0, most, 1)
    stems = graph.add("Gather", graph.tokens(found, reading.STEM), graph.constant(0, np.int64), axis=2)
    plural = graph.add("RegexFullMatch", found, pattern=reading.PLURAL)
    return graph.slice(graph.add("Where", plural, stems, found), 0, -1, 0)


def identity(graph: Graph, hashed: str, absent: str, pad: str) -> str:
    """What tells words apart: their hashes, and beyond the end of a text what no word has."""
    return graph.add("Where", absent, graph.constant(PADS[pad], np.int64), hashed)


def numbers_in(graph: Graph, found: str) -> str:
    """Whether each word has a digit."""
    return graph.flag(graph.add("RegexFullMatch", found, pattern=f".*{reading.DIGIT}.*"))


def cut_queries(graph: Graph, query: str, title: str) -> str:
    """(2n, words) which words there are, of queries and titles, the queries' as far as they are read."""
    width = graph.add("Shape", title, start=1)
    missing = graph.add("Sub", width, graph.add("Shape", query, start=1))
    zero = graph.whole(0)
    wide = graph.add("Pad", query, graph.add("Concat", zero, zero, zero, missing, axis=0))
    return graph.add("Concat", wide, title, axis=0)


def overlap_columns(graph: Graph, asked: Query, title: Words, description: str, lengths: str) -> str:
    """(n, 21) the features of ``OVERLAP_NAMES``.

    Parameters
    ----------
    description : (n, words) identities of the description's words; lengths : (n, 2) characters of query and title.
    """
    one, query = graph.constant(1, np.float32), asked.words
    there = graph.add("Unsqueeze", title.there, graph.whole(1))
    equal = graph.add("Mul", same_words(graph, query.identity, title.identity), there)
    hit, named = graph.high(equal, 2, keep=False), graph.high(equal, 1, keep=False)
    described = graph.high(same_words(graph, query.identity, description), 2, keep=False)
    shares, title_shares = shares_of_distinct(graph, query), shares_of_distinct(graph, title)
    length = graph.sum(query.there)
    title_length, matched_title, title_distinct = graph.sums(title.there, named, title_shares)
    count, title_count = graph.add("Max", length, one), graph.add("Max", title_length, one)
    place, title_place = (graph.add("CumSum", words.there, graph.constant(1, np.int64)) for words in (query, title))
    last = graph.add("Mul", graph.flag(graph.add("Equal", place, length)), query.there)
    near_end = graph.flag(graph.add("GreaterOrEqual", title_place, graph.add("Sub", title_length, one)))
    at_end = graph.add("Unsqueeze", graph.add("Mul", near_end, title.there), graph.whole(1))
    ends = graph.high(graph.add("Mul", equal, at_end), 2, keep=False)
    behind = graph.add("Add", title_length, one)
    met = graph.add("Where", graph.add("Greater", named, graph.constant(0, np.float32)), title_place, behind)
    first = graph.add("Sub", graph.add("ReduceMin", met, graph.whole(1), keepdims=1), one)
    matched, numbers, number_hits, in_description, in_item, last_hit, last_ends, distinct, shared = graph.sums(
        hit,
        asked.number,
        graph.add("Mul", hit, asked.number),
        described,
        graph.add("Max", hit, described),
        graph.add("Mul", hit, last),
        graph.add("Mul", ends, last),
        shares,
        graph.add("Mul", shares, hit),
    )
    distinct, title_distinct, shared = (graph.add("Round", value) for value in (distinct, title_distinct, shared))
    either = graph.add("Sub", graph.add("Add", distinct, title_distinct), shared)
    pairs, pair_count = pairs_in_title(graph, length, equal, matched, count)
    numbered = graph.add("Greater", numbers, graph.constant(0, np.float32))
    quotients = {
        "share of query words in title": (matched, count),
        "share of query word pairs in title": (pairs, pair_count),
        "share of query numbers in title": (
            graph.add("Where", numbered, number_hits, one),
            graph.add("Where", numbered, numbers, graph.constant(2, np.float32)),
        ),
        "place of first match in title": (first, title_count),
        "words shared over words in either": (shared, graph.add("Max", either, one)),
        "share of query words in description": (in_description, count),
        "share of query words in item": (in_item, count),
        "share of title words in query": (matched_title, title_count),
    }
    plain = {
        "all query words in title": graph.flag(graph.add("Equal", matched, count)),
        "last query word in title": last_hit,
        "last query word ends title": last_ends,
        "first query word in title": graph.slice(hit, 0, 1, 1),
        "query has a number": graph.add("Min", numbers, one),
        "first title word in query": graph.slice(named, 0, 1, 1),
        "query words": length,
        "title words": title_length,
    }
    above, below = (
        graph.cast(graph.add("Concat", *(pair[side] for pair in quotients.values()), axis=1), np.float64)
        for side in (0, 1)
    )
    rarities = rarity_columns(graph, asked.rare, hit, count)
    counted = graph.cast(graph.add("Concat", *plain.values(), lengths, axis=1), np.float64)
    together = graph.add("Concat", graph.add("Div", above, below), counted, *rarities.values(), axis=1)
    order = [*quotients, *plain, "query characters", "title characters", *rarities]
    wanted = graph.whole(*(order.index(name) for name in OVERLAP_NAMES))
    return graph.add("Gather", together, wanted, axis=1)


def rarity_columns(graph: Graph, rare: str, hit: str, count: str) -> dict[str, str]:
    """(n, 1) doubles by name: the features that weigh the query's words by their rarity."""
    found = graph.add("Mul", rare, graph.cast(hit, np.float64))
    total = graph.sum(rare)
    none_known = graph.add("Equal", total, graph.double(0))
    safe = graph.add("Where", none_known, graph.double(1), total)
    return {
        "share of query words in title, by rarity": graph.add("Div", graph.sum(found), safe),
        "rarity of rarest missing query word": graph.high(graph.add("Sub", rare, found), 1),
        "mean rarity of query words": graph.add("Div", safe, graph.cast(count, np.float64)),
    }


def same_words(graph: Graph, left: str, right: str) -> str:
    """(n, left words, right words) whether two words of a row are the same, 0 or 1."""
    wide = graph.add("Unsqueeze", left, graph.whole(2)), graph.add("Unsqueeze", right, graph.whole(1))
    return graph.flag(graph.add("Equal", *wide))


def shares_of_distinct(graph: Graph, found: Words) -> str:
    """(n, words) parts that add up to the number of distinct words.

    A word that stands there k times counts 1/k each time; the sum is to be rounded to the whole number it is.
    """
    times = graph.add("ReduceSum", same_words(graph, found.identity, found.identity), graph.whole(2), keepdims=0)
    return graph.add("Div", found.there, times)


def pairs_in_title(graph: Graph, length: str, equal: str, matched: str, count: str) -> tuple[str, str]:
    """(n, 1) how many of the query's neighbouring words are neighbours in the title, and how many there are.

    The words themselves, where the query has but one.
    """
    axes = graph.whole(1, 2)
    first = graph.add("Slice", equal, graph.whole(0, 0), graph.whole(-1, -1), axes)
    second = graph.add("Slice", equal, graph.whole(1, 1), graph.whole(END, END), axes)
    hits = graph.sum(graph.high(graph.add("Mul", first, second), 2, keep=False))
    pairs = graph.add("Sub", length, graph.constant(1, np.float32))
    some = graph.add("Greater", pairs, graph.constant(0, np.float32))
    return graph.add("Where", some, hits, matched), graph.add("Where", some, pairs, count)


def spelled(graph: Graph, texts: str) -> str:
    """(n, characters + 2) the characters of each text, a space at both ends, runs of white space as one space."""
    padded = graph.add("StringConcat", graph.add("StringConcat", graph.text(" "), texts), graph.text(" "))
    found = graph.slice(graph.tokens(padded, rf"{reading.SPACE}|(?s:.)"), 0, -1, 0)
    return graph.add("Where", graph.add("RegexFullMatch", found, pattern=reading.SPACE), graph.text(" "), found)


def text_lengths(graph: Graph, characters: str) -> str:
    """(n, 2) characters of query and title, without the spaces at their ends."""
    there = graph.unless(empty(graph, characters))
    inner = graph.add("Sub", graph.sum(there), graph.constant(2, np.float32))
    lengths = graph.add("Max", inner, graph.constant(0, np.float32))
    return graph.add("Concat", graph.half(lengths, 0), graph.half(lengths, 1), axis=1)


def hashed_grams(graph: Graph, characters: str) -> Hashed:
    """Hashed n-grams within words and the space around each."""
    most, (shortest, _) = reading.MOST_CHARACTERS + 1, reading.GRAM_SIZES
    kept = graph.slice(characters, 0, most, 1)
    # a text that is cut ends with a space, as one that is not
    behind = graph.slice(characters, most, most + 1, 1)
    closed = graph.add("Where", empty(graph, behind), graph.text(""), graph.text(" "))
    line = graph.add("Concat", kept, closed, axis=1)
    pieces = [graph.slice(line, place, place - shortest + 1 or END, 1) for place in range(shortest)]
    gram = graph.add("StringConcat", graph.add("StringConcat", *pieces[:2]), pieces[2])
    absent, space = empty(graph, pieces[2]), graph.add("Equal", pieces[1], graph.text(" "))
    wrong = graph.add("Or", absent, space)
    # one character more, and wrong where either of the two shorter ones in it is
    longer = graph.add("StringConcat", graph.slice(gram, 0, -1, 1), graph.slice(line, shortest, END, 1))
    both = graph.add("Or", graph.slice(wrong, 0, -1, 1), graph.slice(wrong, 1, END, 1))
    grams, invalid = [gram, longer], [wrong, both]
    hashed = hashes(graph, graph.add("Concat", *grams, axis=1))
    there = graph.unless(graph.add("Concat", *invalid, axis=1))
    return Hashed(bucket(graph, hashed, reading.CHARACTER_BUCKETS), there, reading.CHARACTER_BUCKETS)
