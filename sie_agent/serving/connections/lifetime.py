"""uvicorn's httptools protocol with a deadline for everything that a connection may wait for.

uvicorn's own has none before a request reaches the application, none for the rest of a body after its answer, and none
for an answer that is not read. Deadlines are looked at by one sweep over all connections now and then; a timer for each
would cost every request.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import Enum
from math import inf
from typing import Any, cast

from uvicorn import Config
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from sie_agent.serving.connections.admission import Admission
from sie_agent.serving.connections.wire import CountingTransport, answer
from sie_agent.serving.guard import DISCARDED_BYTES, NOT_KNOWN, UNREAD
from sie_agent.serving.http_errors import HttpError
from sie_agent.serving.settings import Limits

LINGER_SECONDS = 2.0
DISCARD_SECONDS = 3.0


class Phase(Enum):
    """What a connection is doing; the value is the reason counted where it takes too long."""

    HEAD = "head_timeout"
    REQUEST = "no deadline of the connection's own"
    REST = "keep_alive"
    DISCARD = "body_timeout"
    LINGER = "linger"


class TimedConnection(HttpToolsProtocol):
    """Decides when a connection ends. The parser's callbacks are in `sie_agent.serving.connections.connection`."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        admission: Admission,
        limits: Limits,
    ) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(config, server_state, app_state, loop)
        self.admission, self.limits, self.refused = admission, limits, admission.refused
        self.phase, self.deadline = Phase.HEAD, loop.time() + limits.head_seconds
        self.wire: CountingTransport | None = None
        self.running: RequestResponseCycle | None = None
        self.verdict: HttpError | None = None
        # bytes since the parser last told of anything but headers
        self.quiet = 0
        self.in_head = self.deaf = self.finished = self.ended = False

    @property
    def answering(self) -> bool:
        """Whether a request is under way."""
        return self.running is not None and not self.running.response_complete

    @property
    def unread(self) -> bool:
        """Whether the client may still be sending data that nobody will read."""
        return self.deaf or self.in_head or (self.cycle is not None and self.cycle.more_body)

    def connection_made(self, given: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, given)
        super().connection_made(transport)
        self.transport = self.wire = CountingTransport(transport, self.finish, lambda: self.finished, self.loop.time())
        if self.finished:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.admission.left(self)
        self.finished = self.deaf = True
        self.pipeline.clear()
        if self.running is not None and not self.running.response_complete:
            # of pipelined requests the base class tells only the last
            self.running.disconnected = True
            self.running.message_event.set()
        super().connection_lost(exc)

    def eof_received(self) -> Any:  # the base class says None, which closes
        """The client has closed its side; if it has sent a whole request it still gets the answer."""
        if not self.answering or self.unread or self.finished:
            return False
        self.ended = True
        self.cycle.keep_alive = False
        return True

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.running = cycle
        self.phase, self.deadline = Phase.REQUEST, inf
        self.admission.at_work(self)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.finished:
            return
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self.flow.resume_reading()
        if self.verdict is not None:
            self.say(self.verdict)
        elif self.ended:
            self.finish()
        elif self.cycle.more_body:
            self.discard()
        else:
            self.rest()

    def discard(self) -> None:
        """The answer was sent before the body arrived: discard a small body, and keep the connection."""
        unread = int(self.cycle.scope["state"].get(UNREAD, NOT_KNOWN))
        if 0 < unread <= DISCARDED_BYTES:
            self.phase, self.deadline = Phase.DISCARD, self.loop.time() + DISCARD_SECONDS
        else:
            self.finish()

    def rest(self) -> None:
        """Wait for the next request, part of which may have arrived."""
        now = self.loop.time()
        if self.in_head:
            self.phase, self.deadline = Phase.HEAD, now + self.limits.head_seconds
        else:
            self.phase, self.deadline = Phase.REST, now + self.limits.keep_alive_seconds
        self.admission.wait(self)

    def refuse(self, refusal: HttpError, reason: str = "") -> None:
        """Answer a bad request, after those before it, and read no more."""
        self.refused.note(reason or refusal.code)
        self.deaf = True
        cycle = self.cycle
        if cycle is not None and cycle.more_body and cycle.response_complete:
            # it has been answered; another answer would be taken for that to the next request
            self.finish()
            return
        if cycle is not None and cycle.more_body:
            # the body of a request is wrong that has been started or is queued
            if self.pipeline and self.pipeline[0][0] is cycle:
                self.pipeline.popleft()
            else:
                cycle.disconnected = True
                cycle.message_event.set()
                self.running = None
                if cycle.response_started:
                    self.abort()
                    return
        self.verdict = refusal
        if not self.answering:
            self.say(refusal)

    def say(self, refusal: HttpError) -> None:
        """Send an error as the last answer."""
        self.transport.write(answer(refusal, self.server_state.default_headers))
        self.finish()

    def finish(self) -> None:
        """Close; keep reading for a while from a client that still sends, or it would lose its answer."""
        if self.finished or self.wire is None:
            self.finished = True
            return
        unread, self.finished = self.unread and not self.ended, True
        self.pipeline.clear()
        real, now = self.wire.transport, self.loop.time()
        if real.is_closing():
            return
        self.phase, self.deadline = Phase.LINGER, now + LINGER_SECONDS
        self.admission.wait(self)
        if unread:
            self.deaf = True
            self.flow.resume_reading()
            with suppress(OSError):
                real.write_eof()
        else:
            self.deadline = now + self.limits.write_seconds
            real.close()

    def leave(self) -> None:
        """Close to make room for another connection; a client that has begun a request gets an error."""
        self.admission.left(self)
        told = self.wire is not None and not self.finished and self.quiet > 0
        self.finished = self.deaf = True
        if self.wire is not None and told:
            self.transport.write(
                answer(HttpError(503, "busy", "others need the place"), self.server_state.default_headers)
            )
            self.phase, self.deadline = Phase.LINGER, self.loop.time() + LINGER_SECONDS
            self.wire.transport.close()
        else:
            self.abort()

    def abort(self) -> None:
        """Close at once and drop unsent data."""
        self.finished = True
        if self.wire is not None:
            self.wire.transport.abort()

    def shutdown(self) -> None:
        """The service stops: finish only the request under way."""
        if self.answering:
            self.cycle.keep_alive = False
        elif self.phase is Phase.LINGER:
            if self.unread:
                self.abort()
        else:
            self.finished = True
            if self.wire is not None:
                self.wire.transport.close()

    def check(self, now: float) -> None:
        """Check the deadlines; called for every connection in turn."""
        if self.wire is None:
            return
        if self.wire.stalled(now, self.limits.write_seconds):
            self.refused.note("write_timeout")
            self.abort()
        elif now > self.deadline:
            self.expire()

    def expire(self) -> None:
        """The current deadline has passed."""
        if self.phase is Phase.LINGER:
            self.abort()
            return
        if self.phase is Phase.HEAD and self.quiet:
            seconds = self.limits.head_seconds
            self.refuse(HttpError(408, "timeout", f"the headers did not come within {seconds:g} s"), self.phase.value)
            return
        if self.phase is not Phase.REST:
            self.refused.note(self.phase.value)
        self.finish()
