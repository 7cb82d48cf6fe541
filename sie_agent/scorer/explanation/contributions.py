"""What each feature adds to the prediction of trees: SHAP values, exact, with the trees' own cover as the background.

For a leaf of value v, let feature i be on its path. o_i says whether the row meets all conditions of the path on i
(0 or 1); z_i is the share of training rows that do, as the covers along the path tell. Without the features that are
left out, the leaf adds v times the product of o over those that are in and of z over the others (TreeSHAP's
path-dependent background, Lundberg 2018). The Shapley value of such a product is an integral over the chance t that a
feature is in (Owen 1972, the multilinear extension):

    φ_i = v · (o_i - z_i) · ∫₀¹ Π_{j≠i} (t·o_j + (1 - t)·z_j) dt,

a polynomial of degree d - 1 for d features, which Gauss-Legendre quadrature with ⌈d / 2⌉ places integrates exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sie_agent.errors import InputError
from sie_agent.scorer.trees import Cover, Integers, Trees, lone_leaves
from sie_agent.utils.arrays import Booleans, Doubles

# of numbers at once: what is held in memory
MOST_AT_ONCE = 4_000_000
# of all leaves together; trees of the usual size have some ten thousand
MOST_CONDITIONS = 20_000_000
SMALLER = "Distill a scorer of fewer trees or leaves."


@dataclass(frozen=True)
class Paths:
    """The conditions of all leaves, those on one feature of one leaf together.

    Attributes
    ----------
    nodes, to_left : (conditions,) the node, and whether the leaf lies to its left.
    starts : (slots,) the first condition of each slot, a feature on the path of a leaf; sorted by leaf.
    leaves, features, shares : (slots,) the slot's leaf, its feature, and z.
    """

    nodes: Integers
    to_left: Booleans
    starts: Integers
    leaves: Integers
    features: Integers
    shares: Doubles


def contributions(trees: Trees, cover: Cover, inputs: npt.NDArray[np.floating]) -> Doubles:
    """(n, d + 1): what each of d inputs adds to the prediction of each row, and what no input adds, the mean, last.

    Parameters
    ----------
    trees, cover : checked, see :func:`sie_agent.scorer.trees.trees_of_text`. inputs : (n, d).

    Raises
    ------
    InputError : the trees are so large that the way to each leaf does not fit in memory.
    """
    rows, width = inputs.shape
    values = np.asarray(inputs, np.float64)
    found = np.zeros((rows, width + 1))
    found[:, -1] = mean_prediction(trees, cover)
    paths = paths_of(trees, cover)
    sizes = np.bincount(paths.leaves, minlength=len(trees.values))
    first_slot = np.cumsum(sizes) - sizes
    at_once = max(1, MOST_AT_ONCE // max(1, len(paths.nodes)))
    for start in range(0, rows, at_once):
        block = slice(start, start + at_once)
        met = slots_met(trees, paths, values[block])
        for depth, leaves in leaves_by_depth(sizes, len(met)):
            slots = first_slot[leaves][:, None] + np.arange(depth)
            effects = shapley(met[:, slots], paths.shares[slots]) * trees.values[leaves][:, None]
            for row, effect in zip(found[block], effects, strict=True):
                row[:-1] += np.bincount(paths.features[slots].ravel(), effect.ravel(), width)
    return found


def mean_prediction(trees: Trees, cover: Cover) -> float:
    """Mean of the trees' predictions over the rows that they were fitted to."""
    # every tree has one leaf more than it has nodes
    tree_of = np.repeat(np.arange(len(trees)), np.diff(trees.roots, append=len(trees.features)) + 1)
    totals = np.bincount(tree_of, cover.leaves)
    return float((trees.values * cover.leaves / totals[tree_of]).sum())


def paths_of(trees: Trees, cover: Cover) -> Paths:
    """The conditions of each leaf; a tree of one leaf has none that a row could fail, and none here."""
    nodes: list[int] = []
    sides: list[bool] = []
    leaves: list[int] = []
    above: dict[int, tuple[tuple[int, bool], ...]] = dict.fromkeys(trees.roots.tolist(), ())
    for node in np.flatnonzero(~lone_leaves(trees, cover)).tolist():
        path = above.pop(node)
        for child, left in ((int(trees.left[node]), True), (int(trees.right[node]), False)):
            longer = (*path, (node, left))
            if child >= 0:
                above[child] = longer
                continue
            if len(nodes) + len(longer) > MOST_CONDITIONS:
                raise InputError("the scorer's trees are too large to be explained", hint=SMALLER)
            nodes += [place for place, _ in longer]
            sides += [side for _, side in longer]
            leaves += [-1 - child] * len(longer)
    return grouped(trees, cover, *(np.asarray(column, np.int64) for column in (nodes, sides, leaves)))


def grouped(trees: Trees, cover: Cover, nodes: Integers, sides: Integers, leaves: Integers) -> Paths:
    """The conditions sorted by leaf and feature."""
    features = trees.features[nodes]
    order = np.lexsort((features, leaves))
    nodes, sides, leaves, features = nodes[order], sides[order], leaves[order], features[order]
    fresh = np.ones(len(nodes), bool)
    fresh[1:] = (np.diff(leaves) != 0) | (np.diff(features) != 0)
    starts = np.flatnonzero(fresh)
    shares = cover.of(np.where(sides == 1, trees.left[nodes], trees.right[nodes])) / cover.nodes[nodes]
    product = np.multiply.reduceat(shares, starts) if len(starts) else shares
    return Paths(nodes, sides == 1, starts, leaves[starts], features[starts], product)


def slots_met(trees: Trees, paths: Paths, inputs: Doubles) -> Booleans:
    """(n, slots) whether each row meets all conditions of each slot."""
    if not len(paths.starts):
        return np.zeros((len(inputs), 0), bool)
    read = inputs[:, trees.features]
    goes_left = np.where(np.isnan(read), trees.missing_left, read <= trees.splits)
    holds = goes_left[:, paths.nodes] == paths.to_left
    return np.asarray(np.logical_and.reduceat(holds, paths.starts, axis=1))


def leaves_by_depth(sizes: Integers, rows: int) -> Iterator[tuple[int, Integers]]:
    """Leaves with the same number of features on their path, few enough to be reckoned at once."""
    for depth in np.unique(sizes[sizes > 0]).tolist():
        leaves = np.flatnonzero(sizes == depth)
        step = max(1, MOST_AT_ONCE // (rows * depth * ((depth + 1) // 2)))
        for start in range(0, len(leaves), step):
            yield depth, leaves[start : start + step]


def shapley(met: Booleans, shares: Doubles) -> Doubles:
    """Shapley values of products: (n, leaves, d) from o, (n, leaves, d), and z, (leaves, d)."""
    depth = shares.shape[-1]
    places, weights = np.polynomial.legendre.leggauss((depth + 1) // 2)
    chances, weights = (places + 1) / 2, weights / 2
    factors = met[..., None] * chances + shares[..., None] * (1 - chances)
    # no factor is zero: a chance lies inside of (0, 1), and no share is zero
    others = factors.prod(axis=2, keepdims=True) / factors
    return np.asarray((others @ weights) * (met - shares))
