"""Which connections are admitted: bounds in total and per client, idle ones closed for new ones, places for probes.

A connection above a bound is not turned away unseen, as it could be a probe: it gets one of a few further places, on
which probes alone are answered. Where those are full too, the one that has waited longest leaves.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from sie_agent.serving.http_errors import HttpError
from sie_agent.serving.refusal_log import RefusalLog
from sie_agent.serving.settings import Limits

# a connection idle for longer may be closed for another; a request on its way arrives sooner
PATIENCE_SECONDS = 1.0


class ClientConnection(Protocol):
    """A connection, as far as admission knows it."""

    @property
    def answering(self) -> bool:
        """Whether one of its requests is being answered."""

    def leave(self) -> None:
        """Close it: another connection needs its place."""


@dataclass(eq=False)
class ClientAddress:
    """All connections of one address; the idle ones with the time since when, longest first."""

    address: str
    connections: int = 0
    waiting: dict[ClientConnection, float] = field(default_factory=dict)


class Admission:
    """Admits connections and counts them. All calls are made in the event loop.

    Parameters
    ----------
    limits : ``client_connections`` and ``probe_connections`` of these count here.
    most : most connections that are not kept for probes.
    """

    def __init__(self, limits: Limits, refused: RefusalLog, most: int) -> None:
        self.refused, self.most = refused, most
        self.of_one_client = min(limits.of_one_client, most)
        self.for_probes = limits.probe_connections
        self.clients: dict[str, ClientAddress] = {}
        self.admitted: dict[ClientConnection, ClientAddress] = {}
        self.probes_only: dict[ClientConnection, HttpError] = {}
        self.waiting: dict[ClientConnection, float] = {}

    def enter(self, connection: ClientConnection, address: str) -> bool:
        """Admit a connection; False where no place is left, not even one for probes."""
        name = network(address)
        client = self.clients.get(name) or ClientAddress(name)
        if client.connections >= self.of_one_client and not self.make_room(client.waiting):
            held = f"your address has {client.connections:,} connections; at most {self.of_one_client:,} are allowed"
            refusal = HttpError(429, "too_many_connections", held)
        elif len(self.admitted) >= self.most and not self.make_room(self.waiting):
            refusal = HttpError(
                503, "busy", f"there are {len(self.admitted):,} connections; at most {self.most:,} are allowed"
            )
        else:
            # making room may have removed the last connection of this client, and the client with it
            self.clients[name] = client
            client.connections += 1
            self.admitted[connection] = client
            self.wait(connection)
            return True
        if len(self.probes_only) >= self.for_probes:
            longest = next((other for other in self.probes_only if not other.answering), None)
            self.refused.note("no_place" if longest is None else "place_needed")
            if longest is None:
                return False
            longest.leave()
        self.probes_only[connection] = refusal
        return True

    def make_room(self, waiting: dict[ClientConnection, float]) -> bool:
        """Close the connection that has been idle longest, if that is long enough."""
        longest = next(iter(waiting), None)
        if longest is None or time.monotonic() - waiting[longest] < PATIENCE_SECONDS:
            return False
        self.refused.note("place_needed")
        longest.leave()
        return True

    def refusal_of(self, connection: ClientConnection) -> HttpError | None:
        """The error that a connection on a place for probes gets for anything else; None for an admitted connection."""
        return self.probes_only.get(connection)

    def wait(self, connection: ClientConnection) -> None:
        """Mark a connection as idle."""
        if (client := self.admitted.get(connection)) is not None:
            self.at_work(connection)
            self.waiting[connection] = client.waiting[connection] = time.monotonic()

    def at_work(self, connection: ClientConnection) -> None:
        """Mark a connection as busy: it is not closed for another."""
        if self.waiting.pop(connection, None) is not None:
            self.admitted[connection].waiting.pop(connection, None)

    def left(self, connection: ClientConnection) -> None:
        """Forget a connection that is closed or about to be."""
        self.at_work(connection)
        self.probes_only.pop(connection, None)
        if (client := self.admitted.pop(connection, None)) is not None:
            client.connections -= 1
            if not client.connections:
                self.clients.pop(client.address, None)


def network(address: str) -> str:
    """The client behind an address: an IPv4 address itself, or the /64 of an IPv6 address, which one host may use."""
    if ":" not in address:
        return address
    found = ip_address(address)
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return found.packed[:8].hex()
