"""One run of a judge over a log: what was spent, when to stop, what the person at the terminal sees."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pandas as pd

from ..errors import EnvironmentFailure, InputError
from ..events import event
from ..progress import Bar
from .answers import Answer, Request, score_answer
from .backends import Accounted, Backend, Batch, Price
from .cache import JudgmentCache
from .variants import Variant

COMMIT_COUNT = 64
GRADE_BINS = 10
SPREAD_MARKS = " ▁▂▃▄▅▆▇█"
CAUTIOUS_CHARS_PER_TOKEN = 2.0
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
    characters: int = 0
    rows: int = 0
    cached: int = 0
    causes: Counter[str] = field(default_factory=Counter)
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

    def add_table(self, table: pd.DataFrame) -> None:
        """Count the judgments of a finished table."""
        graded = table["score"].notna().to_numpy()
        self.rows += len(table)
        self.cached += int(table["cached"].sum())
        self.causes.update(table.loc[~graded, "status"].tolist())
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
        self.stopped: str | None = None
        self.failure: EnvironmentFailure | None = None
        self._reserved: dict[str, float] = {}
        self._writes = False
        self._started = time.monotonic()

    def stop(self, reason: str) -> None:
        """Ask nothing more; what is under way is finished. *reason*: ``cost``, ``interrupted`` or ``disk``."""
        if self.stopped is None:
            self.stopped = reason
            event("stop", reason=reason)

    def keep(self, batch: Batch, variant: Variant, places: dict[tuple[str, str], int], model: str) -> None:
        """Write answers to disk; only then do they count.

        Parameters
        ----------
        places : by model and method, the place of the source among the backend's.
        model : the name of the preferred source's model.
        """
        for start in range(0, len(batch), COMMIT_COUNT):
            part = batch[start : start + COMMIT_COUNT]
            by_model: dict[str, list[tuple[str, Answer]]] = {}
            for request, answer in part:
                place = places.get((answer.model or model, answer.method), 0)
                by_model.setdefault(answer.model or model, []).append((request.keys[place], answer))
            for name, answers in by_model.items():
                self._cache.put(answers, variant=variant.name, model=name)
            for request, answer in part:
                self._count(request, answer, variant)
        if self._cache.ballast_used and self.failure is None:
            self.failure = self._cache.full()
            self.stop("disk")

    def _count(self, request: Request, answer: Answer, variant: Variant) -> None:
        account = self.account
        account.asked += 1
        account.failed += answer.status != "ok"
        account.input_tokens += answer.input_tokens
        account.output_tokens += answer.output_tokens
        if answer.input_tokens:
            account.characters += characters(request)
        if account.cost is not None and (price := self._prices.get(answer.endpoint)) is not None:
            account.cost += price.of(answer.input_tokens, answer.output_tokens)
        self._reserved.pop(request.key, None)
        self._writes = self._writes or answer.method == "written"
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

    def room_for(self, request: Request, variant: Variant) -> bool | None:
        """Whether the limit on cost leaves room for one more request, with those under way at their dearest.

        None where that will be known when some of them have come back. A request that there is room for counts as
        under way from then on.
        """
        if self._max_cost is None:
            return True
        expected = self._dearest(request, variant)
        # the worker thread draws while the main thread counts: a copy, or the dictionary may change under the sum
        reserved = sum(list(self._reserved.values()))
        if (self.account.cost or 0.0) + reserved + expected > self._max_cost:
            return None if reserved else False
        self._reserved[request.key] = expected
        return True

    def _dearest(self, request: Request, variant: Variant) -> float:
        """USD that a request may cost, at the dearest endpoint: its length at what a token was long so far."""
        account = self.account
        per_token = CAUTIOUS_CHARS_PER_TOKEN
        if account.input_tokens:
            per_token = max(account.characters / account.input_tokens, 0.1)
        dearest = Price(
            max(price.input for price in self._prices.values()), max(price.output for price in self._prices.values())
        )
        written = self._writes or variant.method == "written"
        tokens = int(MARGIN * characters(request) / per_token) + 16
        return dearest.of(tokens, variant.max_output_tokens if written else 1)

    def note(self) -> str:
        """Rate, spread of grades, failures, tokens and cost, for the bar."""
        account = self.account
        seconds = max(time.monotonic() - self._started, 1e-9)
        parts = [f"{account.asked / seconds:.1f}/s", spread_marks(account.spread)]
        if account.failed:
            parts.append(f"{account.failed:,} without a grade")
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
