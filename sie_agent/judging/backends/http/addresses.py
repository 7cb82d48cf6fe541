"""Addresses of servers and proxies, and the keys that go with them: checked, and shown without secrets."""

from __future__ import annotations

import ipaddress
import os
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit
from urllib.request import getproxies

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.utils.redact import redacted

KEY_VARIABLE = "OPENAI_API_KEY"
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


class ServerAddress(NamedTuple):
    """The parts of a server's address: without secrets, and the secrets."""

    root: str
    login: tuple[str, str] | None
    query: dict[str, str]


def address_of(url: str) -> ServerAddress:
    """The parts of an address.

    Raises
    ------
    InputError : it is not an address.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if not host or any(one.isspace() or not one.isprintable() for one in url):
            raise ValueError("it has spaces" if host else "it names no host")
        if port == 0:
            raise ValueError("its port is 0")
        # name look-up fails on a part that is empty or longer than 63 letters
        host.encode("idna")
    except ValueError as error:
        raise bad_address(url, str(error)) from None
    login = (unquote(parts.username or ""), unquote(parts.password or "")) if parts.username or parts.password else None
    root = urlunsplit((parts.scheme, netloc_of(host, port), parts.path.rstrip("/"), "", ""))
    return ServerAddress(root, login, dict(parse_qsl(parts.query, keep_blank_values=True)))


def netloc_of(host: str, port: int | None) -> str:
    """Host and port as they stand in an address."""
    bracketed = f"[{host}]" if ":" in host else host
    return f"{bracketed}:{port}" if port else bracketed


def shown_url(url: str) -> str:
    """An address for messages, whatever it is: without user, password and query."""
    try:
        parts = urlsplit(url)
        return f"{parts.scheme}://{netloc_of(parts.hostname or '', parts.port)}{parts.path}"
    except ValueError:
        return redacted(url)


def host_of(url: str) -> str:
    """The host that an address names; empty where it names none."""
    with suppress(ValueError):
        return urlsplit(url).hostname or ""
    return ""


def bad_address(url: str, told: str) -> InputError:
    """The error for a text that is not an address."""
    problem = f"the server's address is not valid ({redacted(' '.join(told.split()))[:100]})"
    return InputError(problem, where=shown_url(url), hint="It looks like http://127.0.0.1:8000/v1")


def checked_key(key: str | None, variable: str = KEY_VARIABLE) -> str | None:
    """The key without white space around it; None where nothing is left.

    Raises
    ------
    InputError : it holds what no key has. The message does not quote it.
    """
    key = (key or "").strip()
    problem = ""
    if not key.isascii():
        problem = "holds a character that is not ASCII"
    elif any(one.isspace() for one in key):
        problem = "has white space in the middle"
    elif not key.isprintable():
        problem = "holds a control character"
    if problem:
        raise InputError(f"the value {problem}", where=variable, hint=f"Copy it once more: export {variable}=…")
    return key or None


def secrets_of(url: str, key: str | None) -> list[str]:
    """What must not be written anywhere: the key, and what gives access in the address; some servers echo it."""
    try:
        address = address_of(url)
    except InputError:
        return [key] if key else []
    hidden = [value for name, value in address.query.items() if value not in redacted(f"?{name}={value}")]
    return [one for one in (key, address.login and address.login[1], *hidden) if one]


class Proxy(NamedTuple):
    """A proxy: its address, and the variable that names it."""

    address: str
    variable: str

    @property
    def hint(self) -> str:
        """What to do where the address cannot be used."""
        return f"Set {self.variable} like http://proxy.example:3128, or unset it"

    def check(self) -> None:
        """Raise an EnvironmentFailure where the address is not one of a proxy."""
        scheme = self.address.partition("://")[0].lower()
        if scheme not in PROXY_SCHEMES:
            problem = f"a proxy is reached by http, https or socks5, not by '{redacted(scheme)}'"
            raise EnvironmentFailure(problem, where=self.variable, hint=self.hint)
        try:
            address_of(self.address)
        except InputError:
            problem = "the proxy's address is not valid"
            raise EnvironmentFailure(problem, where=self.variable, hint=self.hint) from None


def proxy_of(url: str) -> Proxy | None:
    """The proxy for *url*; None where it is reached directly.

    The rules are those of httpx: ``HTTPS_PROXY`` or ``HTTP_PROXY`` by the scheme, else ``ALL_PROXY``, unless
    ``NO_PROXY`` names the host. A proxy that has nothing to do with *url* is not looked at.

    Raises
    ------
    EnvironmentFailure : the proxy's address cannot be used.
    """
    parts = urlsplit(url)
    known = getproxies()
    scheme = next((name for name in (parts.scheme, "all") if known.get(name)), None)
    if scheme is None or is_excepted(parts.hostname or "", parts.port, known.get("no", "")):
        return None
    given = known[scheme].strip()
    lower, upper = f"{scheme}_proxy", f"{scheme.upper()}_PROXY"
    # as it is written in the environment
    variables = [name for name in (lower, upper) if os.environ.get(name)]
    variables += [name for name in os.environ if name.lower() == lower] + ["the system's proxy settings"]
    proxy = Proxy(given if "://" in given else f"http://{given}", variables[0])
    proxy.check()
    return proxy


def is_excepted(host: str, port: int | None, no_proxy: str) -> bool:
    """Whether ``NO_PROXY`` has the host: by its name or the end of it, its address, or a range of addresses."""
    host = host.lower().rstrip(".")
    for entry in no_proxy.lower().split(","):
        name = entry.strip().rpartition("://")[2]
        if name == "*":
            return True
        with suppress(ValueError):
            if ipaddress.ip_address(host) in ipaddress.ip_network(name.strip("[]"), strict=False):
                return True
        bare, _, its_port = name.rpartition(":") if name.count(":") == 1 else (name, "", "")
        if its_port and its_port != str(port):
            continue
        bare = bare.removeprefix("*").lstrip(".").strip("[]")
        if bare and (host == bare or host.endswith(f".{bare}")):
            return True
    return False


def is_local(host: str) -> bool:
    """Whether a host is this machine, or one of a private network, that a proxy is seldom meant for."""
    if host == "localhost" or host.endswith(".localhost") or (host and "." not in host and ":" not in host):
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_private
    return False
