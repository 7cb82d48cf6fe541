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
from onnx import TensorProto

from sie_agent.features import reading, unspaced
from sie_agent.scorer.onnx.graph import END, TREES, Graph

# one more text, so that no axis is ever empty; it is cut off as soon as texts are taken apart
SENTINEL = "sentinels of 2 words"


@cache
def small_letters(version: int) -> dict[str, str]:
    """The small letter of every capital one beyond ASCII, as `sie_agent.samples` folds them; and so of widths."""
    letters = [chr(code) for code in range(0x80, 0x110000) if not 0xD800 <= code < 0xE000]
    small = pc.utf8_lower(pa.array(letters)).to_pylist()
    table = {letter: found for letter, found in zip(letters, small, strict=True) if letter != found}
    if version != reading.BY_SPACES:
        forms = [letter for letter in letters if unspaced.WIDTH_RUN.fullmatch(letter)]
        table |= {form: unspaced.fold_widths(form).lower() for form in forms}
    return table


@cache
def voiced_kana() -> dict[str, str]:
    """The one letter that half-width kana and the sign of voicing behind it are."""
    pairs = [chr(kana) + chr(sign) for kana in range(0xFF66, 0xFF9E) for sign in (0xFF9E, 0xFF9F)]
    return {pair: unspaced.fold_widths(pair) for pair in pairs if len(unspaced.fold_widths(pair)) == 1}


def lower(graph: Graph, version: int, *groups: tuple[str, ...]) -> list[str]:
    """Texts in lower case, of each group of inputs: one input behind the other, the sentinel last."""
    last = graph.constant(np.array([SENTINEL], object), object)
    texts = [graph.add("Concat", *names, last, axis=0) for names in groups]
    together = graph.add("Concat", *texts, axis=0)
    foreign = graph.add("RegexFullMatch", together, pattern=any_of("".join(small_letters(version))))
    folded = fold_where(graph, graph.add("ReduceMax", foreign, keepdims=0), texts, version)
    return [graph.add("StringNormalizer", values, case_change_action="LOWER", locale="C") for values in folded]


def any_of(letters: str) -> str:
    """An expression that a text with one of the letters of a character class matches as a whole."""
    return f"(?s:.*)[{letters}](?s:.*)"


def fold_where(graph: Graph, condition: str, texts: Sequence[str], version: int) -> tuple[str, ...]:
    """Several (n,) *texts* with the capital letters beyond ASCII folded, if the condition holds."""
    then, otherwise = Graph(graph, "fold"), Graph(graph, "plain")
    text = (TensorProto.STRING, None)
    folding = then.part({joined(then, folded(then, values, version)): text for values in texts})
    keeping = otherwise.part({otherwise.add("Identity", values): text for values in texts})
    return graph.add_several("If", [condition], len(texts), then_branch=folding, else_branch=keeping)


def folded(graph: Graph, texts: str, version: int) -> str:
    """(n, characters) of each text, filled up with empty ones, capital letters beyond ASCII and widths folded."""
    characters = graph.tokens(texts, "(?s:.)")
    nothing = graph.text("")
    small = looked_up(graph, small_letters(version), characters)
    found = graph.add("Where", graph.add("Equal", small, nothing), characters, small)
    if version == reading.BY_SPACES:
        return found
    one = column(graph, characters)
    following = graph.add("Concat", graph.slice(characters, 1, END, 1), one, axis=1)
    pairs = graph.add("StringConcat", characters, following)
    voiced = looked_up(graph, voiced_kana(), pairs)
    composed = graph.add("Where", graph.add("Equal", voiced, nothing), found, voiced)
    # the sign behind such a letter is in it
    before = graph.add("Concat", one, graph.slice(voiced, 0, -1, 1), axis=1)
    return graph.add("Where", graph.add("Equal", before, nothing), composed, nothing)


def looked_up(graph: Graph, table: dict[str, str], values: str) -> str:
    """What the table has for each text, empty where it has nothing."""
    entries = {"keys_strings": list(table), "values_strings": list(table.values()), "default_string": ""}
    return graph.add("LabelEncoder", values, domain=TREES, **entries)


def joined(graph: Graph, characters: str) -> str:
    """(n,) texts from (n, characters): neighbours are put together until there is one left."""
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
