"""One run of a judge over a log: what was spent, when to stop, what the person at the terminal sees."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import pandas as pd

from ..errors import EnvironmentFailure, InputError
from ..events import event
from ..progress import Bar
from .answers import Answer, Message, Request, score_answer
from .arrivals import Arrival
from .backends import Accounted, Backend, Price
from .backends.form import GRADE_TOKENS
from .cache import JudgmentCache
from .reasons import Failing, Reasons
from .variants import Variant

COMMIT_COUNT = 64
GRADE_BINS = 10
SPREAD_MARKS = " ▁▂▃▄▅▆▇█"
# no tokenizer in use makes more than a token of a byte; what is seen to cost more counts with a margin
TOKENS_PER_BYTE = 1.0
TOKENS_PER_MESSAGE = 16
MARGIN = 1.25


@dataclass
class Account:
    """What a run asked and what it paid for; answers from the cache cost nothing and count in the table alone.

    ``models`` and ``endpoints`` count judgments with a grade, cached ones as well: what the result consists of.
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
        """Judgments without a grade, by status."""
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


class Session:
    """Keeps answers, counts what they cost, and says when to stop.

    Parameters
    ----------
    backend, cache : whose answers, and where they are kept.
    max_cost : USD that the answers of this run may cost; None for no limit.
    shown : the progress bar.

    Raises
    ------
    InputError : a limit on cost was given and no price is known.
    """

    def __init__(
        self, backend: Backend, cache: JudgmentCache, *, max_cost: float | None = None, shown: Bar | None = None
    ) -> None:
        self._cache = cache
        self._prices = dict(backend.prices) if isinstance(backend, Accounted) else {}
        if max_cost is not None and not self._prices:
            mend = "Give --price-input and --price-output, or a price for an endpoint"
            raise InputError("a limit on cost needs prices, and none is known", where="--max-cost", mend=mend)
        self._max_cost = max_cost
        self.shown = shown
        self.account = Account(cost=0.0 if self._prices else None)
        self.told: set[str] = set()
        self.failing = Failing()
        self.stopped: str | None = None
        self.failure: EnvironmentFailure | None = None
        self._books = threading.Lock()
        self._reserved: dict[str, float] = {}
        self._booked: set[str] = set()
        self._unknown = 0.0
        self._per_byte = TOKENS_PER_BYTE
        self._most_output = 0
        self._dearest_input: dict[str, int] = {}
        self._started = time.monotonic()

    def stop(self, reason: str) -> None:
        """Ask nothing more; what is under way is finished. *reason*: ``cost``, ``interrupted`` or ``disk``."""
        if self.stopped is None:
            self.stopped = reason
            event("stop", reason=reason)

    def keep(self, arrived: Sequence[Arrival], variant: Variant) -> None:
        """Write answers to disk; only then do they count."""
        for start in range(0, len(arrived), COMMIT_COUNT):
            part = arrived[start : start + COMMIT_COUNT]
            by_model: dict[str, list[tuple[str, Answer]]] = {}
            for one in part:
                by_model.setdefault(one.source.model, []).append((one.key, one.answer))
            for name, answers in by_model.items():
                self._cache.put(answers, variant=variant.name, model=name)
            for one in part:
                self._count(one.request, one.answer, variant)
        if self.failure is None and (trouble := self._cache.trouble) is not None:
            self.failure = trouble
            self.stop("disk")

    def _count(self, request: Request, answer: Answer, variant: Variant) -> None:
        account = self.account
        account.asked += 1
        if answer.status != "ok":
            account.failed += 1
            self.failing.given_up(answer.status)
        with self._books:
            booked = request.key in self._booked
            self._booked.discard(request.key)
            self._reserved.pop(request.key, None)
        if not booked:
            self._book(answer.endpoint, answer.input_tokens, answer.output_tokens)
        if answer.status == "ok" and (score := score_answer(variant, answer).score) == score:
            account.spread[min(int(score * GRADE_BINS), GRADE_BINS - 1)] += 1
        event(
            "answer",
            key=request.key[:16],
            status=answer.status,
            method=answer.method,
            model=answer.model,
            endpoint=answer.endpoint,
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
            latency_ms=round(answer.latency_ms, 1),
        )

    def _book(self, endpoint: str, input_tokens: int, output_tokens: int) -> None:
        account = self.account
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

    def trouble(self, endpoint: str, status: str, detail: str) -> None:
        """A try failed, which others may make good; called from a backend's thread."""
        self.failing.tried(status, detail, self._show)

    def _show(self) -> None:
        if self.shown is not None:
            self.shown.advance(0, note=self.note())

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
                return None if reserved else False
            self._reserved[request.key] = expected
            return True

    def room_again(self, request: Request, variant: Variant, output_tokens: int = 0) -> bool:
        """Whether the limit on cost leaves room for another try of a request that is under way."""
        if self._max_cost is None:
            return True
        with self._books:
            self._reserved[request.key] = self._dearest(request, variant, output_tokens)
            enough = self._spent + sum(self._reserved.values()) <= self._max_cost
        if not enough:
            self.stop("cost")
        return enough

    @property
    def _spent(self) -> float:
        return (self.account.cost or 0.0) + self._unknown

    def _dearest(self, request: Request, variant: Variant, output_tokens: int = 0) -> float:
        """USD that a try may cost at the dearest endpoint.

        The tokens of the dearest so far, which had the same beginning, and one for each byte of the last message: no
        tokenizer in use makes more of a byte. Where more were seen, as many, with a margin.
        """
        dearest = Price(
            max(price.input for price in self._prices.values()), max(price.output for price in self._prices.values())
        )
        seen = self._dearest_input.get(variant.name, 0)
        told = request.messages[-1:] if seen else request.messages
        tokens = seen + math.ceil(self._per_byte * size(told)) + TOKENS_PER_MESSAGE * (len(told) + 1)
        # a graded variant may have to be asked in writing: known as soon as one answer came
        written = GRADE_TOKENS if variant.method == "graded" and seen else variant.max_output_tokens
        return dearest.of(tokens, max(written, output_tokens, math.ceil(MARGIN * self._most_output)))

    def note(self) -> str:
        """Rate, spread of grades, failures, tokens and cost, for the bar."""
        account = self.account
        seconds = max(time.monotonic() - self._started, 1e-9)
        parts = [f"{account.asked / seconds:.1f}/s", spread_marks(account.spread)]
        parts += self.failing.words()
        if account.input_tokens:
            parts.append(f"{short(account.input_tokens + account.output_tokens)} tokens")
        if account.cost is not None:
            parts.append(f"${account.cost:.2f}" if account.cost >= 1 else f"${account.cost:.4f}")
        return " · ".join(part for part in parts if part)


