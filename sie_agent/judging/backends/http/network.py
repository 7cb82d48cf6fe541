"""What a failed connection means: one line that says what to do, and whether waiting may help."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from sie_agent.errors import EnvironmentFailure, SieError
from sie_agent.judging.backends.http.addresses import Proxy, host_of, is_local, proxy_of, shown_url
from sie_agent.utils.redact import redacted

MOST_LINKS = 50
UNTRUSTED = "If it is a certificate of your own, set SSL_CERT_FILE to the file of the authority that signed it"
CUT = "Look at the server's log, and check the address"
# most servers that want TLS hang up without a word
CUT_PLAIN = f"{CUT}: should it begin with https://?"
START = "Start it, or check --base-url / VLLM_BASE_URL"
UNROUTABLE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL)
FULL = (errno.EMFILE, errno.ENFILE)
# OpenSSL's numbers: X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED, _HOSTNAME_MISMATCH, _IP_ADDRESS_MISMATCH
NOT_YET, EXPIRED, WRONG_HOST = 9, 10, (62, 64)
# what a client reads where the other side does not speak TLS
NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")
# how nginx, Apache and Go say that a server wants TLS
WANTS_TLS = re.compile(
    "plain http request was sent to https port|speaking plain http to an ssl|sent an http request to an https server",
    re.IGNORECASE,
)
CLOSED = re.compile("disconnected|closed connection|peer closed|incomplete", re.IGNORECASE)
# what h11 says where the first byte is not HTTP
NO_HTTP = "illegal request line"
LASTING_TYPES = frozenset({"Redirected", "TooManyRedirects", "UnsupportedProtocol", "InvalidURL", "ImportError"})


def explained(error: BaseException, url: str, key_variable: str = "OPENAI_API_KEY") -> EnvironmentFailure:
    """What a failed connection to *url* means.

    Parameters
    ----------
    error : from the client; what it was raised from is looked at as well.
    key_variable : the variable that holds the key, for what concerns it.
    """
    causes = list(chain(error))
    for one in causes:
        if isinstance(one, EnvironmentFailure):
            return one
    try:
        proxy = proxy_of(url)
    except (SieError, ValueError):
        proxy = None
    by_proxy = _by_proxy(causes, url, proxy) if proxy else None
    problem, hint = by_proxy or _by_cause(causes, url, key_variable)
    return EnvironmentFailure(problem, where=shown_url(url), hint=hint)


def hopeless(error: BaseException) -> bool:
    """Whether waiting cannot help: an untrusted certificate, another protocol, a bad address, a proxy that wants a
    password. A refused connection, an unknown name and a timeout may pass."""
    causes = list(chain(error))
    return (
        # a wrong clock may be set right, yet nobody waits for that
        any(isinstance(one, ssl.SSLCertVerificationError | UnicodeError) for one in causes)
        or not LASTING_TYPES.isdisjoint(_names(causes))
        or _speaks_no_tls(causes)
        or _wants_tls(causes)
        or any(_proxy_status(one) in (401, 403, 405, 407) for one in causes)
    )


class RemoteProtocolError(Exception):
    """A server's words that it wants TLS; called like the library's error."""


class ProxyError(Exception):
    """A proxy's answer in place of the server's; called like the library's, whose words begin with the status too."""


def is_garbled(error: BaseException) -> bool:
    """Whether the response was not readable HTTP; a connection that was only closed is another matter."""
    return any(
        type(one).__name__ in ("RemoteProtocolError", "DecodingError") and not CLOSED.search(str(one))
        for one in chain(error)
    )


