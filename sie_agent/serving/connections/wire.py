"""What a connection writes: bytes counted, and a close that its connection decides on; and answers written without the
application, for requests that never reach it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from sie_agent.serving.http_errors import HttpError

# a client slower than this counts as not reading
SLOWEST_BYTES_PER_SECOND = 64


class CountingTransport(asyncio.Transport):
    """The transport that a connection's requests write to; counts the bytes.

    Parameters
    ----------
    transport : the real one. close : called in place of its own close. closing : whether that has been called.
    """

    def __init__(
        self, transport: asyncio.Transport, close: Callable[[], None], closing: Callable[[], bool], now: float
    ) -> None:
        super().__init__()
        self.transport, self.close_connection, self.closing = transport, close, closing
        self.given = 0
        self.checked = now
        self.taken_then = 0

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Send, unless the peer has gone away."""
        if not self.transport.is_closing():
            self.given += len(data)
            self.transport.write(data)

    def close(self) -> None:
        self.close_connection()

    def is_closing(self) -> bool:
        return self.closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        self.transport.pause_reading()

    def resume_reading(self) -> None:
        self.transport.resume_reading()

    def stalled(self, now: float, seconds: float) -> bool:
        """Whether the peer has read next to nothing for so many seconds although data was waiting for it."""
        waiting = self.transport.get_write_buffer_size()
        taken = self.given - waiting
        if waiting and now - self.checked < seconds:
            return False
        if waiting and taken - self.taken_then < SLOWEST_BYTES_PER_SECOND * seconds:
            return True
        self.checked, self.taken_then = now, taken
        return False


def answer(error: HttpError, further: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A whole answer that ends the connection."""
    own, body = error.encoded()
    head = b"".join(b"%b: %b\r\n" % header for header in (*further, *own, (b"connection", b"close")))
    return b"%b%b\r\n%b" % (STATUS_LINE[error.status], head, body)