class Drawn:
    """Requests until they are all drawn or the session stops: an iterator that can be asked to wait.

    Attributes
    ----------
    stopped : whether the session wants no more answers than those under way.
    waiting : whether the next request has to wait for answers that are under way.
    """

    def __init__(self, requests: Iterator[Request], session: Session, variant: Variant) -> None:
        self._requests = requests
        self._session = session
        self._variant = variant
        self._held: Request | None = None
        self._has_room = False

    @property
    def stopped(self) -> bool:
        return self._session.stopped is not None

    @property
    def waiting(self) -> bool:
        if self._held is None:
            self._held = next(self._requests, None)
        if self._held is None or self._has_room or self.stopped:
            return False
        room = self._session.room_for(self._held, self._variant)
        self._has_room = room is True
        if room is False:
            self._session.stop("cost")
        return room is None

    def paid(self, request: Request, endpoint: str, input_tokens: int, output_tokens: int) -> None:
        """A try was paid for; see :meth:`Session.paid`."""
        self._session.paid(request, self._variant, endpoint, input_tokens, output_tokens)

    def trouble(self, endpoint: str, status: str, detail: str) -> None:
        """A try failed; see :meth:`Session.trouble`."""
        self._session.trouble(endpoint, status, detail)

    def again(self, request: Request, output_tokens: int = 0) -> bool:
        """Whether there is money for one more try, with an answer of so many tokens."""
        return self._session.room_again(request, self._variant, output_tokens)

    def __iter__(self) -> Drawn:
        return self

    def __next__(self) -> Request:
        # who does not look at `waiting` stops here instead of waiting
        if self.waiting or self.stopped or self._held is None:
            raise StopIteration
        request, self._held, self._has_room = self._held, None, False
        return request


def characters(request: Request) -> int:
    """Length of all messages of a request."""
    return sum(len(message["content"]) for message in request.messages)


def size(messages: Iterable[Message]) -> int:
    """Bytes of messages."""
    return sum(len(message["content"].encode("utf-8", "replace")) for message in messages)


def spread_marks(counts: Iterable[int]) -> str:
    """A histogram of one line, from grade 0 on the left to 1 on the right; empty where nothing was counted."""
    listed = list(counts)
    most = max(listed)
    if not most:
        return ""
    steps = len(SPREAD_MARKS) - 1
    return "".join(SPREAD_MARKS[-(-count * steps // most)] for count in listed)


def short(count: int) -> str:
    """``1234567`` as ``1.2M``."""
    for size, mark in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.1f}{mark}"
    return str(count)
