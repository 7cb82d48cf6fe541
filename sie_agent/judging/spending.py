"""What a run pays for its answers, and whether there is money for more."""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from sie_agent.judging.answers import Answer, Message, Request
from sie_agent.judging.backends.endpoints import PricePart
from sie_agent.judging.backends.http.form import GRADE_TOKENS
from sie_agent.judging.prompts.variants import Variant
from sie_agent.judging.reasons import Reasons

GRADE_BINS = 10
# no tokenizer in use makes more than a token of a byte; what is seen to cost more counts with a margin
TOKENS_PER_BYTE = 1.0
TOKENS_PER_MESSAGE = 16
MARGIN = 1.25


@dataclass
class Account:
    """What a run asked and what it paid for; answers from the cache cost nothing and count in the table alone.

    ``models`` and ``endpoints`` count judgments with a score, cached ones as well: what the result consists of.
    """

    asked: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    rows: int = 0
    cached: int = 0
    reasons: Reasons = field(default_factory=Reasons)
    models: Counter[str] = field(default_factory=Counter)
    endpoints: Counter[str] = field(default_factory=Counter)
    spread: list[int] = field(default_factory=lambda: [0] * GRADE_BINS)

    def add_spent(self, other: Account) -> None:
        """Count what another session asked and paid for; its judgments are not part of this one's result."""
        self.asked += other.asked
        self.failed += other.failed
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        if other.cost is not None:
            self.cost = (self.cost or 0.0) + other.cost

    @property
    def causes(self) -> Counter[str]:
        """Judgments without a score, by status."""
        return self.reasons.counts

    def add_table(self, table: pd.DataFrame) -> None:
        """Count the judgments of a finished table."""
        graded = table["score"].notna().to_numpy()
        self.rows += len(table)
        self.cached += int(table["cached"].sum())
        failed = table.loc[~graded, ["status", "detail"]]
        self.reasons.add_all(zip(failed["status"], failed["detail"], strict=True))
        self.models.update(table.loc[graded, "model"].tolist())
        self.endpoints.update(name for name in table.loc[graded, "endpoint"].tolist() if name)


class Spending:
    """The books of a run: each try as it ends, those under way at their dearest. Safe for several threads.

    Parameters
    ----------
    account : where tokens and cost are added up.
    prices : by the name of the endpoint. max_cost : USD that the run may cost; None for no limit.

    Attributes
    ----------
    next_may_cost : USD that the answer may cost for which there was no room; None while there was for all.
    """

    def __init__(self, account: Account, prices: Mapping[str, PricePart], max_cost: float | None) -> None:
        self._account = account
        self._prices = prices
        self._max_cost = max_cost
        self._books = threading.Lock()
        self._reserved: dict[str, float] = {}
        self._waiting: set[str] = set()
        self.next_may_cost: float | None = None
        self._booked: set[str] = set()
        self._unknown = 0.0
        self._per_byte = TOKENS_PER_BYTE
        self._most_output = 0
        self._dearest_input: dict[str, int] = {}
        self._longest_allowed: dict[str, int] = {}

    def ended(self, request: Request, answer: Answer) -> None:
        """A request is over; its tokens are booked, unless each try was."""
        with self._books:
            self._reserved.pop(request.key, None)
            self._waiting.discard(request.key)
            if request.key not in self._booked:
                self._book(answer.endpoint, answer.input_tokens, answer.output_tokens)
            self._booked.discard(request.key)

    def _book(self, endpoint: str, input_tokens: int, output_tokens: int) -> None:
        account = self._account
        account.input_tokens += input_tokens
        account.output_tokens += output_tokens
        if account.cost is not None and (price := self._prices.get(endpoint)) is not None:
            account.cost += price.of(input_tokens, output_tokens)

    def paid(self, request: Request, variant: Variant, endpoint: str, input_tokens: int, output_tokens: int) -> None:
        """A try of a request cost so many tokens, whatever it brought; without any, it counts at its dearest."""
        with self._books:
            seen = self._dearest_input.get(variant.name, 0)
            self._dearest_input[variant.name] = max(seen, input_tokens)
            if not input_tokens and not output_tokens:
                self._unknown += self._dearest(request, variant) if self._prices else 0.0
                return
            self._booked.add(request.key)
            self._book(endpoint, input_tokens, output_tokens)
            length = size(request.messages)
            self._per_byte = max(self._per_byte, MARGIN * (input_tokens - TOKENS_PER_MESSAGE) / max(length, 1))
            self._most_output = max(self._most_output, output_tokens)

    def room_for(self, request: Request, variant: Variant) -> bool | None:
        """Whether the limit on cost leaves room for one more request, with those under way at their dearest.

        None where that will be known when some of them have come back; the first is asked alone, so that its cost is
        known before others are. A request that there is room for counts as under way from then on.
        """
        if self._max_cost is None:
            return True
        # the worker thread draws while the main thread counts
        with self._books:
            expected = self._dearest(request, variant)
            reserved = sum(self._reserved.values())
            if reserved and variant.name not in self._dearest_input:
                return None
            if self._spent + reserved + expected > self._max_cost:
                if not reserved:
                    self.next_may_cost = expected
                return None if reserved else False
            self._reserved[request.key] = expected
            return True

    def room_again(self, request: Request, variant: Variant, output_tokens: int = 0) -> bool | None:
        """Whether the limit on cost leaves room for another try of a request that is under way.

        None where that will be known when others have come back; of those that all wait for each other, one gives up.
        """
        if self._max_cost is None:
            return True
        with self._books:
            # what one answer had to be allowed, the next have to be as well
            allowed = max(self._longest_allowed.get(variant.name, 0), output_tokens)
            self._longest_allowed[variant.name] = allowed
            key, expected = request.key, self._dearest(request, variant)
            others = {name: cost for name, cost in self._reserved.items() if name != key}
            if self._spent + sum(others.values()) + expected <= self._max_cost:
                self._reserved[key] = expected
                self._waiting.discard(key)
                return True
            if others.keys() - self._waiting:
                self._waiting.add(key)
                return None
            # until it has ended, the others wait for it
            self._waiting.discard(key)
            self.next_may_cost = expected
            return False

    @property
    def _spent(self) -> float:
        return (self._account.cost or 0.0) + self._unknown

    def _dearest(self, request: Request, variant: Variant) -> float:
        """USD that a try may cost at the dearest endpoint.

        The tokens of the dearest so far, which had the same beginning, and one for each byte of the last message: no
        tokenizer in use makes more of a byte. Where more were seen, as many, with a margin.
        """
        prices = self._prices.values()
        dearest = PricePart(input=max(one.input for one in prices), output=max(one.output for one in prices))
        seen = self._dearest_input.get(variant.name, 0)
        told = request.messages[-1:] if seen else request.messages
        tokens = seen + math.ceil(self._per_byte * size(told)) + TOKENS_PER_MESSAGE * (len(told) + 1)
        # a graded variant may have to be asked in writing: known as soon as one answer came
        written = GRADE_TOKENS if variant.method == "graded" and seen else variant.max_output_tokens
        allowed = self._longest_allowed.get(variant.name, 0)
        return dearest.of(tokens, max(written, allowed, math.ceil(MARGIN * self._most_output)))


def size(messages: Iterable[Message]) -> int:
    """Bytes of messages."""
    return sum(len(message["content"].encode("utf-8", "replace")) for message in messages)
