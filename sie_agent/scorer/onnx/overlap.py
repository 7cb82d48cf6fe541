"""What query, title and description share, as features in an ONNX graph: `overlap` of `sie_agent.features`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sie_agent.features import OVERLAP_NAMES
from sie_agent.scorer.onnx.graph import END, Graph


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
    ends = at_end_of_title(graph, equal, title, title_place, title_length)
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
        "place of first match in title": (place_of_first(graph, named, title_place, title_length), title_count),
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
    rarities = rarity_columns(graph, asked.rare, hit, count)
    return in_one_table(graph, quotients, plain, rarities, lengths)


def in_one_table(
    graph: Graph, quotients: dict[str, tuple[str, str]], plain: dict[str, str], rarities: dict[str, str], lengths: str
) -> str:
    """(n, 21) doubles, the features in their order; quotients are (above, below), all values (n, 1) but *lengths*."""
    above, below = (
        graph.cast(graph.add("Concat", *(pair[side] for pair in quotients.values()), axis=1), np.float64)
        for side in (0, 1)
    )
    counted = graph.cast(graph.add("Concat", *plain.values(), lengths, axis=1), np.float64)
    together = graph.add("Concat", graph.add("Div", above, below), counted, *rarities.values(), axis=1)
    order = [*quotients, *plain, "query characters", "title characters", *rarities]
    wanted = graph.whole(*(order.index(name) for name in OVERLAP_NAMES))
    return graph.add("Gather", together, wanted, axis=1)


def at_end_of_title(graph: Graph, equal: str, title: Words, place: str, length: str) -> str:
    """(n, query words) whether each is one of the last two words of the title, whose words are numbered from 1."""
    near = graph.flag(graph.add("GreaterOrEqual", place, graph.add("Sub", length, graph.constant(1, np.float32))))
    at_end = graph.add("Unsqueeze", graph.add("Mul", near, title.there), graph.whole(1))
    return graph.high(graph.add("Mul", equal, at_end), 2, keep=False)


def place_of_first(graph: Graph, named: str, place: str, length: str) -> str:
    """(n, 1) place of the first title word that the query names, from 0; the title's length where there is none."""
    one = graph.constant(1, np.float32)
    some = graph.add("Greater", named, graph.constant(0, np.float32))
    met = graph.add("Where", some, place, graph.add("Add", length, one))
    return graph.add("Sub", graph.add("ReduceMin", met, graph.whole(1), keepdims=1), one)


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
