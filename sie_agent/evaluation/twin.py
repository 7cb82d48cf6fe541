"""The knowledge-removed twin of a judge: what its answers share with words or positions, without what it knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from sie_agent.utils.arrays import Doubles, Integers

LEAST_COVERED = 0.8
LEAST_ROWS = 3


@dataclass(frozen=True)
class Twin:
    """Answers with the knowledge of the grade taken out.

    Attributes
    ----------
    relevance : (n,) in (0, 1), NaN where the judge has no answer.
    cells : ``grade`` where a cell is the rows of one query and one grade; ``relevant`` where it is those of one query
        that are relevant, or those that are not.
    covered : share of the judged rows, in [0, 1], that share their cell with two others at least; NaN without any.
        In a cell of one row nothing is left of the judge's answer: it becomes 1/2.
    """

    relevance: Doubles
    cells: Literal["grade", "relevant"]
    covered: float


def knowledge_removed(relevance: Doubles, queries: Integers, grade: Doubles, relevant_at: float, seed: int) -> Twin:
    """Replace each answer by (rank - 1/2) / n among the judge's answers to the n rows of its cell.

    The values of a cell lie symmetrically around 1/2, whatever n is. So every cell, and with it every query, has the
    mean 1/2; and of two cells as many pairs are in order as are not: within-query accuracy against what the cells
    are made of is 1/2 exactly, for every judge. The order within cells stays the judge's. Grades are read, so a twin
    is for evaluation only.

    Cells by grade are used where at least 80 % of the judged rows share theirs with two others; else, as most answers
    would become 1/2, cells by relevant or not. Then what the judge knows of grades on the same side of *relevant_at*
    is left, which can be much: such a twin has accuracy 1/2 against relevant or not, and is to be compared by that.

    Parameters
    ----------
    relevance : (n,) the judge's answers, NaN where it has none.
    queries : (n,) query codes; grade : (n,) human grade, known wherever the judge has an answer.
    relevant_at : grade from which on a row is relevant; seed : of the order of equal answers within a cell.
    """
    judged = np.flatnonzero(~np.isnan(relevance))
    relevant = (grade[judged] >= relevant_at).astype(np.float64)
    cells: Literal["grade", "relevant"] = "grade"
    codes, covered = cells_of(queries[judged], grade[judged])
    if covered < LEAST_COVERED:
        cells = "relevant"
        codes, covered = cells_of(queries[judged], relevant)
    found = np.full(len(relevance), np.nan)
    found[judged] = ranks_within(relevance[judged], codes, seed)
    return Twin(found, cells, covered)


def cells_of(queries: Integers, kind: Doubles) -> tuple[Integers, float]:
    """(n,) a code for each pair of query and kind that occurs, and the share of rows in cells of three or more."""
    _, kinds = np.unique(kind, return_inverse=True)
    _, codes, counts = np.unique(queries * (kinds.max(initial=0) + 1) + kinds, return_inverse=True, return_counts=True)
    return codes, float((counts[codes] >= LEAST_ROWS).mean()) if len(codes) else float("nan")


def ranks_within(values: Doubles, cells: Integers, seed: int) -> Doubles:
    """(n,) (rank - 1/2) / size among the values of the same cell, equal values in random order."""
    chance = np.random.default_rng(seed).random(len(values))
    order = np.lexsort((chance, values, cells))
    counts = np.bincount(cells)
    before = np.cumsum(counts) - counts
    places = np.empty(len(values))
    places[order] = np.arange(len(values)) - before[cells[order]]
    return np.asarray((places + 0.5) / counts[cells])
