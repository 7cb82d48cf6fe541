"""What an agent may do: which pairs it takes, what it looks up, how far it goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sie_agent.agent.tools import TOOLS
from sie_agent.errors import InputError

ORDERS = ("fixed", "model")
# the variant that shows evidence, by what a backend can answer
VARIANTS = {
    "graded": "relevance/with-evidence",
    "likelihood": "relevance/query-likelihood-evidence",
    "lexical": "relevance/lexical-evidence",
}
PROFILE_VARIANT = "profile/item"
SURE_ENOUGH = 0.5


@dataclass(frozen=True)
class AgentSettings:
    """How hard cases are judged.

    Attributes
    ----------
    share : of the pairs, the least sure ones first; at most one of *share*, *budget* and *above_entropy* is given. All
        are taken where none is.
    budget : so many pairs instead.
    above_entropy : pairs whose uncertainty is above this instead: entropy as a share of its largest possible value, 0
        to 1.
    variant : the prompt variant that shows evidence; by the backend where none is named.
    tools : what may be looked up, in this order; `profile` alone if not given, all where a model chooses or the judge
        cannot write.
    order : fixed: what costs nothing first, then what asks the judge, one by one; model: the judge's model chooses.
    settle : a pair is settled at this uncertainty or below; as low as that of the pairs that are not taken if not
        given, and 0.5 where all are taken.
    hand_over : pairs that are less sure than this when all is done go to people; none if not given.
    max_calls_per_pair, max_tokens_per_pair, max_cost_per_pair : limits on what a pair may take; tokens in and out, USD.
    max_calls, max_tokens, max_cost : the same for the whole run. Answers from the cache count as if they were asked, so
        that a run that goes on ends where it would have ended.
    by_meaning : whether near pairs are put in order by the sentence encoder, of those that share words.
    wave : pairs that go through the graph together.

    Raises
    ------
    InputError : a number out of its range, an unknown tool or order.
    """

    share: float | None = None
    budget: int | None = None
    above_entropy: float | None = None
    variant: str | Path | None = None
    tools: Sequence[str] | None = None
    order: str = "fixed"
    settle: float | None = None
    hand_over: float | None = None
    max_calls_per_pair: int | None = 8
    max_tokens_per_pair: int | None = None
    max_cost_per_pair: float | None = None
    max_calls: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    by_meaning: bool = False
    wave: int = 1000

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.share, self.budget, self.above_entropy)) > 1:
            problem = "the hard pairs are given by more than one of --share, --budget and --above-entropy"
            raise InputError(problem, hint="Give one of them")
        for name in ("share", "above_entropy", "settle", "hand_over"):
            self._check(name, 0.0, 1.0)
        for name in (one.name for one in fields(self) if one.name.startswith("max_") or one.name in ("budget", "wave")):
            self._check(name, 0.0 if "cost" in name else 1)
        named = () if self.tools is None else self.tools
        if not isinstance(named, list | tuple) or not all(isinstance(name, str) for name in named):
            hint = f"The tools are: {', '.join(TOOLS)}"
            raise InputError(f"expected a list of tools, found {named}", where=option("tools"), hint=hint)
        if self.variant is not None and not isinstance(self.variant, str | Path):
            raise InputError(f"expected the name of a variant, found {self.variant}", where=option("variant"))
        if not isinstance(self.by_meaning, bool):
            raise InputError(f"expected true or false, found {self.by_meaning}", where=option("by_meaning"))
        if strange := [name for name in named if name not in TOOLS]:
            hint = f"The tools are: {', '.join(TOOLS)}"
            raise InputError(f"unknown tool '{strange[0]}'", where=option("tools"), hint=hint)
        if len(set(named)) != len(named):
            raise InputError("a tool is named twice", where=option("tools"))
        if self.order not in ORDERS:
            raise InputError(f"expected one of {', '.join(ORDERS)}, found '{self.order}'", where=option("order"))

    def _check(self, name: str, least: float, most: float = float("inf")) -> None:
        value: Any = getattr(self, name)
        if value is None:
            return
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not least <= value <= most:
            told = f"from {least:g} to {most:g}" if most < float("inf") else f"of at least {least:g}"
            raise InputError(f"expected a number {told}, found {value}", where=option(name))


def option(name: str) -> str:
    """A setting as the command line calls it."""
    return f"--{name.replace('_', '-')}"
