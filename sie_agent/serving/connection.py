"""One connection: uvicorn's protocol over httptools, with a bound on everything a client may send, and on every time.

uvicorn's own has none before a request reaches the application: heads of any size, for any time, any number of requests
in one packet, a refused body that never ends, an answer that is never read. Deadlines are looked at by one sweep over
all connections now and then; a timer for each would cost every request.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import Enum
from math import inf
from typing import Any

import httptools
from uvicorn import Config
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from sie_agent.serving.admission import Door
from sie_agent.serving.errors import Refusal, busy
from sie_agent.serving.guard import DISCARDED_BYTES, PROBES, UNREAD
from sie_agent.serving.heads import MALFORMED, NOTED, body_size, fault_of_head, head_too_large, origin_form
from sie_agent.serving.settings import Limits
from sie_agent.serving.wire import Wire, answer

LINGER_SECONDS = 2.0
DISCARD_SECONDS = 5.0


class Doing(Enum):
    """What a connection is at; the value is the reason that is counted where it takes too long."""

    HEAD = "head_timeout"
    REQUEST = "no deadline of the connection's own"
    REST = "keep_alive"
    DISCARD = "body_timeout"
    LINGER = "linger"


class Stop(Exception):
    """Raised to the parser: nothing further of what came is looked at."""


class Connection(HttpToolsProtocol):
    """A client's connection.

    It is handed to the application by the inherited :meth:`_start_asgi_task`; a request that breaks a bound of
    the head never is.
    """

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], *, door: Door, limits: Limits
    ) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(config, server_state, app_state, loop)
        self.door, self.limits, self.refused = door, limits, door.refused
        self.doing, self.deadline = Doing.HEAD, loop.time() + limits.head_seconds
        self.wire: Wire | None = None
        self.running: RequestResponseCycle | None = None
        self.verdict: Refusal | None = None
        # bytes since the parser last told of anything but headers
        self.quiet = 0
        self.fields = self.head_bytes = 0
        self.noted: list[tuple[bytes, bytes]] = []
        self.in_head = self.deaf = self.stopped = self.finished = self.ended = False
        # of a request for another protocol; -1: chunks
        self.body_to_come = 0

    @property
    def answering(self) -> bool:
        """Whether a request is under way."""
        return self.running is not None and not self.running.response_complete

    @property
    def unread(self) -> bool:
        """Whether the client may still be sending what is not wanted."""
        return self.deaf or self.in_head or (self.cycle is not None and self.cycle.more_body)

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.transport = self.wire = Wire(transport, self.finish, lambda: self.finished, self.loop.time())
        if self.finished:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.door.left(self)
        self.finished = self.deaf = True
        self.pipeline.clear()
        if self.running is not None and not self.running.response_complete:
            # of requests in one packet the base class tells the last alone
            self.running.disconnected = True
            self.running.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.deaf:
            # while a request is under way the rest may stay where it is; after it, it is read and thrown away
            if self.answering:
                self.flow.pause_reading()
            return
        resting = self.doing is Doing.REST
        if resting:
            self.doing, self.deadline = Doing.HEAD, self.loop.time() + self.limits.head_seconds
        self.quiet += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.stay_with_http(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.deaf = True
            if not self.stopped:
                self.verdict = MALFORMED
            if self.verdict is not None:
                self.refuse(self.verdict)
        else:
            if self.quiet > self.limits.head_bytes:
                in_target = len(self.url) > self.limits.head_bytes // 2
                self.refuse(head_too_large(self.limits, in_target=in_target) if self.in_head else MALFORMED)
            elif resting and self.doing is Doing.HEAD:
                self.door.wait(self)

    def eof_received(self) -> bool:
        """The client sends no more; who has sent a whole request may still wait for its answer."""
        if not self.answering or self.unread or self.finished:
            return False
        self.ended = True
        self.cycle.keep_alive = False
        return True

    def stay_with_http(self, rest: bytes) -> None:
        """Ignore the wish for another protocol, as RFC 9110 (section 7.8) allows; the parser ends at the head."""
        self.cycle.keep_alive = False
        if (size := self.body_to_come) == 0:
            self.deaf = True
            return
        self.body_to_come = 0
        self.parser = httptools.HttpRequestParser(Body(self))
        framing = b"transfer-encoding: chunked" if size < 0 else b"content-length: %d" % size
        self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing)
        if rest:
            self.data_received(rest)

    def on_message_begin(self) -> None:
        surplus = len(self.pipeline) >= self.limits.pipelined
        if surplus or (self.cycle is not None and not self.cycle.keep_alive):
            # what has come is answered, with a word that the connection ends there: the client sends the rest again
            self.cycle.keep_alive = False
            if surplus:
                self.refused.note("pipelined")
            self.stop(None)
        super().on_message_begin()
        self.in_head = True
        self.fields = self.head_bytes = 0
        self.noted = []

    def on_url(self, url: bytes) -> None:
        self.head_bytes += len(url)
        if self.head_bytes > self.limits.head_bytes:
            self.stop(head_too_large(self.limits, in_target=True))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields += 1
        self.head_bytes += len(name) + len(value) + 4
        if self.head_bytes > self.limits.head_bytes or self.fields > self.limits.headers:
            self.stop(head_too_large(self.limits, in_target=False))
        # trailers, which come after the body, are for nobody
        if self.in_head:
            name = name.lower()
            if name in NOTED:
                self.noted.append((name, value))
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self.in_head = False
        self.quiet = 0
        version = self.parser.get_http_version()
        target = origin_form(self.url, self.headers)
        self.stop_if(fault_of_head(version, self.noted) or (MALFORMED if target is None else None))
        self.url = target or b""
        outside = self.door.refusal_of(self)
        if self.url.partition(b"?")[0].decode() not in PROBES:
            self.stop_if(outside)
        if version == "1.0":
            self.expect_100_continue = False
        if size := body_size(self.noted):
            self.scope[UNREAD] = -1 if self.expect_100_continue else size
            self.body_to_come = size if self.parser.should_upgrade() else 0
        super().on_headers_complete()
        if outside is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self.quiet = 0
        super().on_body(body)

    def on_chunk_header(self) -> None:
        self.quiet = 0

    def on_chunk_complete(self) -> None:
        self.quiet = 0

    def on_message_complete(self) -> None:
        self.quiet = 0
        # a parser that was asked for another protocol says so at the end of the head
        if self.body_to_come:
            return
        self.cycle.more_body = False
        self.cycle.message_event.set()
        if self.doing is Doing.DISCARD and not self.finished:
            self.rest()

    def stop_if(self, refusal: Refusal | None) -> None:
        """:meth:`stop` where there is a refusal."""
        if refusal is not None:
            self.stop(refusal)

    def stop(self, refusal: Refusal | None) -> None:
        """Make the parser stop; None where what was asked before is answered, and nothing else."""
        self.stopped, self.verdict = True, refusal
        raise Stop

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.running = cycle
        self.doing, self.deadline = Doing.REQUEST, inf
        self.door.at_work(self)
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
        """The request has been answered before its body has come: throw a small one away, for the next request."""
        if 0 < self.cycle.scope.get(UNREAD, -1) <= DISCARDED_BYTES:
            self.doing, self.deadline = Doing.DISCARD, self.loop.time() + DISCARD_SECONDS
        else:
            self.finish()

    def rest(self) -> None:
        """Wait for the next request, the start of which may have come."""
        now = self.loop.time()
        if self.in_head:
            self.doing, self.deadline = Doing.HEAD, now + self.limits.head_seconds
        else:
            self.doing, self.deadline = Doing.REST, now + self.limits.keep_alive_seconds
        self.door.wait(self)

    def refuse(self, refusal: Refusal, reason: str = "") -> None:
        """Answer a request that is not one, after those before it, and hear no more."""
        self.refused.note(reason or refusal.code)
        self.deaf = True
        cycle = self.cycle
        if cycle is not None and cycle.more_body and not cycle.response_complete:
            # what is wrong is the body of a request that has been handed over, or waits for that
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

    def say(self, refusal: Refusal) -> None:
        """Send a refusal as the last thing."""
        self.transport.write(answer(refusal, self.server_state.default_headers))
        self.finish()

    def finish(self) -> None:
        """Close. A client that still sends would lose its answer with that: it is told the end and heard for a while."""
        if self.finished or self.wire is None:
            self.finished = True
            return
        unread, self.finished = self.unread and not self.ended, True
        self.pipeline.clear()
        real, now = self.wire.transport, self.loop.time()
        if real.is_closing():
            return
        self.doing, self.deadline = Doing.LINGER, now + LINGER_SECONDS
        self.door.wait(self)
        if unread:
            self.deaf = True
            self.flow.resume_reading()
            with suppress(OSError):
                real.write_eof()
        else:
            self.deadline = now + self.limits.write_seconds
            real.close()

    def leave(self) -> None:
        """Make room for another connection, with a word to one that has begun a request."""
        self.door.left(self)
        told = self.wire is not None and not self.finished and self.quiet > 0
        self.finished = self.deaf = True
        if self.wire is not None and told:
            self.transport.write(answer(busy("others need the place"), self.server_state.default_headers))
            self.doing, self.deadline = Doing.LINGER, self.loop.time() + LINGER_SECONDS
            self.wire.transport.close()
        else:
            self.abort()

    def abort(self) -> None:
        """Close at once, with what has not been sent."""
        self.finished = True
        if self.wire is not None:
            self.wire.transport.abort()

    def shutdown(self) -> None:
        """The service stops: only what is under way goes on."""
        if self.answering:
            self.cycle.keep_alive = False
        elif self.doing is Doing.LINGER:
            if self.unread:
                self.abort()
        else:
            self.finished = True
            if self.wire is not None:
                self.wire.transport.close()

    def check(self, now: float) -> None:
        """Look at the deadlines; called for every connection now and then."""
        if self.wire is None:
            return
        if self.wire.stalled(now, self.limits.write_seconds):
            self.refused.note("write_timeout")
            self.abort()
        elif now > self.deadline:
            self.expire()

    def expire(self) -> None:
        """The deadline of what the connection is at has passed."""
        if self.doing is Doing.LINGER:
            self.abort()
            return
        if self.doing is Doing.HEAD and self.quiet:
            seconds = self.limits.head_seconds
            self.refuse(Refusal(408, "timeout", f"the headers did not come within {seconds:g} s"), self.doing.value)
            return
        if self.doing is not Doing.REST:
            self.refused.note(self.doing.value)
        self.finish()


class Body:
    """What a parser tells a connection of the rest of a request whose head another parser has read."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.on_body = connection.on_body
        self.on_header = connection.on_header
        self.on_chunk_header = connection.on_chunk_header
        self.on_chunk_complete = connection.on_chunk_complete

    def on_message_complete(self) -> None:
        """Nothing is read after this request: what follows may be in the other protocol."""
        self.connection.on_message_complete()
        self.connection.deaf = True
