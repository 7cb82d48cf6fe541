"""What a campaign has spent. The judgment cache is the ledger: an answer is in it once, so it is counted once.

A campaign keeps the answers of all its steps in a cache of its own. Between two checkpoints, the growth of that cache is
what the step cost, however often it was killed and begun again. Beyond that it counts what no cache can know: tries
that were paid and brought no answer, and what was under way when a step was killed, at its dearest.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sie_agent.campaign.goal import Goal
from sie_agent.files.json_files import read_json
from sie_agent.files.manifest import write_text
from sie_agent.judging import JudgmentCache, PricePart

FREE = PricePart(input=0.0, output=0.0)
MARK = "running.json"


@dataclass(frozen=True)
class Spent:
    """Money in USD, answers, seconds."""

    money: float = 0.0
    judgments: int = 0
    seconds: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.money + other.money, self.judgments + other.judgments, self.seconds + other.seconds)

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.money - other.money, self.judgments - other.judgments, self.seconds - other.seconds)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {"money": self.money, "judgments": self.judgments, "seconds": self.seconds}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Spent:
        """What :meth:`as_dict` told."""
        return cls(float(told["money"]), int(told["judgments"]), float(told["seconds"]))


@dataclass(frozen=True)
class Ledger:
    """The books of a campaign.

    Attributes
    ----------
    cache : the campaign's own judgment cache. prices : by the name of the endpoint; of two that share a name, the
        dearer. folder : where the mark of a step under way lies.
    """

    goal: Goal
    cache: Path
    folder: Path
    prices: Mapping[str, PricePart] = field(default_factory=dict)

    def answers(self) -> Spent:
        """What the answers in the cache cost."""
        if not self.cache.is_file():
            return Spent()
        with JudgmentCache(self.cache) as cache:
            totals = cache.tokens_by_endpoint()
        money = sum(self.price(one.endpoint).of(one.input_tokens, one.output_tokens) for one in totals)
        return Spent(money, sum(one.count for one in totals))

    def dearest_answer(self) -> float:
        """USD of the dearest answer so far."""
        if not self.cache.is_file():
            return 0.0
        with JudgmentCache(self.cache) as cache:
            totals = cache.tokens_by_endpoint()
        return max((self.price(one.endpoint).of(one.most_input, one.most_output) for one in totals), default=0.0)

    def price(self, endpoint: str) -> PricePart:
        """The price of an endpoint's tokens; in doubt the dearest that is known."""
        if endpoint in self.prices or not self.prices:
            return self.prices.get(endpoint, FREE)
        if not endpoint:
            return FREE
        inputs, outputs = zip(*((one.input, one.output) for one in self.prices.values()), strict=True)
        return PricePart(input=max(inputs), output=max(outputs))

    @property
    def mark(self) -> Path:
        """The mark of a step that spends, there while it is under way."""
        return self.folder / MARK

    def begin(self, step: str, at_once: int) -> None:
        """Mark that a step begins in which so many requests may be under way at once."""
        write_text(self.mark, json.dumps({"attempt": uuid.uuid4().hex, "step": step, "at_once": at_once}))

    def end(self) -> None:
        """The step ended by itself: nothing is under way."""
        self.mark.unlink(missing_ok=True)

    def lost(self) -> dict[str, float]:
        """USD that may have been under way when a step was killed, by the attempt; empty where none was."""
        if not self.mark.is_file():
            return {}
        told = read_json(self.mark)
        return {str(told["attempt"]): float(told["at_once"]) * self.dearest_answer()}

    def left(self, spent: Spent) -> dict[str, Any]:
        """What each limit of the budget still allows, 0 or more; None where there is no limit."""
        budget, gone = self.goal.budget, spent.as_dict()
        limits = {"money": budget.money, "judgments": budget.judgments, "seconds": budget.seconds}
        return {name: None if one is None else max(one - gone[name], 0) for name, one in limits.items()}
