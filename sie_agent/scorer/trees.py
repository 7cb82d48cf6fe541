"""The trees of a student as plain arrays, checked before anything walks them.

LightGBM's own reader trusts its file: a changed number makes it read or write where it should not, and the process
ends.
So a scorer that was read from a file has its trees from here, and LightGBM never sees them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from sie_agent.utils.arrays import Booleans, Doubles

Integers = npt.NDArray[np.int64]

# what LightGBM writes for a threshold that is infinite
INFINITE = 1e300
# of what a leaf adds
LARGEST = 1e15
# of rows that a tree has seen: whole numbers below are exact in doubles
MOST_ROWS = 2**53
# onnxruntime goes down a tree by calling itself
MOST_DEPTH = 1_000
CATEGORICAL, DEFAULT_LEFT, MISSING_NAN = 1, 2, 2
# a line of the text form that is needed, by the name that it has there
NODE_LINES = ("split_feature", "threshold", "decision_type", "left_child", "right_child", "internal_count")
LEAF_LINES = ("leaf_value", "leaf_count")
WHOLE = frozenset({"split_feature", "decision_type", "left_child", "right_child", "internal_count", "leaf_count"})


@dataclass(frozen=True)
class Trees:
    """Regression trees whose leaves add up; each tree's nodes stand one after the other, parents before children.

    A tree of one leaf is a node with two leaves of one value.

    Attributes
    ----------
    roots : (trees,) node at which each begins; rising from 0.
    features, splits : (nodes,) a row goes left where the feature is at most the split.
    missing_left : (nodes,) whether a missing feature goes left.
    left, right : (nodes,) the number of a node; of a leaf, ``-1 - number``.
    values : (leaves,) what each leaf adds; in the order in which nodes name them, left before right.
    """

    roots: Integers
    features: Integers
    splits: Doubles
    missing_left: Booleans
    left: Integers
    right: Integers
    values: Doubles

    def __len__(self) -> int:
        return len(self.roots)

    def same_as(self, other: Trees) -> bool:
        """Whether all numbers are the same."""
        return all(np.array_equal(getattr(self, field.name), getattr(other, field.name)) for field in fields(self))


@dataclass(frozen=True)
class Cover:
    """How many rows of the training set went through each node, (nodes,), and into each leaf, (leaves,)."""

    nodes: Doubles
    leaves: Doubles

    def of(self, children: Integers) -> Doubles:
        """Rows that went into each child, a node or a leaf as nodes name them."""
        return np.asarray(np.concatenate([self.leaves[::-1], self.nodes])[children + len(self.leaves)])


def check_trees(trees: Trees, n_features: int) -> None:
    """Raise ValueError where an array is of another length, or a number points where nothing is.

    Every node but the roots is the child of one node of its own tree that stands before it, and every leaf of one
    node: so there is no circle, and whoever walks a tree comes to a leaf.
    """
    nodes, leaves = len(trees.features), len(trees.values)
    if any(len(getattr(trees, name)) != nodes for name in ("splits", "missing_left", "left", "right")):
        raise ValueError("columns of the trees are of different lengths")
    if not len(trees.roots) or trees.roots[0] != 0 or (np.diff(trees.roots) <= 0).any() or trees.roots[-1] >= nodes:
        raise ValueError("the roots of the trees are not in order")
    if (
        leaves != nodes + len(trees.roots)
        or not (np.abs(trees.values) <= LARGEST).all()
        or np.isnan(trees.splits).any()
    ):
        raise ValueError("a number of the trees is missing or is none")
    if ((trees.features < 0) | (trees.features >= n_features)).any():
        raise ValueError("a tree reads a feature that does not exist")
    children = np.column_stack([trees.left, trees.right]).ravel()
    named = np.sort(children)
    inner = np.setdiff1d(np.arange(nodes), trees.roots)
    # leaves are numbered below zero: all of them, then all nodes but the roots, each once
    if not np.array_equal(named, np.concatenate([np.arange(-leaves, 0), inner])):
        raise ValueError("a node or leaf of the trees has no parent, or two")
    parents = np.repeat(np.arange(nodes), 2)
    below = children >= 0
    tree_of = np.searchsorted(trees.roots, np.arange(nodes), side="right")
    if (children[below] <= parents[below]).any() or (tree_of[children[below]] != tree_of[parents[below]]).any():
        raise ValueError("a node of the trees is its own ancestor, or of another tree")
    level, depth = trees.roots, 0
    while len(level):
        depth += 1
        if depth > MOST_DEPTH:
            raise ValueError(f"a tree is more than {MOST_DEPTH} nodes deep")
        level = np.concatenate([trees.left[level], trees.right[level]])
        level = level[level >= 0]


def trees_of_text(text: str, n_features: int) -> tuple[Trees, Cover]:
    """Trees and cover from the text form that LightGBM gives its models.

    Parameters
    ----------
    n_features : how many columns the trees may read.

    Raises
    ------
    ValueError : the text is not of that form, or has trees of categories or of linear leaves.
    """
    columns: dict[str, list[Doubles]] = {}
    roots: list[int] = []
    nodes = leaves = 0
    for number, told in enumerate(sections(text)):
        if told.get("Tree") != str(number) or told.get("num_cat", "0") != "0" or told.get("is_linear", "0") != "0":
            raise ValueError(f"tree {number} is not as LightGBM writes it here")
        tree = one_tree(told, nodes, leaves)
        roots.append(nodes)
        nodes, leaves = nodes + len(tree["features"]), leaves + len(tree["values"])
        for name, values in tree.items():
            columns.setdefault(name, []).append(values)
    if not roots:
        raise ValueError("no tree")
    whole = {name: np.concatenate(parts) for name, parts in columns.items()}
    integers = {name: whole[name].astype(np.int64) for name in ("features", "left", "right")}
    flags = whole["missing_left"] != 0
    trees = Trees(
        np.asarray(roots, np.int64), splits=whole["splits"], missing_left=flags, values=whole["values"], **integers
    )
    check_trees(trees, n_features)
    cover = Cover(whole["node_rows"], whole["leaf_rows"])
    check_cover(trees, cover)
    return trees, cover


def check_cover(trees: Trees, cover: Cover) -> None:
    """Raise ValueError where the rows of a node are not those of its children."""
    if any(not ((rows >= 1) & (rows <= MOST_ROWS)).all() for rows in (cover.nodes, cover.leaves)):
        raise ValueError("a leaf of the trees has no rows")
    if not (lone_leaves(trees, cover) | (cover.of(trees.left) + cover.of(trees.right) == cover.nodes)).all():
        raise ValueError("rows of the trees do not add up")


def lone_leaves(trees: Trees, cover: Cover) -> Booleans:
    """(nodes,) whether each stands for a tree of one leaf: a root with two leaves that both have all of its rows."""
    lone = np.isin(np.arange(len(trees.features)), trees.roots)
    for children in (trees.left, trees.right):
        lone &= (children < 0) & (cover.of(children) == cover.nodes)
    return lone


def sections(text: str) -> Iterator[Mapping[str, str]]:
    """The lines ``name=value`` of each tree."""
    trees, *_ = re.split(r"^end of trees", text, maxsplit=1, flags=re.MULTILINE)
    for section in re.split(r"^(?=Tree=)", trees, flags=re.MULTILINE)[1:]:
        yield dict(line.split("=", 1) for line in section.splitlines() if "=" in line)


def one_tree(told: Mapping[str, str], first_node: int, first_leaf: int) -> dict[str, Doubles]:
    """Columns of a tree, its nodes and leaves numbered from *first_node* and *first_leaf*, parents first."""
    leaves = int(told["num_leaves"])
    if leaves == 1:
        value, rows = (float(told.get(name, "") or 1) for name in LEAF_LINES)
        if "leaf_value" not in told:
            raise ValueError("a leaf has no value")
        alone = {"features": [0], "splits": [0], "missing_left": [0], "node_rows": [max(rows, 1)]}
        ends = {"left": [-1 - first_leaf], "right": [-2 - first_leaf]}
        both = {"values": [value] * 2, "leaf_rows": [max(rows, 1)] * 2}
        return {name: np.asarray(values, np.float64) for name, values in (alone | ends | both).items()}
    read = {name: numbers(told, name, leaves - 1) for name in NODE_LINES}
    read |= {name: numbers(told, name, leaves) for name in LEAF_LINES}
    kinds = read["decision_type"].astype(np.int64)
    if ((kinds & CATEGORICAL) != 0).any():
        raise ValueError("a tree splits on categories")
    splits = np.clip(read["threshold"], -INFINITE, INFINITE)
    # where no value was missing in training, LightGBM reads a missing one as zero
    missing_left = np.where((kinds >> 2) & 3 == MISSING_NAN, (kinds & DEFAULT_LEFT) != 0, splits >= 0)
    children = np.column_stack([read["left_child"], read["right_child"]]).astype(np.int64)
    order, ends_at = parents_first(children, leaves)
    place = np.empty(leaves - 1, np.int64)
    place[order] = np.arange(leaves - 1)
    leaf_place = np.empty(leaves, np.int64)
    leaf_place[ends_at] = np.arange(leaves)
    turned = children[order]
    ends = -1 - first_leaf - leaf_place[(-1 - turned).clip(0)]
    named = np.where(turned >= 0, first_node + place[turned.clip(0)], ends)
    return {
        "features": read["split_feature"][order],
        "splits": splits[order],
        "missing_left": missing_left[order].astype(np.float64),
        "left": named[:, 0].astype(np.float64),
        "right": named[:, 1].astype(np.float64),
        "values": read["leaf_value"][ends_at],
        "node_rows": read["internal_count"][order],
        "leaf_rows": read["leaf_count"][ends_at],
    }


def numbers(told: Mapping[str, str], name: str, count: int) -> Doubles:
    """The numbers of a line, (count,)."""
    found = np.array([float(word) for word in told[name].split()], np.float64)
    if len(found) != count or np.isnan(found).any():
        raise ValueError(f"'{name}' has not {count} numbers")
    if name in WHOLE and not ((np.abs(found) <= MOST_ROWS) & (found == np.floor(found))).all():
        raise ValueError(f"'{name}' holds what is not a whole number")
    return found


def parents_first(children: Integers, leaves: int) -> tuple[Integers, Integers]:
    """The order in which a walk from the root, left before right, meets the nodes, and the one of the leaves.

    Raises
    ------
    ValueError : a child is not a node or leaf, or is met twice, or some are never met.
    """
    if ((children >= len(children)) | (children < -leaves)).any():
        raise ValueError("a node has a child that does not exist")
    nodes: list[int] = []
    ends: list[int] = []
    waiting = [0]
    # more nodes than there are: one was met twice, and the walk might never end
    while waiting and len(nodes) <= len(children):
        child = waiting.pop()
        if child < 0:
            ends.append(-1 - child)
        else:
            nodes.append(child)
            left, right = children[child].tolist()
            waiting += [right, left]
    if sorted(nodes) != list(range(len(children))) or sorted(ends) != list(range(leaves)):
        raise ValueError("a node or leaf of a tree has no parent, or two")
    return np.asarray(nodes, np.int64), np.asarray(ends, np.int64)
