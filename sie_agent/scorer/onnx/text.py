"""The text features of :class:`sie_agent.features.TextFeatures` as an ONNX graph that reads raw texts.

The same definitions as `tokens` and `overlap` of `sie_agent.features`, in the operators that onnxruntime has for texts;
a test compares the two.

A single row takes as long as there are operators, whatever they do. So queries and titles are read together, one half
of the rows behind the other; whether something is so is a float 0 or 1; and sums and quotients are taken all at once.
"""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from sie_agent.features import TextFeatures, reading, unspaced
from sie_agent.scorer.onnx.graph import END, TEXT, Graph
from sie_agent.scorer.onnx.hashed import Hashed, bucket, cosines, topic_vectors
from sie_agent.scorer.onnx.lower import any_of, lower
from sie_agent.scorer.onnx.overlap import Query, Words, overlap_columns

# no hash of a word is one of these: what fills up a shorter text is equal to no word
PADS = {"both": -(2**40), "description": -(2**41)}


def text_features(graph: Graph, features: TextFeatures) -> str:
    """Add the features to *graph*, whose inputs ``query``, ``title`` and ``description`` are (n,) texts.

    Returns
    -------
    Name of the (n, n_features) float32 result, what :meth:`TextFeatures.transform` gives.
    """
    version = features.version
    both, description_text = lower(graph, version, ("query", "title"), ("description",))
    stems = words(graph, both, reading.MOST_WORDS["title"], version)
    hashed_words, absent = hashes(graph, stems), empty(graph, stems)
    found = identity(graph, hashed_words, absent, "both"), graph.unless(absent)
    # a query is read less far than a title
    shorter = reading.MOST_WORDS["query"]
    query = Words(*(graph.slice(graph.half(value, 0), 0, shorter, 1) for value in found))
    title = Words(*(graph.half(value, 1) for value in found))
    number = numbers_in(graph, graph.slice(graph.half(stems, 0), 0, shorter, 1))
    described = words(graph, description_text, reading.MOST_WORDS["description"], version)
    description = identity(graph, hashes(graph, described), empty(graph, described), "description")
    there = cut_queries(graph, query.there, title.there)
    buckets = bucket(graph, hashed_words, reading.WORD_BUCKETS)
    hashed = Hashed(buckets, there, reading.WORD_BUCKETS)
    rarity = graph.weights("word_rarity", features.word_rarity)
    word_cosine, lengths, weights = cosines(graph, hashed, rarity)
    characters = spelled(graph, both)
    gram_rarity = graph.weights("character_rarity", features.character_rarity)
    character_cosine, _, _ = cosines(graph, hashed_grams(graph, both, characters, version), gram_rarity)
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


def words(graph: Graph, texts: str, most: int, version: int) -> str:
    """(n, words) the words of each text, plural endings taken off, filled up with empty ones."""
    found = graph.slice(graph.tokens(texts, reading.WORDS[version]), 0, most, 1)
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


def hashed_grams(graph: Graph, texts: str, characters: str, version: int) -> Hashed:
    """Hashed n-grams within words and the space around each, and pairs of characters of scripts without spaces."""
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
    if version != reading.BY_SPACES:
        pairs, paired = unspaced_pairs(graph, texts, line)
        hashed = graph.add("Concat", hashed, pairs, axis=1)
        there = graph.add("Concat", there, paired, axis=1)
    return Hashed(bucket(graph, hashed, reading.CHARACTER_BUCKETS), there, reading.CHARACTER_BUCKETS)


def unspaced_pairs(graph: Graph, texts: str, line: str) -> tuple[str, str]:
    """(n, pairs) hashes of neighbouring characters, and whether both are of scripts without spaces; else no columns.

    Most texts have no such characters, and looking at every pair takes long: so the texts are looked at first.
    """
    inside = graph.add("RegexFullMatch", texts, pattern=any_of(unspaced.UNSPACED))
    then, otherwise = Graph(graph, "pairs"), Graph(graph, "none")
    pair = then.add("StringConcat", then.slice(line, 0, -1, 1), then.slice(line, 1, END, 1))
    results = {
        hashes(then, pair): (TensorProto.INT64, None),
        then.flag(then.add("RegexFullMatch", pair, pattern=unspaced.PAIR)): (TensorProto.FLOAT, None),
    }
    rows = otherwise.add("Concat", otherwise.add("Shape", line, end=1), otherwise.whole(0), axis=0)
    nothing = {
        otherwise.zeros(rows, np.int64): (TensorProto.INT64, None),
        otherwise.zeros(rows, np.float32): (TensorProto.FLOAT, None),
    }
    condition = graph.add("ReduceMax", inside, keepdims=0)
    pairs, there = graph.add_several(
        "If", [condition], 2, then_branch=then.part(results), else_branch=otherwise.part(nothing)
    )
    return pairs, there
