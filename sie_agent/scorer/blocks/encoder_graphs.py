"""Sentence encoders as ONNX graphs, built from their weights alone: token ids in, a vector of length one out.

A file of unknown origin is never run: its weights are taken out, and the graph is built from them anew
(:mod:`sie_agent.scorer.blocks.encoder`). So there is a graph for each kind of encoder, and no export of a program.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto

from sie_agent.scorer.onnx.graph import Graph

Weights = Mapping[str, npt.NDArray[Any]]
IDS, VECTOR, MATRIX = "ids", "vector", "embeddings"
MOST_LAYERS, MOST_WIDTH = 48, 4_096
# a text is read up to here: what one row costs has a bound
MOST_TOKENS = 64
WORDS, POSITIONS, SEGMENTS = (f"embeddings.{name}_embeddings.weight" for name in ("word", "position", "token_type"))


@dataclass(frozen=True)
class Shape:
    """What the weights do not tell of a transformer (BERT, Devlin 2019); no layers: static vectors.

    Attributes
    ----------
    layers, heads : of the transformer. epsilon : of its layer norms.
    """

    layers: int = 0
    heads: int = 0
    epsilon: float = 0.0


def encoder_message(weights: Weights, shape: Shape) -> Any:
    """The graph as an ``onnx.ModelProto``: (rows, tokens) whole numbers ``ids`` in, (rows, width) floats out."""
    graph = Graph()
    states = (
        transformer(graph, weights, shape) if shape.layers else graph.add("Gather", table(graph, weights, MATRIX), IDS)
    )
    mean = graph.add("ReduceMean", states, graph.whole(1), keepdims=0)
    size = graph.add("Sqrt", graph.sum(graph.add("Mul", mean, mean)))
    graph.add_named(
        "Identity", graph.add("Div", mean, graph.add("Max", size, graph.constant(1e-12, np.float32))), VECTOR
    )
    width = int(weights[WORDS if shape.layers else MATRIX].shape[1])
    reads, gives = (TensorProto.INT64, ["rows", "tokens"]), (TensorProto.FLOAT, ["rows", width])
    return graph.message({IDS: reads}, {VECTOR: gives}, {})


def table(graph: Graph, weights: Weights, name: str) -> str:
    """Weights as floats of four bytes, in the file as they are."""
    return graph.weights(name, weights[name], np.float32)


def transformer(graph: Graph, weights: Weights, shape: Shape) -> str:
    """(rows, tokens, width) last states of a BERT; all tokens are read, so rows are of one length, without padding."""
    length = graph.add("Shape", IDS, start=1)
    places = graph.add("Slice", table(graph, weights, POSITIONS), graph.whole(0), length, graph.whole(0))
    words = graph.add("Gather", table(graph, weights, WORDS), IDS)
    segment = graph.slice(table(graph, weights, SEGMENTS), 0, 1, 0)
    summed = graph.add("Add", graph.add("Add", words, segment), places)
    states = normed(graph, weights, summed, "embeddings.LayerNorm", shape)
    for number in range(shape.layers):
        states = layer(graph, weights, states, f"encoder.layer.{number}", shape)
    return states


def layer(graph: Graph, weights: Weights, states: str, name: str, shape: Shape) -> str:
    """One layer: attention, then two dense layers, each added to what came in, and normed."""
    width = int(weights[WORDS].shape[1])
    size = width // shape.heads
    query, key, value = (
        heads(graph, dense(graph, weights, states, f"{name}.attention.self.{part}"), shape.heads, size)
        for part in ("query", "key", "value")
    )
    scores = graph.add("MatMul", query, graph.add("Transpose", key, perm=[0, 1, 3, 2]))
    shares = graph.add("Softmax", graph.add("Mul", scores, graph.constant(size**-0.5, np.float32)), axis=-1)
    seen = graph.add("Transpose", graph.add("MatMul", shares, value), perm=[0, 2, 1, 3])
    together = graph.add("Reshape", seen, graph.whole(0, 0, width))
    attended = graph.add("Add", dense(graph, weights, together, f"{name}.attention.output.dense"), states)
    inner = normed(graph, weights, attended, f"{name}.attention.output.LayerNorm", shape)
    wide = graph.add("Gelu", dense(graph, weights, inner, f"{name}.intermediate.dense"))
    outer = graph.add("Add", dense(graph, weights, wide, f"{name}.output.dense"), inner)
    return normed(graph, weights, outer, f"{name}.output.LayerNorm", shape)


def heads(graph: Graph, states: str, count: int, size: int) -> str:
    """(rows, heads, tokens, size) from (rows, tokens, heads · size)."""
    return graph.add("Transpose", graph.add("Reshape", states, graph.whole(0, 0, count, size)), perm=[0, 2, 1, 3])


def dense(graph: Graph, weights: Weights, states: str, name: str) -> str:
    """A dense layer, its weights as torch keeps them, (out, in)."""
    turned = graph.add("Transpose", table(graph, weights, f"{name}.weight"), perm=[1, 0])
    return graph.add("Add", graph.add("MatMul", states, turned), table(graph, weights, f"{name}.bias"))


def normed(graph: Graph, weights: Weights, states: str, name: str, shape: Shape) -> str:
    """A layer norm."""
    scale, shift = (table(graph, weights, f"{name}.{part}") for part in ("weight", "bias"))
    return graph.add("LayerNormalization", states, scale, shift, axis=-1, epsilon=shape.epsilon)


def shapes_of(weights: Weights, shape: Shape) -> dict[str, tuple[int, ...]]:
    """The shape that each table of an encoder must have, by name; three of them say how large the others are.

    Raises
    ------
    ValueError : *shape* is of no encoder, or tables that all others hang on are missing or too large.
    """
    inner_table = "encoder.layer.0.intermediate.dense.weight"
    first: tuple[str, ...] = (WORDS, POSITIONS, SEGMENTS, inner_table) if shape.layers else (MATRIX,)
    if any(name not in weights or weights[name].ndim != 2 for name in first):
        raise ValueError("a table of the encoder is missing")
    words, width = weights[first[0]].shape
    if not 0 <= shape.layers <= MOST_LAYERS or not 1 <= width <= MOST_WIDTH or not words:
        raise ValueError("the encoder is too large, or has nothing in it")
    if not shape.layers:
        return {MATRIX: (words, width)}
    if not 1 <= shape.heads <= width or width % shape.heads or not 0 <= shape.epsilon < 1:
        raise ValueError("the heads of the encoder do not divide its width")
    if len(weights[POSITIONS]) < MOST_TOKENS:
        raise ValueError(f"the encoder reads fewer than {MOST_TOKENS} tokens")
    inner = weights[inner_table].shape[0]
    found: dict[str, tuple[int, ...]] = {name: (weights[name].shape[0], width) for name in first[:3]}
    norms = ["embeddings.LayerNorm"]
    squares: dict[str, tuple[int, ...]] = {}
    for number in range(shape.layers):
        name = f"encoder.layer.{number}"
        norms += [f"{name}.attention.output.LayerNorm", f"{name}.output.LayerNorm"]
        parts = [*(f"self.{part}" for part in ("query", "key", "value")), "output.dense"]
        squares |= {f"{name}.attention.{part}": (width, width) for part in parts}
        squares |= {f"{name}.intermediate.dense": (inner, width), f"{name}.output.dense": (width, inner)}
    found |= {f"{name}.weight": size for name, size in squares.items()}
    found |= {f"{name}.bias": size[:1] for name, size in squares.items()}
    return found | {f"{name}.{part}": (width,) for name in norms for part in ("weight", "bias")}
