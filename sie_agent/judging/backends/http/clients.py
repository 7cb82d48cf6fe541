"""Clients for servers: what comes in has a bound, and what is wrong with an address, a key, a proxy or a certificate
is said in one line with what to do.

The parts that need the library are in :mod:`.bounded`; what errors of a connection mean is in :mod:`.network`.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from sie_agent.errors import EnvironmentFailure, InputError, SieError
from sie_agent.judging.backends.http.chat import shown_url
from sie_agent.judging.backends.http.network import explained, hopeless
from sie_agent.judging.backends.http.proxies import proxy_of
from sie_agent.utils.redact import USERINFO, redacted

if TYPE_CHECKING:
    import httpx2
    import openai

__all__ = ["KEY_VARIABLE", "Fetched", "async_client", "checked_key", "explained", "fetched", "hopeless", "secrets_of"]

KEY_VARIABLE = "OPENAI_API_KEY"
# what openai's client sends along from the environment
SENT_VARIABLES = ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID")
NO_KEY = "none"
LEAST_WAIT = 1.0


class Fetched(NamedTuple):
    """A response: its status and its body, of no more than `bounded.MOST_BYTES`."""

    status: int
    body: bytes


class Address(NamedTuple):
    """The parts of a server's address: without secrets, and the secrets."""

    root: str
    login: tuple[str, str] | None
    query: dict[str, str]


def async_client(
    url: str, key: str | None, timeout: float, *, name: str = "", key_variable: str = KEY_VARIABLE
) -> openai.AsyncOpenAI:
    """The client for one server; it tries once, and takes in no more than `bounded.MOST_BYTES` of a body.

    A user and a password in the address are sent as basic authentication where there is no key; a key goes before
    them. What the address has behind a question mark is sent with every request. A redirect is followed on the same
    server, and to https on the same host; neither the key nor the texts go anywhere else.

    Parameters
    ----------
    timeout : seconds to wait for a connection, and for each part of an answer.
    name : what messages call the server; its address if not given.
    key_variable : the variable that holds the key, for messages.

    Raises
    ------
    InputError : the address or the key cannot be used.
    EnvironmentFailure : a proxy's or a certificate's variable cannot be used.
    """
    key = checked_key(key, key_variable)
    for variable in SENT_VARIABLES:
        checked_key(os.environ.get(variable), variable)
    where = name or shown(url)
    try:
        import openai

        address = address_of(url)
        return openai.AsyncOpenAI(
            base_url=address.root,
            api_key=key or NO_KEY,
            timeout=timeout,
            max_retries=0,
            default_query=address.query or None,
            http_client=library_client(url, key, timeout),
        )
    except SieError:
        raise
    except Exception as error:
        told = redacted(" ".join(str(error).split()), [key])[:200]
        raise EnvironmentFailure(f"no client can be made ({type(error).__name__}: {told})", where=where) from None


def library_client(url: str, key: str | None, timeout: float) -> httpx2.AsyncClient:
    """The client below openai's."""
    from sie_agent.judging.backends.http.bounded import library, made_client

    address = address_of(url)
    if address.login == tuple(USERINFO.split(":")):
        raise InputError("the address has no user and password", where=shown(url), hint=f"Fill them in for {USERINFO}")
    try:
        library.URL(address.root)
    except library.InvalidURL as error:
        raise bad_address(url, str(error)) from None
    proxy = proxy_of(address.root)
    try:
        return made_client(
            timeout=timeout,
            verify=certificates(address.root, proxy.address if proxy else ""),
            proxy=proxy.address if proxy else None,
            login=None if key else address.login,
        )
    except ImportError as error:
        if proxy is None or "socks" not in str(error).lower():
            raise
        hint = f"pip install 'httpx[socks]' or unset {proxy.variable}"
        raise EnvironmentFailure("a SOCKS proxy needs the package 'socksio'", where=proxy.variable, hint=hint) from None
    except (library.InvalidURL, ValueError) as error:
        if proxy is None:
            raise
        hint = f"Set {proxy.variable} like http://proxy.example:3128, or unset it"
        told = redacted(" ".join(str(error).split()))[:100]
        raise EnvironmentFailure(f"the proxy's address is none ({told})", where=proxy.variable, hint=hint) from None


