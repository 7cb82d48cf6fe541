"""Cosines and topics of hashed words and n-grams in an ONNX graph, of queries and titles at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sie_agent.scorer.onnx.graph import Graph


@dataclass(frozen=True)
class Hashed:
    """Hashed words or n-grams of n queries, then of n titles.

    Attributes
    ----------
    bucket, there : (2n, entries) bucket, and 0 beyond the end of a text; width : number of buckets.
    """

    bucket: str
    there: str
    width: int


def bucket(graph: Graph, hashed: str, width: int) -> str:
    """The bucket of each hash."""
    return graph.add("Mod", graph.add("Abs", hashed), graph.constant(width, np.int64))


def cosines(graph: Graph, hashed: Hashed, rarity: str) -> tuple[str, str, str]:
    """Cosine of counts times rarity, (n, 1), 0 where a text is empty; lengths (2n, 1); rarities (2n, entries).

    The sum over entries of rarity² times the other text's count in the entry's bucket is the dot product.
    """
    weight = graph.add("Mul", graph.add("Gather", rarity, hashed.bucket), graph.cast(hashed.there, np.float64))
    squared, counts = graph.add("Mul", weight, weight), count(graph, hashed)
    lengths = graph.add("Sqrt", dot(graph, squared, counts, hashed.bucket))
    titles = graph.half(counts, 1)
    crossed = dot(graph, graph.half(squared, 0), titles, graph.half(hashed.bucket, 0))
    together = graph.add("Mul", graph.half(lengths, 0), graph.half(lengths, 1))
    return graph.add("Div", crossed, positive(graph, together)), lengths, weight


def dot(graph: Graph, squared: str, counts: str, buckets: str) -> str:
    """(rows, 1) sums of squared rarities times the counts in the entries' buckets."""
    met = graph.cast(graph.add("GatherElements", counts, buckets, axis=1), np.float64)
    return graph.sum(graph.add("Mul", squared, met))


def positive(graph: Graph, value: str) -> str:
    """The value, and next to nothing where it is 0, to divide 0 by."""
    return graph.add("Max", value, graph.double(1e-300))


def count(graph: Graph, hashed: Hashed) -> str:
    """(2n, width) how often each bucket occurs in each text."""
    rows = graph.add("Shape", hashed.bucket, end=1)
    shape = graph.add("Concat", rows, graph.whole(hashed.width), axis=0)
    # no text has more entries than these whole numbers hold, and the less memory there is to fill the better
    ones = graph.cast(hashed.there, np.int16)
    return graph.add("ScatterElements", graph.zeros(shape, np.int16), hashed.bucket, ones, axis=1, reduction="add")


def topic_vectors(graph: Graph, buckets: str, weight: str, lengths: str, topics: str) -> str:
    """(2n, topics) each text's place in the latent space, of length one."""
    unit = graph.add("Unsqueeze", graph.add("Div", weight, positive(graph, lengths)), graph.whole(2))
    places = graph.add("Mul", unit, graph.add("Gather", topics, buckets))
    summed = graph.add("ReduceSum", places, graph.whole(1), keepdims=0)
    size = graph.add("Sqrt", graph.sum(graph.add("Mul", summed, summed)))
    return graph.add("Div", summed, graph.add("Max", size, graph.double(1e-9)))
