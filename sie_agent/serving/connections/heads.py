"""Checks of a request's head that the parser does not make."""

from __future__ import annotations

from collections.abc import Sequence

import httptools

from sie_agent.serving.http_errors import Headers, HttpError
from sie_agent.serving.settings import Limits

# of all header fields only these are looked at here
NOTED = frozenset({b"host", b"content-length", b"transfer-encoding"})
MALFORMED = HttpError(400, "bad_request", "this is not an HTTP request, or one that could be read in two ways")


def head_too_large(limits: Limits, *, in_target: bool) -> HttpError:
    """The request line, all headers, or the trailers are larger than allowed, or too many."""
    if in_target:
        return HttpError(414, "uri_too_long", f"the request line is longer than {limits.head_bytes:,} bytes")
    message = f"the headers have more than {limits.head_bytes:,} bytes, or there are more than {limits.headers}"
    return HttpError(431, "headers_too_large", message)


def fault_of_head(version: str, noted: Sequence[tuple[bytes, bytes]]) -> HttpError | None:
    """What is wrong with version, host and framing (RFC 9112, sections 2.3, 3.2 and 6.1).

    Parameters
    ----------
    noted : the headers of NOTED, names in lower case. The parser has refused lengths that contradict each other.
    """
    if version not in ("1.0", "1.1"):
        return HttpError(505, "unsupported_version", "only HTTP/1.0 and HTTP/1.1 are understood")
    hosts = sum(name == b"host" for name, _ in noted)
    if hosts > 1 or (hosts == 0 and version == "1.1"):
        return HttpError(400, "bad_request", f"there are {hosts} Host headers, one is needed", "host")
    codings = [value.strip().lower() for name, value in noted if name == b"transfer-encoding"]
    if codings and version == "1.0":
        return HttpError(400, "bad_request", "HTTP/1.0 has no Transfer-Encoding", "transfer-encoding")
    if codings and codings != [b"chunked"]:
        return HttpError(501, "unsupported_coding", "the only transfer coding accepted is chunked", "transfer-encoding")
    return None


def origin_form(url: bytes, headers: Headers) -> bytes | None:
    """The target as a path; an absolute URL's host goes in the place of the Host header (RFC 9112, section 3.2.2).

    None where the target is neither a path nor an HTTP URL.
    """
    if url.startswith(b"/"):
        return url
    try:
        parsed = httptools.parse_url(url)
    except httptools.HttpParserInvalidURLError:
        return None
    if not parsed.host or (parsed.schema or b"").lower() not in (b"http", b"https") or parsed.userinfo:
        return None
    host = b"[%b]" % parsed.host if b":" in parsed.host else parsed.host
    place = host if parsed.port is None else b"%b:%d" % (host, parsed.port)
    headers[:] = [(name, value) for name, value in headers if name != b"host"] + [(b"host", place)]
    return (parsed.path or b"/") + (b"?" + parsed.query if parsed.query else b"")


def body_size(noted: Sequence[tuple[bytes, bytes]]) -> int:
    """Bytes of the body as the head says; 0 for none, -1 for chunks."""
    for name, value in noted:
        if name == b"transfer-encoding":
            return -1
        if name == b"content-length":
            return int(value)
    return 0
