"""The proxy that a server is reached through, as the environment says it."""

from __future__ import annotations

import ipaddress
import os
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

from sie_agent.errors import EnvironmentFailure
from sie_agent.utils.redact import redacted

SCHEMES = ("http", "https", "socks5", "socks5h")


class Proxy(NamedTuple):
    """A proxy: its address, and the variable that names it."""

    address: str
    variable: str

    @property
    def shown(self) -> str:
        """For messages: without user and password."""
        return redacted(self.address)


def proxy_of(url: str) -> Proxy | None:
    """The proxy for *url*; None where it is reached directly.

    The same rules as those of httpx: ``HTTPS_PROXY`` or ``HTTP_PROXY`` by the scheme, else ``ALL_PROXY``, unless
    ``NO_PROXY`` names the host. A proxy that has nothing to do with *url* is not looked at.

    Raises
    ------
    EnvironmentFailure : the address of the proxy is none.
    """
    parts = urlsplit(url)
    known = getproxies()
    scheme = next((name for name in (parts.scheme, "all") if known.get(name)), None)
    if scheme is None or is_excepted(parts.hostname or "", parts.port, known.get("no", "")):
        return None
    given = known[scheme].strip()
    proxy = Proxy(given if "://" in given else f"http://{given}", variable_of(scheme))
    check(proxy)
    return proxy


def variable_of(scheme: str) -> str:
    """The name of the variable that holds the proxy of a scheme, as it is written in the environment."""
    lower, upper = f"{scheme}_proxy", f"{scheme.upper()}_PROXY"
    found = next((name for name in (lower, upper) if os.environ.get(name)), None)
    return found or next((name for name in os.environ if name.lower() == lower), "the system's proxy settings")


def check(proxy: Proxy) -> None:
    """Raise an EnvironmentFailure for an address that is none of a proxy."""
    hint = f"Set {proxy.variable} like http://proxy.example:3128, or unset it"
    try:
        parts = urlsplit(proxy.address)
        is_fine = bool(parts.hostname) and (parts.port is None or parts.port > 0)
        if parts.hostname and not any(one.isspace() for one in proxy.address):
            parts.hostname.encode("idna")
        else:
            is_fine = False
    except ValueError:
        raise EnvironmentFailure("the proxy's address is none", where=proxy.variable, hint=hint) from None
    if parts.scheme not in SCHEMES:
        problem = f"a proxy is reached by http, https or socks5, not by '{redacted(parts.scheme)}'"
        raise EnvironmentFailure(problem, where=proxy.variable, hint=hint)
    if not is_fine:
        raise EnvironmentFailure("the proxy's address is none", where=proxy.variable, hint=hint)


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
