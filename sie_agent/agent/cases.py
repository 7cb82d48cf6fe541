"""A pair on its way through the agent: what is known of it, what it took, and every step."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

TRACE_TEXTS = ("sample_id", "query", "item_id")
TRACE_TYPES: dict[str, str] = {
    **dict.fromkeys(TRACE_TEXTS, "str"),
    "step": "int64",
    **dict.fromkeys(("node", "tool", "arguments", "evidence", "variant", "model"), "str"),
    **dict.fromkeys(("score_before", "score", "entropy"), "float64"),
    "status": "str",
    **dict.fromkeys(("calls", "input_tokens", "output_tokens"), "int64"),
    "cost": "float64",
    "cached": "bool",
    "seconds": "float64",
    "why": "str",
}
TRACE_COLUMNS = tuple(TRACE_TYPES)
EMPTY: dict[str, Any] = {
    **dict.fromkeys(("tool", "evidence", "variant", "model", "status", "why"), ""),
    "arguments": "{}",
    **dict.fromkeys(("score_before", "score", "entropy"), math.nan),
    **dict.fromkeys(("calls", "input_tokens", "output_tokens"), 0),
    **{"cost": 0.0, "cached": False, "seconds": 0.0},
}


@dataclass
class Used:
    """What answers took; those from the cache count as if they were asked."""

    calls: int = 0
    tokens: int = 0
    cost: float = 0.0

    def add(self, calls: int, tokens: int, cost: float) -> None:
        """Count more."""
        self.calls += calls
        self.tokens += tokens
        self.cost += cost


@dataclass
class Case:
    """A hard pair.

    Attributes
    ----------
    place : of its row among those that were given.
    row : the texts of the pair, and who asked; no grade and no label.
    one_pass : its judgment, as the one-pass judge gave it. uncertainty : of the latest judgment, 0 to 1.
    next : the node that has something to do for it; empty when it is done.
    picks : what is to be looked up next, with the words to look for.
    used : what was looked up. evidence : lines of text, as they are shown.
    judged : the latest judgment with evidence that has a score. status : of the latest answer.
    level : who judges: 0 the judge, then the stronger ones.
    why : why it stopped. handed : whether people have to grade it.
    """

    place: int
    row: dict[str, Any]
    one_pass: Mapping[str, Any]
    uncertainty: float
    next: str = "choose"
    picks: list[tuple[str, str]] = field(default_factory=list)
    used: set[tuple[str, str]] = field(default_factory=set)
    evidence: list[str] = field(default_factory=list)
    judged: dict[str, Any] | None = None
    status: str = ""
    enough: bool = False
    level: int = 0
    why: str = ""
    handed: bool = False
    total: Used = field(default_factory=Used)
    steps: list[dict[str, Any]] = field(default_factory=list)

    @property
    def score(self) -> float:
        """The latest score; that of the one-pass judge before there is another."""
        return float((self.judged or self.one_pass)["score"])

    def note(self, node: str, *, arguments: Mapping[str, Any] | None = None, **more: Any) -> None:
        """Write down a step."""
        named = {name: str(self.row[name]) for name in TRACE_TEXTS}
        told = {"arguments": json.dumps(arguments or {}, ensure_ascii=False, sort_keys=True), **more}
        self.steps.append({**named, "step": len(self.steps), "node": node, **EMPTY, **told})

    def finish(self, why: str) -> None:
        """Nothing more is done for it."""
        self.next, self.why = "", why


def traces_of(cases: list[Case]) -> pd.DataFrame:
    """The steps of all cases, in their order."""
    steps = [step for case in cases for step in case.steps]
    return pd.DataFrame.from_records(steps, columns=list(TRACE_COLUMNS)).astype(TRACE_TYPES)
