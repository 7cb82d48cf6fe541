"""A scorer as one ONNX model: raw texts and the log's label in, weak labels out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

from sie_agent.features import TextFeatures, reading
from sie_agent.scorer.blocks.base import Block
from sie_agent.scorer.onnx.graph import Graph
from sie_agent.scorer.onnx.text import text_features
from sie_agent.scorer.onnx.trees import spread_ranks, tree_ranks
from sie_agent.scorer.student import Student
from sie_agent.scorer.trees import Trees


def scorer_model(
    features: TextFeatures, students: Mapping[str, Student], about: Mapping[str, str], blocks: Sequence[Block] = ()
) -> bytes:
    """The whole scorer.

    Inputs ``query``, ``title``, ``description`` (texts) and ``label`` (float, NaN where the log has none), each (n,),
    and those of the *blocks*; one double output (n,) per weak label, named by it. *about* is kept as the file's
    metadata.
    """
    return bytes(scorer_message(features, students, about, blocks).SerializeToString())


def scorer_message(
    features: TextFeatures, students: Mapping[str, Student], about: Mapping[str, str], blocks: Sequence[Block] = ()
) -> Any:
    """:func:`scorer_model` as an ``onnx.ModelProto``.

    A file that is read has to be this graph (:mod:`sie_agent.scorer.onnx.read`): another graph is another ``FORMAT``.
    """
    graph = Graph()
    columns = [text_features(graph, features), *(block.add(graph) for block in blocks)]
    label = graph.add("Unsqueeze", "label", graph.whole(1))
    inputs = graph.cast(graph.add("Concat", *columns, label, axis=1), np.float64)
    ranks = tree_ranks(graph, inputs, [student.trees for student in students.values()])
    scores = spread_ranks(graph, ranks, students)
    for column, name in enumerate(students):
        graph.add_named("Identity", graph.add("Gather", scores, graph.constant(column, np.int64), axis=1), name)
    texts = {name: (TensorProto.STRING, ["rows"]) for name in reading.FIELDS}
    more = {name: one for block in blocks for name, one in block.declared().items()}
    outputs = {name: (TensorProto.DOUBLE, ["rows"]) for name in students}
    return graph.message({**texts, "label": (TensorProto.FLOAT, ["rows"]), **more}, outputs, dict(about))


def tree_model(students: Mapping[str, Student], n_inputs: int) -> bytes:
    """:func:`ranks_model` of the trees of students."""
    return ranks_model([student.trees for student in students.values()], n_inputs)


def ranks_model(students: Sequence[Trees], n_inputs: int) -> bytes:
    """The trees alone: (n, n_inputs) doubles ``inputs`` in, (n, students) doubles ``ranks`` out."""
    graph = Graph()
    graph.add_named("Identity", tree_ranks(graph, "inputs", students), "ranks")
    reads = {"inputs": (TensorProto.DOUBLE, ["rows", n_inputs])}
    gives = {"ranks": (TensorProto.DOUBLE, ["rows", len(students)])}
    return graph.model(reads, gives, {})
