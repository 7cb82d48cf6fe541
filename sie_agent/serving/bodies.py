"""Reading what a client sends: never more than the limit, whatever its headers say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from sie_agent.serving.errors import Refusal
from sie_agent.serving.settings import Limits

JSON = "application/json"
NDJSON = "application/x-ndjson"


def content_type(request: Request) -> str:
    """The type of the body, without parameters.

    Raises
    ------
    Refusal : 415, it is none that is understood, or the body is compressed.
    """
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in (JSON, NDJSON):
        raise Refusal(415, "unsupported_type", f"the content type must be {JSON} or {NDJSON}", "content-type")
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        raise Refusal(415, "unsupported_type", "compressed bodies are not understood", "content-encoding")
    return given


async def read_body(request: Request, limits: Limits) -> bytes:
    """The whole body.

    Raises
    ------
    Refusal : 413 as soon as it is known to be too large, 408 where nothing comes.
    """
    stated = request.headers.get("content-length", "")
    if stated.isdecimal() and int(stated) > limits.body_bytes:
        raise too_large(limits)
    parts: list[bytes] = []
    total = 0
    async for part in chunks(request, limits):
        total += len(part)
        if total > limits.body_bytes:
            raise too_large(limits)
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def chunks(request: Request, limits: Limits) -> AsyncIterator[bytes]:
    """Parts of the body as they come.

    Raises
    ------
    Refusal : 408 where nothing comes for too long, 400 where the client has gone away.
    """
    parts = request.stream()
    while True:
        try:
            async with asyncio.timeout(limits.body_seconds):
                part = await anext(parts, None)
        except TimeoutError:
            raise Refusal(408, "timeout", f"nothing came for {limits.body_seconds:g} s") from None
        except ClientDisconnect:
            raise Refusal(400, "disconnected", "the client went away") from None
        if part is None:
            return
        if part:
            yield part


def too_large(limits: Limits) -> Refusal:
    """The body is larger than allowed."""
    return Refusal(
        413,
        "too_large",
        f"the body is larger than {limits.body_bytes:,} bytes; send several requests, or a stream of {NDJSON}",
    )


class Lines:
    """Lines of a body that comes in parts. Of a line that is too long nothing is kept but its number."""

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
