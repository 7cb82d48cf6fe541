"""Who gets a connection: bounds in all and per client, room made by those who only wait, and places kept for probes.

A connection above a bound is not turned away unseen, as it could be a probe: it gets one of a few further places, on
which probes alone are answered. Where those are full too, the one that has waited longest leaves.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from sie_agent.serving.http_errors import HttpError, busy
from sie_agent.serving.refusal_log import RefusalLog
from sie_agent.serving.settings import Limits

# who has done nothing for as long may be asked to leave; a request that is on its way is here sooner
PATIENCE_SECONDS = 1.0


class Guest(Protocol):
    """A connection, as the door sees it."""

    @property
    def answering(self) -> bool:
        """Whether a request of it is under way."""

    def leave(self) -> None:
        """Close it: its place is needed."""


@dataclass(eq=False)
class Client:
    """All connections of one address; those that only wait, with the time since when, the longest first."""

    address: str
    connections: int = 0
    waiting: dict[Guest, float] = field(default_factory=dict)


class Door:
    """Keeps count of connections. All calls are made in the event loop.

    Parameters
    ----------
    limits : ``client_connections`` and ``probe_connections`` of these count here.
    most : most connections that are not kept for probes.
    """

    def __init__(self, limits: Limits, refused: RefusalLog, most: int) -> None:
        self.refused, self.most = refused, most
        self.of_one_client = min(limits.of_one_client, most)
        self.for_probes = limits.probe_connections
        self.clients: dict[str, Client] = {}
        self.inside: dict[Guest, Client] = {}
        self.outside: dict[Guest, HttpError] = {}
        self.waiting: dict[Guest, float] = {}

    def enter(self, guest: Guest, address: str) -> bool:
        """Give a connection a place; False where there is none, not even one for probes."""
        name = network(address)
        client = self.clients.get(name) or Client(name)
        if client.connections >= self.of_one_client and not self.make_room(client.waiting):
            refusal = HttpError(
                429,
                "too_many_connections",
                f"your address has {client.connections:,} connections; at most {self.of_one_client:,} are allowed",
                headers={"retry-after": "1"},
            )
        elif len(self.inside) >= self.most and not self.make_room(self.waiting):
            refusal = busy(f"there are {len(self.inside):,} connections; at most {self.most:,} are allowed")
        else:
            # making room may have removed the last connection of this client, and the client with it
            self.clients[name] = client
            client.connections += 1
            self.inside[guest] = client
            self.wait(guest)
            return True
        if len(self.outside) >= self.for_probes:
            longest = next((other for other in self.outside if not other.answering), None)
            self.refused.note("no_place" if longest is None else "place_needed")
            if longest is None:
                return False
            longest.leave()
        self.outside[guest] = refusal
        return True

    def make_room(self, waiting: dict[Guest, float]) -> bool:
        """Let the one leave that has waited longest, if it has waited for long enough."""
        longest = next(iter(waiting), None)
        if longest is None or time.monotonic() - waiting[longest] < PATIENCE_SECONDS:
            return False
        self.refused.note("place_needed")
        longest.leave()
        return True

    def refusal_of(self, guest: Guest) -> HttpError | None:
        """What a connection gets for an answer to anything but a probe; None where it is one of the admitted."""
        return self.outside.get(guest)

    def wait(self, guest: Guest) -> None:
        """Nothing of this connection is under way from now on."""
        if (client := self.inside.get(guest)) is not None:
            self.at_work(guest)
            self.waiting[guest] = client.waiting[guest] = time.monotonic()

    def at_work(self, guest: Guest) -> None:
        """A request of this connection is under way: it is not asked to leave."""
        if self.waiting.pop(guest, None) is not None:
            self.inside[guest].waiting.pop(guest, None)

    def left(self, guest: Guest) -> None:
        """A connection is closed, or about to be."""
        self.at_work(guest)
        self.outside.pop(guest, None)
        if (client := self.inside.pop(guest, None)) is not None:
            client.connections -= 1
            if not client.connections:
                self.clients.pop(client.address, None)


def network(address: str) -> str:
    """Whom an address belongs to: an IPv4 address itself, the /64 of an IPv6 address, all of which one host may use."""
    if ":" not in address:
        return address
    found = ip_address(address)
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return found.packed[:8].hex()
