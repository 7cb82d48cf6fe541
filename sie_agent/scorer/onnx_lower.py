"""Lower case of any alphabet in an ONNX graph.

onnxruntime folds case by the locale of the machine that it runs on, and in the one locale that is everywhere, ASCII
letters alone. So capital letters of other alphabets are looked up one by one, in the table that Python's features use.
That takes the texts apart and puts them together again: it is done only where such a letter is.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sie_agent.scorer.onnx_graph import END, TREES, Graph

# one more text, so that no axis is ever empty; it is cut off as soon as texts are taken apart
SENTINEL = "sentinels of 2 words"


@cache
def small_letters() -> dict[str, str]:
    """The small letter of every capital one beyond ASCII, as `sie_agent.samples` folds them."""
    letters = [chr(code) for code in range(0x80, 0x110000) if not 0xD800 <= code < 0xE000]
    small = pc.utf8_lower(pa.array(letters)).to_pylist()
    return {letter: found for letter, found in zip(letters, small, strict=True) if letter != found}


def lower(graph: Graph, *groups: tuple[str, ...]) -> list[str]:
    """Texts in lower case, of each group of inputs: one input behind the other, the sentinel last."""
    last = graph.constant(np.array([SENTINEL], object), object)
    texts = [graph.add("Concat", *names, last, axis=0) for names in groups]
    foreign = graph.add("RegexFullMatch", graph.add("Concat", *texts, axis=0), pattern=any_of(small_letters()))
    folded = fold_where(graph, graph.add("ReduceMax", foreign, keepdims=0), texts)
    return [graph.add("StringNormalizer", values, case_change_action="LOWER", locale="C") for values in folded]


def any_of(letters: dict[str, str]) -> str:
    """An expression that a text with one of these letters matches as a whole."""
    return f"(?s:.*)[{''.join(letters)}](?s:.*)"


def fold_where(graph: Graph, condition: str, texts: Sequence[str]) -> tuple[str, ...]:
    """Several (n,) *texts* with the capital letters beyond ASCII folded, if the condition holds."""
    from onnx import TensorProto

    then, otherwise = Graph(graph, "fold"), Graph(graph, "plain")
    text = (TensorProto.STRING, None)
    folding = then.part({joined(then, folded(then, values)): text for values in texts})
    keeping = otherwise.part({otherwise.add("Identity", values): text for values in texts})
    return graph.add_several("If", [condition], len(texts), then_branch=folding, else_branch=keeping)


def folded(graph: Graph, texts: str) -> str:
    """(n, characters) of each text, filled up with empty ones, capital letters beyond ASCII folded."""
    table = small_letters()
    characters = graph.tokens(texts, "(?s:.)")
    found = graph.add(
        "LabelEncoder",
        characters,
        domain=TREES,
        keys_strings=list(table),
        values_strings=list(table.values()),
        default_string="",
    )
    return graph.add("Where", graph.add("Equal", found, graph.text("")), characters, found)


def joined(graph: Graph, characters: str) -> str:
    """(n,) texts from (n, characters): neighbours are put together until there is one left."""
    from onnx import TensorProto

    body, text = Graph(graph, "join"), (TensorProto.STRING, None)
    left, right = (
        body.add("Slice", "pieces", body.whole(start), body.whole(END), body.whole(1), body.whole(2))
        for start in (0, 1)
    )
    # of an odd number of pieces the last has no neighbour
    width = body.add("Shape", left, start=1)
    wider = body.add("Concat", right, column(body, left), axis=1)
    whole = body.add("StringConcat", left, body.add("Slice", wider, body.whole(0), width, body.whole(1)))
    more = body.add("Greater", body.add("Squeeze", width), body.constant(1, np.int64))
    part = body.part(
        {more: (TensorProto.BOOL, []), whole: text},
        {"round": (TensorProto.INT64, []), "going": (TensorProto.BOOL, []), "pieces": text},
    )
    several = graph.add(
        "Greater", graph.add("Squeeze", graph.add("Shape", characters, start=1)), graph.constant(1, np.int64)
    )
    return graph.add("Squeeze", graph.add("Loop", "", several, characters, body=part), graph.whole(1))


def column(graph: Graph, pieces: str) -> str:
    """(n, 1) empty texts, as many as there are rows of *pieces*."""
    rows = graph.add("Shape", pieces, end=1)
    return graph.add("Expand", graph.text(""), graph.add("Concat", rows, graph.whole(1), axis=0))
