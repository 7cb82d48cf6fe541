"""What a campaign has spent. The judgment cache is the ledger: an answer is in it once, so it is counted once.

A campaign keeps the answers of all its steps in a cache of its own. Between two checkpoints, the growth of that cache
is what the step cost, however often it was killed and begun again. Beyond that it counts what no cache can know: tries
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


@dataclass(frozen=True)
class Expense:
    """Money in USD, answers, seconds."""

    money: float = 0.0
    judgments: int = 0
    seconds: float = 0.0

    def __add__(self, other: Expense) -> Expense:
        return Expense(self.money + other.money, self.judgments + other.judgments, self.seconds + other.seconds)

    def __sub__(self, other: Expense) -> Expense:
        return Expense(self.money - other.money, self.judgments - other.judgments, self.seconds - other.seconds)

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {"money": self.money, "judgments": self.judgments, "seconds": self.seconds}

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Expense:
        """What :meth:`as_dict` told."""
        return cls(float(told["money"]), int(told["judgments"]), float(told["seconds"]))


@dataclass(frozen=True)
class CampaignLedger:
    """The books of a campaign.

    Attributes
    ----------
    cache : the campaign's own judgment cache. prices : by the name of the endpoint; of two that share a name, the
        dearer. marks : folder of the marks of steps under way.
    """

    goal: Goal
    cache: Path
    marks: Path
    prices: Mapping[str, PricePart] = field(default_factory=dict)

    def answers(self) -> Expense:
        """What the answers in the cache cost."""
        if not self.cache.is_file():
            return Expense()
        with JudgmentCache(self.cache) as cache:
            totals = cache.tokens_by_endpoint()
        money = sum(self.price(one.endpoint).of(one.input_tokens, one.output_tokens) for one in totals)
        return Expense(money, sum(one.answers for one in totals))

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

    def begin(self, step: str, at_once: int) -> Path:
        """Mark that a step begins in which so many requests may be under way at once; the mark of this attempt."""
        self.marks.mkdir(exist_ok=True)
        mark = self.marks / f"{uuid.uuid4().hex}.json"
        write_text(mark, json.dumps({"step": step, "at_once": at_once}))
        return mark

    def lost(self, booked: Mapping[str, Any]) -> dict[str, dict[str, float]]:
        """By attempt, USD and seconds of steps that were killed and are not in *booked*; marks that are go away."""
        found = {}
        for mark in sorted(self.marks.glob("*.json")):
            if mark.stem in booked:
                mark.unlink(missing_ok=True)
                continue
            told = read_json(mark)
            files = [one for one in (self.cache, Path(f"{self.cache}-wal")) if one.exists()]
            seconds = max((one.stat().st_mtime for one in files), default=0.0) - mark.stat().st_mtime
            money = float(told["at_once"]) * self.dearest_answer()
            found[mark.stem] = {"money": money, "seconds": max(seconds, 0.0)}
        return found

    def left(self, spent: Expense) -> dict[str, Any]:
        """What each limit of the budget still allows, 0 or more; None where there is no limit."""
        budget, gone = self.goal.budget, spent.as_dict()
        limits = {"money": budget.money, "judgments": budget.judgments, "seconds": budget.seconds}
        return {name: None if one is None else max(one - gone[name], 0) for name, one in limits.items()}
