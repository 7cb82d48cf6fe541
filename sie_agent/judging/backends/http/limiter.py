"""How many requests one server gets at once: more while it answers, half when it says that it is too much.

Additive increase, multiplicative decrease (Chiu and Jain, 1989), with a doubling start as in TCP (Jacobson, 1988).
Times are seconds of a monotonic clock, handed in, so that tests need not wait.
"""

from __future__ import annotations

import math

FIRST_LIMIT = 8
SHRINK = 0.5
GROWTH_PAUSE_SECONDS = 5.0
BURST_SECONDS = 1.0
IN_USE = 0.8


class Bucket:
    """A stated rate: fills evenly, holds what comes in one second, may be overdrawn by one large request."""

    def __init__(self, per_minute: float) -> None:
        self._per_second = per_minute / 60.0
        self._size = max(self._per_second * BURST_SECONDS, 1.0)
        self._level = self._size
        self._seen = -math.inf

    def wait(self, now: float) -> float:
        """Seconds until something may be taken."""
        self._fill(now)
        least = min(1.0, self._size)
        return 0.0 if self._level >= least else (least - self._level) / self._per_second

    def take(self, now: float, amount: float) -> None:
        """Take *amount*, even if that much is not there: later takers wait for it."""
        self._fill(now)
        self._level -= amount

    def _fill(self, now: float) -> None:
        if now > self._seen:
            self._level = min(self._level + (now - self._seen) * self._per_second, self._size)
            self._seen = now


class Limiter:
    """The number of requests that one endpoint may have under way.

    Parameters
    ----------
    most : never more than so many at once.
    requests_per_minute, tokens_per_minute : limits that the provider states; None for no limit.

    Attributes
    ----------
    limit : how many may be under way now.
    under_way : how many are.
    """

    def __init__(
        self, most: int, *, requests_per_minute: float | None = None, tokens_per_minute: float | None = None
    ) -> None:
        self.most = most
        self.limit = float(min(FIRST_LIMIT, most))
        self.under_way = 0
        self._requests = Bucket(requests_per_minute) if requests_per_minute else None
        self._tokens = Bucket(tokens_per_minute) if tokens_per_minute else None
        self._paused_until = -math.inf
        self._grow_after = -math.inf
        self._shrunk_at = -math.inf
        self._starting = True

    def wait(self, now: float) -> float:
        """Seconds until one more request may go out; infinite while all places are taken."""
        if self.under_way >= int(self.limit):
            return math.inf
        waits = [self._paused_until - now, 0.0]
        waits += [bucket.wait(now) for bucket in (self._requests, self._tokens) if bucket is not None]
        return max(waits)

    def paused(self, now: float) -> float:
        """Seconds for which the server asked to be left alone."""
        return max(self._paused_until - now, 0.0)

    def sent(self, now: float, tokens: int) -> None:
        """A request goes out, of about so many tokens."""
        self.under_way += 1
        if self._requests is not None:
            self._requests.take(now, 1.0)
        if self._tokens is not None:
            self._tokens.take(now, float(tokens))

    def ended(self) -> None:
        """A request came back, whatever it brought."""
        self.under_way -= 1

    def succeeded(self, now: float) -> None:
        """An answer, its place just freed: grow, unless there was trouble lately or the places are not even used."""
        if now < self._grow_after or self.under_way + 1 < IN_USE * self.limit:
            return
        self.limit = min(self.limit + (1.0 if self._starting else 1.0 / self.limit), float(self.most))

    def rate_limited(self, now: float, *, sent_at: float, retry_after: float) -> None:
        """Too many requests: halve, once for all requests that were under way together, and pause."""
        self._paused_until = max(self._paused_until, now + retry_after)
        self._starting = False
        if sent_at > self._shrunk_at:
            self._shrunk_at = now
            self.limit = max(self.limit * SHRINK, 1.0)

    def failed(self, now: float) -> None:
        """An error of the server or the way to it: do not grow for a while."""
        self._grow_after = now + GROWTH_PAUSE_SECONDS
        self._starting = False