def fetched(
    url: str,
    path: str,
    key: str | None,
    *,
    seconds: float,
    body: Any = None,
    key_variable: str = KEY_VARIABLE,
) -> Fetched:
    """Ask a server once, with GET or, where there is a *body*, with POST; bounded in size and time.

    It may be called from anywhere, also from within an event loop, which then waits.

    Parameters
    ----------
    path : below the address, such as ``/models``. seconds : all in all, however slowly the bytes come.

    Raises
    ------
    InputError, EnvironmentFailure : as for `async_client`.
    Exception : what the library raises; :func:`explained` says what it means.
    """
    key = checked_key(key, key_variable)
    address = address_of(url)
    target = address.root + path + (f"?{urlencode(address.query)}" if address.query else "")
    headers = {"Authorization": f"Bearer {key or NO_KEY}"} if key or address.login is None else {}

    async def ask() -> Fetched:
        async with asyncio.timeout(seconds), library_client(url, key, seconds) as client:
            given = {} if body is None else {"json": body}
            response = await client.request("GET" if body is None else "POST", target, headers=headers, **given)
            return Fetched(response.status_code, response.content)

    found: list[Fetched | BaseException] = []

    def work() -> None:
        try:
            found.append(asyncio.run(ask()))
        except BaseException as error:
            found.append(error)

    # looking up a name cannot be interrupted: the thread is left to it
    thread = threading.Thread(target=work, name="asking", daemon=True)
    thread.start()
    thread.join(seconds + LEAST_WAIT)
    if not found:
        raise TimeoutError
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


def checked_key(key: str | None, variable: str = KEY_VARIABLE) -> str | None:
    """The key without white space around it; None where nothing is left.

    Raises
    ------
    InputError : it holds what no key has. The message does not quote it.
    """
    key = (key or "").strip()
    if not key:
        return None
    problem = ""
    if not key.isascii():
        problem = "holds a character that is not ASCII"
    elif any(one.isspace() for one in key):
        problem = "has white space in the middle"
    elif not key.isprintable():
        problem = "holds a control character"
    if problem:
        raise InputError(f"the value {problem}", where=variable, hint=f"Copy it once more: export {variable}=…")
    return key


def address_of(url: str) -> Address:
    """The parts of an address.

    Raises
    ------
    InputError : it is none.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if not host or any(one.isspace() or not one.isprintable() for one in url):
            raise ValueError("it has spaces" if host else "it names no host")
        # what looks up names stumbles over a part that is empty or longer than 63 letters
        host.encode("idna")
    except ValueError as error:
        raise bad_address(url, str(error)) from None
    login = (unquote(parts.username or ""), unquote(parts.password or "")) if parts.username or parts.password else None
    netloc = f"[{host}]" if ":" in host else host
    root = urlunsplit((parts.scheme, f"{netloc}:{port}" if port else netloc, parts.path.rstrip("/"), "", ""))
    return Address(root, login, dict(parse_qsl(parts.query, keep_blank_values=True)))


def secrets_of(url: str, key: str | None) -> list[str]:
    """What must not be written anywhere: the key, and what gives access in the address; some servers echo it."""
    try:
        address = address_of(url)
    except InputError:
        return [key] if key else []
    hidden = [value for name, value in address.query.items() if value not in redacted(f"?{name}={value}")]
    return [one for one in (key, address.login and address.login[1], *hidden) if one]


def bad_address(url: str, told: str) -> InputError:
    """The one line for an address that is none."""
    told = redacted(" ".join(told.split()))[:100]
    return InputError(
        f"the server's address is none ({told})", where=shown(url), hint="It looks like http://127.0.0.1:8000/v1"
    )


def shown(url: str) -> str:
    """An address for messages, whatever it is."""
    try:
        return shown_url(url)
    except ValueError:
        return redacted(url)


def certificates(*addresses: str) -> ssl.SSLContext:
    """What certificates are checked by: those that SSL_CERT_FILE or SSL_CERT_DIR names, else the library's own.

    Raises
    ------
    EnvironmentFailure : one of *addresses* is https, and what the variable names does not hold a certificate.
    """
    from sie_agent.judging.backends.http.bounded import library

    if not any(one.startswith("https:") for one in addresses):
        # none is checked, unless the server sends requests on to https
        return ssl.create_default_context()
    variable = next((one for one in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(one)), None)
    if variable is None:
        return library.create_ssl_context()
    named = Path(os.environ[variable])
    hint = f"Set {variable} to {'a file' if variable == 'SSL_CERT_FILE' else 'a folder'} of certificates, or unset it"
    try:
        if variable == "SSL_CERT_FILE":
            return ssl.create_default_context(cafile=str(named))
        if not any(named.iterdir()):
            raise EnvironmentFailure(f"{named} holds no certificate", where=variable, hint=hint)
        return ssl.create_default_context(capath=str(named))
    except ssl.SSLError:
        raise EnvironmentFailure(f"{named} holds no certificate", where=variable, hint=hint) from None
    except OSError as error:
        raise EnvironmentFailure(f"{named} cannot be read ({error.strerror})", where=variable, hint=hint) from None
