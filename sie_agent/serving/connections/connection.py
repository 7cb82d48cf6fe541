"""The parser's callbacks: a bound on everything a client may send before its request reaches the application."""

from __future__ import annotations

from types import SimpleNamespace

import httptools

from sie_agent.serving.connections.heads import MALFORMED, NOTED, body_size, fault_of_head, head_too_large, origin_form
from sie_agent.serving.connections.lifetime import Phase, TimedConnection
from sie_agent.serving.guard import NOT_KNOWN, PROBES, UNREAD
from sie_agent.serving.http_errors import HttpError


class StopParsing(Exception):
    """Raised inside the parser to make it ignore the rest of the data."""


class Connection(TimedConnection):
    """A client's connection.

    It is handed to the application by the inherited :meth:`_start_asgi_task`; a request that breaks a bound of
    the head never is.
    """

    # of the head that is being read
    fields = head_bytes = 0
    noted: list[tuple[bytes, bytes]]
    url = b""
    stopped = False
    # bytes of the body of a request for another protocol; -1: chunks
    body_to_come = 0

    def data_received(self, data: bytes) -> None:
        if self.deaf:
            # while a request is under way the rest may stay where it is; after it, it is read and thrown away
            if self.answering:
                self.flow.pause_reading()
            return
        resting = self.phase is Phase.REST
        if resting:
            self.phase, self.deadline = Phase.HEAD, self.loop.time() + self.limits.head_seconds
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
            elif resting and self.phase is Phase.HEAD:
                self.admission.wait(self)

    def stay_with_http(self, rest: bytes) -> None:
        """Ignore a request to change the protocol, as RFC 9110 (section 7.8) allows; the parser ends at the head."""
        self.cycle.keep_alive = False
        if (size := self.body_to_come) == 0:
            self.deaf = True
            return
        self.body_to_come = 0
        # the body alone: another parser has read the head
        read = {name: getattr(self, name) for name in ("on_body", "on_header", "on_chunk_header", "on_chunk_complete")}
        callbacks = SimpleNamespace(**read, on_message_complete=self.on_last_message_complete)
        self.parser = httptools.HttpRequestParser(callbacks)
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
        refusal = fault_of_head(version, self.noted) or (MALFORMED if target is None else None)
        self.url = target or b""
        outside = self.admission.refusal_of(self)
        if refusal is None and self.url.partition(b"?")[0].decode() not in PROBES:
            refusal = outside
        if refusal is not None:
            self.stop(refusal)
        if version == "1.0":
            self.expect_100_continue = False
        if size := body_size(self.noted):
            self.scope["state"][UNREAD] = NOT_KNOWN if self.expect_100_continue else size
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
        if self.phase is Phase.DISCARD and not self.finished:
            self.rest()

    def on_last_message_complete(self) -> None:
        """Read nothing after this request: what follows may be in the other protocol."""
        self.on_message_complete()
        self.deaf = True

    def stop(self, refusal: HttpError | None) -> None:
        """Stop the parser; with None, earlier requests are answered and nothing else."""
        self.stopped, self.verdict = True, refusal
        raise StopParsing
