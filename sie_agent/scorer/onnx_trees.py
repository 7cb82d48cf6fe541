"""LightGBM's trees, and the way from ranks back to the label's unit, as an ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sie_agent.scorer.onnx_graph import END, TREES, Graph
from sie_agent.scorer.student import BEYOND, Student, unit_of

LESS_OR_EQUAL, SUM = 0, 1
QUANTILES_OF = "quantiles of "


def tree_ranks(graph: Graph, inputs: str, students: Mapping[str, Student]) -> str:
    """Add the trees of all students: (n, students) ranks, doubles, from (n, d) doubles."""
    from onnx import numpy_helper

    table: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for target, student in enumerate(students.values()):
        for tree in student.booster.dump_model()["tree_info"]:
            table["tree_roots"].append(add_node(table, tree["tree_structure"], target))
    tensors: dict[str, npt.NDArray[Any]] = {
        "nodes_splits": np.asarray(table.pop("nodes_splits"), np.float64),
        "nodes_modes": np.full(len(table["nodes_featureids"]), LESS_OR_EQUAL, np.uint8),
        "leaf_weights": np.asarray(table.pop("leaf_weights"), np.float64),
    }
    return graph.add(
        "TreeEnsemble",
        inputs,
        domain=TREES,
        n_targets=len(students),
        aggregate_function=SUM,
        **table,
        **{name: numpy_helper.from_array(value, name) for name, value in tensors.items()},
    )


COLUMNS = (
    "tree_roots",
    "nodes_featureids",
    "nodes_splits",
    "nodes_missing_value_tracks_true",
    "nodes_truenodeids",
    "nodes_trueleafs",
    "nodes_falsenodeids",
    "nodes_falseleafs",
    "leaf_targetids",
    "leaf_weights",
)


def add_node(table: dict[str, list[Any]], node: Mapping[str, Any], target: int) -> int:
    """Write a node and all below it into the columns of the operator; returns its number.

    A tree of one leaf becomes a node with that leaf on both sides: the operator has no other way to say it.
    """
    number = len(table["nodes_featureids"])
    alone = "split_feature" not in node
    # where no value was missing in training, LightGBM reads a missing one as zero
    missing_left = not alone and (
        node["default_left"] if node["missing_type"] == "NaN" else float(node["threshold"]) >= 0
    )
    table["nodes_featureids"].append(0 if alone else int(node["split_feature"]))
    table["nodes_splits"].append(0.0 if alone else float(node["threshold"]))
    table["nodes_missing_value_tracks_true"].append(int(missing_left))
    for side in ("true", "false"):
        table[f"nodes_{side}nodeids"].append(0)
        table[f"nodes_{side}leafs"].append(0)
    for side, key in (("true", "left_child"), ("false", "right_child")):
        child = node if alone else node[key]
        leaf = "leaf_value" in child
        table[f"nodes_{side}leafs"][number] = int(leaf)
        if leaf:
            table[f"nodes_{side}nodeids"][number] = len(table["leaf_weights"])
            table["leaf_weights"].append(float(child["leaf_value"]))
            table["leaf_targetids"].append(target)
        else:
            table[f"nodes_{side}nodeids"][number] = add_node(table, child, target)
    return number


def spread_ranks(graph: Graph, ranks: str, students: Mapping[str, Student]) -> str:
    """Add :func:`sie_agent.scorer.student.spread` of each column of ranks: (n, students) scores."""
    tables = [graph.weights(f"{QUANTILES_OF}{name}", student.quantiles) for name, student in students.items()]
    quantiles = graph.add("Concat", *tables, axis=0)
    sizes = [len(student.quantiles) for student in students.values()]
    steps = graph.constant(np.subtract(sizes, 1), np.float64)
    first = graph.constant(np.cumsum([0, *sizes[:-1]]), np.int64)
    inside = graph.add("Clip", ranks, graph.double(0), graph.double(1))
    place = graph.add("Mul", inside, steps)
    last = graph.constant(np.subtract(sizes, 2), np.float64)
    lower = graph.add("Min", graph.add("Floor", place), last)
    index = graph.add("Add", graph.cast(lower, np.int64), first)
    below = graph.add("Gather", quantiles, index)
    # of constants alone: done once, when the model is opened
    rises = graph.add("Sub", graph.slice(quantiles, 1, END, 0), graph.slice(quantiles, 0, -1, 0))
    part = graph.add("Mul", graph.add("Gather", rises, index), graph.add("Sub", place, lower))
    slopes = graph.constant([BEYOND * unit_of(student.quantiles) for student in students.values()], np.float64)
    beyond = graph.add("Mul", slopes, graph.add("Sub", ranks, graph.double(0.5)))
    return graph.add("Add", graph.add("Add", below, part), beyond)