def is_timeout(error: BaseException) -> bool:
    """Whether time ran out."""
    return any("Timeout" in name for name in _names(chain(error)))


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it came from, the outermost first."""
    waiting, seen = [error], set[int]()
    while waiting and len(seen) < MOST_LINKS:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [more for more in (one.__cause__, one.__context__) if more is not None]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions


def _names(causes: Iterator[BaseException] | list[BaseException]) -> list[str]:
    return [type(one).__name__ for one in causes]


def _by_proxy(causes: list[BaseException], url: str, proxy: Proxy) -> tuple[str, str] | None:
    """What is wrong with the proxy, if it is the proxy."""
    host = host_of(url)
    around = f"add {host} to NO_PROXY" if is_local(host) else f"unset {proxy.variable}"
    called = f"the proxy {redacted(proxy.address)} of {proxy.variable}"
    status = next((found for one in causes if (found := _proxy_status(one))), None)
    if status == 407:
        given = "takes another" if "@" in proxy.address else "wants a"
        return f"{called} {given} user and password", f"Set {proxy.variable}=http://USER:PASSWORD@HOST:PORT"
    if status is not None:
        return f"{called} does not let it through (status {status})", f"Ask who runs the proxy, or {around}"
    names = _names(causes)
    if "ProxyError" in names:
        return f"{called} does not let it through", f"Check {proxy.variable}, or {around}"
    dead = _dead(causes)
    if dead or "ConnectTimeout" in names or "TimeoutError" in names:
        return f"{called} cannot be reached ({dead or 'no answer in time'})", f"Check {proxy.variable}, or {around}"
    return None


def _dead(causes: list[BaseException]) -> str:
    """Why no connection came about, in words; empty where there was one."""
    for one in causes:
        if isinstance(one, socket.gaierror):
            return "no such host"
        if isinstance(one, ConnectionRefusedError):
            return "connection refused"
        if isinstance(one, OSError) and one.errno in UNROUTABLE:
            return "no way to it"
    # several addresses were tried
    return "connection refused" if any("All connection attempts failed" in str(one) for one in causes) else ""


def _by_cause(causes: list[BaseException], url: str, key_variable: str) -> tuple[str, str]:
    """What is wrong with the server or the way to it."""
    host = host_of(url)
    for one in causes:
        if isinstance(one, ssl.SSLCertVerificationError):
            return _certificate(one, host)
        if type(one).__name__ == "Redirected":
            target = _without_path(str(getattr(one, "target", "")), url)
            return f"the server sends requests on to {target}", "If that is the right one, give it as --base-url"
    if _speaks_no_tls(causes):
        return "the server speaks http, not https", "Begin the address with http://"
    if _wants_tls(causes):
        return "the server speaks https, not http", "Begin the address with https://"
    dead = _dead(causes)
    if dead == "no such host":
        return f"no host is called '{host}'", "Check the address (--base-url / VLLM_BASE_URL), and the network"
    if dead == "connection refused":
        return "the server cannot be reached: nothing listens there", START
    if dead:
        return "the server cannot be reached: there is no way to it in the network", "Check the network and the address"
    for one in causes:
        if isinstance(one, OSError) and one.errno in FULL:
            return "too many connections are open at once", "Raise `ulimit -n`, or lower --concurrency"
        # an error that only asks for more bytes is not a fault
        if isinstance(one, ssl.SSLError) and not isinstance(one, ssl.SSLWantReadError | ssl.SSLWantWriteError):
            return f"no secure connection is possible ({one.reason or 'TLS'})", "Check the address and the server's TLS"
    names = _names(causes)
    if "TooManyRedirects" in names:
        return "the server redirects in circles", "Check the address (it usually ends in /v1)"
    if "LocalProtocolError" in names:
        return "the request cannot be sent: a header holds characters that are not allowed", f"Check {key_variable}"
    if any(NO_HTTP in str(one) for one in causes):
        return "what listens there does not speak http", "Begin the address with https://, or check its port"
    if any("Timeout" in name for name in names):
        return "the server does not answer in time", START
    if "TooLarge" in names:
        return "the response is too large", "Check the address: this does not serve a model"
    if "DecodingError" in names:
        return redacted(" ".join(str(causes[names.index("DecodingError")]).split()))[:150], "Check the server"
    if not {"RemoteProtocolError", "ReadError", "EndOfStream"}.isdisjoint(names):
        return "the server cuts the connection", CUT_PLAIN if url.startswith("http:") else CUT
    return f"the server cannot be reached ({names[1] if len(names) > 1 else names[0]})", START


def _certificate(error: ssl.SSLCertVerificationError, host: str) -> tuple[str, str]:
    if error.verify_code == EXPIRED:
        return "the server's certificate has expired", "Renew it, and check this machine's clock"
    if error.verify_code == NOT_YET:
        return "the server's certificate is not valid yet", "Check this machine's clock"
    if error.verify_code in WRONG_HOST:
        return f"the server's certificate is not for '{host}'", "Give the name that it is for in --base-url"
    told = redacted(error.verify_message or "unknown")[:80]
    return f"the server's certificate is not trusted ({told})", UNTRUSTED


def _speaks_no_tls(causes: list[BaseException]) -> bool:
    return any(isinstance(one, ssl.SSLError) and (one.reason or "") in NO_TLS for one in causes)


def _wants_tls(causes: list[BaseException]) -> bool:
    return any(type(one).__name__ == "RemoteProtocolError" and WANTS_TLS.search(str(one)) for one in causes)


def _proxy_status(error: BaseException) -> int | None:
    """The status with which a proxy refused: httpx has it in the words alone."""
    first = str(error).partition(" ")[0] if type(error).__name__ == "ProxyError" else ""
    return int(first) if first.isascii() and first.isdigit() else None


def _without_path(target: str, url: str) -> str:
    """Where a redirect leads to, as it would be given for an address."""
    parts = urlsplit(target)
    host = parts.hostname or ""
    netloc = f"{host}:{parts.port}" if parts.port else host
    return urlunsplit((parts.scheme, netloc, urlsplit(url).path, "", ""))
