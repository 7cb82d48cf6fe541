"""A client of the library that openai's own client is built on, which reads no more than so many bytes of a response.

That library is httpx2 with newer versions of openai, which is four times as fast, and httpx with older ones. Import
this late: openai takes a third of a second.
"""

from __future__ import annotations

import importlib
import logging
import zlib
from collections.abc import AsyncIterator
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import openai

from sie_agent.utils.redact import LogFilter

if TYPE_CHECKING:
    import httpx2 as library
else:
    LIBRARIES = ("httpx2", "httpx")
    named = [kind.__module__.partition(".")[0] for kind in openai.DefaultAsyncHttpxClient.__mro__]
    library = importlib.import_module(next(name for name in named if name in LIBRARIES))

__all__ = ["MOST_BYTES", "Redirected", "TooLarge", "library", "made_client"]

MIB = 1 << 20
MOST_BYTES = 8 * MIB
PIECE_BYTES = MIB
# zlib's sign for a gzip header
GZIP = zlib.MAX_WBITS | 16
FOREVER_MOVED = 308
PACKED = frozenset(
    {"gzip", "x-gzip", "deflate", "x-deflate", "zlib", "br", "zstd", "compress", "x-compress", "lzma", "xz", "bzip2"}
)
DEFAULT_PORTS = {"http": 80, "https": 443}

# the library writes the whole address of each request
_filter = LogFilter()
for _name in ("httpx", "httpx2", "openai", "openai._base_client"):
    logging.getLogger(_name).addFilter(_filter)


class TooLarge(library.TransportError):
    """A response has more bytes than any answer has."""


class Redirected(library.TransportError):
    """A server sends requests on to another one, which gets neither the key nor the texts."""

    def __init__(self, target: str) -> None:
        super().__init__("the server sends requests on to another one")
        self.target = target


class Bounded(library.AsyncByteStream):
    """A body of no more than :data:`MOST_BYTES`, decoded; its reader meets an error where there is more."""

    def __init__(self, stream: library.AsyncByteStream, decoder: Decoder | None) -> None:
        self._stream = stream
        self._decoder = decoder

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for chunk in self._stream:
            received += len(chunk)
            if received > MOST_BYTES:
                raise TooLarge("the response is too large")
            if self._decoder is None:
                yield chunk
            elif decoded := self._decoder.decode(chunk):
                yield decoded
        if self._decoder is not None:
            self._decoder.finish()

    async def aclose(self) -> None:
        await self._stream.aclose()


class Decoder:
    """Takes gzip or deflate apart, so that a small body cannot become an endless one."""

    def __init__(self, encoding: str) -> None:
        self._is_gzip = encoding == "gzip"
        self._unpack = zlib.decompressobj(GZIP if self._is_gzip else zlib.MAX_WBITS)
        self._total = 0
        self._began = False

    def decode(self, chunk: bytes) -> bytes:
        """The text of a chunk."""
        parts: list[bytes] = []
        while chunk:
            part = self._next(chunk)
            self._began = True
            self._total += len(part)
            if self._total > MOST_BYTES:
                raise TooLarge("the response is too large")
            parts.append(part)
            chunk = self._unpack.unconsumed_tail
            if self._unpack.eof:
                # bytes behind the end are another part of a gzip body, or mean nothing
                chunk = self._unpack.unused_data.lstrip(b"\0") if self._is_gzip else b""
                if chunk:
                    self._unpack = zlib.decompressobj(GZIP)
        return b"".join(parts)

    def finish(self) -> None:
        """Complain of a body that ends too early."""
        if self._began and not self._unpack.eof:
            raise library.DecodingError("the compressed body ends too early")

    def _next(self, chunk: bytes) -> bytes:
        try:
            return self._unpack.decompress(chunk, PIECE_BYTES)
        except zlib.error as error:
            if self._began or self._is_gzip:
                raise library.DecodingError(f"the compressed body is broken ({error})") from error
        # some servers leave out the header of deflate
        self._unpack = zlib.decompressobj(-zlib.MAX_WBITS)
        self._began = True
        return self._next(chunk)


async def look(response: library.Response) -> None:
    """Before a body is read: bound it, and follow no redirect to anywhere else."""
    if response.has_redirect_location:
        _check_redirect(response)
    coded = response.headers.get("content-encoding", "").strip().lower()
    # some servers put the name of a character set there, or none at all: only what packs a body matters
    encodings = [one.strip() for one in coded.split(",") if one.strip() in PACKED] if coded else []
    decoder = _decoder_of(encodings) if encodings else None
    if coded:
        del response.headers["content-encoding"]
    stated = response.headers.get("content-length", "")
    if stated.isascii() and stated.isdigit() and len(stated) < 20:
        if int(stated) > MOST_BYTES:
            raise TooLarge("the response is too large")
        # the parser enforces the length: nothing to do for each chunk
        if decoder is None:
            return
    # a client for one event loop gets no other kind of stream
    assert isinstance(response.stream, library.AsyncByteStream)
    response.stream = Bounded(response.stream, decoder)


def _decoder_of(encodings: list[str]) -> Decoder:
    encoding = encodings[0].removeprefix("x-")
    if len(encodings) > 1 or encoding not in ("gzip", "deflate"):
        told = ", ".join(encodings)[:40]
        raise library.DecodingError(f"the server answers in the encoding '{told}', which was not asked for")
    return Decoder(encoding)


def _check_redirect(response: library.Response) -> None:
    asked = response.request.url
    try:
        target = asked.join(response.headers["location"])
    except (library.InvalidURL, ValueError):
        raise library.RemoteProtocolError("the server redirects to what is not an address") from None
    ports = [one.port or DEFAULT_PORTS.get(one.scheme) for one in (asked, target)]
    is_same = (asked.scheme, asked.host, ports[0]) == (target.scheme, target.host, ports[1])
    is_safer = asked.host == target.host and (asked.scheme, target.scheme, *ports) == ("http", "https", 80, 443)
    if not is_same and not is_safer:
        raise Redirected(str(target))
    # else the library would ask with GET and without the body
    if response.status_code in (301, 302) and response.request.method == "POST":
        response.status_code = FOREVER_MOVED


def made_client(**given: Any) -> library.AsyncClient:
    """The client: bounded, with as many connections as there are requests, and no state between them.

    Parameters
    ----------
    given : ``timeout``, ``verify``, ``proxy`` and ``auth``, as the library takes them.
    """
    return library.AsyncClient(
        **given,
        # the environment was read: a variable that has nothing to do with this server must not be in the way
        trust_env=False,
        follow_redirects=True,
        limits=library.Limits(max_connections=None, max_keepalive_connections=None),
        headers={"Accept-Encoding": "gzip, deflate"},
        # each answer could bring another cookie
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        event_hooks={"response": [look]},
    )
