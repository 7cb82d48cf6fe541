"""Every two arms: which is better for certain, which are the same, and what is open."""

from __future__ import annotations

from dataclasses import dataclass

from sie_agent.report.comparison.arms import ShownArm, ShownComparison
from sie_agent.report.number_words import count, interval, number, signed
from sie_agent.results.comparison_rows import PairDecision

MARKS = {"better": "▲", "worse": "▼", "same": "=", "open": "?", "self": ""}


@dataclass(frozen=True)
class Cell:
    """Two arms, from the side of the arm of the row.

    Attributes
    ----------
    kind : ``better``, ``worse``, ``same``, ``open``, or ``self`` on the diagonal.
    word, difference, p : in words; told : all of it with the interval, for the pointer.
    """

    kind: str
    word: str = ""
    difference: str = ""
    p: str = ""
    told: str = ""

    @property
    def mark(self) -> str:
        """The kind as a sign, for those who do not see colours."""
        return MARKS[self.kind]


@dataclass(frozen=True)
class Matrix:
    """All pairs of arms; ``rows`` holds an arm and its cells, in the order of the arms."""

    arms: list[ShownArm]
    rows: list[tuple[ShownArm, list[Cell]]]
    undecided: int
    pairs: int


def matrix_of(compared: ShownComparison) -> Matrix | None:
    """The matrix; None where nothing was tested."""
    decision = compared.found.decision
    if decision is None or not decision.pairs:
        return None
    held = {(pair.first, pair.second): pair for pair in decision.pairs}
    rows = [
        (arm, [_cell(arm.name, other.name, held) for other in compared.arms])
        for arm in compared.arms
        if any(arm.name in names for names in held)
    ]
    undecided = sum(_kind(pair, pair.first) == "open" for pair in decision.pairs)
    return Matrix(compared.arms, rows, undecided, len(decision.pairs))


def _kind(pair: PairDecision, name: str) -> str:
    if pair.better is not None:
        return "better" if pair.better == name else "worse"
    return "same" if pair.equivalent or pair.identical else "open"


def _cell(row: str, column: str, held: dict[tuple[str, str], PairDecision]) -> Cell:
    if row == column:
        return Cell("self")
    # a pair's difference is its second arm less its first
    pair, sign = held.get((column, row)), 1.0
    if pair is None:
        pair, sign = held.get((row, column)), -1.0
    if pair is None:
        return Cell("open", word="not compared", told=f"{row} and {column} were not compared")
    kind = _kind(pair, row)
    if pair.identical:
        told = f"{row} and {column} are byte-identical on {count(pair.n_queries, 'query', 'queries')}"
        return Cell(kind, word="byte-identical", told=told)
    difference = None if pair.difference is None else sign * pair.difference
    ends = [None if end is None else sign * end for end in (pair.ci_low, pair.ci_high)]
    low, high = ends if sign > 0 else ends[::-1]
    p = pair.p_equivalent if kind == "same" else pair.p_holm
    need = f"; about {count(pair.queries_needed)} graded queries would decide it" if pair.queries_needed else ""
    tested = "equivalence" if kind == "same" else "no difference"
    shown = signed(difference) if difference is not None else ""
    told = (
        f"{row} less {column}: {shown} (95 % interval {interval(low, high, 3)}), "
        f"p of {tested} after Holm {p_words(p)}, {count(pair.n_queries, 'query', 'queries')}{need}"
    )
    return Cell(kind, kind, shown, f"p {p_words(p)}", told)


def p_words(p: float | None) -> str:
    """A p-value as it is read: ``0.032``, ``< 0.001``."""
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else number(p, 3)
