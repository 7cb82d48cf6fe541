"""Reading request bodies, bounded in size and time whatever the headers say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.requests import ClientDisconnect, Request

from sie_agent.serving.guard import NOT_KNOWN, UNREAD
from sie_agent.serving.http_errors import HttpError
from sie_agent.serving.state import State

JSON = "application/json"
NDJSON = "application/x-ndjson"


def content_type(request: Request) -> str:
    """The type of the body, without parameters.

    Raises
    ------
    HttpError : 415, it is none that is understood, or the body is compressed.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in (JSON, NDJSON):
        raise HttpError(415, "unsupported_type", f"the content type must be {JSON} or {NDJSON}", "content-type")
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise HttpError(415, "unsupported_type", "compressed bodies are not understood", "content-encoding")
    return given


class HeldBytes:
    """One request's share of the bytes that may be held in memory; released when it ends."""

    def __init__(self, state: State) -> None:
        self.state, self.size = state, 0

    def __enter__(self) -> HeldBytes:
        return self

    def __exit__(self, *ended: object) -> None:
        self.state.held_bytes -= self.size
        self.size = 0

    def resize(self, size: int) -> None:
        """Hold *size* bytes from now on; HttpError 503 where there is no room for them."""
        more = size - self.size
        if more > 0 and self.state.held_bytes + more > self.state.limits.held_bytes:
            raise HttpError(
                503, "busy", f"bodies of {self.state.held_bytes:,} bytes are being read; no more are held at once"
            )
        self.state.held_bytes += more
        self.size = size


async def read_body(request: Request, state: State, held: HeldBytes) -> bytes:
    """The whole body.

    Raises
    ------
    HttpError : 413 as soon as it is known to be too large, 408 where it takes too long, 503 where others hold too much.
    """
    limits = state.limits
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > limits.body_bytes:
        raise too_large(state)
    parts: list[bytes] = []
    total, waited = 0, 0.0

    def patience() -> float:
        return limits.body_seconds - waited

    async for part, seconds in chunks(request, state, patience):
        waited += seconds
        total += len(part)
        if total > limits.body_bytes:
            raise too_large(state)
        held.resize(total)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def chunks(request: Request, state: State, seconds: Callable[[], float]) -> AsyncIterator[tuple[bytes, float]]:
    """Parts of the body as they arrive, each with the seconds spent waiting for it.

    Parameters
    ----------
    seconds : how long the next part may be waited for; asked each time.

    Raises
    ------
    HttpError : 408 where nothing comes in time, 400 where the client has gone away.
    """
    loop = asyncio.get_running_loop()
    parts = request.stream()
    while True:
        started = loop.time()
        try:
            async with asyncio.timeout(max(0.0, seconds())):
                part = await anext(parts, None)
        except TimeoutError:
            state.refused.note("body_timeout")
            request.scope["state"][UNREAD] = NOT_KNOWN
            raise HttpError(408, "timeout", "the body, or the next line of a stream, did not come in time") from None
        except ClientDisconnect:
            raise HttpError(400, "disconnected", "the client went away") from None
        if part is None:
            request.scope["state"].pop(UNREAD, None)
            return
        if part:
            yield part, loop.time() - started


def too_large(state: State) -> HttpError:
    """The body is larger than allowed."""
    state.refused.note("too_large")
    bound = f"the body is larger than {state.limits.body_bytes:,} bytes"
    return HttpError(413, "too_large", f"{bound}; send several requests, or a stream of {NDJSON}")


class LineSplitter:
    """Splits a body that arrives in parts into lines. Of a line that is too long only the number is kept."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.number = 0
        self.rest = bytearray()
        self.overlong = False

    def feed(self, part: bytes) -> list[tuple[int, bytes | None]]:
        """Number and content of each line that *part* completes; None for the content of one that is too long."""
        *complete, tail = part.split(b"\n")
        found = [line for piece in complete for line in self._end(piece)]
        self._keep(tail)
        return found

    def end(self) -> list[tuple[int, bytes | None]]:
        """The last line, where no line break ends it."""
        return self._end(b"") if self.rest or self.overlong else []

    def _keep(self, piece: bytes) -> None:
        if self.overlong or len(self.rest) + len(piece) > self.longest:
            self.overlong = True
            self.rest.clear()
        else:
            self.rest += piece

    def _end(self, piece: bytes) -> list[tuple[int, bytes | None]]:
        self._keep(piece)
        self.number += 1
        line = None if self.overlong else bytes(self.rest)
        self.rest.clear()
        self.overlong = False
        # an empty line is nobody's sample, but it counts: numbers are those of the client's file
        return [] if line is not None and not line.strip() else [(self.number, line)]
