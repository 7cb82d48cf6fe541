"""Clients for servers: responses are bounded, and what is wrong with an address, a key, a proxy or a certificate is one
line that says what to do.

The parts that need the library are in :mod:`.bounded`; what errors of a connection mean is in :mod:`.network`.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from sie_agent.errors import EnvironmentFailure, InputError, SieError
from sie_agent.judging.backends.http.addresses import (
    KEY_VARIABLE,
    address_of,
    bad_address,
    checked_key,
    proxy_of,
    shown_url,
)
from sie_agent.utils.redact import USERINFO, redacted

if TYPE_CHECKING:
    import httpx2
    import openai

# what openai's client sends along from the environment
SENT_VARIABLES = ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID")
NO_KEY = "none"
LEAST_WAIT = 1.0


class Fetched(NamedTuple):
    """A response: its status and its body, of no more than `bounded.MOST_BYTES`."""

    status: int
    body: bytes


def async_client(url: str, key: str | None, timeout: float, *, key_variable: str = KEY_VARIABLE) -> openai.AsyncOpenAI:
    """The client for one server; it tries once, and reads no more than `bounded.MOST_BYTES` of a body.

    A user and a password in the address are sent as basic authentication where there is no key; a key takes their
    place. The address's query goes with every request. A redirect is followed on the same server, and to https on the
    same host; neither the key nor the texts go anywhere else.

    Parameters
    ----------
    timeout : seconds to wait for a connection, and for each part of an answer.
    key_variable : the variable that holds the key, for messages.

    Raises
    ------
    InputError : the address or the key cannot be used.
    EnvironmentFailure : a proxy's or a certificate's variable cannot be used.
    """
    key = checked_key(key, key_variable)
    for variable in SENT_VARIABLES:
        checked_key(os.environ.get(variable), variable)
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
        problem = f"the client cannot be made ({type(error).__name__}: {told})"
        raise EnvironmentFailure(problem, where=shown_url(url)) from None


def library_client(url: str, key: str | None, timeout: float) -> httpx2.AsyncClient:
    """The client below openai's; raises as :func:`async_client` does."""
    from sie_agent.judging.backends.http.bounded import library, made_client

    address = address_of(url)
    if address.login == tuple(USERINFO.split(":")):
        hint = f"Fill them in for {USERINFO}"
        raise InputError("the address has no user and password", where=shown_url(url), hint=hint)
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
            auth=None if key else address.login,
        )
    except ImportError as error:
        if proxy is None or "socks" not in str(error).lower():
            raise
        hint = f"Unset {proxy.variable}, or install what it needs with: pip install 'httpx[socks]'"
        raise EnvironmentFailure("a SOCKS proxy needs the package 'socksio'", where=proxy.variable, hint=hint) from None
    except (library.InvalidURL, ValueError) as error:
        if proxy is None:
            raise
        problem = f"the proxy's address is not valid ({redacted(' '.join(str(error).split()))[:100]})"
        raise EnvironmentFailure(problem, where=proxy.variable, hint=proxy.hint) from None


def fetched(
    url: str, path: str, key: str | None, *, seconds: float, body: Any = None, key_variable: str = KEY_VARIABLE
) -> Fetched:
    """Ask a server once, with GET or, where there is a *body*, with POST; bounded in size and time.

    It may be called from anywhere, also from within an event loop, which then waits.

    Parameters
    ----------
    path : below the address, such as ``/models``.
    seconds : all in all, however slowly the bytes come.

    Raises
    ------
    InputError, EnvironmentFailure : as for `async_client`.
    Exception : whatever the library raises; :func:`.network.explained` says what it means.
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

    answer: Future[Fetched] = Future()

    def work() -> None:
        try:
            answer.set_result(asyncio.run(ask()))
        except BaseException as error:
            answer.set_exception(error)

    # a name look-up cannot be interrupted: after a timeout the thread is abandoned to it
    threading.Thread(target=work, name="asking", daemon=True).start()
    return answer.result(seconds + LEAST_WAIT)


def certificates(*addresses: str) -> ssl.SSLContext:
    """What certificates are checked against: what SSL_CERT_FILE or SSL_CERT_DIR names, else the library's own.

    Raises
    ------
    EnvironmentFailure : one of *addresses* is https, and what the variable names holds no certificate.
    """
    from sie_agent.judging.backends.http.bounded import library

    if not any(one.startswith("https:") for one in addresses):
        # none is checked, unless the server sends requests on to https
        return ssl.create_default_context()
    variable = next((one for one in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(one)), None)
    if variable is None:
        return library.create_ssl_context()
    named = Path(os.environ[variable])
    kind = "a file" if variable == "SSL_CERT_FILE" else "a folder"
    try:
        if variable == "SSL_CERT_FILE":
            return ssl.create_default_context(cafile=str(named))
        if any(named.iterdir()):
            return ssl.create_default_context(capath=str(named))
        problem = f"{named} holds no certificate"
    except ssl.SSLError:
        problem = f"{named} holds no certificate"
    except OSError as error:
        problem = f"{named} cannot be read ({error.strerror})"
    raise EnvironmentFailure(problem, where=variable, hint=f"Set {variable} to {kind} of certificates, or unset it")
