"""The outermost middleware: authorisation, the number of requests, counters, and the form of errors."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import time
from collections.abc import Collection, Iterable
from hashlib import sha256

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sie_agent.serving.http_errors import HttpError
from sie_agent.serving.state import State

OPEN = frozenset({"/healthz", "/readyz"})
# answered however much is under way, and on connections that are kept for them
PROBES = OPEN | {"/metrics"}
# in a scope's state: bytes of the body that nobody has read, -1 where its size is not known or it is not sent before it
# is asked for; absent where there is no body, or all of it has been read
UNREAD = "sie.unread"
NOT_KNOWN = -1
# an unread body of no more is thrown away after the answer, so that the connection can be used again
DISCARDED_BYTES = 64 * 2**10
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
STREAM = "stream"
# names of this machine, with or without a port
LOCAL = re.compile(rb"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?", re.IGNORECASE)
logger = logging.getLogger("sie_agent.serving")


class Guard:
    """ASGI middleware; Starlette's own base class for middleware would add a task to every request."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self.app, self.state = app, state
        self.expected = sha256(f"Bearer {state.token}".encode()).digest() if state.token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        state, started, status = self.state, time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                unread = scope["state"].get(UNREAD, 0) if "state" in scope else 0
                cut = not 0 <= unread <= DISCARDED_BYTES and not scope.get(f"sie.{STREAM}")
                if state.draining or cut:
                    # a client that reuses connections must not find this one closed at its next request
                    message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
                scope["sie.started"] = True
            await send(message)

        state.under_way += 1
        try:
            self.check(scope)
            await self.app(scope, receive, watched)
        except HttpError as error:
            if error.code == "busy":
                state.refused.note("busy")
            await send_error(error, watched)
        except asyncio.CancelledError:
            # the grace period is over
            if not scope.get("sie.started"):
                await send_error(HttpError(503, "draining", "the service is stopping"), watched)
        except Exception as error:
            state.metrics.faults.labels("service").inc()
            logger.error("a request failed: %s", type(error).__name__, exc_info=error)
            if scope.get("sie.started"):
                raise
            await send_error(HttpError(500, "internal", "the service failed on this request"), watched)
        finally:
            state.under_way -= 1
            self.count(scope, status, time.perf_counter() - started)

    def check(self, scope: Scope) -> None:
        """Refuse requests without a token, before anything is said about the path, and requests above the limit.

        Where there is no token, web pages are refused: a browser asks for them in the name of who looks at them.
        """
        path = scope["path"]
        if path in OPEN:
            return
        if self.expected is None:
            refuse_pages(scope["headers"], alone=self.state.alone)
        elif not (path == "/metrics" and self.state.open_metrics):
            given = authorization(scope["headers"])
            # digests are of one length: comparing texts would tell how long the token is
            if given is None or not hmac.compare_digest(sha256(given).digest(), self.expected):
                raise HttpError(401, "unauthorized", "a valid token is needed: Authorization: Bearer TOKEN")
        if path not in PROBES and self.state.under_way > self.state.limits.requests:
            raise HttpError(503, "busy", f"more than {self.state.limits.requests:,} requests are under way")

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request under the name of its route."""
        metrics = self.state.metrics
        route = getattr(scope.get("route"), "path", "other") if status != 401 else "unauthorized"
        method = scope["method"] if scope["method"] in METHODS else "other"
        metrics.requests.labels(route, method, str(status)).inc()
        if not scope.get(f"sie.{STREAM}"):
            metrics.seconds.labels(route).observe(seconds)


def authorization(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The Authorization header with its scheme as ``Bearer``; None where there is none or more than one."""
    found = [value for name, value in headers if name == b"authorization"]
    if len(found) != 1:
        return None
    scheme, _, token = found[0].partition(b" ")
    return b"Bearer " + token.strip() if scheme.lower() == b"bearer" else None


def refuse_pages(headers: Collection[tuple[bytes, bytes]], *, alone: bool) -> None:
    """Refuse requests that a web page of another site makes a browser send.

    Parameters
    ----------
    alone : the service listens on this machine only, hence has its names only: a page whose own name was made to
        point here (DNS rebinding) sends that name as the host.

    Raises
    ------
    HttpError : 403, of another site, or to a name that is not this machine's.
    """
    hosts = [value.strip().lower() for name, value in headers if name == b"host"]
    if alone and not all(LOCAL.fullmatch(host) for host in hosts):
        raise HttpError(403, "forbidden", "without a token the host must be localhost, 127.0.0.1 or [::1]", "host")
    origins = [value.strip().lower() for name, value in headers if name == b"origin"]
    if any(origin.partition(b"://")[2] not in hosts for origin in origins):
        raise HttpError(403, "forbidden", "without a token no page of another site is answered", "origin")


async def send_error(error: HttpError, send: Send) -> None:
    """Send an error in the common form."""
    headers, body = error.encoded()
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
