"""LightGBM's trees, and the way from ranks back to the label's unit, as an ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import numpy_helper

from sie_agent.scorer.onnx.graph import END, TREES, Graph
from sie_agent.scorer.student import BEYOND, Student, unit_of
from sie_agent.scorer.trees import Trees, check_trees

LESS_OR_EQUAL, SUM = 0, 1
QUANTILES_OF = "quantiles of "
# columns that the operator takes as tensors; the others are lists of whole numbers
TENSORS = ("nodes_splits", "nodes_modes", "leaf_weights")


def tree_ranks(graph: Graph, inputs: str, students: Sequence[Trees]) -> str:
    """Add the trees of all students: (n, students) ranks, doubles, from (n, d) doubles."""
    table = tree_table(students)
    tensors = {name: numpy_helper.from_array(table.pop(name), name) for name in TENSORS}
    columns = {name: values.tolist() for name, values in table.items()}
    settings = {"n_targets": len(students), "aggregate_function": SUM}
    return graph.add("TreeEnsemble", inputs, domain=TREES, **settings, **columns, **tensors)


def tree_table(students: Sequence[Trees]) -> dict[str, npt.NDArray[Any]]:
    """The columns of the operator, by name, from the trees of each student, one student behind the other."""
    sizes, leaf_counts = ([len(getattr(trees, name)) for trees in students] for name in ("features", "values"))
    # what stands before the trees of each student
    nodes, leaves = (np.cumsum([0, *counts[:-1]]) for counts in (sizes, leaf_counts))

    def joined(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(trees, name) for trees in students])

    table = {
        "tree_roots": joined("roots") + np.repeat(nodes, [len(trees) for trees in students]),
        "nodes_featureids": joined("features"),
        "nodes_missing_value_tracks_true": joined("missing_left").astype(np.int64),
    }
    for side, name in (("true", "left"), ("false", "right")):
        children = joined(name)
        inner, ends = children + np.repeat(nodes, sizes), -1 - children + np.repeat(leaves, sizes)
        table[f"nodes_{side}nodeids"] = np.where(children >= 0, inner, ends)
        table[f"nodes_{side}leafs"] = (children < 0).astype(np.int64)
    table["leaf_targetids"] = np.repeat(np.arange(len(students)), leaf_counts)
    table["nodes_splits"] = joined("splits")
    table["nodes_modes"] = np.full(len(table["nodes_featureids"]), LESS_OR_EQUAL, np.uint8)
    table["leaf_weights"] = joined("values")
    return table


def trees_of_table(table: Mapping[str, npt.NDArray[Any]], n_students: int, n_features: int) -> list[Trees]:
    """The trees of each student: :func:`tree_table` the other way, checked.

    Raises
    ------
    ValueError : the columns are not those of trees, see :func:`sie_agent.scorer.trees.check_trees`.
    """
    flags = ("nodes_trueleafs", "nodes_falseleafs", "nodes_missing_value_tracks_true")
    if any(not np.isin(table[name], (0, 1)).all() for name in flags):
        raise ValueError("a flag of the trees is neither 0 nor 1")
    if (table["nodes_modes"] != LESS_OR_EQUAL).any() or len(table["nodes_modes"]) != len(table["nodes_splits"]):
        raise ValueError("the trees compare in another way")
    nodes, leaves = len(table["nodes_splits"]), len(table["leaf_weights"])
    if any(len(values) != nodes for name, values in table.items() if name.startswith("nodes_")):
        raise ValueError("columns of the trees are of different lengths")
    children = []
    for side in ("true", "false"):
        named, ends = table[f"nodes_{side}nodeids"], table[f"nodes_{side}leafs"] == 1
        if ((named < 0) | (named >= np.where(ends, leaves, nodes))).any():
            raise ValueError("a node of the trees has a child that does not exist")
        children.append(np.where(ends, -1 - named, named))
    whole = Trees(
        roots=table["tree_roots"],
        features=table["nodes_featureids"],
        splits=table["nodes_splits"],
        missing_left=table["nodes_missing_value_tracks_true"] == 1,
        left=children[0],
        right=children[1],
        values=table["leaf_weights"],
    )
    check_trees(whole, n_features)
    return divided(whole, table["leaf_targetids"], n_students)


def divided(whole: Trees, targets: npt.NDArray[np.int64], n_students: int) -> list[Trees]:
    """The trees of each student, from all trees and the student of each leaf, (leaves,).

    Raises
    ------
    ValueError : a student has no tree, or a tree leaves of two students.
    """
    # every tree has one leaf more than it has nodes
    sizes = np.diff(whole.roots, append=len(whole.features))
    owners = targets[np.cumsum(sizes + 1) - 1] if len(targets) == len(whole.values) else targets[:0]
    if not np.array_equal(np.unique(owners), np.arange(n_students)) or (targets != np.repeat(owners, sizes + 1)).any():
        raise ValueError("the trees are not those of the weak labels")
    trees_of = np.searchsorted(owners, np.arange(n_students + 1))
    roots = np.append(whole.roots, len(whole.features))
    found = []
    for first, end in pairwise(trees_of.tolist()):
        part = slice(roots[first], roots[end])
        # as many leaves stand before a tree as nodes and trees do
        leaves = slice(roots[first] + first, roots[end] + end)
        left, right = (
            np.where(side[part] >= 0, side[part] - part.start, side[part] + leaves.start)
            for side in (whole.left, whole.right)
        )
        trees = Trees(
            roots[first:end] - part.start,
            whole.features[part],
            whole.splits[part],
            whole.missing_left[part],
            left,
            right,
            whole.values[leaves],
        )
        check_trees(trees, int(whole.features.max(initial=0)) + 1)
        found.append(trees)
    return found


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
