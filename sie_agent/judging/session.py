"""One run of a judge over a log: what was spent, when to stop, what the person at the terminal sees."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.event_log import event
from sie_agent.judging.answers import Answer, Request, score_answer
from sie_agent.judging.arrivals import Arrival
from sie_agent.judging.backends.base import Accounted, Backend, Watcher
from sie_agent.judging.backends.endpoints import PricePart
from sie_agent.judging.cache.database import JudgmentCache
from sie_agent.judging.prompts.variants import Variant
from sie_agent.judging.reasons import Failing
from sie_agent.judging.spending import GRADE_BINS, Account, Spending
from sie_agent.utils.progress import Bar, say

COMMIT_COUNT = 64
SIGNALS = (signal.SIGINT, signal.SIGTERM)
SPREAD_MARKS = " ▁▂▃▄▅▆▇█"


def check_limit(backend: Backend, max_cost: float | None) -> dict[str, PricePart]:
    """The prices of a backend; there have to be some where the cost has a limit.

    Raises
    ------
    InputError : a limit on cost was given and no price is known.
    """
    prices = dict(backend.prices) if isinstance(backend, Accounted) else {}
    if max_cost is not None and not prices:
        hint = "Give --price-input and --price-output, or a price for an endpoint"
        raise InputError("a limit on cost needs prices, and none is known", where="--max-cost", hint=hint)
    return prices


class Session:
    """Keeps answers, counts what they cost, and says when to stop.

    Parameters
    ----------
    backend, cache : whose answers, and where they are kept.
    max_cost : USD that the answers of this run may cost; None for no limit.
    shown : the progress bar.
    account : where what is spent is counted; one that several sessions share makes the limit one on all of them.

    Raises
    ------
    InputError : a limit on cost was given and no price is known.
    """

    def __init__(
        self,
        backend: Backend,
        cache: JudgmentCache,
        *,
        max_cost: float | None = None,
        shown: Bar | None = None,
        account: Account | None = None,
    ) -> None:
        self._cache = cache
        self._max_cost = max_cost
        prices = check_limit(backend, max_cost)
        self.shown = shown
        self.account = Account() if account is None else account
        if prices:
            self.account.cost = self.account.cost or 0.0
        self.spending = Spending(self.account, prices, max_cost)
        self.told: set[str] = set()
        self.failing = Failing()
        self.stopped: str | None = None
        self.failure: EnvironmentFailure | None = None
        self._started = time.monotonic()

    def as_dict(self) -> dict[str, Any]:
        """``asked``, ``tokens``, ``tries_failed``, and what it cost, for files: what a run spent."""
        account = self.account
        return {
            "asked": account.asked,
            "tokens": {"input": account.input_tokens, "output": account.output_tokens},
            "tries_failed": self.failing.tries(),
            "cost": account.cost,
            "max_cost": self._max_cost,
            "stopped": self.stopped,
            "next_may_cost": self.spending.next_may_cost if self.stopped == "cost" else None,
        }

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
        self.spending.ended(request, answer)
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

    def show(self) -> None:
        """Refresh the progress bar."""
        if self.shown is not None:
            self.shown.advance(0, note=self.note())

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


class Drawn(Watcher):
    """Requests until they are all drawn or the session stops: an iterator that can be asked to wait.

    Attributes
    ----------
    stopped : whether the session wants no more answers than those under way.
    in_haste : whether somebody waits for it to end, so that those under way get little time.
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
    def in_haste(self) -> bool:
        return self._session.stopped not in (None, "cost")

    @property
    def waiting(self) -> bool:
        if self._held is None:
            self._held = next(self._requests, None)
        if self._held is None or self._has_room or self.stopped:
            return False
        room = self._session.spending.room_for(self._held, self._variant)
        self._has_room = room is True
        if room is False:
            self._session.stop("cost")
        return room is None

    def paid(self, request: Request, endpoint: str, input_tokens: int, output_tokens: int) -> None:
        """A try was paid for; see :meth:`Spending.paid`."""
        self._session.spending.paid(request, self._variant, endpoint, input_tokens, output_tokens)

    def trouble(self, endpoint: str, status: str, detail: str) -> None:
        """A try failed, which others may make good; called from a backend's thread."""
        self._session.failing.tried(status, detail, self._session.show)

    def again(self, request: Request, output_tokens: int = 0) -> bool | None:
        """Whether there is money for one more try; see :meth:`Spending.room_again`."""
        enough = self._session.spending.room_again(request, self._variant, output_tokens)
        if enough is False:
            self._session.stop("cost")
        return enough

    def __iter__(self) -> Drawn:
        return self

    def __next__(self) -> Request:
        # who does not look at `waiting` stops here instead of waiting
        if self.waiting or self.stopped or self._held is None:
            raise StopIteration
        request, self._held, self._has_room = self._held, None, False
        return request


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


@contextmanager
def stop_on_signals(session: Session) -> Iterator[None]:
    """While the body runs, a signal stops the session; outside the main thread, signals are left as they are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def heard(number: int, frame: FrameType | None) -> None:
        if session.stopped == "interrupted":
            raise KeyboardInterrupt
        session.stop("interrupted")
        say("Stopping: waiting for what has been asked (again to stop at once)")

    before = {number: signal.signal(number, heard) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
